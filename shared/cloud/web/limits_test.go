package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// TestLimits: each key has its own, and a crowd of them does not grow without end.
func TestLimits(t *testing.T) {
	t.Parallel()
	l := web.Limits{Every: time.Hour, Burst: 2}
	for i, limited := range []bool{false, false, true} {
		if wait := l.Take("a"); wait > 0 != limited {
			t.Errorf("take %d has to wait %s", i, wait)
		}
	}
	if wait := l.Take("b"); wait > 0 {
		t.Errorf("another one has to wait %s", wait)
	}
	for n := range 5000 { // those that were used are kept
		l.Take(strconv.Itoa(n))
	}
	if wait := l.Take("a"); wait <= 0 {
		t.Error("a crowd makes the first one's limit forgotten")
	}
	for n := range 120_000 {
		l.Take("more " + strconv.Itoa(n))
	}
	if got := l.Keys(); got > 100_000 {
		t.Errorf("%d keys are kept", got)
	}
	quick := web.Limits{Every: time.Nanosecond, Burst: 1}
	for n := range 5000 {
		quick.Take(strconv.Itoa(n))
	}
	if got := quick.Keys(); got > 2500 {
		t.Errorf("%d keys are kept that nobody uses", got)
	}
}

// TestClientAddress: what proxies of ours have written counts, and not what a client says of itself.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("198.51.100.7/32")}
	for _, c := range []struct {
		from, want string
		told       []string
	}{
		{"203.0.113.5:1", "203.0.113.5", nil},
		{"203.0.113.5:1", "203.0.113.5", []string{"192.0.2.1"}}, // it has written that itself
		{"127.0.0.1:1", "192.0.2.1", []string{"192.0.2.1"}},
		{"169.254.1.1:1", "192.0.2.1", []string{"6.6.6.6, 192.0.2.1"}},
		{"169.254.1.1:1", "192.0.2.1", []string{"6.6.6.6", "192.0.2.1"}},
		{"169.254.1.1:1", "192.0.2.1", []string{"6.6.6.6, 192.0.2.1, 198.51.100.7"}}, // through the association's proxy
		{"10.0.0.9:1", "192.0.2.1", []string{"192.0.2.1, 10.0.0.8"}},
		{"10.0.1.9:1", "10.0.1.9", []string{"192.0.2.1"}},
		{"127.0.0.1:1", "127.0.0.1", []string{"nobody"}},
		{"127.0.0.1:1", "198.51.100.7", []string{"x, 198.51.100.7"}},
		{"[::1]:1", "2001:db8::/64", []string{"2001:db8::1"}},
		{"[::ffff:127.0.0.1]:1", "192.0.2.1", []string{"::ffff:192.0.2.1"}},
		{"127.0.0.1:1", "169.254.9.9", []string{"6.6.6.6, 169.254.9.9"}}, // a neighbour, who has written the rest
		{"127.0.0.1:1", "fe80::/64", []string{"6.6.6.6, fe80::1"}},
		{"10.0.0.9:1", "10.0.0.8", []string{"10.0.0.8"}},
		{"@", "@", []string{"192.0.2.1"}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.told
		if got := web.ClientAddress(r, proxies); got != c.want {
			t.Errorf("from %s, told %q: %s, want %s", c.from, c.told, got, c.want)
		}
	}
}
