package bookings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/bookings"
	"github.com/carillon-calendar/carillon/infra/bridges/stays/staystest"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// A fixture is the function with a ledger of three units and three partners: channel and portal have all units, owner's
// software one, and may only read another's nothing.
type fixture struct {
	*testing.T

	now     time.Time
	ledger  *ledger.Ledger
	db      *sqldb.DB
	handler http.Handler
}

// Names and secrets of the partners.
const (
	channel = "channel:channel-key"
	portal  = "portal:portal-key"
	single  = "single:single-key" // of GFLX0001 alone
	viewer  = "viewer:viewer-key" // may not write
)

func newFixture(t *testing.T, settings string) *fixture {
	t.Helper()
	t.Parallel()
	f := &fixture{T: t, now: time.Date(2027, 3, 1, 23, 30, 0, 0, time.UTC)} // the 2nd at the cottages
	clock := func() time.Time { return f.now }
	parts := staystest.Open(t, []byte(settings), clock)
	f.ledger, f.db = parts.Ledger, parts.DB
	f.people()
	f.handler = bookings.New(bookings.Config{
		Settings: parts.Settings, Ledger: f.ledger, Wait: 25 * time.Second, Now: clock,
	})
	return f
}

func (f *fixture) people() {
	f.Helper()
	ctx := f.Context()
	units := make([]ledger.Unit, 0, 3)
	for i := range 3 {
		units = append(units, ledger.Unit{Unit: fmt.Sprintf("GFLX000%d", i+1), Name: "Gîte", Listed: true, Capacity: 4})
	}
	f.must(f.ledger.PutUnits(ctx, units))
	both := []string{ledger.RightAdd, ledger.RightView}
	for _, p := range []ledger.Partner{
		{Name: "channel", Rights: both, All: true},
		{Name: "portal", Rights: both, All: true},
		{Name: "single", Rights: both, Units: []string{"GFLX0001"}},
		{Name: "viewer", Rights: []string{ledger.RightView}, All: true},
	} {
		p.Conflicts = ledger.ConflictsRefuse
		f.must(f.ledger.PutPartner(ctx, p))
		f.must(f.ledger.AddSecret(ctx, p.Name, ledger.Secret{ID: p.Name, Hash: secrets.Hash(p.Name + "-key")}, time.Time{}))
	}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// send makes a request as a partner, NAME:SECRET, or as nobody.
func (f *fixture) send(who, method, path, body string, header ...string) *httptest.ResponseRecorder {
	f.Helper()
	r := httptest.NewRequest(method, "https://stays.example.org"+path, strings.NewReader(body)).WithContext(f.Context())
	if name, secret, ok := strings.Cut(who, ":"); ok {
		r.SetBasicAuth(name, secret)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// rest makes a request of the REST API and decodes the answer.
func (f *fixture) rest(who, method, path, body string, header ...string) (int, map[string]any) {
	f.Helper()
	w := f.send(who, method, "/stays/v1"+path, body, header...)
	got := map[string]any{}
	if w.Code != http.StatusNotModified {
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			f.Fatalf("%s %s: %d %q", method, path, w.Code, w.Body)
		}
	}
	return w.Code, got
}

// envelope is a SOAP request around an operation.
func envelope(operation string) string {
	return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` + operation +
		`</s:Body></s:Envelope>`
}

// element is an operation with its unqualified children.
func element(name, children string) string {
	return `<b:` + name + ` xmlns:b="http://affinitic.be/booking">` + children + `</b:` + name + `>`
}

// soap calls an operation as a partner, and returns the answer without its envelope.
func (f *fixture) soap(who, name, children string) (int, string) {
	f.Helper()
	w := f.send(who, http.MethodPost, "/calendar", envelope(element(name, children)), "Content-Type", "text/xml",
		"SOAPAction", `"http://affinitic.be/booking/Operation"`)
	text := w.Body.String()
	const before = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>`
	const after = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
	if !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) ||
		w.Header().Get("Content-Type") != "text/xml; charset=utf-8" {
		f.Fatalf("%s: %d %s", name, w.Code, text)
	}
	return w.Code, text[len(before) : len(text)-len(after)]
}

// tags writes elements of a name and text each.
func tags(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "<%s>%s</%s>", pairs[i], pairs[i+1], pairs[i])
	}
	return b.String()
}

// add books or closes days by SOAP; it must be accepted.
func (f *fixture) add(who, unit, first, last, typ string) {
	f.Helper()
	code, got := f.soap(who, "addBookingRequest",
		tags("cgtId", unit, "startDate", first, "endDate", last, "bookingType", typ))
	if code != http.StatusOK {
		f.Fatalf("%d %s", code, got)
	}
}

// log is the ledger's changes as text.
func (f *fixture) log() string {
	f.Helper()
	changes, err := f.ledger.Changes(f.Context(), ledger.Query{})
	f.must(err)
	lines := make([]string, 0, len(changes))
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%d %s %s %s %s", c.Number, c.Unit, c.Range, c.Type, c.Origin.Name()))
	}
	return strings.Join(lines, "\n")
}
