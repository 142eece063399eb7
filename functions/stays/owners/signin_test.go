package owners_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/carillon-calendar/carillon/functions/stays/owners"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// TestLink: a mailed link lets in once, within its time, by a button; looking at it uses nothing up.
func TestLink(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.browser()
	b.want(b.get("/owners/signin"), http.StatusOK, "E-mail address")
	known := b.post("/owners/signin", "email", "lambert@EXAMPLE.org")
	b.want(known, http.StatusAccepted, "If the association has this address")
	if f.woken != 1 {
		t.Errorf("who sends e-mails was woken %d times", f.woken)
	}
	link := f.link()
	for range 3 { // a scanner of e-mails
		b.want(b.get(link), http.StatusOK, "A. &lt;b&gt;Lambert", "Sign in")
		b.do(http.MethodHead, link, nil)
	}
	b.want(b.get("/owners/"), http.StatusSeeOther)
	token, _ := url.ParseQuery(strings.SplitN(link, "?", 2)[1])
	b.want(b.post("/owners/link", "token", token.Get("token")), http.StatusSeeOther)
	b.want(b.get("/owners/"), http.StatusOK, "Le Moulin")
	other := f.browser()
	other.want(other.get(link), http.StatusGone, "was used")
	other.want(other.post("/owners/link", "token", token.Get("token")), http.StatusGone)
	other.want(other.get("/owners/"), http.StatusSeeOther)
	b.post("/owners/signin", "email", "lambert@example.org")
	late := f.link()
	f.now = f.now.Add(15 * time.Minute)
	other.want(other.get(late), http.StatusGone)
	for _, bad := range []string{"", "x", "x.y", token.Get("token") + "x", strings.Replace(token.Get("token"), ".", ".A",
		1)} {
		other.want(other.post("/owners/link", "token", bad), http.StatusGone)
	}
}

// TestNobodyIsNamed: the form answers alike for an address that is known and one that is not, in words and in work.
func TestNobodyIsNamed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.browser()
	known, unknown := b.post("/owners/signin", "email", "lambert@example.org"), b.post("/owners/signin", "email",
		"nobody@example.org")
	inactive := b.post("/owners/signin", "email", "left@example.org")
	if known.text != unknown.text || known.text != inactive.text || known.StatusCode != unknown.StatusCode {
		t.Error("the answers differ")
	}
	if f.woken != 3 {
		t.Errorf("woken %d times of 3", f.woken)
	}
	links, err := f.book.Unsent(t.Context(), f.now)
	f.must(err)
	if len(links) != 1 {
		t.Errorf("%d links are to be mailed", len(links))
	}
	for range 10 { // more than may be asked for: the answer does not say that somebody else has asked
		b.want(b.post("/owners/signin", "email", "lambert@example.org"), http.StatusAccepted)
	}
	if links, err = f.book.Unsent(t.Context(), f.now); err != nil || len(links) != 5 {
		t.Errorf("%d links for one address in an hour, %v", len(links), err)
	}
	last := http.StatusAccepted
	for range 20 {
		last = b.post("/owners/signin", "email", "nobody@example.org").StatusCode
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("one client asks without end: %d", last)
	}
	for _, bad := range []string{"", "lambert", "A <lambert@example.org>", "a@b, c@d", strings.Repeat("a", 300) +
		"@example.org"} {
		b.want(b.post("/owners/signin", "email", bad), http.StatusUnprocessableEntity, "This is not an e-mail address")
	}
}

// TestEntry: the association's token lets in once, and nothing but it does.
func TestEntry(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.browser()
	good := f.claims("1", "first")
	token := f.token(good, jwt.SigningMethodHS256, []byte(secret))
	a := b.get("/enter?token=" + token + "&pk=102")
	b.want(a, http.StatusSeeOther)
	if at := a.Header.Get("Location"); at != "/owners/units/GFLX0002" {
		t.Errorf("it leads to %s", at)
	}
	b.want(b.get("/owners/"), http.StatusOK)
	other := f.browser()
	other.want(other.get("/enter?token="+token), http.StatusForbidden, "not valid any more")
	change := func(edit func(*jwt.RegisteredClaims)) string {
		c := f.claims("1", rand(t))
		edit(&c)
		return f.token(c, jwt.SigningMethodHS256, []byte(secret))
	}
	at := func(d time.Duration) *jwt.NumericDate { return jwt.NewNumericDate(f.now.Add(d)) }
	for name, token := range map[string]string{
		"none":           f.token(good, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"HS384":          f.token(good, jwt.SigningMethodHS384, []byte(secret)),
		"another secret": f.token(good, jwt.SigningMethodHS256, []byte("another secret of thirty-two characters!")),
		"issuer":         change(func(c *jwt.RegisteredClaims) { c.Issuer = "x" }),
		"audience":       change(func(c *jwt.RegisteredClaims) { c.Audience = jwt.ClaimStrings{"x"} }),
		"no audience":    change(func(c *jwt.RegisteredClaims) { c.Audience = nil }),
		"expired": change(func(c *jwt.RegisteredClaims) {
			c.IssuedAt, c.ExpiresAt = at(-4*time.Minute),
				at(-2*time.Minute)
		}),
		"no end":         change(func(c *jwt.RegisteredClaims) { c.ExpiresAt = nil }),
		"no beginning":   change(func(c *jwt.RegisteredClaims) { c.IssuedAt = nil }),
		"lives too long": change(func(c *jwt.RegisteredClaims) { c.ExpiresAt = at(3 * time.Minute) }),
		"from the future": change(func(c *jwt.RegisteredClaims) {
			c.IssuedAt, c.ExpiresAt = at(time.Hour),
				at(time.Hour+time.Minute)
		}),
		"no id":      change(func(c *jwt.RegisteredClaims) { c.ID = "" }),
		"nobody":     change(func(c *jwt.RegisteredClaims) { c.Subject = "9" }),
		"not active": change(func(c *jwt.RegisteredClaims) { c.Subject = "3" }),
		"no number":  change(func(c *jwt.RegisteredClaims) { c.Subject = "1 OR 1=1" }),
		"garbage":    "x.y.z",
		"missing":    "",
	} {
		other.want(other.get("/enter?token="+token), http.StatusForbidden)
		if a := other.get("/owners/"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s lets in", name)
		}
	}
}

// rand is a text that no other has.
func rand(t *testing.T) string { t.Helper(); return t.Name() + time.Now().Format(time.RFC3339Nano) }

// TestSessions end: by signing out, here or everywhere, with the owner, and with their time; used ones are renewed.
func TestSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	first, second := f.owner("1"), f.owner("1")
	first.want(first.post("/owners/signout"), http.StatusSeeOther)
	first.want(first.get("/owners/"), http.StatusSeeOther)
	second.want(second.get("/owners/"), http.StatusOK)
	third := f.owner("1")
	second.want(second.post("/owners/signout/everywhere"), http.StatusSeeOther)
	third.want(third.get("/owners/"), http.StatusSeeOther)
	used, idle := f.owner("1"), f.owner("1")
	for range 4 {
		f.now = f.now.Add(16 * 24 * time.Hour)
		used.want(used.get("/owners/"), http.StatusOK)
	}
	idle.want(idle.get("/owners/"), http.StatusSeeOther)
	list, err := f.book.Owners(t.Context())
	f.must(err)
	list[0].Active = false
	f.must(f.book.PutOwners(t.Context(), list))
	used.want(used.get("/owners/"), http.StatusSeeOther)
}

// A call is a request, in most cases for another owner's data.
type call struct {
	pattern, path string
	form          url.Values
	nobody, him   int // answers where nobody is signed in, and where the owner of other cottages is
}

// TestSecurity: each route, by nobody, by another owner, and for another page (rules 20, 21, 26 and 28). A route
// without a call here fails.
func TestSecurity(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	if theirs := f.hold("GFLX0003", 5, 7, "booked", "owner:2"); theirs.Number != 1 {
		t.Fatal(theirs.Number)
	}
	before := f.held("GFLX0003")
	days := url.Values{
		"from": {"2027-07-05"}, "to": {"2027-07-09"}, "type": {"available"}, "hebPk": {"103"},
		"start": {"2027-07-05"}, "end": {"2027-07-07"}, "unit": {"GFLX0003"}, "state": {"off"}, "min": {"3"},
		"confirm": {"1"},
	}
	old := url.Values{"hebPk": {"103"}, "start": {"2027-07-05"}, "end": {"2027-07-07"}, "type": {"libre"}}
	calls := []call{
		{"GET /owners/{$}", "/owners/", nil, 303, 200},
		{"GET /owners/{$}", "/owners/?part=1&unit=GFLX0003&from=2027-07-01", nil, 303, 200},
		{"GET /owners/units/{unit}", "/owners/units/GFLX0003", nil, 303, 404},
		{"GET /owners/units/{unit}", "/owners/units/GFLX0003?part=1", nil, 303, 404},
		{"GET /owners/units/{unit}", "/owners/units/GFLX0001?done=1", nil, 303, 200},
		{"GET /owners/units/{unit}", "/owners/units/GFLX0001%2F..%2FGFLX0003", nil, 303, 404},
		{"GET /owners/units/{unit}/print", "/owners/units/GFLX0003/print", nil, 303, 404},
		{"GET /owners/units/{unit}/rules", "/owners/units/GFLX0003/rules", nil, 303, 404},
		{"POST /owners/units/{unit}/rules", "/owners/units/GFLX0003/rules", days, 401, 404},
		{"POST /owners/units/{unit}/days", "/owners/units/GFLX0003/days", days, 401, 404},
		{"GET /owners/history", "/owners/history?unit=GFLX0003", nil, 303, 404},
		{"GET /owners/history", "/owners/history", nil, 303, 200},
		{"POST /owners/changes/{seq}/undo", "/owners/changes/1/undo", days, 401, 404},
		{"GET /owners/state", "/owners/state?unit=GFLX0003", nil, 303, 200},
		{"POST /owners/state", "/owners/state", days, 401, 422},
		{"POST /owners/language", "/owners/language", days, 401, 303},
		{"GET /selectedDays", "/selectedDays?hebPk=103", nil, 401, 404},
		{"POST /addRange", "/addRange", old, 401, 404},
		{"GET /addRange", "/addRange?" + old.Encode(), nil, 405, 405},
		// his own, but not published
		{"GET /owners/units/{unit}", "/owners/units/GFLX0004", nil, 303, 404},
		{"POST /owners/units/{unit}/days", "/owners/units/GFLX0004/days", days, 401, 404},
		{"GET /selectedDays", "/selectedDays?hebPk=104", nil, 401, 404},
		// for everybody, and about nobody
		{"GET /owners/", "/owners/units", nil, 404, 404},
		{"GET /owners/signin", "/owners/signin", nil, 200, 200},
		{"POST /owners/signin", "/owners/signin", url.Values{"email": {"peeters@example.org"}}, 202, 202},
		{"GET /owners/link", "/owners/link?token=x", nil, 410, 410},
		{"POST /owners/link", "/owners/link", url.Values{"token": {"x"}}, 410, 410},
		{"GET /enter", "/enter?token=x", nil, 403, 403},
		// these end his session
		{"POST /owners/signout", "/owners/signout", days, 401, 303},
		{"POST /owners/signout/everywhere", "/owners/signout/everywhere", days, 401, 303},
	}
	own, open, association := owners.Routes()
	for _, pattern := range slices.Concat(own, open, association) {
		if !slices.ContainsFunc(calls, func(c call) bool { return c.pattern == pattern }) {
			t.Errorf("nobody tries %s", pattern)
		}
	}
	nobody := f.browser()
	for _, c := range calls {
		method, _, _ := strings.Cut(c.pattern, " ")
		if a := nobody.do(method, c.path, c.form); a.StatusCode != c.nobody {
			t.Errorf("%s %s by nobody: %d", method, c.path, a.StatusCode)
		}
		him := f.owner("1")
		if method == http.MethodPost {
			him.fromElsewhere(c)
		}
		a := him.do(method, c.path, c.form)
		if a.StatusCode != c.him {
			t.Errorf("%s %s by another owner: %d", method, c.path, a.StatusCode)
		}
		script := f.owner("1")
		script.accept = "application/json"
		b := script.do(method, c.path, c.form)
		if b.StatusCode != c.him {
			t.Errorf("%s %s by another owner's script: %d", method, c.path, b.StatusCode)
		}
		if text := a.text + b.text; strings.Contains(text, "La Forge") || strings.Contains(text, "Peeters") ||
			strings.Contains(text, "Rented, another owner") {
			t.Errorf("%s %s shows another owner's: %s", method, c.path, text)
		}
	}
	if got := f.held("GFLX0003"); got != before {
		t.Errorf("another owner's days are %s", got)
	}
	if found, err := f.book.Rules(t.Context(), []string{"GFLX0003"}, stays.Through(day(1), day(31))); err != nil ||
		len(found) > 0 {
		t.Errorf("another owner's rules are %v, %v", found, err)
	}
	him := f.owner("1")
	him.want(him.get("/addRange?hebPk=101&start=2027-07-05&end=2027-07-07&type=loue"), http.StatusMethodNotAllowed,
		"jQuery.post")
	if got := f.held("GFLX0001"); got != "" {
		t.Errorf("a GET has changed %s", got)
	}
	a := him.get("/owners/")
	for name, want := range map[string]string{
		"Content-Security-Policy": "form-action 'self'", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer",
		"Cache-Control":   "private",
	} {
		if !strings.Contains(a.Header.Get(name), want) {
			t.Errorf("%s: %s", name, a.Header.Get(name))
		}
	}
	if !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
		t.Error("the pages can be framed")
	}
	to := him.post("/owners/language", "lang", "fr", "to", "//evil.example/owners/")
	if at := to.Header.Get("Location"); at != "/owners/" {
		t.Errorf("it leads to %s", at)
	}
	long := httptest.NewRecorder()
	f.server.Config.Handler.ServeHTTP(long, httptest.NewRequest(http.MethodPost, "/owners/signin",
		strings.NewReader("email="+strings.Repeat("a", 1<<20))))
	if long.Code < 400 || long.Code == http.StatusInternalServerError {
		t.Errorf("a body without end: %d", long.Code)
	}
}

// fromElsewhere sends a form as another site's page would, with his cookies; browsers name the page's site.
func (b *browser) fromElsewhere(c call) {
	b.Helper()
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, b.server.URL+c.path,
			strings.NewReader(c.form.Encode()))
		b.must(err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(name, value)
		resp, err := b.client.Do(r)
		b.must(err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			b.Errorf("%s by another site: %d", c.path, resp.StatusCode)
		}
	}
}
