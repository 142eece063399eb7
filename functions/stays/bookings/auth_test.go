package bookings_test

import (
	"fmt"
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
	f := newFixture(t, `{"trusted_proxies": ["10.1.0.0/16"]}`)
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
	if code := many("192.168.1.9:1", func(i int) string { return "198.51.100." + strconv.Itoa(i) }); code != tooMany {
		t.Errorf("a neighbour that makes addresses up: %d", code)
	}
	if code := many("10.1.2.3:1", func(i int) string { return "198.51.100." + strconv.Itoa(i) }); code != out {
		t.Errorf("different clients through a trusted proxy: %d", code)
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

// TestChosenSecretAtOnce: a partner with a password of before that calls several times at once when an instance starts
// is let in each time; it is one attempt.
func TestChosenSecretAtOnce(t *testing.T) {
	f := newFixture(t, `{}`)
	f.must(f.ledger.AddSecret(t.Context(), "channel", ledger.Secret{ID: "old", Hash: secrets.HashChosen("old-word")},
		time.Time{}))
	codes := make(chan int)
	const calls = 12
	for range calls {
		go func() { codes <- f.send("channel:old-word", "GET", "/stays/v1/units", "").Code }()
	}
	for range calls {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	}
}

// TestManyNames: an address that tries ever new names is held back as before.
func TestManyNames(t *testing.T) {
	f := newFixture(t, `{}`)
	hashed := 0
	for i := range 1500 {
		if f.send("name"+strconv.Itoa(i)+":guess", "GET", "/stays/v1/units", "").Code == http.StatusUnauthorized {
			hashed++
		}
	}
	if hashed > 60 {
		t.Errorf("%d guesses of one address were looked at", hashed)
	}
}

// TestUnreadableText: what no database keeps as text is refused before one is asked, and a name of it is an attempt.
func TestUnreadableText(t *testing.T) {
	f := newFixture(t, `{}`)
	last := 0
	for range 60 {
		last = f.send("a\x00b\xff:x", "GET", "/stays/v1/units", "").Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("a name: %d", last)
	}
	for _, path := range []string{
		"/stays/v1/units/a%00/days?from=2027-07-01&to=2027-07-02", "/stays/v1/units/%FF/days?from=2027-07-01&to=2027-07-02",
		"/stays/v1/units?after=%00", "/stays/v1/units?after=%FF",
		"/stays/v1/availability?unit=%00&from=2027-07-01&to=2027-07-02",
	} {
		if code := f.send(channel, "GET", path, "").Code; code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, code)
		}
	}
}

// TestOtherSites: a page of another site cannot book with the credentials that a browser has kept.
func TestOtherSites(t *testing.T) {
	f := newFixture(t, `{}`)
	w := f.send(channel, "PUT", july("GFLX0001", 3, 9), `{"type":"booked"}`, "Sec-Fetch-Site", "cross-site")
	if w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A slow reader takes an answer byte by byte; it looks whether the database is free meanwhile.
type slowReader struct {
	*httptest.ResponseRecorder

	look func()
}

func (r slowReader) Write(p []byte) (int, error) {
	r.look()
	return r.ResponseRecorder.Write(p)
}

// TestSlowReaders of a long answer do not keep the database.
func TestSlowReaders(t *testing.T) {
	f := newFixture(t, `{}`)
	for i := range 40 {
		f.add(channel, "GFLX0001", fmt.Sprintf("2027-%02d-%02d", 4+i/10, 1+2*(i%10)),
			fmt.Sprintf("2027-%02d-%02d", 4+i/10, 1+2*(i%10)), "booked")
	}
	for _, until := range []string{"2027-12-31", "2035-12-31"} {
		wrote := 0
		w := slowReader{httptest.NewRecorder(), func() {
			wrote++
			if n := f.db.Read.Stats().InUse; n > 0 {
				t.Errorf("%d connections are in use while the answer is written", n)
			}
		}}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/calendar", strings.NewReader(
			`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><b:getBookingsRequest `+
				`xmlns:b="http://affinitic.be/booking"><minDate>2027-01-01</minDate><maxDate>`+until+`</maxDate>`+
				`</b:getBookingsRequest></e:Body></e:Envelope>`))
		r.SetBasicAuth("channel", "channel-key")
		f.handler.ServeHTTP(w, r)
		if wrote == 0 || strings.Count(w.Body.String(), "<bookings>") != 40 {
			t.Errorf("%d writes, %d %.300s", wrote, w.Code, w.Body)
		}
	}
}
