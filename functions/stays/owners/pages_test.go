package owners_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// TestMonth: a week is marked, the ledger has it, and the calendar was updated (rules 22, 27 and 32).
func TestMonth(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	f.hold("GFLX0001", 20, 22, "booked", "partner:channel")
	a := b.get("/owners/units/GFLX0001")
	b.want(a, http.StatusOK, "July 2027", "partner channel", "reference R-7", "La &lt;i&gt;Grange&lt;/i&gt;",
		"Tuesday 20 July 2027: Rented, partner channel", "Friday 2 July 2027: Free")
	a = b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-11", "type", "booked", "note",
		"<s>family</s>",
		"key", "k")
	b.want(a, http.StatusSeeOther)
	if got := f.held("GFLX0001"); got != "05 to 11 booked owner:1, 20 to 22 booked partner:channel" {
		t.Error(got)
	}
	a = b.get(a.Header.Get("Location"))
	b.want(a, http.StatusOK, "5 July – 11 July 2027: Rented. Saved.", "/undo", "&lt;s&gt;family&lt;/s&gt;",
		"Last update: 1 July 2027")
	if strings.Contains(a.text, "<s>") || strings.Contains(a.text, "<i>Grange") {
		t.Error("a text of an owner is HTML")
	}
	for _, path := range []string{
		"/owners/", "/owners/history", "/owners/state", "/owners/units/GFLX0001/rules",
		"/owners/units/GFLX0001/print",
	} {
		a := b.get(path)
		b.want(a, http.StatusOK, "</html>")
	}
}

// TestOwnNotes: an owner's note is shown to him, is in the form when its days are chosen, and is not for the next
// owner.
func TestOwnNotes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	b.want(b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-06", "type", "booked", "note",
		"a secret"), http.StatusSeeOther)
	pages := []string{"/owners/units/GFLX0001", "/owners/history", "/owners/units/GFLX0001/print"}
	for _, path := range pages[:2] {
		b.want(b.get(path), http.StatusOK, "<q>a secret</q>")
	}
	const note = `name="note" maxlength="200" value="a secret"`
	b.want(b.get("/owners/units/GFLX0001?from=2027-07-05&to=2027-07-06"), http.StatusOK, note)
	if a := b.get("/owners/units/GFLX0001?from=2027-07-05&to=2027-07-07"); strings.Contains(a.text, note) {
		t.Error("the note goes to other days")
	}
	f.must(f.book.PutUnits(t.Context(), []ledger.Unit{{
		Unit: "GFLX0001", Owner: 2, Site: 101, Listed: true, Published: true,
	}}))
	next := f.owner("2")
	next.want(next.post("/owners/language", "lang", "en", "to", "/owners/"), http.StatusSeeOther)
	next.want(next.get("/owners/units/GFLX0001?month=2027-07"), http.StatusOK, "Rented, another owner")
	for _, path := range pages {
		if a := next.get(path); a.StatusCode != http.StatusOK || strings.Contains(a.text, "a secret") {
			t.Errorf("%s shows the next owner the note: %d", path, a.StatusCode)
		}
	}
}

// TestBack: a page whose change was undone does not say again that it is saved, and an unknown address gets a page.
func TestBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	a := b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-06", "type", "booked")
	saved := a.Header.Get("Location")
	b.want(b.get(saved), http.StatusOK, "Saved.")
	b.want(b.post("/owners/changes/1/undo"), http.StatusSeeOther)
	if a := b.get(saved); strings.Contains(a.text, "Saved.") {
		t.Error("what is undone is said to be saved")
	}
	for _, path := range []string{"/owners/units/", "/owners/x", "/owners/units/GFLX0001/x", "/owners/units/NONE0001"} {
		b.want(b.get(path), http.StatusNotFound, "<html", `href="/owners/"`)
	}
}

// TestConflict: days of others are taken only when they are named, with and without a script (rule 22).
func TestConflict(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	f.hold("GFLX0001", 6, 7, "booked", "partner:channel")
	fields := []string{"from", "2027-07-05", "to", "2027-07-09", "type", "unavailable", "note", "roof", "key", "k"}
	a := b.post("/owners/units/GFLX0001/days", fields...)
	b.want(a, http.StatusConflict, "6 July – 7 July 2027: Rented, partner channel, reference R-7",
		`name="replaces" value="1"`,
		`value="roof"`, `value="2027-07-09"`, "Take them all the same")
	b.accept = "application/json"
	b.want(b.post("/owners/units/GFLX0001/days", fields...), http.StatusConflict, `"conflicts":[{"text":"6 July`,
		`"change":1`)
	b.accept = ""
	if got := f.held("GFLX0001"); got != "06 to 07 booked partner:channel" {
		t.Error(got)
	}
	a = b.post("/owners/units/GFLX0001/days", slices.Concat(fields, []string{"replaces", "1"})...)
	b.want(a, http.StatusSeeOther)
	if got := f.held("GFLX0001"); got != "05 to 09 unavailable owner:1" {
		t.Error(got)
	}
	b.want(b.post("/owners/changes/2/undo"), http.StatusSeeOther)
	if got := f.held("GFLX0001"); got != "06 to 07 booked partner:channel" {
		t.Errorf("undone: %s", got)
	}
	// what a partner has done is undone after a second look only
	b.want(b.post("/owners/changes/1/undo", "history", "1"), http.StatusConflict, "made by another (partner channel)")
	f.hold("GFLX0001", 20, 21, "booked", "partner:channel")
	last := f.hold("GFLX0001", 20, 21, "unavailable", "partner:channel")
	_ = last
	b.want(b.post("/owners/changes/1/undo", "confirm", "1"), http.StatusConflict, "changed since")
}

// TestTwice: a form that is sent twice changes once, and what is done again on another page is done.
func TestTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	send := func(typ, key string) {
		b.want(b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-06", "type", typ, "key", key),
			http.StatusSeeOther)
	}
	send("booked", "k")
	send("available", "k")
	send("booked", "k") // the first one once more: the network repeats
	if got := f.held("GFLX0001"); got != "" {
		t.Errorf("a repeated form has changed the days: %s", got)
	}
	send("booked", "other")
	if got := f.held("GFLX0001"); got != "05 to 06 booked owner:1" {
		t.Error(got)
	}
}

// TestRefused: bad input says what is wrong with it, and keeps what was typed (rule 23).
func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	for name, c := range map[string]struct{ from, to, typ, note, want string }{
		"order":  {"2027-07-09", "2027-07-05", "booked", "", "The last night is before the first one."},
		"date":   {"2027-02-30", "2027-07-05", "booked", "", "cannot be read"},
		"none":   {"", "", "booked", "", "cannot be read"},
		"type":   {"2027-07-05", "2027-07-05", "loue", "", "Say what the days are"},
		"past":   {"2027-05-30", "2027-07-05", "booked", "", "Days before 31 May 2027 can no longer be changed."},
		"future": {"2027-07-05", "2031-07-05", "booked", "", "cannot be changed yet"},
		"note":   {"2027-07-05", "2027-07-05", "booked", strings.Repeat("é", 201), "at most 200 characters"},
	} {
		a := b.post("/owners/units/GFLX0001/days", "from", c.from, "to", c.to, "type", c.typ, "note", c.note)
		b.want(a, http.StatusUnprocessableEntity, c.want, `name="from" value="`+c.from+`"`)
		_ = name
	}
	if got := f.held("GFLX0001"); got != "" {
		t.Error(got)
	}
}

// TestRules: an owner's rules are kept, do not overlap, and go.
func TestRules(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	add := func(from, to, nights string) answer {
		return b.post("/owners/units/GFLX0001/rules", "from", from, "to", to, "min", nights, "arrival", "6", "arrival", "5")
	}
	b.want(add("2027-07-01", "2027-08-31", "7"), http.StatusSeeOther)
	b.want(b.get("/owners/units/GFLX0001/rules"), http.StatusOK, "1 July – 31 August 2027", "7 nights",
		"Friday, Saturday")
	b.want(add("2027-08-31", "2027-09-30", "2"), http.StatusUnprocessableEntity, "overlaps", `value="2027-09-30"`)
	b.want(add("2027-09-30", "2027-09-01", "2"), http.StatusUnprocessableEntity, "before the first")
	b.want(add("2027-09-01", "2027-09-30", "900"), http.StatusUnprocessableEntity, "from 2 to 60")
	b.want(b.post("/owners/units/GFLX0001/rules", "from", "2027-09-01", "to", "2027-09-30"),
		http.StatusUnprocessableEntity,
		"from 2 to 60")
	b.want(b.post("/owners/units/GFLX0001/rules", "remove", "2027-07-01"), http.StatusSeeOther)
	b.want(b.get("/owners/units/GFLX0001/rules"), http.StatusOK, "No rule")
}

// TestState: one state for all cottages, also for unpublished ones, unless some are taken out; blocked ones are freed
// by coming, but for those that the association has blocked (rules 33 to 36).
func TestState(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	states := func() string {
		units, err := f.book.Units(t.Context(), nil)
		f.must(err)
		list := make([]string, 0, len(units))
		for _, u := range units {
			list = append(list, string(u.Uses()))
		}
		return strings.Join(list, " ")
	}
	all := []string{"unit", "GFLX0001", "unit", "GFLX0002", "unit", "GFLX0004"}
	b.want(b.post("/owners/state", slices.Concat([]string{"state", "off"}, all)...), http.StatusSeeOther)
	if got := states(); got != "off off active off" {
		t.Error(got)
	}
	b.want(b.get("/owners/state"), http.StatusOK, `value="off" checked`, "Last update: 1 July 2027",
		"I do not keep it, from")
	f.must(f.book.SetState(t.Context(), []string{"GFLX0001"}, "blocked", "activity"))
	b.want(b.get("/owners/state"), http.StatusOK, "A calendar is blocked")
	for unit, text := range map[string]string{"GFLX0001": "Blocked", "GFLX0002": "I do not keep it"} { // rule 36
		b.want(b.get("/owners/units/"+unit), http.StatusOK, `<a href="/owners/state">State</a>: `+text)
	}
	f.must(f.book.SetState(t.Context(), []string{"GFLX0002"}, "blocked", "staff"))
	b.want(b.post("/owners/state", slices.Concat([]string{"state", "active"}, all)...), http.StatusUnprocessableEntity,
		"The association has blocked")
	b.want(b.post("/owners/state", "state", "active", "unit", "GFLX0001", "unit", "GFLX0004"), http.StatusSeeOther)
	if got := states(); got != "active blocked active active" {
		t.Error(got)
	}
	for _, fields := range [][]string{
		{"state", "blocked", "unit", "GFLX0001"},
		{"state", "x", "unit", "GFLX0001"},
		{"state", "off"},
	} {
		b.want(b.post("/owners/state", fields...), http.StatusUnprocessableEntity)
	}
}

// TestHistory: who changed what, and what was there before.
func TestHistory(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	b.want(b.get("/owners/history"), http.StatusOK, "Nothing was changed yet")
	f.hold("GFLX0001", 6, 7, "booked", "partner:channel")
	f.hold("GFLX0003", 6, 7, "booked", "partner:secret")
	b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-09", "type", "unavailable", "replaces",
		"1")
	a := b.get("/owners/history")
	b.want(a, http.StatusOK, "partner channel", "6 July – 7 July 2027, Rented, partner channel", "Free</span>",
		"1 July 2027, 12:00")
	if strings.Contains(a.text, "secret") {
		t.Error("it shows another owner's")
	}
	for n := range 60 {
		f.hold("GFLX0002", 1+n%28, 1+n%28, "booked", "partner:channel")
	}
	a = b.get("/owners/history?unit=GFLX0002")
	b.want(a, http.StatusOK, "Older changes")
	if strings.Contains(a.text, "Unavailable") {
		t.Error("it shows another cottage's")
	}
	b.want(b.get("/owners/history?unit=GFLX0002&before=14"), http.StatusOK, "/owners/changes/13/undo")
}

// TestPart: an open page asks for the days alone, and gets them when they have changed.
func TestPart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	for i, path := range []string{"/owners/units/GFLX0001?month=2027-07&part=1", "/owners/?from=2027-07-01&part=1"} {
		a := b.get(path)
		b.want(a, http.StatusOK, "<table role")
		etag := a.Header.Get("ETag")
		again := func() int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+path, http.NoBody)
			f.must(err)
			r.Header.Set("If-None-Match", etag)
			resp, err := b.client.Do(r)
			f.must(err)
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		if got := again(); got != http.StatusNotModified {
			t.Errorf("nothing has changed: %d", got)
		}
		f.hold("GFLX0001", 10, 11+i, "booked", "partner:channel")
		if got := again(); got != http.StatusOK {
			t.Errorf("a partner has booked: %d", got)
		}
	}
}

// TestAssociation: the association's own page asks as it always has (rules 20 to 26).
func TestAssociation(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	f.hold("GFLX0001", 1, 2, "booked", "partner:channel")
	f.hold("GFLX0001", 31, 31, "unavailable", "owner:1")
	f.must(f.book.PutUnits(t.Context(), []ledger.Unit{{
		Unit: "GFLX0009", Owner: 3, Site: 109, Listed: true,
		Published: true,
	}}))
	anybody := f.browser()
	for path, want := range map[string]string{
		"/selectedDays?hebPk=101&year=2027&month=7&range=1": `{"rented":["2027-07-01","2027-07-02","2027-07-31"]}`,
		"/selectedDays?hebPk=101&year=2027&month=8&range=6": `{"rented":[]}`,
		"/selectedDays?hebPk=101&year=2020&month=1&range=1": `{"rented":["2027-07-01","2027-07-02","2027-07-31"]}`,
		"/selectedDays?hebPk=101&year=2027&month=7":         `{"rented":[]}`,
		"/selectedDays?year=2027&month=7&range=1":           `{"rented":[]}`,
	} {
		a := anybody.get(path)
		b.want(a, http.StatusOK, want)
		if got := a.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/x-json") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{
		"/selectedDays?hebPk=104&year=2027&month=7&range=1", "/selectedDays?hebPk=999&year=2027&month=7&range=1",
		"/selectedDays?hebPk=109&year=2027&month=7&range=1", "/selectedDays?hebPk=-1&year=2027&month=7&range=1",
	} {
		b.want(anybody.get(path), http.StatusNotFound)
	}
	b.want(anybody.get("/selectedDays?hebPk=101&year=2027&month=13&range=1"), http.StatusBadRequest)
	a := b.get("/selectedDays?hebPk=101")
	b.want(a, http.StatusOK, `{"rented":["2027-07-01","2027-07-02","2027-07-31"],"type":["loue","loue","indisp"]}`)
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("it is kept: %s", got)
	}
	a = b.post("/addRange", "hebPk", "101", "start", "2027-07-10", "end", "2027-07-12", "type", "loue")
	b.want(a, http.StatusOK, `"change":3`)
	b.want(b.post("/addRange", "hebPk", "101", "start", "2027-07-11", "end", "2027-07-11", "type", "libre"),
		http.StatusOK)
	if got := f.held("GFLX0001"); !strings.Contains(got, "10 booked owner:1, 2027-07-12 booked") &&
		!strings.Contains(got, "10 booked owner:1, 12 booked owner:1") {
		t.Error(got)
	}
	b.want(b.post("/addRange", "hebPk", "101", "start", "2027-07-02", "end", "2027-07-02", "type", "libre"),
		http.StatusConflict)
	// from today on, of which the old page told nobody (rule 24)
	b.want(b.post("/addRange", "hebPk", "102", "start", "2027-07-01", "end", "2027-07-01", "type", "indisp"),
		http.StatusOK)
	log, err := f.book.Changes(t.Context(), ledger.Query{Units: []string{"GFLX0002"}})
	if err != nil || len(log) != 1 || log[0].From != day(1) {
		t.Errorf("what is to be delivered: %v, %v", log, err)
	}
	for _, c := range [][2]string{{"2027-07-12", "2027-07-10"}, {"12/07/2027", "2027-07-13"}, {"", ""}} {
		b.want(b.post("/addRange", "hebPk", "101", "start", c[0], "end", c[1], "type", "loue"), http.StatusBadRequest)
	}
	b.want(b.post("/addRange", "hebPk", "101", "start", "2027-07-10", "end", "2027-07-12", "type", "booked"),
		http.StatusBadRequest)
}

// TestLanguages: each page is there in each language, and weeks begin as the region has them.
func TestLanguages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	f.hold("GFLX0001", 6, 7, "booked", "partner:channel")
	for lang, word := range map[string]string{
		"fr": "juillet 2027", "nl": "juli 2027", "de": "Juli 2027",
		"it": "luglio 2027", "en": "July 2027",
	} {
		b.want(b.post("/owners/language", "lang", lang, "to", "/owners/state"), http.StatusSeeOther)
		for _, path := range []string{
			"/owners/", "/owners/units/GFLX0001", "/owners/history", "/owners/state", "/owners/units/GFLX0001/rules",
			"/owners/units/GFLX0001/print",
		} {
			a := b.get(path)
			b.want(a, http.StatusOK, `<html lang="`+lang+`"`)
			if path == "/owners/units/GFLX0001" {
				b.want(a, http.StatusOK, word)
			}
		}
		b.want(b.get("/owners/signin?lang="+lang), http.StatusOK, `<html lang="`+lang+`"`)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL+"/owners/units/GFLX0001", http.NoBody)
	f.must(err)
	r.Header.Set("Accept-Language", "en-US")
	resp, err := b.client.Do(r)
	f.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	f.must(err)
	if sunday, monday := strings.Index(string(text), `abbr="Sunday"`), strings.Index(string(text),
		`abbr="Monday"`); sunday > monday {
		t.Error("weeks of en-US begin on Monday")
	}
}
