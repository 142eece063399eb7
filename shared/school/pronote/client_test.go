package pronote_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	pronotesim "github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// TestEveryForm: each generation with and without encryption, compression and TLS, from the login to a timetable.
func TestEveryForm(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronotesim.Year2025, pronotesim.Year2026} {
		for bits := range 8 {
			encrypt, compress, plain := bits&1 > 0, bits&2 > 0, bits&4 > 0
			t.Run(fmt.Sprint(generation, encrypt, compress, plain), func(t *testing.T) {
				t.Parallel()
				f := newFixture(t, pronotesim.Options{
					Generation: generation, Encrypt: &encrypt, Compress: &compress, Plain: plain,
				})
				for _, name := range []string{"eleve", "parent"} {
					conn := f.enter(name, name+".html")
					lessons, err := conn.Timetable(t.Context(), day(f.now))
					f.must(err)
					if len(lessons) == 0 {
						t.Errorf("%s has no lessons", name)
					}
					f.must(conn.Close(t.Context()))
				}
			})
		}
	}
}

// TestContinued: a session that was written down is continued by another process, from the next number on.
func TestContinued(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	first := f.enter("eleve", "eleve.html")
	data, err := json.Marshal(first.Session)
	f.must(err)
	var s pronote.Session
	f.must(json.Unmarshal(data, &s))
	if _, err := f.conn(&s).Timetable(t.Context(), day(f.now)); err != nil {
		t.Error(err)
	}
	if _, err := first.Grades(t.Context(), s.Year.Periods[0]); !errors.Is(err, pronote.ErrSessionLost) {
		t.Errorf("a number that was used: %v", err)
	}
}

// TestRefusedLogins: what is wrong is told apart, and a challenge is answered once at most.
func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronotesim.Year2025, pronotesim.Year2026} {
		f := newFixture(t, pronotesim.Options{Generation: generation})
		for _, c := range []struct {
			name, password, page string
			pin, device          string
			want                 error
		}{
			{name: "eleve", password: "faux", page: "eleve.html", want: pronote.ErrWrongPassword},
			{name: "personne", password: "faux", page: "eleve.html", want: pronote.ErrWrongPassword},
			{name: "double", password: "double", page: "eleve.html", want: pronote.ErrNeedsPIN},
			{name: "double", password: "double", page: "eleve.html", pin: "1234", want: pronote.ErrNeedsDevice},
			{
				name: "double", password: "double", page: "eleve.html", pin: "9999", device: "Papillon",
				want: pronote.ErrWrongPIN,
			},
			{name: "eleve", password: "eleve", page: "nothing.html", want: pronote.ErrNoPage},
		} {
			before := f.school.Counts()["Authentification"]
			_, err := f.client.Login(t.Context(), pronote.Credentials{
				URL: f.page(c.page), Username: c.name, Password: c.password, PIN: c.pin, Device: c.device,
			}, nil)
			if !errors.Is(err, c.want) {
				t.Errorf("%d %+v: %v", generation, c, err)
			}
			if answers := f.school.Counts()["Authentification"] - before; answers > 1 {
				t.Errorf("%d %+v: %d answers to the challenge", generation, c, answers)
			}
		}
		var denied *pronote.Denied
		_, err := f.client.Login(t.Context(), pronote.Credentials{
			URL: f.page("eleve.html"), Username: "bloque", Password: "bloque",
		}, nil)
		if !errors.As(err, &denied) || denied.Access != 6 {
			t.Errorf("%d: a blocked account: %v", generation, err)
		}
	}
}

// TestTwoFactor: the PIN and a name for the device let in, and the device is known again by the chain's next login.
func TestTwoFactor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	var chain pronote.Chain
	keep := func(c pronote.Chain) error { chain = c; return nil }
	_, err := f.client.Login(t.Context(), pronote.Credentials{
		URL: f.page("eleve.html"), Username: "double", Password: "double", PIN: "1234", Device: "Papillon", Chain: true,
	}, keep)
	f.must(err)
	for range 3 {
		used := chain
		s, err := f.client.LoginChain(t.Context(), chain, keep)
		f.must(err)
		if chain.Token == used.Token {
			t.Fatal("the token was not rotated")
		}
		if _, err := f.conn(s).Timetable(t.Context(), day(f.now)); err != nil {
			t.Error(err)
		}
		if _, err := f.client.LoginChain(t.Context(), used, keep); !errors.Is(err, pronote.ErrWrongPassword) {
			t.Errorf("a token twice: %v", err)
		}
	}
}

// TestQRCode: a QR code lets in once, for ten minutes, with its own PIN.
func TestQRCode(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronotesim.Year2025, pronotesim.Year2026} {
		f := newFixture(t, pronotesim.Options{Generation: generation, URL: "http://unset"})
		code := func() (q pronote.QRCode) {
			f.must(json.Unmarshal(f.school.QR("eleve", "4321"), &q))
			q.URL = f.page("mobile.eleve.html")
			return q
		}
		var chain pronote.Chain
		keep := func(c pronote.Chain) error { chain = c; return nil }
		q := code()
		if _, err := f.client.LoginQR(t.Context(), q, "0000", pronote.Credentials{}, keep); !errors.Is(err,
			pronote.ErrQRCode) {
			t.Errorf("%d: another PIN: %v", generation, err)
		}
		s, err := f.client.LoginQR(t.Context(), q, "4321", pronote.Credentials{}, keep)
		f.must(err)
		if s.User.Name == "" || chain.Token == "" {
			t.Errorf("%d: %+v, chain %v", generation, s.User, chain.Token != "")
		}
		if _, err := f.client.LoginQR(t.Context(), q, "4321", pronote.Credentials{}, keep); !errors.Is(err,
			pronote.ErrQRCode) {
			t.Errorf("%d: twice: %v", generation, err)
		}
		s, err = f.client.LoginChain(t.Context(), chain, keep)
		f.must(err)
		if _, err := f.conn(s).Timetable(t.Context(), day(f.now)); err != nil {
			t.Error(err)
		}
		q = code()
		f.now = f.now.Add(11 * time.Minute)
		if _, err := f.client.LoginQR(t.Context(), q, "4321", pronote.Credentials{}, keep); !errors.Is(err,
			pronote.ErrQRCode) {
			t.Errorf("%d: too late: %v", generation, err)
		}
	}
}

// TestFaults: each of PRONOTE's errors is told as what it is.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind string
		want error
		code int
	}{
		{"8", pronote.ErrSessionLost, 8},
		{"10", pronote.ErrSessionLost, 10},
		{"5", nil, pronote.CodeSuspended},
		{"21", nil, pronote.CodeRefused},
		{"22", nil, pronote.CodeOtherObject},
		{"25", nil, pronote.CodeTooMany},
		{"wrongkey", pronote.ErrSessionLost, 0},
	} {
		f := newFixture(t, pronotesim.Options{})
		conn := f.enter("eleve", "eleve.html")
		f.must(f.school.Break(c.kind, 1))
		_, err := conn.Timetable(t.Context(), day(f.now))
		var code *pronote.Error
		if c.code > 0 && (!errors.As(err, &code) || code.Code != c.code) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.kind, err)
		}
	}
	for kind, want := range map[string]error{"closed": pronote.ErrClosed} {
		f := newFixture(t, pronotesim.Options{})
		f.must(f.school.Break(kind, 1))
		_, err := f.client.Login(t.Context(), pronote.Credentials{
			URL: f.page("eleve.html"), Username: "eleve", Password: "eleve",
		}, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	f := newFixture(t, pronotesim.Options{})
	f.must(f.school.Break("suspended", 1))
	_, err := f.client.Login(t.Context(), pronote.Credentials{URL: f.page("eleve.html"), Username: "x", Password: "x"},
		nil)
	if code := (*pronote.Error)(nil); !errors.As(err, &code) || code.Code != pronote.CodeSuspended {
		t.Errorf("suspended: %v", err)
	}
}

// TestCutAnswer: an answer that is cut is asked for once more with the identical body, which the server knows.
func TestCutAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	conn := f.enter("eleve", "eleve.html")
	for _, kind := range []string{"cut", "attente"} {
		f.must(f.school.Break(kind, 1))
		if lessons, err := conn.Timetable(t.Context(), day(f.now)); err != nil || len(lessons) == 0 {
			t.Errorf("%s: %d lessons, %v", kind, len(lessons), err)
		}
	}
	f.must(f.school.Break("cut", 2))
	if _, err := conn.Timetable(t.Context(), day(f.now)); !errors.Is(err, pronote.ErrUnreachable) {
		t.Errorf("cut twice: %v", err)
	}
}

// TestTabs: a page that the account does not have is not asked for.
func TestTabs(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	conn := f.enter("vide", "eleve.html")
	if _, err := conn.News(t.Context()); !errors.Is(err, pronote.ErrNoTab) {
		t.Errorf("%v", err)
	}
	if n := f.school.Counts()["PageActualites"]; n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestChildren: a parent's calls are about the child that was chosen.
func TestChildren(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	conn := f.enter("parent", "parent.html")
	if len(conn.Session.Pupils) != 2 {
		t.Fatalf("%+v", conn.Session.Pupils)
	}
	seen := make([]string, 0, 2)
	for _, child := range conn.Session.Pupils {
		conn.Pupil = child
		list, err := conn.Homework(t.Context(), day(f.now), day(f.now.AddDate(0, 0, 14)))
		f.must(err)
		text, err := json.Marshal(list)
		f.must(err)
		seen = append(seen, string(text))
	}
	if seen[0] == seen[1] {
		t.Error("both children have the same homework")
	}
}

// TestPages: every page of a pupil and of a parent in both generations is read.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronotesim.Year2025, pronotesim.Year2026} {
		f := newFixture(t, pronotesim.Options{Generation: generation})
		for _, name := range []string{"eleve", "parent"} {
			pages(f, f.enter(name, name+".html"))
		}
	}
}

func pages(f *fixture, conn *pronote.Conn) {
	ctx := f.Context()
	some := func(what string, n int, err error) {
		f.Helper()
		if err != nil || n == 0 {
			f.Errorf("%s: %d, %v", what, n, err)
		}
	}
	all := school.Periods{All: conn.Session.Year.Periods, Default: conn.Pupil.Default}
	period, ok := all.Current(day(f.now))
	if !ok {
		f.Fatal("no period")
	}
	lessons, err := conn.Timetable(ctx, day(f.now))
	some("lessons", len(lessons), err)
	homework, err := conn.Homework(ctx, day(f.now), day(f.now.AddDate(0, 0, 14)))
	some("homework", len(homework), err)
	grades, err := conn.Grades(ctx, period)
	some("grades", len(grades.Grades), err)
	some("averages", len(grades.Averages), err)
	evaluations, err := conn.Evaluations(ctx, period)
	some("evaluations", len(evaluations), err)
	presence, err := conn.Presence(ctx, period)
	some("absences", len(presence.Absences)+len(presence.Delays)+len(presence.Punishments), err)
	news, err := conn.News(ctx)
	some("news", len(news), err)
	for _, n := range news {
		if n.Content == "" || len(n.Questions) == 0 || n.Category == "" {
			f.Errorf("a news without its text: %+v", n)
		}
	}
	discussions, err := conn.Discussions(ctx)
	some("discussions", len(discussions), err)
	recipients, err := conn.Recipients(ctx)
	some("recipients", len(recipients), err)
	menus, err := conn.Menus(ctx, day(f.now), day(f.now.AddDate(0, 0, 10)))
	some("menus", len(menus), err)
	_, err = conn.Phone(ctx)
	f.must(err)
	address, err := conn.Calendar(ctx)
	some("calendar", len(address), err)
	for _, h := range homework {
		for _, file := range h.Files {
			if file.Type != school.FileStored {
				continue
			}
			resp, err := conn.Open(ctx, file.ID, "", file.Name)
			f.must(err)
			data, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			some("file "+file.Name, len(data), err)
		}
	}
}

// TestOutsideOfTheYear there is nothing, and PRONOTE is not asked for it.
func TestOutsideOfTheYear(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	conn := f.enter("eleve", "eleve.html")
	for _, at := range []time.Time{f.now.AddDate(-1, 0, 0), f.now.AddDate(1, 0, 0), f.now.AddDate(-300, 0, 0)} {
		lessons, err := conn.Timetable(t.Context(), day(at))
		if err != nil || len(lessons) > 0 {
			t.Errorf("%s: %d lessons, %v", at, len(lessons), err)
		}
		homework, err := conn.Homework(t.Context(), day(at), day(at.AddDate(0, 0, 14)))
		if err != nil || len(homework) > 0 {
			t.Errorf("%s: %d homework, %v", at, len(homework), err)
		}
		menus, err := conn.Menus(t.Context(), day(at), day(at.AddDate(0, 0, 14)))
		if err != nil || len(menus) > 0 {
			t.Errorf("%s: %d menus, %v", at, len(menus), err)
		}
	}
	list, err := conn.Homework(t.Context(), day(f.now.AddDate(-1, 0, 0)), day(f.now.AddDate(1, 0, 0)))
	if err != nil || len(list) == 0 {
		t.Errorf("over the year's ends: %d, %v", len(list), err)
	}
}

// TestInstance: a server says what it is without a session.
func TestInstance(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronotesim.Options{})
	v, err := f.client.Instance(t.Context(), f.page("eleve.html"))
	if err != nil || v.Version == "" || len(v.Spaces) == 0 || v.Name == "" {
		t.Errorf("%+v, %v", v, err)
	}
}
