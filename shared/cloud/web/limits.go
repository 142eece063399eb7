package web

import (
	"maps"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are limits of this process, one for each key: some at once, then one in a while. The zero time lets nothing
// through.
type Limits struct {
	Every time.Duration
	Burst int

	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// remembered is how many keys are kept: where there are more, those without a recent use are dropped.
const remembered = 1000

// Take takes one of a key's, or says how long there will be none.
func (l *Limits) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.each[key] == nil {
		if l.each == nil {
			l.each = map[string]*rate.Limiter{}
		}
		if len(l.each) >= remembered {
			maps.DeleteFunc(l.each, func(_ string, one *rate.Limiter) bool { return one.Tokens() >= float64(l.Burst) })
		}
		l.each[key] = rate.NewLimiter(rate.Every(l.Every), l.Burst)
	}
	return Reserve(l.each[key])
}

// TooMany is a 429 with a Retry-After of whole seconds; detail says of what there were too many.
func TooMany(w http.ResponseWriter, wait time.Duration, detail string) error {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return NewProblem(http.StatusTooManyRequests, detail+" Wait as long as Retry-After says.", nil)
}

// Reserve takes one of a limiter's, or says how long there will be none.
func Reserve(l *rate.Limiter) time.Duration {
	res := l.Reserve()
	wait := res.Delay()
	if wait > 0 {
		res.Cancel()
	}
	return wait
}

// ClientAddress is the address of the client; of IPv6 its network. What a proxy has added to X-Forwarded-For last
// counts where the request comes from one: Google's front end in the cloud, one on this machine, or one of proxies. Any
// other client could have written it itself.
func ClientAddress(r *http.Request, proxies []netip.Prefix) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := from.Addr().Unmap()
	trusted := ip.IsLoopback() || ip.IsLinkLocalUnicast() ||
		slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
	if list := r.Header.Values("X-Forwarded-For"); len(list) > 0 && trusted {
		last := list[len(list)-1]
		if told, err := netip.ParseAddr(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); err == nil {
			ip = told.Unmap()
		}
	}
	if ip.Is6() {
		network, _ := ip.Prefix(64) // of one customer
		return network.String()
	}
	return ip.String()
}
