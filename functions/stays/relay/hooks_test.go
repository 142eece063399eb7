package relay_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A receiver is a partner's server. It answers with status, or 204, and checks signatures by the reference library.
type receiver struct {
	*testing.T

	server *httptest.Server
	hook   relay.Hook

	mu     sync.Mutex
	status int
	got    []string // type, number and unit of what was received and signed
	ids    []string
}

func newReceiver(f *fixture, partner string) *receiver {
	f.Helper()
	r := &receiver{T: f.T, status: http.StatusNoContent}
	r.server = httptest.NewServer(r)
	f.Cleanup(r.server.Close)
	code := f.send(http.MethodPost, "/hooks",
		fmt.Sprintf(`{"partner":%q,"url":%q}`, partner, r.server.URL+"/secret-path"), &r.hook)
	if code != http.StatusCreated || !strings.HasPrefix(r.hook.Secret, "whsec_") {
		f.Fatalf("the hook is answered %d, %+v", code, r.hook)
	}
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	verifier, verr := standardwebhooks.NewWebhook(r.hook.Secret)
	if err != nil || verr != nil {
		r.Error(err, verr)
		return
	}
	if err := verifier.VerifyIgnoringTimestamp(body, req.Header); err != nil {
		r.Errorf("the signature is not right: %v", err)
	}
	var a struct {
		Type string
		Data struct {
			Seq  int64
			Unit string
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		r.Error(err)
	}
	r.got = append(r.got, fmt.Sprint(a.Type, " ", a.Data.Seq, " ", a.Data.Unit))
	r.ids = append(r.ids, req.Header.Get("Webhook-Id"))
	w.WriteHeader(r.status)
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// took returns what was received, and forgets it.
func (r *receiver) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.got
	r.got = nil
	return list
}

func (f *fixture) bookAs(partner string, day stays.Day) {
	f.Helper()
	_, err := f.ledger.Change(f.Context(), ledger.Order{Request: stays.Request{
		Unit: "GFLX0001", Range: stays.Through(day, day), Type: stays.Booked,
		Origin: stays.OriginOf(stays.KindPartner, partner),
	}})
	f.must(err)
}

// TestHooks: a hook is told of what others did, in order, with a signature that the reference library accepts; one that
// fails is tried again later and loses nothing, and delays no other.
func TestHooks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	portal, channel := newReceiver(f, "portal"), newReceiver(f, "channel")
	day := stays.Date(2027, time.July, 3)
	f.bookAs("channel", day)
	f.bookAs("portal", day+1)
	f.bookAs("channel", day+2)
	f.run()
	want := []string{"availability.changed 1 GFLX0001", "availability.changed 3 GFLX0001"}
	if got := portal.took(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, expected %q", got, want)
	}
	if got := channel.took(); len(got) != 1 {
		t.Errorf("%q", got)
	}

	portal.answer(http.StatusInternalServerError)
	f.bookAs("channel", day+3)
	f.bookAs("portal", day+4)
	done := make(chan struct{})
	go func() { defer close(done); f.run() }()
	for end := time.Now().Add(20 * time.Second); len(channel.took()) == 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a hook that fails holds up another")
		}
	}
	f.bookAs("portal", day+5) // while the other one is still being tried
	for end := time.Now().Add(20 * time.Second); len(channel.took()) == 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("news waits for a hook that fails")
		}
	}
	<-done
	portal.mu.Lock()
	tries, ids := len(portal.got), portal.ids[2:]
	portal.mu.Unlock()
	if tries != 4 || ids[0] != ids[3] {
		t.Errorf("it was tried %d times in the run, as %q", tries, ids)
	}
	d := f.destination("hook:" + portal.hook.ID)
	if d.Failing == nil || d.Lag != 3 || !strings.Contains(d.Error, "500") || strings.Contains(d.Error, "secret-path") {
		t.Errorf("%+v", d)
	}
	portal.answer(http.StatusOK)
	portal.took()
	f.run() // it is not its time yet
	if got := portal.took(); len(got) > 0 {
		t.Errorf("%q", got)
	}
	f.now = f.now.Add(2 * time.Minute)
	f.run()
	if got := portal.took(); fmt.Sprint(got) != "[availability.changed 4 GFLX0001]" {
		t.Errorf("%q", got)
	}
	if d := f.destination("hook:" + portal.hook.ID); d.Failing != nil || d.Lag != 0 {
		t.Errorf("%+v", d)
	}
}

// TestHookEnds: 410 ends a hook; days of failures pause it, and the operator is told; resumed, it is told of the newest
// change alone.
func TestHookEnds(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	gone, tired := newReceiver(f, "portal"), newReceiver(f, "portal")
	gone.answer(http.StatusGone)
	day := stays.Date(2027, time.July, 3)
	f.bookAs("channel", day)
	tired.server.Close()
	f.run()
	f.now = f.now.Add(6 * 24 * time.Hour)
	f.run()
	if got := gone.took(); len(got) != 1 {
		t.Errorf("after 410 it was sent %q", got)
	}
	var hooks []relay.Hook
	f.send(http.MethodGet, "/hooks", "", &hooks)
	for _, h := range hooks {
		if (h.Ended != nil) != (h.ID == gone.hook.ID) || h.Secret != "" {
			t.Errorf("%+v", h)
		}
	}
	if d := f.destination("hook:" + tired.hook.ID); !d.Paused {
		t.Errorf("%+v", d)
	}
	if text := strings.Join(mail.Want(t, 1), ""); !strings.Contains(text, tired.hook.ID) ||
		!strings.Contains(text, "office@") {
		t.Errorf("%s", text)
	}
	f.bookAs("channel", day+1)
	f.bookAs("channel", day+2)
	gone.answer(http.StatusOK)
	if code := f.send(http.MethodPost, "/hooks/"+gone.hook.ID+"/resume", "{}", nil); code != http.StatusOK {
		t.Errorf("resume: %d", code)
	}
	f.run()
	if got := gone.took(); fmt.Sprint(got) != "[availability.changed 3 GFLX0001]" {
		t.Errorf("%q", got)
	}
	f.bookAs("portal", day+3) // its own is not announced: resumed again, it gets the newest of the others
	if code := f.send(http.MethodPost, "/hooks/"+gone.hook.ID+"/resume", "{}", nil); code != http.StatusOK {
		t.Errorf("resume: %d", code)
	}
	f.run()
	if got := gone.took(); fmt.Sprint(got) != "[availability.changed 3 GFLX0001]" {
		t.Errorf("%q", got)
	}
	var test struct{ Status int }
	f.send(http.MethodPost, "/hooks/"+gone.hook.ID+"/test", "{}", &test)
	if got := gone.took(); test.Status != http.StatusOK || len(got) != 1 ||
		!strings.HasPrefix(got[0], "availability.test") {
		t.Errorf("%d, %q", test.Status, got)
	}
	if code := f.send(http.MethodDelete, "/hooks/"+gone.hook.ID, "", nil); code != http.StatusNoContent {
		t.Errorf("remove: %d", code)
	}
}

// TestHookRestart: a ledger with another id is announced, under an id of its own.
func TestHookRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	r := newReceiver(f, "portal")
	f.bookAs("channel", stays.Date(2027, time.July, 3))
	f.run()
	f.send(http.MethodPost, "/destinations/hook:"+r.hook.ID+"/export", "{}", nil)
	f.run()
	want := []string{"availability.changed 1 GFLX0001", "availability.restarted 1 "}
	if got := r.took(); fmt.Sprint(got) != fmt.Sprint(want) || r.ids[0] == r.ids[1] {
		t.Errorf("%q as %q", got, r.ids)
	}
}

// TestSlowHook: a destination that failed is retried while a slow hook is still at work.
func TestSlowHook(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	r := newReceiver(f, "portal")
	f.config.Now = time.Now // its next try is due by the real clock
	f.handler = relay.New(f.config)
	release := make(chan struct{})
	r.mu.Lock() // it does not answer
	f.bookAs("channel", stays.Date(2027, time.July, 3))
	f.outbox.refuse(1)
	go func() {
		defer close(release)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-time.After(20 * time.Millisecond) {
			if len(f.outbox.take(stays.TopicNotifications)) > 0 {
				return
			}
		}
		t.Error("the website waits for a hook that does not answer")
	}()
	go func() { <-release; r.mu.Unlock() }()
	f.run()
	<-release
}

// TestClockBack: a failure that a clock ahead has recorded does not hold a destination back.
func TestClockBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.bookAs("channel", stays.Date(2027, time.July, 3))
	f.outbox.refuse(1)
	f.now = f.now.AddDate(1, 0, 0)
	f.run()
	f.now = f.now.AddDate(-1, 0, 0)
	f.run()
	if got := f.outbox.take(stays.TopicNotifications); len(got) != 1 {
		t.Errorf("%d messages", len(got))
	}
}

// TestUnitsStayTogether: what a snapshot has of a unit is one message: it is kept together where the website lacks it.
func TestUnitsStayTogether(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.must(f.ledger.PutUnits(t.Context(), []ledger.Unit{{Unit: "GFLX0002", Listed: true}}))
	today := stays.DayOf(f.now)
	for n := range stays.Day(40) { // with the free days between them more than a message has
		f.bookAs("channel", today+2+2*n)
	}
	f.run()
	f.outbox.take(stays.TopicNotifications)
	f.send(http.MethodPost, "/destinations/site/export", "{}", nil)
	f.run()
	held, of := 0, map[int]bool{}
	for i, m := range f.outbox.take(stays.TopicNotifications) {
		var n stays.Notification
		f.must(json.Unmarshal(m.Data, &n))
		for _, u := range n.Changes {
			if u.Unit == "GFLX0001" {
				of[i] = true
			}
			if u.Type == stays.Booked && u.Origin == "partner:channel" {
				held++
			}
		}
	}
	if held != 40 || len(of) != 1 {
		t.Errorf("%d held days with their origin, in %d messages", held, len(of))
	}
}

// TestHookAddresses: only https, and only public addresses are spoken to.
func TestHookAddresses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.handler = f.public()
	for _, url := range []string{
		"http://example.org/", "https://user:word@example.org/", "ftp://example.org", "", "https://",
	} {
		if code := f.send(http.MethodPost, "/hooks", fmt.Sprintf(`{"partner":"portal","url":%q}`, url),
			nil); code != http.StatusBadRequest {
			t.Errorf("%q is answered %d", url, code)
		}
	}
	var h relay.Hook
	f.send(http.MethodPost, "/hooks", `{"partner":"portal","url":"https://127.0.0.1/hook"}`, &h)
	var test struct{ Error string }
	f.send(http.MethodPost, "/hooks/"+h.ID+"/test", "{}", &test)
	if !strings.Contains(test.Error, "not a public one") {
		t.Errorf("%q", test.Error)
	}
}
