package web

import (
	"crypto/sha256"
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
	each map[digest]*rate.Limiter
	tidy int // how many keys there may be before those without a recent use are dropped
}

// Keys that are kept: from remembered on, those without a recent use are dropped whenever there are twice as many. At
// mostRemembered half are dropped at random, so that a crowd of clients does not take memory without end.
const (
	remembered     = 1000
	mostRemembered = 100_000
)

// A digest is of a key, which a client may have made as long as a header.
type digest [sha256.Size]byte

// Take takes one of a key's, or says how long there will be none.
func (l *Limits) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := digest(sha256.Sum256([]byte(key)))
	if l.each[sum] == nil {
		if l.each == nil {
			l.each = map[digest]*rate.Limiter{}
		}
		l.makeRoom()
		l.each[sum] = rate.NewLimiter(rate.Every(l.Every), l.Burst)
	}
	return Reserve(l.each[sum])
}

func (l *Limits) makeRoom() {
	if len(l.each) < max(l.tidy, remembered) {
		return
	}
	maps.DeleteFunc(l.each, func(_ digest, one *rate.Limiter) bool { return one.Tokens() >= float64(l.Burst) })
	for key := range l.each {
		if len(l.each) <= mostRemembered/2 {
			break
		}
		delete(l.each, key)
	}
	l.tidy = 2 * len(l.each)
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

// ClientAddress is the address of the client; of IPv6 its network. Where the request comes from a proxy, it is read in
// X-Forwarded-For from its end, which that proxy has written: past the addresses of other proxies that are trusted, up
// to the first that is not. Proxies are Google's front end in the cloud, those on this machine, and those of the list.
// Any other client could have written the header itself.
func ClientAddress(r *http.Request, proxies []netip.Prefix) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	ip := from.Addr().Unmap()
	listed := func(ip netip.Addr) bool {
		return ip.IsLoopback() || slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	told := ""
	if ip.IsLinkLocalUnicast() || listed(ip) { // Google's front end has an address of the link
		told = strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	}
	for told != "" {
		last := strings.LastIndexByte(told, ',')
		next, err := netip.ParseAddr(strings.TrimSpace(told[last+1:]))
		if err != nil {
			break
		}
		if ip = next.Unmap(); !listed(ip) {
			break
		}
		told = told[:max(last, 0)]
	}
	if ip.Is6() {
		network, _ := ip.Prefix(64) // of one customer
		return network.String()
	}
	return ip.String()
}
