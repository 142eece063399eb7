package bookings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// july is the address of days of July 2027 of a unit.
func july(unit string, first, last int) string {
	return fmt.Sprintf("/units/%s/days?from=2027-07-%02d&to=2027-07-%02d", unit, first, last)
}

// want checks an answer's status and, as JSON, some of its members.
func (f *fixture) want(name string, status int, members string, code int, got map[string]any) {
	f.Helper()
	var want map[string]any
	f.must(json.Unmarshal([]byte("{"+members+"}"), &want))
	for key, value := range want {
		a, _ := json.Marshal(value)
		b, _ := json.Marshal(got[key])
		if string(a) != string(b) {
			f.Errorf("%s: %s is %s, want %s", name, key, b, a)
		}
	}
	if code != status {
		f.Errorf("%s: answered %d %v, want %d", name, code, got, status)
	}
}

// TestREST: days are held, read, conflicting, replaced and freed.
func TestREST(t *testing.T) {
	f := newFixture(t, `{}`)
	one := july("GFLX0001", 3, 9)
	for _, c := range []struct {
		name, who, method, path, body string
		status                        int
		want                          string
	}{
		{
			"free", channel, "GET", one, "", 200, `"unit":"GFLX0001","from":"2027-07-03","to":"2027-07-09","held":[],"rules":[]`,
		},
		{
			"booked", channel, "PUT", one, `{"type":"booked","ref":"R-7"}`, 200,
			`"change":1,"unit":"GFLX0001","from":"2027-07-03","to":"2027-07-09","type":"booked","repeated":false`,
		},
		{
			"mine", channel, "GET", july("GFLX0001", 1, 4), "", 200,
			`"held":[{"from":"2027-07-03","to":"2027-07-04","type":"booked","holder":"you","ref":"R-7","change":1}]`,
		},
		{
			"another's", portal, "GET", july("GFLX0001", 1, 4), "", 200,
			`"held":[{"from":"2027-07-03","to":"2027-07-04","type":"booked","holder":"partner","change":1}]`,
		},
		{
			"conflict", portal, "PUT", july("GFLX0001", 8, 12), `{"type":"booked"}`, 409,
			`"type":"urn:carillon:problem:conflict","conflicts":[{"from":"2027-07-08","to":"2027-07-09","type":"booked","holder":"partner","change":1}]`,
		},
		{
			"freeing another's", portal, "DELETE", july("GFLX0001", 8, 12), "", 409,
			`"conflicts":[{"from":"2027-07-08","to":"2027-07-09","type":"booked","holder":"partner","change":1}]`,
		},
		{"replacing another", portal, "PUT", july("GFLX0001", 8, 12), `{"type":"unavailable","replaces":[7]}`, 409, ``},
		{"replacing it", portal, "PUT", july("GFLX0001", 8, 12), `{"type":"unavailable","replaces":[1]}`, 200, `"change":2`},
		{
			"freeing by number", portal, "DELETE", july("GFLX0001", 3, 3) + "&replaces=1", "", 200,
			`"change":3,"type":"available"`,
		},
		{"bad numbers", portal, "DELETE", july("GFLX0001", 3, 3) + "&replaces=one", "", 400, ``},
		{"its own", channel, "DELETE", july("GFLX0001", 4, 7), "", 200, `"change":4`},
		{
			"past", channel, "PUT", "/units/GFLX0001/days?from=2027-01-29&to=2027-02-02", `{"type":"booked"}`, 422,
			`"type":"urn:carillon:problem:past","limit":"2027-01-30"`,
		},
		{
			"far", channel, "PUT", "/units/GFLX0001/days?from=2030-03-02&to=2030-03-03", `{"type":"booked"}`, 422,
			`"type":"urn:carillon:problem:too-far","limit":"2030-03-02"`,
		},
		{
			"the farthest", channel, "PUT", "/units/GFLX0001/days?from=2030-03-02&to=2030-03-02",
			`{"type":"booked"}`, 200, `"change":5`,
		},
		{"any window", channel, "GET", "/units/GFLX0003/days?from=1900-01-01&to=9999-12-31", "", 200, `"held":[]`},
		{"no unit", channel, "GET", july("GFLX4711", 1, 2), "", 404, ``},
		{"nor is one made", channel, "PUT", july("GFLX4711", 1, 2), `{"type":"booked"}`, 404, ``},
		{"another partner's unit", single, "GET", july("GFLX0002", 1, 2), "", 404, ``},
		{"to write", single, "PUT", july("GFLX0002", 1, 2), `{"type":"booked"}`, 404, ``},
		{"without the right", viewer, "PUT", july("GFLX0002", 1, 2), `{"type":"booked"}`, 403, ``},
		{"who may read", viewer, "GET", july("GFLX0002", 1, 2), "", 200, ``},
		{"order", channel, "GET", july("GFLX0001", 3, 2), "", 400, ``},
		{"no date", channel, "GET", "/units/GFLX0001/days?from=2027-02-30&to=2027-07-01", "", 400, ``},
		{"no window", channel, "GET", "/units/GFLX0001/days", "", 400, ``},
		{
			"a parameter", channel, "GET", july("GFLX0001", 1, 2) + "&until=3", "", 400,
			`"detail":"There is no parameter \"until\" here: from, to, replaces are."`,
		},
		{"a type", channel, "PUT", one, `{"type":"rented"}`, 400, ``},
		{"available is DELETE", channel, "PUT", one, `{"type":"available"}`, 400, ``},
		{
			"an unknown field", channel, "PUT", one, `{"type":"booked","guest":"x"}`, 400,
			`"detail":"The body has an unknown field: \"guest\"."`,
		},
		{"a reference", channel, "PUT", one, `{"type":"booked","ref":"` + strings.Repeat("é", 201) + `"}`, 400, ``},
		{"a control character", channel, "PUT", one, `{"type":"booked","ref":"a\u0000b"}`, 400, ``},
		{"a method", channel, "POST", one, `{}`, 405, ``},
		{"a path", channel, "GET", "/nothing", "", 404, ``},
	} {
		code, got := f.rest(c.who, c.method, c.path, c.body)
		f.want(c.name, c.status, c.want, code, got)
	}
	notices, err := f.ledger.Notices(t.Context())
	if f.must(err); len(notices) != 2 {
		t.Errorf("notices %+v", notices)
	}
}

// TestRules: a unit's rules are told and enforced; what closes days or frees them is not held to them.
func TestRules(t *testing.T) {
	f := newFixture(t, `{}`)
	first := stays.Date(2027, time.July, 1)
	f.must(f.ledger.SetRules(t.Context(), "GFLX0001", []stays.Rule{
		{Range: stays.Range{From: first, To: first + 31}, MinStay: 7, Arrivals: []time.Weekday{time.Saturday}},
	}))
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{
			"told", "GET", july("GFLX0001", 20, 21), "", 200,
			`"rules":[{"from":"2027-07-01","to":"2027-07-31","min_stay":7,"arrival_days":["saturday"]}]`,
		},
		{
			"short", "PUT", july("GFLX0001", 3, 8), `{"type":"booked"}`, 422,
			`"type":"urn:carillon:problem:min-stay","min_stay":7,"detail":"A stay must be of at least 7 nights."`,
		},
		{
			"a Sunday", "PUT", july("GFLX0001", 4, 12), `{"type":"booked"}`, 422,
			`"type":"urn:carillon:problem:arrival-day","arrival_days":["saturday"]`,
		},
		{"as asked", "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, 200, ``},
		{"closing", "PUT", july("GFLX0001", 20, 20), `{"type":"unavailable"}`, 200, ``},
		{"freeing", "DELETE", july("GFLX0001", 20, 20), ``, 200, ``},
	} {
		code, got := f.rest(channel, c.method, c.path, c.body)
		f.want(c.name, c.status, c.want, code, got)
	}
}

// TestKeys: a request that is sent again with its key is made once, also at the same time.
func TestKeys(t *testing.T) {
	f := newFixture(t, `{}`)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			code, got := f.rest(channel, "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, "Idempotency-Key", "k1")
			f.want("a repeat", 200, `"change":1`, code, got)
		})
	}
	wg.Wait()
	if f.log() != "1 GFLX0001 2027-07-03 to 2027-07-09 booked channel" {
		t.Error(f.log())
	}
	code, got := f.rest(channel, "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, "Idempotency-Key", "k1")
	f.want("later", 200, `"change":1,"repeated":true`, code, got)
	code, got = f.rest(channel, "PUT", july("GFLX0001", 3, 8), `{"type":"booked"}`, "Idempotency-Key", "k1")
	f.want("another request", 422, `"type":"urn:carillon:problem:key-taken"`, code, got)
	code, got = f.rest(channel, "PUT", july("GFLX0001", 3, 8), `{"type":"booked"}`, "Idempotency-Key",
		strings.Repeat("k", 201))
	f.want("a long key", 400, ``, code, got)
	f.now = f.now.AddDate(1, 6, 0)
	code, got = f.rest(channel, "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, "Idempotency-Key", "k1")
	f.want("when the days have gone by", 200, `"change":1,"repeated":true`, code, got)
	code, got = f.rest(channel, "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, "Idempotency-Key", "k2")
	f.want("another one then", 422, `"type":"urn:carillon:problem:past"`, code, got)
}

// TestConditionsAreRefused: a change under a condition that is not looked at would be made all the same.
func TestConditionsAreRefused(t *testing.T) {
	f := newFixture(t, `{}`)
	for _, header := range [][2]string{
		{"If-Match", `"x"`}, {"If-None-Match", "*"}, {"If-Unmodified-Since", "Fri, 27 Nov 2026 00:00:00 GMT"},
	} {
		for method, body := range map[string]string{"PUT": `{"type":"booked"}`, "DELETE": ""} {
			code, got := f.rest(channel, method, july("GFLX0001", 3, 9), body, header[0], header[1])
			f.want(method+" "+header[0], 400, ``, code, got)
		}
	}
	if f.log() != "" {
		t.Error(f.log())
	}
}

// TestETags: who has an answer is told so until a fact in it changes.
func TestETags(t *testing.T) {
	f := newFixture(t, `{}`)
	for _, path := range []string{
		july("GFLX0001", 1, 31), "/availability?from=2027-07-01&to=2027-07-31", "/changes?after=0",
	} {
		etag := f.send(channel, "GET", "/stays/v1"+path, "").Header().Get("ETag")
		if code, _ := f.rest(channel, "GET", path, "", "If-None-Match", etag); code != http.StatusNotModified || etag == "" {
			t.Errorf("%s: %d with the ETag %q", path, code, etag)
		}
		f.now = f.now.Add(time.Minute)
		f.add(channel, "GFLX0001", "2027-07-03", "2027-07-09",
			map[bool]string{true: "booked", false: "unavailable"}[path[1] == 'u'])
		if code, _ := f.rest(channel, "GET", path, "", "If-None-Match", etag); code != http.StatusOK {
			t.Errorf("%s: %d after a change", path, code)
		}
	}
}

// TestLists: units and availability come in pages, each unit once, and only the partner's.
func TestLists(t *testing.T) {
	f := newFixture(t, `{}`)
	f.add(channel, "GFLX0002", "2027-07-03", "2027-07-04", "booked")
	f.add(portal, "GFLX0002", "2027-07-05", "2027-07-06", "booked")
	for _, c := range []struct {
		who, path string
		status    int
		want      string
	}{
		{
			channel, "/units?limit=2", 200,
			`"units":[{"unit":"GFLX0001","name":"Gîte","capacity":4,"listed":true},{"unit":"GFLX0002","name":"Gîte","capacity":4,"listed":true}],"next":"GFLX0002"`,
		},
		{
			channel, "/units?limit=2&after=GFLX0002", 200,
			`"units":[{"unit":"GFLX0003","name":"Gîte","capacity":4,"listed":true}]`,
		},
		{single, "/units", 200, `"units":[{"unit":"GFLX0001","name":"Gîte","capacity":4,"listed":true}]`},
		{channel, "/units?limit=0", 400, ``},
		{
			channel, "/availability?from=2027-07-04&to=2027-07-31", 200,
			`"from":"2027-07-04","to":"2027-07-31","units":[{"unit":"GFLX0001","held":[]},{"unit":"GFLX0002","held":[{"from":"2027-07-04","to":"2027-07-06","type":"booked"}]},{"unit":"GFLX0003","held":[]}]`,
		},
		{
			channel, "/availability?from=2027-07-04&to=2027-07-31&limit=1&after=GFLX0001", 200,
			`"units":[{"unit":"GFLX0002","held":[{"from":"2027-07-04","to":"2027-07-06","type":"booked"}]}],"next":"GFLX0002"`,
		},
		{
			channel, "/availability?from=2027-07-04&to=2027-07-31&unit=GFLX0003&unit=GFLX0001", 200,
			`"units":[{"unit":"GFLX0001","held":[]},{"unit":"GFLX0003","held":[]}]`,
		},
		{single, "/availability?from=2027-07-04&to=2027-07-31&unit=GFLX0002", 200, `"units":[]`},
	} {
		code, got := f.rest(c.who, "GET", c.path, "")
		f.want(c.path, c.status, c.want, code, got)
		if strings.Contains(c.path, "after=GFLX0002") && got["next"] != nil {
			t.Errorf("%s has a next page: %v", c.path, got["next"])
		}
	}
}

// TestChanges: the log is read from a number on; beyond the newest it is empty; what is not the partner's is passed
// over.
func TestChanges(t *testing.T) {
	f := newFixture(t, `{}`)
	code, got := f.rest(channel, "GET", "/changes?after=0", "")
	f.want("nothing yet", 200, `"changes":[],"last":0,"more":false`, code, got)
	f.add(channel, "GFLX0001", "2027-07-03", "2027-07-04", "booked")
	f.add(portal, "GFLX0002", "2027-07-05", "2027-07-06", "unavailable")
	code, got = f.rest(channel, "GET", "/changes?after=0&limit=1", "")
	f.want("a page", 200, `"changes":[{"change":1,"unit":"GFLX0001","from":"2027-07-03","to":"2027-07-04","type":"booked","holder":"you","at":"2027-03-01T23:30:00Z"}],"last":1,"more":true`, code, got)
	code, got = f.rest(channel, "GET", "/changes?after=1&limit=1", "")
	f.want("the last page", 200,
		`"changes":[{"change":2,"unit":"GFLX0002","from":"2027-07-05","to":"2027-07-06","type":"unavailable","holder":"partner","at":"2027-03-01T23:30:00Z"}],"last":2,"more":false`, code, got)
	for _, after := range []string{"2", "3", "900"} {
		code, got = f.rest(channel, "GET", "/changes?after="+after, "")
		f.want("beyond", 200, `"changes":[],"last":`+after, code, got)
	}
	code, got = f.rest(single, "GET", "/changes?after=1", "")
	f.want("not the partner's", 200, `"changes":[],"last":2,"more":false`, code, got)
	id, _ := got["ledger"].(string)
	code, got = f.rest(channel, "GET", "/changes?after=1&ledger="+id, "")
	f.want("the same ledger", 200, `"last":2`, code, got)
	f.must(migrations.Renew(t.Context(), f.db, time.Now()))
	code, got = f.rest(channel, "GET", "/changes?after=1&ledger="+id, "")
	f.want("a restored one", 409, `"type":"urn:carillon:problem:other-ledger"`, code, got)
	for _, q := range []string{"after=-1", "after=x", "limit=0", "limit=2001", "wait=26", "from=1"} {
		if code, got := f.rest(channel, "GET", "/changes?"+q, ""); code != http.StatusBadRequest {
			t.Errorf("%s: %d %v", q, code, got)
		}
	}
}

// TestWaiting: a request waits for the next change; a partner's fifth does not.
func TestWaiting(t *testing.T) {
	f := newFixture(t, `{}`)
	type answer struct {
		code int
		got  map[string]any
	}
	answers := make(chan answer)
	for range 5 {
		go func() {
			code, got := f.rest(channel, "GET", "/changes?after=0&wait=25", "")
			answers <- answer{code, got}
		}()
	}
	if a := <-answers; a.code != http.StatusTooManyRequests {
		t.Fatalf("one of five: %d %v", a.code, a.got)
	}
	if code, _ := f.rest(portal, "GET", "/changes?after=0", ""); code != http.StatusOK {
		t.Errorf("another partner: %d", code)
	}
	f.add(portal, "GFLX0001", "2027-07-03", "2027-07-04", "booked")
	for range 4 {
		a := <-answers
		f.want("the change", 200, `"last":1`, a.code, a.got)
	}
	code, got := f.rest(channel, "GET", "/changes?after=1&wait=1", "")
	f.want("nothing came", 200, `"changes":[],"last":1`, code, got)
}

// TestAnotherProcess: a change that another process makes is seen by those who wait.
func TestAnotherProcess(t *testing.T) {
	f := newFixture(t, `{}`)
	other, err := ledger.Open(t.Context(), f.db, time.Now)
	f.must(err)
	done := make(chan map[string]any)
	go func() {
		_, got := f.rest(channel, "GET", "/changes?after=0&wait=25", "")
		done <- got
	}()
	time.Sleep(50 * time.Millisecond)
	day := stays.Date(2027, time.July, 1)
	_, err = other.Change(t.Context(), ledger.Order{Request: stays.Request{
		Unit: "GFLX0001", Range: stays.Through(day, day), Type: stays.Booked, Origin: "owner:1",
	}})
	f.must(err)
	f.want("seen", 200, `"last":1`, 200, <-done)
}
