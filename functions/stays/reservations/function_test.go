package reservations_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/bridges/stays/staystest"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A fixture is the function with a ledger of one unit, whose database has the table.
type fixture struct {
	*testing.T

	ledger  *ledger.Ledger
	db      *sqldb.DB
	handler http.Handler
	now     time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	t.Parallel()
	f := &fixture{T: t, now: time.Now()}
	clock := func() time.Time { return f.now }
	parts := staystest.Open(t, []byte(`{}`), clock)
	f.ledger, f.db = parts.Ledger, parts.DB
	f.must(f.ledger.PutUnits(t.Context(), []ledger.Unit{{Unit: "GFLX0001", Listed: true}}))
	f.handler = reservations.New(reservations.Config{
		Settings: parts.Settings, Ledger: f.ledger, Database: f.db, Now: clock,
	})
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// change makes a change in the ledger, of days counted from today.
func (f *fixture) change(unit string, from, to stays.Day, typ stays.Type) stays.Update {
	f.Helper()
	today := stays.DayOf(time.Now())
	r, err := f.ledger.Change(f.Context(), ledger.Order{Request: stays.Request{
		Unit: unit, Range: stays.Through(today+from, today+to), Type: typ, Origin: "partner:channel",
	}, Adopt: true})
	f.must(err)
	return stays.UpdateOf(r.Change)
}

// deliver hands the function updates, or with none the scheduled message.
func (f *fixture) deliver(updates ...stays.Update) int {
	f.Helper()
	d := messages.Delivery{Subscription: "s"}
	d.Message.ID, d.Message.PublishTime = "1", time.Now()
	if updates == nil {
		d.Message.Attributes = messages.OfKind(messages.KindAll)
	} else {
		head, err := f.ledger.Head(f.Context())
		f.must(err)
		d.Message.Data, err = json.Marshal(stays.Notification{
			Version: stays.NotificationVersion, Ledger: head.Ledger, Epoch: head.Epoch, Changes: updates,
		})
		f.must(err)
	}
	return f.send("POST", "/", d, nil)
}

func (f *fixture) send(method, path string, body, into any) int {
	f.Helper()
	data, err := json.Marshal(body)
	f.must(err)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequestWithContext(f.Context(), method, path, strings.NewReader(string(data))))
	if into != nil {
		f.must(json.Unmarshal(w.Body.Bytes(), into))
	}
	return w.Code
}

func (f *fixture) rows() (n int) {
	f.Helper()
	f.must(f.db.Read.QueryRowContext(f.Context(), "SELECT count(*) FROM reservation_proprio").Scan(&n))
	return n
}

func (f *fixture) verify(method, path string) (v reservations.Verification) {
	f.Helper()
	if code := f.send(method, path, struct{}{}, &v); code != http.StatusOK {
		f.Fatalf("%s %s answers %d", method, path, code)
	}
	return v
}

// TestUnknownCottage: what is of a cottage that the website does not have waits, once, and is delivered when it
// appears.
func TestUnknownCottage(t *testing.T) {
	f := newFixture(t)
	known, unknown := f.change("GFLX0001", 5, 6, stays.Booked), f.change("GFLX0009", 5, 7, stays.Booked)
	for range 2 {
		if code := f.deliver(known, unknown); code != http.StatusNoContent {
			t.Fatalf("answered %d", code)
		}
	}
	list, err := f.ledger.Waiting(t.Context())
	f.must(err)
	if len(list) != 1 || list[0].Unit != "GFLX0009" || f.rows() != 2 {
		t.Errorf("%+v wait, the table has %d rows", list, f.rows())
	}
	if v := f.verify("GET", "/verify"); len(v.Unknown) != 1 || v.Differences != 0 || v.Pending != 0 {
		t.Errorf("%+v", v)
	}
	f.deliver()
	if f.rows() != 2 {
		t.Error("it is delivered without its cottage")
	}
	f.must(f.ledger.PutUnits(t.Context(), []ledger.Unit{{Unit: "GFLX0009", Listed: true}}))
	f.deliver()
	if list, err = f.ledger.Waiting(t.Context()); err != nil || len(list) != 0 || f.rows() != 5 {
		t.Errorf("%+v wait, the table has %d rows, %v", list, f.rows(), err)
	}
}

// TestVerify: days that somebody else changed in the table are found and written as the ledger has them; a change that
// is under way is no difference, and its message is not undone by the repair.
func TestVerify(t *testing.T) {
	f := newFixture(t)
	f.deliver(f.change("GFLX0001", 5, 9, stays.Booked))
	if v := f.verify("GET", "/verify"); v.Units != 1 || v.Days < 1000 || v.Differences != 0 || v.Pending != 0 {
		t.Errorf("%+v", v)
	}
	_, err := f.db.Write.ExecContext(t.Context(),
		"DELETE FROM reservation_proprio WHERE res_id IN (SELECT min(res_id) FROM "+
			"reservation_proprio)")
	f.must(err)
	_, err = f.db.Write.ExecContext(t.Context(),
		"INSERT INTO reservation_proprio (res_type, heb_fk, res_date, res_date_cre) "+
			"SELECT 'loue', heb_fk, res_date, res_date_cre FROM reservation_proprio WHERE res_id = (SELECT max(res_id) FROM "+
			"reservation_proprio)")
	f.must(err)
	late := f.change("GFLX0001", 20, 22, stays.Unavailable)
	v := f.verify("GET", "/verify")
	if v.Differences != 2 || v.Pending != 3 || len(v.Differing) != 3 || !v.Differing[1].Double {
		t.Errorf("%+v", v)
	}
	if v := f.verify("POST", "/repair"); v.Repaired != 5 || f.rows() != 8 {
		t.Errorf("%+v, %d rows", v, f.rows())
	}
	f.deliver(late)
	if v := f.verify("GET", "/verify"); v.Differences != 0 || v.Pending != 0 || f.rows() != 8 {
		t.Errorf("%+v, %d rows", v, f.rows())
	}
	if counters, err := f.ledger.Counters(t.Context()); err != nil || counters[ledger.CounterHealed] != 1 {
		t.Errorf("%v, %v", counters, err)
	}
}

// TestLostChange: a published change that does not arrive is a difference after some minutes, and not on its way for
// ever. One that is not published yet is on its way however old it is.
func TestLostChange(t *testing.T) {
	f := newFixture(t)
	f.deliver(f.change("GFLX0001", 5, 6, stays.Booked))
	lost := f.change("GFLX0001", 9, 10, stays.Booked)
	head, err := f.ledger.Head(t.Context())
	f.must(err)
	f.must(f.ledger.StartCursor(t.Context(), ledger.DestinationSite, lost.Number-1))
	f.now = f.now.Add(11 * time.Minute)
	if v := f.verify("GET", "/verify"); v.Pending != 2 || v.Differences != 0 {
		t.Errorf("not published: %+v", v)
	}
	c, err := f.ledger.Cursor(t.Context(), ledger.DestinationSite)
	f.must(err)
	_, err = f.ledger.Advance(t.Context(), c, head.Ledger, lost.Number)
	f.must(err)
	if v := f.verify("GET", "/verify"); v.Pending != 0 || v.Differences != 2 {
		t.Errorf("published: %+v", v)
	}
	f.now = f.now.Add(-10 * time.Minute)
	if v := f.verify("GET", "/verify"); v.Pending != 2 || v.Differences != 0 {
		t.Errorf("a minute after it: %+v", v)
	}
}

// TestTable: the page's reading of the table.
func TestTable(t *testing.T) {
	f := newFixture(t)
	u := f.change("GFLX0001", 5, 9, stays.Booked)
	f.deliver(u)
	var rows []reservations.Row
	path := "/table?from=" + (u.From - 3).String() + "&to=" + (u.From + 1).String()
	if code := f.send("GET", path, nil, &rows); code != http.StatusOK || len(rows) != 1 ||
		rows[0] != (reservations.Row{Unit: "GFLX0001", From: u.From, To: u.From + 1, Type: stays.Booked}) {
		t.Errorf("%d %+v", code, rows)
	}
	for _, path := range []string{
		"/table", "/table?from=2027-01-02&to=2027-01-01", "/table?from=2027-01-01&to=2037-01-01",
	} {
		if code := f.send("GET", path, nil, nil); code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestUnreadable: a message that cannot be read is refused, and changes nothing.
func TestUnreadable(t *testing.T) {
	f := newFixture(t)
	good := f.change("GFLX0001", 5, 6, stays.Booked)
	for name, spoil := range map[string]func(*stays.Update){
		"no unit":    func(u *stays.Update) { u.Unit = "" },
		"no days":    func(u *stays.Update) { u.To = u.From - 1 },
		"other type": func(u *stays.Update) { u.Type = "guess" },
	} {
		bad := good
		spoil(&bad)
		if code := f.deliver(good, bad); code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, code)
		}
	}
	d := messages.Delivery{Subscription: "s"}
	d.Message.ID, d.Message.PublishTime, d.Message.Data = "1", time.Now(), []byte(`{"version":2,"epoch":1,"changes":[]}`)
	if code := f.send("POST", "/", d, nil); code != http.StatusBadRequest {
		t.Errorf("another version: %d", code)
	}
	f.deliver()
	if f.rows() != 0 {
		t.Errorf("%d rows were written", f.rows())
	}
}
