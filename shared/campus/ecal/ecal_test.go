package ecal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	simecal "github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

type vector struct {
	Secret, Body, APISign string
	Query                 map[string]string
}

func vectors(t *testing.T) []vector {
	t.Helper()
	var file struct{ Vectors []vector }
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "ecal"), "sign_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatal(err)
	}
	return file.Vectors
}

func TestRecordedSignatures(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if got := ecal.Sign(v.Secret, v.Query, []byte(v.Body)); got != v.APISign {
			t.Errorf("%v %s: %s, want %s", v.Query, v.Body, got, v.APISign)
		}
	}
}

type fixture struct {
	sim    *simecal.Server
	client *ecal.Client
	url    string
}

const calendar = "64229d018723a1000e07da01"

func newFixture(t *testing.T) *fixture {
	t.Helper()
	simulator, err := simecal.New(sim.Options{
		Now: func() time.Time { return time.Date(2026, 10, 12, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := simulator.AddAccount(simecal.Account{Key: "k", Secret: "s"},
		map[string]string{calendar: "Lea & co"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(simulator)
	t.Cleanup(server.Close)
	address := server.URL + "/apiv2"
	return &fixture{
		simulator, ecal.New(campus.Instance{ECALURL: address + "/", ECALKey: "k", ECALSecret: "s"}), address,
	}
}

func event(n int) campus.Event {
	return campus.Event{
		CalendarID: calendar, Name: "Ça & <là> " + string(rune('a'+n%26)), Location: "x", StartDate: "2026-10-13",
		StartTime: "10:00", EndDate: "2026-10-13", EndTime: "12:00",
		AllDay: "no", TimeZone: "Europe/Paris", Reference: fmt.Sprintf("wigor-%d-x", n),
	}
}

// TestEvents goes through an event's life, with a body that JSON escapes and a signature over exactly it.
func TestEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx := t.Context()
	if list, err := f.client.List(ctx, calendar); err != nil || len(list) != 0 {
		t.Fatalf("an empty calendar: %v, %v", list, err)
	}
	if name, err := f.client.Calendar(ctx, calendar); err != nil || name != "Lea & co" {
		t.Errorf("calendar %q, %v", name, err)
	}
	if _, err := f.client.Calendar(ctx, "nothing"); !errors.Is(err, ecal.ErrNotFound) {
		t.Errorf("an unknown calendar: %v", err)
	}
	made, err := f.client.Create(ctx, event(1))
	if err != nil || made.ID == "" || made.Name != event(1).Name {
		t.Fatalf("created %+v, %v", made, err)
	}
	past := event(2)
	past.StartDate, past.EndDate = "2026-09-01", "2026-09-01"
	if _, err := f.client.Create(ctx, past); err != nil {
		t.Fatal(err)
	}
	if list, err := f.client.List(ctx, calendar); err != nil || len(list) != 2 || list[1].StartTime != "10:00" ||
		list[1].TimeZone != "Europe/Paris" || list[1].CalendarID != calendar {
		t.Errorf("with the past one: %+v, %v", list, err)
	}
	again := event(1)
	again.Name = "Again"
	if got, err := f.client.Create(ctx, again); err != nil || got.ID != made.ID || got.Name != "Again" {
		t.Errorf("a reference that exists: %+v, %v", got, err)
	}
	if _, err := f.client.Update(ctx, "nothing", event(3)); !errors.Is(err, ecal.ErrNotFound) {
		t.Errorf("an update of nothing: %v", err)
	}
	bad := event(4)
	bad.StartTime = "25:00"
	if _, err := f.client.Create(ctx, bad); !errors.Is(err, ecal.ErrInvalid) {
		t.Errorf("a bad time: %v", err)
	}
	for range 2 {
		if err := f.client.Delete(ctx, made.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	wrong := ecal.New(campus.Instance{ECALURL: f.url, ECALKey: "k", ECALSecret: "wrong"})
	if _, err := wrong.List(ctx, calendar); !errors.Is(err, ecal.ErrRefused) || strings.Contains(err.Error(), "apiSign") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// TestPages: exactly full pages end with 204; half a list is an error, never the end.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := range 200 {
		if _, err := f.sim.Put(simecal.Event{
			CalendarID: calendar, Name: "x", Location: "x", StartDate: "2026-10-13", StartTime: "10:00", EndDate: "2026-10-13",
			EndTime: "11:00", TimeZone: "Europe/Paris", Reference: strconv.Itoa(n),
		}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.client.List(t.Context(), calendar)
	if err != nil || len(list) != 200 || f.sim.Counts()[http.MethodGet] != 3 {
		t.Errorf("%d events, %v, %d reads", len(list), err, f.sim.Counts()[http.MethodGet])
	}
	for name, fault := range map[string]faults.Fault{
		"refused": {Status: 403}, "truncated": {Truncate: true}, "odd": {Status: 418},
	} {
		if _, err := f.sim.Faults.Add(fault); err != nil {
			t.Fatal(err)
		}
		if list, err := f.client.List(t.Context(), calendar); err == nil {
			t.Errorf("%s: %d events and no error", name, len(list))
		}
		f.sim.Faults.Clear("")
	}
}

// TestUnknownOutcome: a creation whose answer is lost is looked up, and tried again only when it is not there.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Fault{
		"done_and_lost":     {Method: "POST", LoseAnswer: true, Times: 1},
		"never_arrived":     {Method: "POST", Drop: true, Times: 1},
		"failed_before":     {Method: "POST", Status: 502, Times: 2},
		"limited":           {Method: "POST", Status: 429, Times: 2},
		"answer_broken_off": {Method: "POST", Truncate: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if _, err := f.sim.Faults.Add(fault); err != nil {
				t.Fatal(err)
			}
			got, err := f.client.Create(t.Context(), event(1))
			if events := f.sim.Events(calendar); err != nil || got.ID == "" || len(events) != 1 || events[0].ID != got.ID {
				t.Errorf("%+v, %v; ECAL has %d", got, err, len(events))
			}
		})
	}
}

// TestOtherAnswers: a write that is answered without the event is read; the old spellings of a field are understood.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		switch r.Method {
		case http.MethodPut:
			_, _ = io.WriteString(w, `{"status":"200"}`)
		case http.MethodPost:
			_, _ = io.WriteString(w, `{"data":[{"id":"7","name":"x","startDate":"2026-10-13","allDay":"yes","quickLink":[]}]}`)
		default:
			_, _ = io.WriteString(w, `{"data":{"id":"7","name":"x","startDate":"2026-10-13","allDay":true}}`)
		}
	}))
	t.Cleanup(server.Close)
	client := ecal.New(campus.Instance{ECALURL: server.URL, ECALKey: "k", ECALSecret: "s"})
	made, err := client.Create(t.Context(), event(1))
	if err != nil || made.ID != "7" || made.AllDay != "yes" || calls != 1 {
		t.Errorf("%+v, %v after %d calls", made, err, calls)
	}
	updated, err := client.Update(t.Context(), "7", event(1))
	if err != nil || updated.Name != "x" || updated.AllDay != "yes" || calls != 3 {
		t.Errorf("%+v, %v after %d calls", updated, err, calls)
	}
}

// TestSimulator checks the simulator against the recorded signatures, error bodies and page.
func TestSimulator(t *testing.T) {
	t.Parallel()
	simulator, err := simecal.New(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := simulator.AddAccount(simecal.Account{Key: "123123123", Secret: "API-SECRET", PerSecond: 100},
		map[string]string{"cal1": "One"}); err != nil {
		t.Fatal(err)
	}
	request := func(v vector, sign string) *httptest.ResponseRecorder {
		method, path := http.MethodGet, "/apiv2/event/"
		if v.Body != "" {
			method = http.MethodPost
		}
		q := make([]string, 0, len(v.Query)+1)
		for name, value := range v.Query {
			q = append(q, name+"="+value)
		}
		w := httptest.NewRecorder()
		simulator.ServeHTTP(w, httptest.NewRequest(method, path+"?"+strings.Join(append(q, "apiSign="+sign), "&"),
			strings.NewReader(v.Body)))
		return w
	}
	for _, v := range vectors(t) {
		if w := request(v, v.APISign); w.Code == http.StatusForbidden {
			t.Errorf("the right signature of %v was refused", v.Query)
		}
		if w := request(v, strings.ToUpper(v.APISign)); w.Code != http.StatusForbidden {
			t.Errorf("a wrong signature of %v was answered %d", v.Query, w.Code)
		}
		v.Body += " "
		if w := request(v, v.APISign); v.Body != " " && w.Code != http.StatusForbidden {
			t.Errorf("another body under the same signature was answered %d", w.Code)
		}
	}
	var recordedErrors []struct {
		HTTP int `json:"http"`
		Body map[string]string
	}
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "ecal"), "errors.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &recordedErrors); err != nil {
		t.Fatal(err)
	}
	for _, e := range recordedErrors {
		if e.HTTP < 400 {
			continue
		}
		if _, err := simulator.Faults.Add(faults.Fault{Status: e.HTTP, Times: 1}); err != nil {
			t.Fatal(err)
		}
		w := request(vector{Query: map[string]string{"apiKey": "123123123"}}, "x")
		var got map[string]string
		if err := json.NewDecoder(bytes.NewReader(w.Body.Bytes())).Decode(&got); err != nil || w.Code != e.HTTP ||
			got["status"] != e.Body["status"] || got["statusLong"] != e.Body["statusLong"] {
			t.Errorf("%d: %s, want %v", w.Code, w.Body, e.Body)
		}
	}
	if data, err = os.ReadFile(filepath.Join(recorded.Dir(t, "ecal"), "events_page.json")); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) }))
	defer server.Close()
	page, err := ecal.New(campus.Instance{ECALURL: server.URL, ECALKey: "k", ECALSecret: "s"}).List(t.Context(), "c")
	if err != nil || len(page) != 3 || page[2].AllDay != campus.Yes || page[0].AllDay != campus.No ||
		page[0].Reference != "wigor-9000001" {
		t.Errorf("the recorded page became %+v, %v", page, err)
	}
}

// TestCreationIsSentOnce: nobody knows whether a creation that was answered 5xx was made, so it is looked up by its
// reference before it is sent again.
func TestCreationIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		made bool // although it was answered 500
		want []string
	}{
		"made":     {true, []string{"POST /event/", "PUT /event/wigor-1-x"}},
		"not_made": {false, []string{"POST /event/", "PUT /event/wigor-1-x", "POST /event/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if asked = append(asked, r.Method+" "+strings.TrimPrefix(r.URL.Path, "/apiv2")); len(asked) > 1 {
					f.sim.ServeHTTP(w, r)
					return
				}
				if tt.made {
					f.sim.ServeHTTP(httptest.NewRecorder(), r)
				}
				w.WriteHeader(http.StatusInternalServerError)
			}))
			t.Cleanup(server.Close)
			client := ecal.New(campus.Instance{ECALURL: server.URL + "/apiv2", ECALKey: "k", ECALSecret: "s"})
			got, err := client.Create(t.Context(), event(1))
			if err != nil || got.Name != event(1).Name || !slices.Equal(asked, tt.want) {
				t.Errorf("%+v, %v after %q, want %q", got, err, asked, tt.want)
			}
			if events := f.sim.Events(calendar); len(events) != 1 || events[0].ID != got.ID {
				t.Errorf("ECAL has %+v", events)
			}
		})
	}
}

// TestListHasAllEvents: past ones and drafts are in the calendar too, and would be made a second time if they were left
// out.
func TestListHasAllEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, e := range map[string]simecal.Event{
		"to_come": {StartDate: "2026-10-13"}, "past": {StartDate: "2026-09-01"},
		"draft": {StartDate: "2026-10-14", Draft: 1},
	} {
		e.CalendarID, e.Name, e.Location, e.TimeZone, e.Reference = calendar, name, "x", "Europe/Paris", name
		e.StartTime, e.EndDate, e.EndTime = "10:00", e.StartDate, "11:00"
		if _, err := f.sim.Put(e); err != nil {
			t.Fatal(err)
		}
	}
	list, err := f.client.List(t.Context(), calendar)
	names := map[string]bool{}
	for _, e := range list {
		names[e.Name] = true
	}
	if err != nil || len(names) != 3 || !names["past"] || !names["draft"] {
		t.Errorf("listed %v, %v", names, err)
	}
}
