package ecal

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Paces after a first 429, in calls a second: the vendor publishes no limit, so it is found. Each 429 halves the pace.
const (
	firstPace  = 8
	lowestPace = 0.5
	settle     = time.Second // the answers to calls that were on their way count once
)

// A pacer holds all calls of a client back together once one was refused for their rate.
type pacer struct {
	limiter *rate.Limiter

	mu      sync.Mutex
	changed time.Time
}

func newPacer() *pacer { return &pacer{limiter: rate.NewLimiter(rate.Inf, 1)} }

// over holds back the calls to next.
func (p *pacer) over(next http.RoundTripper) http.RoundTripper { return paced{p, next} }

type paced struct {
	*pacer

	next http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (p paced) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.limiter.Wait(r.Context()); err != nil {
		return nil, err
	}
	resp, err := p.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusTooManyRequests {
		p.slower(time.Now()) //nolint:forbidigo // limits are real time
	}
	return resp, err
}

func (p *pacer) slower(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.changed) < settle {
		return
	}
	p.changed = now
	pace := rate.Limit(firstPace)
	if p.limiter.Limit() != rate.Inf {
		pace = max(lowestPace, p.limiter.Limit()/2)
	}
	p.limiter.SetLimit(pace)
}
