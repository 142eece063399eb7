package feed_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/functions/campus/feed"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

var zone = func() *time.Location {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return paris
}()

// read is when MonCampus was last read.
var read = time.Date(2026, 10, 1, 10, 46, 0, 0, time.UTC)

// timetable has classes on both sides of both changes of the clocks, and texts that a careless writer breaks.
func timetable() []campus.Class {
	at := func(text string) time.Time {
		t, err := time.ParseInLocation("2006-01-02 15:04", text, zone)
		if err != nil {
			panic(err)
		}
		return t.UTC()
	}
	changed := at("2026-10-01 12:00")
	class := func(id, start, end string, c campus.Class) campus.Class {
		c.ID, c.Start, c.End, c.Changed = id, at(start), at(end), changed
		return c
	}
	return []campus.Class{
		class("wigor-1", "2026-10-23 09:00", "2026-10-23 12:00",
			campus.Class{Title: "Avant l’heure d’hiver", Room: "BB-205 (BALMA B)", Teacher: "ENSEIGNANT 01", Sequence: 3}),
		class("wigor-2", "2026-10-25 01:30", "2026-10-25 04:00", campus.Class{Title: "Pendant; la, nuit \\ du changement"}),
		class("wigor-3", "2026-10-26 09:00", "2026-10-26 12:00",
			campus.Class{
				Title: "Après", Room: "À distance", Links: []campus.Link{
					{Name: "Rejoindre Teams", URL: "https://teams.example/l?a=1&b=2;c,d"},
				},
			}),
		class("wigor-4", "2026-11-11 00:00", "2026-11-12 00:00",
			campus.Class{Title: "Journée portes ouvertes", AllDay: true}),
		class("wigor-5", "2027-03-26 09:00", "2027-03-26 12:00",
			campus.Class{Title: strings.Repeat("Très long intitulé ", 12)}),
		class("wigor-6", "2027-03-29 09:00", "2027-03-29 12:00",
			campus.Class{Title: "Après l’heure d’été", Mode: "En présentiel", Group: "B3 DS"}),
	}
}

type fixture struct {
	t   *testing.T
	db  *machine.DB
	h   http.Handler
	key string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f := &fixture{
		t: t, db: db, h: feed.New(feed.Config{
			State: db.Bucket("state"), Now: func() time.Time { return read.Add(time.Hour) },
		}),
	}
	key, kept := campus.NewFeedKey("phone", time.Now())
	f.key = key
	f.store(campus.FeedsName("lea"), campus.Feeds{Version: 1, Keys: []campus.FeedKey{kept}})
	f.store(campus.StateName("lea"), campus.State{
		Version: 1, TimeZone: "Europe/Paris", ReadAt: read, Timetable: timetable(),
	})
	return f
}

func (f *fixture) store(name string, v any) {
	f.t.Helper()
	bucket := f.db.Bucket("state")
	doc, _ := bucket.Get(f.t.Context(), name)
	if _, err := documents.Store(f.t.Context(), bucket, name, doc.Generation, v, nil); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) get(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	return w
}

func TestFeed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/feeds/campus/lea.ics?key=" + f.key
	w := f.get(path)
	body := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/calendar; charset=utf-8" {
		t.Fatalf("answered %d %v", w.Code, w.Header())
	}
	for _, want := range []string{
		"REFRESH-INTERVAL;VALUE=DURATION:PT1H\r\n", "X-PUBLISHED-TTL:PT1H\r\n", "UID:wigor-1.lea@campus.carillon\r\n",
		"SEQUENCE:3\r\n", "TZID:Europe/Paris\r\n", "DTSTART;TZID=Europe/Paris:20261023T090000\r\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the feed has no %q", want)
		}
	}
	for line := range strings.SplitSeq(body, "\r\n") {
		if len(line) > 75 || strings.Contains(line, "\n") {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
	}
	etag := w.Header().Get("ETag")
	if again := f.get(path, "If-None-Match", etag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("with its ETag it was answered %d", again.Code)
	}
	classes := timetable()
	classes[0].Start = classes[0].Start.Add(time.Hour)
	f.store(campus.StateName("lea"), campus.State{
		Version: 1, TimeZone: "Europe/Paris", Timetable: classes, ReadAt: time.Now(),
	})
	if changed := f.get(path, "If-None-Match", etag); changed.Code != http.StatusOK ||
		changed.Header().Get("ETag") == etag {
		t.Errorf("after a change it was answered %d", changed.Code)
	}
	f.store(campus.StateName("lea"), campus.State{Version: 1})
	if empty := f.get(path); empty.Code != http.StatusOK || !strings.Contains(empty.Body.String(), "END:VCALENDAR") {
		t.Errorf("an empty timetable was answered %d", empty.Code)
	}
}

func TestNoFeed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	answers := map[string]bool{}
	for _, path := range []string{
		"/feeds/campus/lea.ics", "/feeds/campus/lea.ics?key=", "/feeds/campus/lea.ics?key=x" + f.key,
		"/feeds/campus/nobody.ics?key=" + f.key, "/feeds/campus/lea?key=" + f.key,
		"/feeds/campus/..%2Ffeeds%2Flea.ics?key=" + f.key, "/feeds/campus/.ics?key=" + f.key,
		"/feeds/campus/" + strings.Repeat("a", 5000) + ".ics?key=" + f.key, "/feeds/campus/lea.ics%00?key=" + f.key,
	} {
		w := f.get(path)
		answers[w.Body.String()] = true
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60s was answered %d %s", path, w.Code, w.Body)
		}
	}
	if len(answers) != 1 {
		t.Errorf("the answers tell instances apart: %v", answers)
	}
	f.store(campus.FeedsName("lea"), campus.Feeds{Version: 1})
	if w := f.get("/feeds/campus/lea.ics?key=" + f.key); w.Code != http.StatusNotFound {
		t.Errorf("a revoked key was answered %d", w.Code)
	}
}

type event struct {
	UID, Summary, Start, End, Location, Description string
	Sequence                                        int
}

// TestOthersReaders: npm's ical.js, which takes the offsets from our VTIMEZONE, and Debian's python3-icalendar find the
// same classes.
func TestOthersReaders(t *testing.T) {
	t.Parallel()
	dir := peers.Dir(t)
	f := newFixture(t)
	for name, state := range states() {
		f.store(campus.StateName("lea"), state)
		file := filepath.Join(t.TempDir(), "lea.ics")
		if err := os.WriteFile(file, f.get("/feeds/campus/lea.ics?key="+f.key).Body.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		want := wanted(name, state)
		for reader, command := range map[string][]string{
			"ical.js":           {"node", filepath.Join(dir, "ical.mjs")},
			"python3-icalendar": {"/usr/bin/python3", filepath.Join(dir, "ical.py")},
		} {
			out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], file)...).Output()
			if err != nil {
				t.Fatalf("%s, %s: %v", name, reader, err)
			}
			var got []event
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s reads the feed %s otherwise (-want +got):\n%s", reader, name, diff)
			}
		}
	}
}

// states are an instance's, from before its first run to long after its last.
func states() map[string]campus.State {
	return map[string]campus.State{
		"of a timetable":    {TimeZone: "Europe/Paris", ReadAt: read, Timetable: timetable()},
		"of no classes":     {TimeZone: "Europe/Paris", ReadAt: read},
		"that was not read": {},
		"of an old reading": {TimeZone: "Europe/Paris", ReadAt: read.AddDate(0, 0, -3), Timetable: timetable()},
		"of a wrong clock":  {TimeZone: "Europe/Paris", ReadAt: read.AddDate(0, 1, 0), Timetable: timetable()},
		"read but in part": {
			TimeZone: "Europe/Paris", SeenAt: read, ReadAt: read.AddDate(0, 0, -3), Timetable: timetable(),
		},
		"never read whole":   {TimeZone: "Europe/Paris", SeenAt: read, Timetable: timetable()},
		"partly, long ago":   {TimeZone: "Europe/Paris", SeenAt: read.AddDate(0, 0, -3), Timetable: timetable()},
		"of an empty one":    {TimeZone: "Europe/Paris", ReadAt: read.AddDate(0, 0, -3)},
		"of another country": {TimeZone: "Pacific/Auckland", ReadAt: read},
	}
}

// wanted are the events that readers should find.
func wanted(name string, state campus.State) []event {
	want := make([]event, 0, 7)
	notice := event{UID: "notice.lea@campus.carillon", Start: "2026-10-01", End: "2026-10-02", Sequence: 20726}
	switch name {
	case "that was not read":
		notice.Summary = "Emploi du temps pas encore lu"
		notice.Description = "Carillon n’a encore rien lu sur MonCampus : ce calendrier vide ne veut pas dire qu’il n’y a " +
			"pas cours."
		want = append(want, notice)
	case "of a wrong clock":
		notice.Summary = "Emploi du temps : date de la dernière lecture inconnue"
		notice.Description = "L’horloge de Carillon était en avance. La prochaine lecture de MonCampus rétablira la date."
		want = append(want, notice)
	case "read but in part", "never read whole":
		notice.Summary = "Emploi du temps peut-être incomplet"
		notice.Description = "Des cours de MonCampus n’ont pas pu être lus : ils restent comme avant, ou manquent ici."
		want = append(want, notice)
	case "of an old reading", "of an empty one", "partly, long ago":
		notice.Summary = "Emploi du temps non actualisé depuis le 28/09/2026 à 12:46"
		notice.Description = "Carillon n’a pas pu lire MonCampus depuis : des cours ont pu changer."
		want = append(want, notice)
	}
	for _, c := range state.Timetable {
		e := event{
			c.ID + ".lea@campus.carillon", c.Title, c.Start.Format(time.RFC3339), c.End.Format(time.RFC3339), c.Room,
			c.Details(), c.Sequence,
		}
		if c.AllDay {
			e.Start, e.End = c.Start.In(zone).Format(time.DateOnly), c.End.In(zone).Format(time.DateOnly)
		}
		for _, l := range c.Links {
			e.Description = l.Name + " : " + l.URL
		}
		want = append(want, e)
	}
	return want
}

// TestFeedIsAPublishedCalendar: whatever is known of an instance, its feed is a calendar with a component (RFC 5545,
// 3.6) and no METHOD (RFC 5546).
func TestFeedIsAPublishedCalendar(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, state := range states() {
		f.store(campus.StateName("lea"), state)
		w := f.get("/feeds/campus/lea.ics?key="+f.key, "Accept-Encoding", "identity")
		body := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(body, "METHOD") || strings.Count(body, "BEGIN:VTIMEZONE") != 1 ||
			strings.Contains(body, "LMT") {
			t.Errorf("the feed %s was answered %d: %.600s", name, w.Code, body)
		}
		if notices := strings.Count(body, "UID:notice."); notices != len(wanted(name, state))-len(state.Timetable) {
			t.Errorf("the feed %s has %d notices", name, notices)
		}
	}
}

// TestFeedIsCompressed: a phone that takes gzip gets a large timetable small, and is told when nothing has changed.
func TestFeedIsCompressed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/feeds/campus/lea.ics?key=" + f.key
	plain, zipped := f.get(path), f.get(path, "Accept-Encoding", "gzip, deflate")
	if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len()*2 > plain.Body.Len() ||
		zipped.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%d bytes in place of %d: %v", zipped.Body.Len(), plain.Body.Len(), zipped.Header())
	}
	if again := f.get(path, "Accept-Encoding", "gzip", "If-None-Match",
		zipped.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("with its ETag it was answered %d", again.Code)
	}
}

// TestOrphansAreInNoFeed: of an orphaned event only what ECAL shows is known, and the lesson may be gone.
func TestOrphansAreInNoFeed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	classes := timetable()
	classes[2].Stray = true
	f.store(
		campus.StateName("lea"),
		campus.State{Version: 1, TimeZone: "Europe/Paris", ReadAt: read, Timetable: classes},
	)
	body := f.get("/feeds/campus/lea.ics?key=" + f.key).Body.String()
	if n := strings.Count(body, "BEGIN:VEVENT"); n != len(classes)-1 || strings.Contains(body, "UID:wigor-3.") {
		t.Errorf("the feed has %d events of %d classes:\n%s", n, len(classes), body)
	}
}

// TestNoticeComesWithTime: a timetable that is not read any more does not change, and still its feed says so when it is
// old.
func TestNoticeComesWithTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	now := read
	f.h = feed.New(feed.Config{State: f.db.Bucket("state"), Now: func() time.Time { return now }})
	for age, want := range map[time.Duration]bool{
		0: false, 47 * time.Hour: false, 48 * time.Hour: true, 100 * time.Hour: true,
	} {
		now = read // an answer that was written before
		f.get("/feeds/campus/lea.ics?key=" + f.key)
		now = read.Add(age)
		body := f.get("/feeds/campus/lea.ics?key=" + f.key).Body.String()
		if got := strings.Contains(body, "UID:notice.lea@"); got != want {
			t.Errorf("%s after the reading: a notice %v, want %v", age, got, want)
		}
	}
}
