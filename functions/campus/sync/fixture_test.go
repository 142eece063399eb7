package sync_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

const (
	leaCalendar  = "64229d018723a1000e07da01"
	hugoCalendar = "64229d018723a1000e07da02"
	ecalKey      = "key-k"
	ecalSecret   = "secret-s"
)

// monday is a day of school, two weeks before the clocks go back.
var monday = time.Date(2026, 10, 12, 6, 0, 0, 0, time.UTC)

// A fixture is a school and an ECAL account, and the function over a database.
type fixture struct {
	t      testing.TB
	now    time.Time
	school *wigor.Server
	ecal   *ecal.Server
	server *httptest.Server
	dir    string
	db     *machine.DB
	h      http.Handler
	file   map[string]any // campus.json

	mu        gosync.Mutex
	calls     []string // to the outside, in order: method and path
	onCall    func(n int, done bool)
	inFlight  int
	published []campus.SyncMessage
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: monday, dir: t.TempDir()}
	now := func() time.Time { return f.now }
	var err error
	if f.school, err = wigor.New(sim.Options{Now: now, Prefix: "/sim/wigor"}); err != nil {
		t.Fatal(err)
	}
	if f.ecal, err = ecal.New(sim.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/sim/wigor/", http.StripPrefix("/sim/wigor", f.school))
	mux.Handle("/sim/ecal/", http.StripPrefix("/sim/ecal", f.ecal))
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.inFlight++
		f.mu.Unlock()
		defer func() { f.mu.Lock(); f.inFlight--; f.mu.Unlock() }()
		f.mu.Lock()
		f.calls = append(f.calls, r.Method+" "+r.URL.Path)
		n, on := len(f.calls), f.onCall
		f.mu.Unlock()
		if on != nil {
			on(n, false)
		}
		mux.ServeHTTP(w, r)
		if on != nil {
			on(n, true)
		}
	}))
	t.Cleanup(f.server.Close)
	for _, name := range []string{"lea", "hugo"} {
		if err := f.school.AddStudent(name, name+"-password", "B3 DS"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.ecal.AddAccount(ecal.Account{Key: ecalKey, Secret: ecalSecret},
		map[string]string{leaCalendar: "Lea", hugoCalendar: "Hugo"}); err != nil {
		t.Fatal(err)
	}
	f.file = map[string]any{"instances": []any{f.instance("lea", leaCalendar)}}
	f.open(f.dir)
	return f
}

func (f *fixture) instance(name, calendar string) map[string]any {
	return map[string]any{
		"instance_name": name, "moncampus_username": name, "moncampus_password": name + "-password",
		"moncampus_start_date": "-7d", "moncampus_end_date": "+180d",
		"moncampus_host": f.server.URL + "/sim/wigor", "moncampus_cas_url": f.server.URL + "/sim/wigor/cas/login",
		"ecal_url": f.server.URL + "/sim/ecal/apiv2", "ecal_api_key": ecalKey, "ecal_api_secret": ecalSecret,
		"ecal_calendar_id": calendar,
	}
}

// close ends what a property's next try would otherwise have beside it.
func (f *fixture) close() {
	f.server.CloseClientConnections()
	f.server.Close()
	_ = f.db.Close()
}

// settle waits for the calls that a run has given up: the neighbours still answer them.
func (f *fixture) settle() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		f.mu.Lock()
		n := f.inFlight
		f.mu.Unlock()
		if n == 0 {
			return
		}
	}
}

// called is how many calls were made; one that the run has given up may still be on its way.
func (f *fixture) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// lea is her instance in campus.json; configure writes the file.
func (f *fixture) lea() map[string]any {
	return f.file["instances"].([]any)[0].(map[string]any)
}

func (f *fixture) open(dir string) {
	f.t.Helper()
	var err error
	if f.db, err = machine.Open(context.Background(), dir); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = f.db.Close() })
	f.configure()
	settings, err := campus.LoadSettings(f.db.Bucket("config"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.h = sync.New(sync.Config{
		Settings: settings, State: f.db.Bucket("state"), Publisher: f, Now: func() time.Time { return f.now },
	})
}

// configure writes campus.json.
func (f *fixture) configure() {
	f.t.Helper()
	data, err := json.Marshal(f.file)
	if err != nil {
		f.t.Fatal(err)
	}
	bucket := f.db.Bucket("config")
	doc, _ := bucket.Get(context.Background(), campus.SettingsFile)
	if _, err := bucket.Put(context.Background(), campus.SettingsFile, doc.Generation, data, nil); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) Publish(_ context.Context, _ string, m messages.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var msg campus.SyncMessage
	_ = json.Unmarshal(m.Data, &msg)
	f.published = append(f.published, msg)
	return nil
}

// push delivers a message of the topic, published now.
func (f *fixture) push(instance string) int { return f.pushAt(instance, f.now) }

func (f *fixture) pushAt(instance string, published time.Time) int {
	return f.pushIn(context.Background(), instance, published)
}

// pushIn delivers a message within a context.
func (f *fixture) pushIn(ctx context.Context, instance string, published time.Time) int {
	data, _ := json.Marshal(campus.SyncMessage{Instance: instance})
	body, _ := json.Marshal(messages.Delivery{
		Message: messages.Pushed{ID: "1", PublishTime: published, Message: messages.Message{Data: data}},
	})
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body)))
	f.settle()
	return w.Code
}

// call makes a request to the function and returns its status and body.
func (f *fixture) call(method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	f.settle()
	return w.Code, w.Body.String()
}

// sync runs lea by hand; body are further fields of the request.
func (f *fixture) sync(body ...string) campus.Run {
	f.t.Helper()
	fields := append([]string{`"instance":"lea"`}, body...)
	code, answer := f.call(http.MethodPost, "/sync", "{"+strings.Join(fields, ",")+"}")
	if code != http.StatusOK {
		f.t.Fatalf("POST /sync answered %d: %s", code, answer)
	}
	lines := bufio.NewScanner(strings.NewReader(answer))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l sync.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			f.t.Fatal(err)
		}
		if l.Run != nil {
			return *l.Run
		}
	}
	f.t.Fatalf("the stream has no run: %s", answer)
	return campus.Run{}
}

// scheduled runs lea as the schedule does.
func (f *fixture) scheduled() campus.Run {
	f.t.Helper()
	if code := f.push("lea"); code != http.StatusNoContent {
		f.t.Fatalf("the message was answered %d", code)
	}
	return *f.state("lea").Run
}

func (f *fixture) state(name string) campus.State {
	f.t.Helper()
	state, _, err := documents.Load[campus.State](context.Background(), f.db.Bucket("state"), campus.StateName(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return state
}

func (f *fixture) put(lessons ...wigor.Lesson) {
	f.t.Helper()
	if err := f.school.Put("lea", lessons...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) cancel(ids ...int64) {
	f.t.Helper()
	if err := f.school.Remove("lea", ids...); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) fault(set *faults.Set, fault faults.Fault) {
	f.t.Helper()
	if _, err := set.Add(fault); err != nil {
		f.t.Fatal(err)
	}
}

// lesson is lesson n: on the n-th day after monday from 10:00 to 12:00 in Paris.
func lesson(n int) wigor.Lesson {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	start := time.Date(monday.Year(), monday.Month(), monday.Day()+n, 10, 0, 0, 0, paris)
	return wigor.Lesson{
		ID: int64(9_000_000 + n), Title: fmt.Sprintf("Cours %d", n), Rooms: "BB-205(BALMA B)", Teacher: "ENSEIGNANT 01",
		Mode: "Présentiel", Start: start, End: start.Add(2 * time.Hour),
	}
}

func lessons(from, until int) []wigor.Lesson {
	var all []wigor.Lesson
	for n := from; n < until; n++ {
		all = append(all, lesson(n))
	}
	return all
}

// shows are lea's events in ECAL: date, time, title.
func (f *fixture) shows() []string { return shown(f.ecal.Events(leaCalendar)) }

func shown(events []ecal.Event) []string {
	list := make([]string, 0, len(events))
	for _, e := range events {
		list = append(list, e.StartDate+" "+e.StartTime+"-"+e.EndTime+" "+e.Name+" @"+e.Location)
	}
	slices.Sort(list)
	return list
}

// wants are the lessons as ECAL should show them, each once whatever numbers it has; their rooms are those of lesson.
func wants(all ...wigor.Lesson) []string {
	paris, _ := time.LoadLocation("Europe/Paris")
	list := make([]string, 0, len(all))
	for _, l := range all {
		list = append(list, l.Start.In(paris).Format("2006-01-02 15:04")+"-"+l.End.In(paris).Format("15:04")+" "+
			l.Title+" @BB-205 (BALMA B)")
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func (f *fixture) agrees(all ...wigor.Lesson) {
	f.t.Helper()
	if got, want := f.shows(), wants(all...); !slices.Equal(got, want) {
		f.t.Errorf("ECAL shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func (f *fixture) counts() string {
	c := f.ecal.Counts()
	return fmt.Sprintf("%d created, %d updated, %d deleted", c[http.MethodPost], c[http.MethodPut],
		c[http.MethodDelete])
}

// does reports a run's counts.
func does(r campus.Run) string {
	text := fmt.Sprintf("+%d ~%d -%d =%d held %d verified %v", r.Created, r.Updated, r.Deleted,
		r.Unchanged, r.HeldBack, r.Verified)
	if r.Fault != nil {
		text += " " + r.Fault.Code
	}
	return text
}

func (f *fixture) did(r campus.Run, want string) {
	f.t.Helper()
	if got := does(r); got != want {
		detail := ""
		if r.Fault != nil {
			detail = r.Fault.Detail
		}
		f.t.Errorf("the run did %s (%s), want %s", got, detail, want)
	}
}
