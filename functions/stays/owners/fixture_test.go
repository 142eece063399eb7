package owners_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/carillon-calendar/carillon/functions/stays/owners"
	"github.com/carillon-calendar/carillon/infra/bridges/stays/staystest"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

const (
	secret = "the association's own secret, of thirty-two characters"
	key    = "a key that seals, of thirty-two characters and more"
)

// A fixture is the function over a ledger: owner 1 has GFLX0001, GFLX0002 and GFLX0004, which is not published; owner 2
// has GFLX0003.
type fixture struct {
	*testing.T

	book   *ledger.Ledger
	server *httptest.Server
	now    time.Time
	woken  int
}

func day(n int) stays.Day { return stays.Date(2027, time.July, n) }

func newFixture(t *testing.T, more string) *fixture {
	t.Helper()
	f := &fixture{T: t, now: time.Date(2027, 7, 1, 10, 0, 0, 0, time.UTC)}
	parts := staystest.Open(t, []byte(`{"key": "`+key+`", "entry": {"secret": "`+secret+`"}`+more+`}`),
		func() time.Time { return f.now })
	f.book = parts.Ledger
	f.book.Wake = func(context.Context) error { f.woken++; return nil }
	f.fill()
	f.server = httptest.NewServer(owners.New(owners.Config{
		Settings: parts.Settings, Ledger: f.book, Now: func() time.Time { return f.now }, Address: "http://127.0.0.1",
		Mails: true,
	}))
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) fill() {
	f.Helper()
	f.must(f.book.PutOwners(f.Context(), []ledger.Owner{
		{ID: 1, Name: "A. <b>Lambert</b>", Email: "Lambert@example.org", Language: "en", Active: true},
		{ID: 2, Name: "M. Peeters", Email: "peeters@example.org", Language: "nl", Active: true},
		{ID: 3, Name: "Left", Email: "left@example.org"},
	}))
	f.must(f.book.PutUnits(f.Context(), []ledger.Unit{
		{Unit: "GFLX0001", Name: "La <i>Grange</i>", Owner: 1, Site: 101, Listed: true, Published: true, Capacity: 6},
		{Unit: "GFLX0002", Name: "Le Moulin", Owner: 1, Site: 102, Listed: true, Published: true, Capacity: 4},
		{Unit: "GFLX0003", Name: "La Forge", Owner: 2, Site: 103, Listed: true, Published: true, Capacity: 4},
		{Unit: "GFLX0004", Name: "Le Fournil", Owner: 1, Site: 104, Listed: true},
	}))
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// hold has somebody hold days.
func (f *fixture) hold(unit string, first, last int, typ stays.Type, origin stays.Origin) ledger.Result {
	f.Helper()
	r, err := f.book.Change(f.Context(), ledger.Order{Request: stays.Request{
		Unit: unit, Range: stays.Through(day(first), day(last)), Type: typ, Origin: origin, Ref: "R-7",
	}})
	f.must(err)
	return r
}

// held is a unit's days as 3-7 booked partner:a.
func (f *fixture) held(unit string) string {
	f.Helper()
	holds, err := f.book.Holds(f.Context(), unit, stays.Through(day(1), day(31)))
	f.must(err)
	lines := make([]string, len(holds))
	for i, h := range holds {
		lines[i] = h.String() + " " + string(h.Type) + " " + string(h.Origin)
	}
	return strings.ReplaceAll(strings.Join(lines, ", "), "2027-07-", "")
}

// A browser keeps cookies, and follows no redirect.
type browser struct {
	*fixture

	client *http.Client
	accept string
}

func (f *fixture) browser() *browser {
	f.Helper()
	jar, err := cookiejar.New(nil)
	f.must(err)
	return &browser{fixture: f, client: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// An answer is what came back.
type answer struct {
	*http.Response

	text string
}

func (b *browser) do(method, path string, form url.Values) answer {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), method, b.server.URL+path, strings.NewReader(form.Encode()))
	b.must(err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("Accept", b.accept)
	resp, err := b.client.Do(r)
	b.must(err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	b.must(err)
	return answer{resp, string(data)}
}

func (b *browser) get(path string) answer { b.Helper(); return b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, fields ...string) answer {
	b.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return b.do(http.MethodPost, path, form)
}

// want compares an answer's status, and finds texts in it.
func (b *browser) want(a answer, status int, texts ...string) {
	b.Helper()
	if a.StatusCode != status {
		b.Errorf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.text)
	}
	for _, text := range texts {
		if !strings.Contains(a.text, text) {
			b.Errorf("%s %s: no %q in %s", a.Request.Method, a.Request.URL.Path, text, a.text)
		}
	}
}

// claims are those of a token that lets an owner in.
func (f *fixture) claims(owner, id string) jwt.RegisteredClaims {
	return jwt.RegisteredClaims{
		Issuer: "association", Audience: jwt.ClaimStrings{stays.Audience}, Subject: owner, ID: id,
		IssuedAt: jwt.NewNumericDate(f.now), ExpiresAt: jwt.NewNumericDate(f.now.Add(2 * time.Minute)),
	}
}

func (f *fixture) token(c jwt.Claims, method jwt.SigningMethod, by any) string {
	f.Helper()
	text, err := jwt.NewWithClaims(method, c).SignedString(by)
	f.must(err)
	return text
}

// owner is a browser in which an owner is signed in.
func (f *fixture) owner(id string) *browser {
	f.Helper()
	b := f.browser()
	token := f.token(f.claims(id, f.Name()+id+time.Now().String()[:29]), jwt.SigningMethodHS256, []byte(secret))
	a := b.get("/enter?token=" + token)
	b.want(a, http.StatusSeeOther)
	return b
}

// link is the address of the newest mailed link.
func (f *fixture) link() string {
	f.Helper()
	links, err := f.book.Unsent(f.Context(), f.now)
	f.must(err)
	if len(links) == 0 {
		f.Fatal("no link is to be mailed")
	}
	keys, err := seal.New("carillon stays", key)
	f.must(err)
	return "/owners/link?token=" + url.QueryEscape(secrets.LinkToken(keys, links[len(links)-1].ID))
}
