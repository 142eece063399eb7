package bookings_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// TestWhoIsLetIn: by Basic authentication or with the secret as a bearer token, with each of two secrets, until it
// ends.
func TestWhoIsLetIn(t *testing.T) {
	f := newFixture(t, `{}`)
	ctx := t.Context()
	first, second := secrets.New(), secrets.New()
	f.must(f.ledger.PutPartner(ctx, ledger.Partner{Name: "fresh", Rights: []string{ledger.RightView}, All: true}))
	f.must(f.ledger.AddSecret(ctx, "fresh", ledger.Secret{ID: "1", Hash: secrets.Hash(first)}, time.Time{}))
	f.must(f.ledger.AddSecret(ctx, "fresh", ledger.Secret{ID: "2", Hash: secrets.Hash(second)}, f.now.Add(time.Hour)))
	bearer := func(secret string) int {
		return f.send("", "GET", "/stays/v1/units", "", "Authorization", "Bearer "+secret).Code
	}
	basic := func(secret string) int { return f.send("fresh:"+secret, "GET", "/stays/v1/units", "").Code }
	check := func(name string, secret string, want int) {
		t.Helper()
		if b, s := bearer(secret), basic(secret); b != want || s != want {
			t.Errorf("%s: %d by bearer, %d by Basic, want %d", name, b, s, want)
		}
	}
	check("the old one", first, http.StatusOK)
	check("the new one", second, http.StatusOK)
	f.now = f.now.Add(time.Hour)
	check("the old one, ended", first, http.StatusUnauthorized)
	check("the new one, alone", second, http.StatusOK)
	w := f.send("", "GET", "/stays/v1/units", "")
	if got := strings.Join(w.Header().Values("WWW-Authenticate"), "; "); w.Code != http.StatusUnauthorized ||
		!strings.Contains(got, "Basic realm=") || !strings.Contains(got, "Bearer realm=") {
		t.Errorf("nobody: %d %s", w.Code, got)
	}
}

// TestRevoked: a revoked partner is out within seconds.
func TestRevoked(t *testing.T) {
	f := newFixture(t, `{}`)
	if code := f.send(channel, "GET", "/stays/v1/units", "").Code; code != http.StatusOK {
		t.Fatal(code)
	}
	f.must(f.ledger.Revoke(t.Context(), "channel"))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if f.send(channel, "GET", "/stays/v1/units", "").Code == http.StatusUnauthorized {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("still let in")
		}
	}
}

// TestChosenSecrets: a secret that a person chose is right or wrong; guessing is slowed down, by name and address,
// before anything is computed; whoever has the right one already goes on.
func TestChosenSecrets(t *testing.T) {
	f := newFixture(t, `{}`)
	ctx := t.Context()
	f.must(f.ledger.PutPartner(ctx, ledger.Partner{Name: "old", Rights: []string{ledger.RightView}, All: true}))
	f.must(f.ledger.AddSecret(ctx, "old", ledger.Secret{ID: "1", Hash: secrets.HashChosen("été2012")}, time.Time{}))
	if code := f.send("old:été2012", "GET", "/stays/v1/units", "").Code; code != http.StatusOK {
		t.Fatalf("the right one: %d", code)
	}
	counts := map[int]int{}
	var last *httptest.ResponseRecorder
	for i := range 20 {
		last = f.send("old:guess"+strconv.Itoa(i), "GET", "/stays/v1/units", "")
		counts[last.Code]++
	}
	if wait, err := strconv.Atoi(last.Header().Get("Retry-After")); last.Code != http.StatusTooManyRequests ||
		err != nil || wait < 1 {
		t.Errorf("the twentieth guess: %d, Retry-After %q", last.Code, last.Header().Get("Retry-After"))
	}
	if counts[http.StatusUnauthorized] > 6 {
		t.Errorf("%v", counts)
	}
	if code := f.send("old:été2012", "GET", "/stays/v1/units", "").Code; code != http.StatusOK {
		t.Errorf("the right one, which was known: %d", code)
	}
	if code := f.send(channel, "GET", "/stays/v1/units", "").Code; code != http.StatusOK {
		t.Errorf("another partner at the same address: %d", code)
	}
	began := time.Now()
	for i := range 100 {
		f.send("old:guess"+strconv.Itoa(i), "GET", "/stays/v1/units", "")
	}
	one := time.Now()
	secrets.HashChosen("x")
	if each, hash := one.Sub(began)/100, time.Since(one); each > hash/2 {
		t.Errorf("a guess that is refused takes %s, a hash %s", each, hash)
	}
}

// TestAddresses: in the cloud the address that Google's front end has seen counts; what a client wrote itself does not.
func TestAddresses(t *testing.T) {
	f := newFixture(t, `{}`)
	guess := func(remote, forwarded string) int {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/stays/v1/units", nil)
		r.SetBasicAuth("channel", "guess")
		r.RemoteAddr = remote
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		return w.Code
	}
	many := func(remote string, forwarded func(i int) string) (last int) {
		for i := range 50 {
			last = guess(remote, forwarded(i))
		}
		return last
	}
	const out, tooMany = http.StatusUnauthorized, http.StatusTooManyRequests
	if code := many("203.0.113.9:1", func(i int) string { return "198.51.100." + strconv.Itoa(i) }); code != tooMany {
		t.Errorf("a client that makes addresses up: %d", code)
	}
	if code := guess("203.0.113.10:1", ""); code != out {
		t.Errorf("another client: %d", code)
	}
	if code := many("169.254.1.1:1",
		func(i int) string { return strconv.Itoa(i) + ".1.1.1, 192.0.2.1" }); code != tooMany {
		t.Errorf("through Google's front end: %d", code)
	}
	if code := guess("169.254.1.1:1", "192.0.2.2"); code != out {
		t.Errorf("another one through it: %d", code)
	}
	if code := many("[2001:db8::1]:1", func(int) string { return "" }); code != tooMany {
		t.Errorf("IPv6: %d", code)
	}
	if code := guess("[2001:db8::2]:1", ""); code != tooMany {
		t.Errorf("another address of the same network: %d", code)
	}
}

// TestRate: a partner that calls too often is told how long to wait; another is served.
func TestRate(t *testing.T) {
	f := newFixture(t, `{"requests_per_minute": 60}`)
	var w *httptest.ResponseRecorder
	for range 10 {
		w = f.send(channel, "GET", "/stays/v1/units", "")
	}
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	if code := f.send(portal, "GET", "/stays/v1/units", "").Code; code != http.StatusOK {
		t.Errorf("another partner: %d", code)
	}
}

// TestDatabaseAway: a database that does not answer is told as such, in each face's form, and loses nothing.
func TestDatabaseAway(t *testing.T) {
	f := newFixture(t, `{}`)
	f.add(channel, "GFLX0001", "2027-07-03", "2027-07-04", "booked") // the partner is known for a moment
	if _, err := f.db.Write.ExecContext(t.Context(), "PRAGMA query_only = 1"); err != nil {
		t.Fatal(err)
	}
	code, got := f.rest(channel, "PUT", july("GFLX0002", 3, 9), `{"type":"booked"}`)
	if code < http.StatusInternalServerError || strings.Contains(strings.ToLower(got["title"].(string)), "sql") {
		t.Errorf("%d %v", code, got)
	}
	if _, err := f.db.Write.ExecContext(t.Context(), "PRAGMA query_only = 0"); err != nil {
		t.Fatal(err)
	}
	if code, got := f.rest(channel, "PUT", july("GFLX0002", 3, 9), `{"type":"booked"}`); code != http.StatusOK {
		t.Errorf("%d %v", code, got)
	}
}
