package relay_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/bridges/stays/staystest"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A fixture is the function with a ledger: one unit of an owner who reads French, and two partners.
type fixture struct {
	*testing.T

	ledger  *ledger.Ledger
	handler http.Handler
	config  relay.Config
	outbox  *outbox
	now     time.Time
}

func newFixture(t *testing.T, settings map[string]any) *fixture {
	t.Helper()
	f := &fixture{T: t, outbox: new(outbox), now: time.Now()}
	data, err := json.Marshal(settings)
	f.must(err)
	now := func() time.Time { return f.now }
	parts := staystest.Open(t, data, now)
	f.ledger = parts.Ledger
	f.must(f.ledger.PutOwners(t.Context(), []ledger.Owner{
		{ID: 1, Name: "A.", Email: "owner@example.org", Language: "fr"},
	}))
	f.must(f.ledger.PutUnits(t.Context(), []ledger.Unit{{Unit: "GFLX0001", Owner: 1, Listed: true}}))
	for _, name := range []string{"channel", "portal"} {
		f.must(f.ledger.PutPartner(t.Context(), ledger.Partner{Name: name, All: true, Email: name + "@example.org"}))
	}
	f.config = relay.Config{Settings: parts.Settings, Ledger: f.ledger, Publisher: f.outbox, Now: now, PrivateHooks: true}
	f.handler = relay.New(f.config)
	return f
}

// newMailFixture is a fixture with a mailbox, in English.
func newMailFixture(t *testing.T) (*fixture, *mailtest.Server) {
	t.Helper()
	mail := mailtest.Start(t)
	return newFixture(t, map[string]any{"smtp": mail.Settings("office@example.org"), "locale": "en"}), mail
}

// receiverOf is the name in the address of an e-mail's receiver.
func receiverOf(mail string) string {
	_, to, _ := strings.Cut(mail, "\nTo: <")
	name, _, _ := strings.Cut(to, "@")
	return name
}

// public is the function as it is where hooks must be public.
func (f *fixture) public() http.Handler {
	cfg := f.config
	cfg.PrivateHooks = false
	return relay.New(cfg)
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// take has portal take a day of channel's.
func (f *fixture) take() {
	f.Helper()
	day := stays.Date(2027, time.July, 3)
	for _, r := range []stays.Request{
		{Unit: "GFLX0001", Range: stays.Through(day, day+2), Type: stays.Booked, Origin: "partner:channel", Overwrite: true},
		{Unit: "GFLX0001", Range: stays.Through(day+1, day+1), Type: stays.Booked, Origin: "partner:portal", Overwrite: true},
	} {
		_, err := f.ledger.Change(f.Context(), ledger.Order{Request: r})
		f.must(err)
	}
}

// send makes a request, and decodes the answer.
func (f *fixture) send(method, path, body string, into any) int {
	f.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequestWithContext(f.Context(), method, path, strings.NewReader(body)))
	if into != nil {
		f.must(json.Unmarshal(w.Body.Bytes(), into))
	}
	return w.Code
}

// minute is what the scheduler's message does.
func (f *fixture) minute() {
	f.Helper()
	if code := f.deliver(messages.Message{Attributes: messages.OfKind(messages.KindAll)}); code != http.StatusNoContent {
		f.Fatalf("answered %d", code)
	}
}

func (f *fixture) untold() int {
	f.Helper()
	var s relay.Status
	f.send(http.MethodGet, "/status", "", &s)
	return len(s.Untold)
}

// TestOverwritesAreTold: the owner in his language and the partner that lost days get an e-mail, once; a mail server
// that refuses is tried again, and until then the status lists the loss.
func TestOverwritesAreTold(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	f.take()
	mail.Refuse(true)
	f.minute()
	if f.untold() != 1 {
		t.Error("what could not be sent is not listed")
	}
	mail.Refuse(false)
	f.minute()
	f.minute()
	all := strings.Join(mail.Want(t, 2), "\n")
	for _, part := range []string{
		"owner@example.org", "GFLX0001 : du 2027-07-04 au 2027-07-04, par partner:portal (changement 2)",
		"channel@example.org", "GFLX0001: 2027-07-04 to 2027-07-04, by another partner (change 2)",
	} {
		if !strings.Contains(all, part) {
			t.Errorf("no e-mail has %q:\n%s", part, all)
		}
	}
	if strings.Contains(all, "portal@example.org") {
		t.Errorf("who took the days is written to:\n%s", all)
	}
	if f.untold() != 0 {
		t.Error("what was told is still listed")
	}
}

// TestUndoneCancellationIsTold: the partner whose booking is back gets an e-mail, and so does the owner, unless it was
// he who has undone the cancellation.
func TestUndoneCancellationIsTold(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	day := stays.Date(2027, time.July, 3)
	undone := func(by stays.Origin) {
		for _, typ := range []stays.Type{stays.Booked, stays.Available} {
			r, err := f.ledger.Change(t.Context(), ledger.Order{Request: stays.Request{
				Unit: "GFLX0001", Range: stays.Through(day, day+2), Type: typ, Origin: "partner:channel",
			}})
			f.must(err)
			if typ == stays.Available {
				_, err := f.ledger.Undo(t.Context(), r.Number, by)
				f.must(err)
			}
		}
	}
	undone("owner:1")
	if f.untold() != 1 {
		t.Error("the booking that is back is not listed")
	}
	f.minute()
	all := mail.Want(t, 1)
	for _, part := range []string{
		"channel@example.org", "GFLX0001: 2027-07-03 to 2027-07-05, by the owner (change 3)", "days are held again",
	} {
		if !strings.Contains(all[0], part) {
			t.Errorf("no %q in %s", part, all[0])
		}
	}
	undone(stays.Staff)
	f.minute()
	if all := strings.Join(mail.Want(t, 3), "\n"); !strings.Contains(all, "owner@example.org") {
		t.Errorf("the owner is not told of the staff's undoing: %s", all)
	}
	if f.untold() != 0 {
		t.Error("what was told is still listed")
	}
}

// TestUndoneOverwriteIsTold: who loses the days and who has them again each get one e-mail, and the owner one in all.
func TestUndoneOverwriteIsTold(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	f.take()
	f.minute()
	before := len(mail.Mails())
	_, err := f.ledger.Undo(t.Context(), 2, stays.Staff)
	f.must(err)
	var list []relay.KnownOwner
	if f.send(http.MethodGet, "/owners", "", &list); list[0].Units[0].Conflicts != 1 {
		t.Errorf("%d conflicts of one change", list[0].Units[0].Conflicts)
	}
	f.minute()
	subjects := map[string]string{}
	for _, m := range mail.Want(t, before+3)[before:] {
		_, subject, _ := strings.Cut(m, "Subject: ")
		subject, _, _ = strings.Cut(subject, "\r\n")
		subjects[receiverOf(m)] += subject
	}
	if !strings.HasSuffix(subjects["channel"], "days are held again") ||
		!strings.HasSuffix(subjects["portal"], "days were taken back or taken over") || subjects["owner"] == "" {
		t.Errorf("%q", subjects)
	}
	before += 3
	// what a partner has made of its own booking is undone: its days are as they were, and none is lost
	r, err := f.ledger.Change(t.Context(), ledger.Order{Request: stays.Request{
		Unit: "GFLX0001", Range: stays.Through(stays.Date(2027, time.July, 3), stays.Date(2027, time.July, 3)),
		Type: stays.Unavailable, Origin: "partner:channel",
	}})
	f.must(err)
	_, err = f.ledger.Undo(t.Context(), r.Number, stays.Staff)
	f.must(err)
	f.minute()
	for _, m := range mail.Want(t, before+2)[before:] {
		if strings.Contains(m, "taken back") || strings.Contains(m, "ont été repris") {
			t.Errorf("nobody has lost days: %s", m)
		}
	}
}

// TestOneEmailForMany: what a receiver lost since the last minute is in one e-mail, its own days alone.
func TestOneEmailForMany(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	for range 55 { // of the 109 losses 55 are channel's
		f.take()
	}
	f.minute()
	lines := map[string]int{}
	for _, m := range mail.Want(t, 4) { // the owner's 109 do not fit into one
		lines[receiverOf(m)] += strings.Count(m, "- GFLX0001")
	}
	want := map[string]int{"owner": 109, "channel": 55, "portal": 54}
	if left := f.untold(); left != 0 || !maps.Equal(lines, want) {
		t.Errorf("e-mails name %v, want %v; %d are left", lines, want, left)
	}
}

// TestOneAddressFails: who was told is not told again because another's address fails.
func TestOneAddressFails(t *testing.T) {
	t.Parallel()
	f, mail := newMailFixture(t)
	f.must(f.ledger.PutPartner(t.Context(), ledger.Partner{Name: "channel", All: true, Email: "not an address"}))
	f.take()
	for range 3 {
		f.minute()
	}
	if all := mail.Want(t, 1); !strings.Contains(all[0], "owner@example.org") {
		t.Errorf("%q", all)
	}
	if f.untold() != 1 {
		t.Error("who was not told is not listed")
	}
}

// TestWithoutMailbox: what nobody can be told stays listed.
func TestWithoutMailbox(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.take()
	f.minute()
	if f.untold() != 1 {
		t.Error("the loss is forgotten")
	}
}

// TestOperatorsFaults: what is wrong with a request is said.
func TestOperatorsFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/changes/7/undo", "", 404},
		{"POST", "/changes/x/undo", "", 404},
		{"GET", "/changes?since=yesterday", "", 400},
		{"GET", "/changes?limit=0", "", 400},
		{"PUT", "/units", `{"units":[{"unit":""}]}`, 400},
		{"PUT", "/units", `{"units":[{"unit":"X","owner":9}]}`, 400},
		{"DELETE", "/units/NONE0001", "", 404},
		{"DELETE", "/units/GFLX0001", "", 409},
		{"PUT", "/partners/a:b", `{"all_units":true}`, 400},
		{"PUT", "/partners/a", `{"all_units":true,"units":["X"]}`, 400},
		{"POST", "/partners/nobody/secrets", ``, 404},
		{"POST", "/partners/channel/secrets", `{"hours":-1}`, 400},
		{"DELETE", "/partners/nobody", ``, 404},
		{
			"POST", "/import", `{"stays":[{"unit":"X","from":"2027-07-01","to":"2027-07-02","type":"booked","origin":"website"}]}`, 400,
		},
		{
			"POST", "/import", `{"stays":[{"unit":"GFLX0001","from":"2027-07-03","to":"2027-07-02","type":"booked","origin":"website"}]}`, 400,
		},
		{"GET", "/nothing", "", 404},
	} {
		var p struct{ Title string }
		if code := f.send(c.method, c.path, c.body, &p); code != c.status || p.Title == "" {
			t.Errorf("%s %s %s: %d %+v", c.method, c.path, c.body, code, p)
		}
	}
}

func counts(v relay.Imported) [5]int {
	return [5]int{v.Owners, v.Units, v.Stays, v.Unchanged, v.Conflicts}
}

// TestImportKeepsTheLedger: days that the ledger has otherwise stay, and are counted.
func TestImportKeepsTheLedger(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.take()
	const site = `{"stays":[{"unit":"GFLX0001","from":"2027-07-05","to":"2027-07-08","type":"booked","origin":"website"},
		{"unit":"GFLX0001","from":"2027-07-20","to":"2027-07-21","type":"unavailable","origin":"owner:1"}]}`
	for i, want := range []relay.Imported{{Stays: 1, Conflicts: 1}, {Unchanged: 1, Conflicts: 1}} {
		var got relay.Imported
		f.send(http.MethodPost, "/import", site, &got)
		if named := len(got.Conflicting); counts(got) != counts(want) || (named > 0) != (want.Conflicts > 0) {
			t.Errorf("time %d: %+v, want %+v", i+1, got, want)
		}
	}
}

// TestImportOfWhatIsMissing: of a reservation of which the ledger has days otherwise, the others are taken over.
func TestImportOfWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.take() // the 3rd to the 5th
	const site = `{"missing":true,"stays":[
		{"unit":"GFLX0001","from":"2027-07-01","to":"2027-07-08","type":"booked","origin":"website"}]}`
	for i, want := range []relay.Imported{{Stays: 2, Conflicts: 1}, {Conflicts: 1}} {
		var got relay.Imported
		f.send(http.MethodPost, "/import", site, &got)
		if named := len(got.Conflicting); counts(got) != counts(want) || (named > 0) != (want.Conflicts > 0) {
			t.Errorf("time %d: %+v, want %+v", i+1, got, want)
		}
	}
	day := stays.Date(2027, time.July, 1)
	holds, err := f.ledger.Holds(t.Context(), "GFLX0001", stays.Range{From: day, To: day + 8})
	if err != nil || len(holds) != 5 || holds[0].Days() != 2 || holds[4].Days() != 3 || holds[4].Origin != stays.Website {
		t.Errorf("%v, %v", holds, err)
	}
}
