package feeds_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/feeds"
	"github.com/carillon-calendar/carillon/infra/bridges/stays/staystest"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

type fixture struct {
	*testing.T

	book *ledger.Ledger
	h    http.Handler
}

func day(n int) stays.Day { return stays.Date(2027, time.July, n) }

// newFixture has cottages of each sort; 1 is taken on the 6th and 7th.
func newFixture(t *testing.T, settings string) *fixture {
	t.Helper()
	f := &fixture{T: t}
	now := func() time.Time { return time.Date(2027, 7, 2, 10, 0, 0, 0, time.UTC) }
	parts := staystest.Open(t, []byte(settings), now)
	f.book = parts.Ledger
	f.must(f.book.PutOwners(t.Context(), []ledger.Owner{
		{ID: 1, Name: "Lambert", Email: "lambert@example.org", Active: true}, {ID: 2, Name: "Left"},
	}))
	f.must(f.book.PutUnits(t.Context(), []ledger.Unit{
		{Unit: "ACTI0001", Name: "La <b>Grange</b>", Owner: 1, Site: 101, Listed: true, Published: true, Capacity: 4},
		{Unit: "BLOC0001", Owner: 1, Site: 102, Listed: true, Published: true, Capacity: 4},
		{Unit: "GONE0001", Owner: 2, Site: 103, Listed: true, Published: true, Capacity: 4},
		{Unit: "HIDE0001", Owner: 1, Site: 104, Listed: true, Capacity: 4},
		{Unit: "OFFF0001", Owner: 1, Site: 105, Listed: true, Published: true, Capacity: 4},
		{Unit: "PART0001"},
		{Unit: "SEAR0001", Owner: 1, Site: 106, Listed: true, Published: true, Capacity: 2},
		{Unit: "UNKN0001", Site: 107, Listed: true, Published: true},
	}))
	for unit, s := range map[string]stays.State{
		"BLOC0001": stays.Blocked, "OFFF0001": stays.Off,
		"SEAR0001": stays.Search,
	} {
		f.must(f.book.SetState(t.Context(), []string{unit}, s, stays.Staff))
	}
	f.hold("ACTI0001", 6, 6, stays.Booked)
	f.hold("ACTI0001", 7, 7, stays.Unavailable)
	f.h = feeds.New(feeds.Config{Settings: parts.Settings, Ledger: f.book, Now: now})
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) hold(unit string, first, last int, typ stays.Type) {
	f.Helper()
	_, err := f.book.Change(f.Context(), ledger.Order{Request: stays.Request{
		Unit: unit, Range: stays.Through(day(first), day(last)), Type: typ, Origin: "partner:channel", Ref: "GUEST-7",
		Note: "Mrs Guest",
	}})
	f.must(err)
}

func (f *fixture) get(path string, header ...string) *httptest.ResponseRecorder {
	f.Helper()
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	return w
}

// want gets a path and finds texts in the answer; one that begins with ! must not be there.
func (f *fixture) want(path string, status int, texts ...string) *httptest.ResponseRecorder {
	f.Helper()
	w := f.get(path)
	if w.Code != status {
		f.Errorf("%s: %d, want %d: %s", path, w.Code, status, w.Body)
	}
	for _, text := range texts {
		not := strings.HasPrefix(text, "!")
		if strings.Contains(w.Body.String(), strings.TrimPrefix(text, "!")) == not {
			f.Errorf("%s: %q in %s", path, text, w.Body)
		}
	}
	return w
}

// TestPages: a published cottage whose calendar is shown has a page, and no other; who holds a day is not on it (rules
// 27, 30 and 32).
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	w := f.want("/calendars/ACTI0001?lang=en", http.StatusOK, "La &lt;b&gt;Grange", "July 2027",
		"Tuesday 6 July 2027: Not available",
		"Wednesday 7 July 2027: Not available", "Thursday 8 July 2027: Free", "Last update: 2 July 2027", "!GUEST",
		"!Guest",
		"!channel", "!Lambert", "!Rented", "!Thursday 1 July 2027: Free", "!<script")
	if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors *") ||
		!strings.Contains(got, "default-src 'none'") {
		t.Error(got)
	}
	for _, unit := range []string{
		"BLOC0001", "GONE0001", "HIDE0001", "OFFF0001", "PART0001", "SEAR0001", "NONE0001",
		"%00", "..%2f",
	} {
		f.want("/calendars/"+unit+"?lang=en", http.StatusNotFound, "No calendar is shown here")
	}
	f.want("/calendars/owners/1?lang=fr&months=6", http.StatusOK, "juillet 2027", "décembre 2027", "!janvier 2028",
		"!Moulin")
	for _, owner := range []string{"2", "9", "0", "-1", "x", "99999999999999999999"} {
		f.want("/calendars/owners/"+owner, http.StatusNotFound)
	}
	f.want("/calendars/ACTI0001?lang=xx&palette=%22%3E%3Cstyle%3E&months=1000&from=2027-99", http.StatusOK,
		`class="auto"`, "!<style")
	f.want("/calendars/ACTI0001?lang=de&palette=green&months=12&from=2020-01", http.StatusOK, `class="green"`,
		"Juli 2027",
		"Juni 2028", "!Juli 2028", "!Januar 2020")
	for lang, word := range map[string]string{"fr": "juillet", "nl": "juli", "de": "Juli", "it": "luglio", "en": "July"} {
		f.want("/calendars/ACTI0001?lang="+lang, http.StatusOK, word, `lang="`+lang+`"`)
	}
	etag := w.Header().Get("ETag")
	if w := f.get("/calendars/ACTI0001?lang=en", "If-None-Match", etag); w.Code != http.StatusNotModified {
		t.Errorf("nothing has changed: %d", w.Code)
	}
	f.hold("ACTI0001", 20, 21, stays.Booked)
	if w := f.get("/calendars/ACTI0001?lang=en", "If-None-Match", etag); w.Code != http.StatusOK {
		t.Errorf("it has changed: %d", w.Code)
	}
}

// TestEmbed: the settings say which sites may show the calendars.
func TestEmbed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"embed": ["https://www.example.org", "https://*.example.com"]}`)
	for _, path := range []string{"/calendars/ACTI0001", "/calendars/NONE0001"} {
		if got := f.get(path).Header().Get("Content-Security-Policy"); !strings.HasSuffix(got,
			"frame-ancestors https://www.example.org https://*.example.com") {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// TestOldAddresses lead to the pages (rule 31): a bad number is answered 404.
func TestOldAddresses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	for path, want := range map[string]string{
		"/extern-calendar?pk=101":       "/calendars/ACTI0001?lang=fr",
		"/extern-monthly-calendar?pk=1": "/calendars/owners/1?lang=fr",
	} {
		if w := f.want(path, http.StatusFound); w.Header().Get("Location") != want {
			t.Errorf("%s leads to %s", path, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{
		"/extern-calendar", "/extern-calendar?pk=x", "/extern-calendar?pk=102", "/extern-calendar?pk=104",
		"/extern-monthly-calendar?pk=' OR 1=1",
	} {
		f.want(strings.ReplaceAll(path, " ", "%20"), http.StatusNotFound)
	}
}

// TestAvailability: runs of days that are taken, of what is shown; what they are taken for is not said.
func TestAvailability(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	w := f.want("/calendars/v1/availability?from=2027-07-01&to=2027-07-31", http.StatusOK,
		`{"unit":"ACTI0001","taken":[{"from":"2027-07-06","to":"2027-07-07"}]},{"unit":"UNKN0001","taken":[]}`, "!booked",
		"!BLOC", "!GONE", "!HIDE", "!OFFF", "!PART", "!SEAR", "!GUEST")
	if w.Header().Get("Access-Control-Allow-Origin") != "*" || w.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Error(w.Header())
	}
	if w := f.get("/calendars/v1/availability?from=2027-07-01&to=2027-07-31", "If-None-Match",
		w.Header().Get("ETag")); w.Code !=
		http.StatusNotModified {
		t.Errorf("nothing has changed: %d", w.Code)
	}
	f.want("/calendars/v1/availability?from=2027-07-01&to=2027-07-31&unit=UNKN0001&unit=HIDE0001", http.StatusOK,
		`"units":[{"unit":"UNKN0001","taken":[]}]`)
	f.want("/calendars/v1/availability?from=2027-07-01&to=2027-07-31&limit=1", http.StatusOK, `"next":"ACTI0001"`)
	f.want("/calendars/v1/availability?from=2027-07-01&to=2027-07-31&after=ACTI0001", http.StatusOK, "!ACTI", "UNKN")
	for _, q := range []string{
		"", "from=2027-07-31&to=2027-07-01", "from=2027-07-01&to=2029-07-01",
		"from=2027-07-01&to=2027-07-02&x=1",
	} {
		f.want("/calendars/v1/availability?"+q, http.StatusBadRequest)
	}
}

// TestSearch: the departure's day is free, rules are kept, and what is blocked or not kept is left out (rule 37).
func TestSearch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	f.must(f.book.SetRules(t.Context(), "SEAR0001", []stays.Rule{{
		Range: stays.Through(day(1), day(31)), MinStay: 3, Arrivals: []time.Weekday{time.Saturday, time.Sunday},
	}}))
	for q, want := range map[string]string{
		// departs on a day that is taken
		"arrival=2027-07-04&departure=2027-07-06": "ACTI0001 UNKN0001",
		"arrival=2027-07-04&departure=2027-07-07": "SEAR0001 UNKN0001",
		// arrives as the taken days end, on a Thursday
		"arrival=2027-07-08&departure=2027-07-12": "ACTI0001 UNKN0001",
		// two nights
		"arrival=2027-07-10&departure=2027-07-12": "ACTI0001 UNKN0001",
		// of the other it is not known how many it takes
		"arrival=2027-07-10&departure=2027-07-14&guests=2": "ACTI0001 SEAR0001",
		"arrival=2027-07-10&departure=2027-07-14&guests=3": "ACTI0001",
		"arrival=2027-07-10&departure=2027-07-14&guests=9": "",
	} {
		w := f.want("/calendars/v1/search?"+q, http.StatusOK)
		var v feeds.Search
		f.must(json.Unmarshal(w.Body.Bytes(), &v))
		got := make([]string, 0, len(v.Units))
		for _, u := range v.Units {
			got = append(got, u.Unit)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", q, got, want)
		}
	}
	for _, q := range []string{
		"", "arrival=2027-07-10&departure=2027-07-10", "arrival=2027-07-10&departure=2027-07-09",
		"arrival=2027-07-10&departure=2027-12-09", "arrival=2027-07-01&departure=2027-07-03",
		"arrival=2027-07-10&departure=2027-07-12&guests=0", "arrival=2027-07-10&departure=2027-07-12&guests=-1",
		"arrival=2027-07-10&departure=2027-07-12&pets=1", "arrival=10/07/2027&departure=2027-07-12",
	} {
		f.want("/calendars/v1/search?"+q, http.StatusBadRequest)
	}
}

// TestTooMany: one client cannot have all.
func TestTooMany(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	refused := 0
	for range 300 {
		if f.get("/calendars/NONE0001").Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 10 { // a slow machine lets one through each 50 ms
		t.Errorf("%d of 300 at once are refused", refused)
	}
}
