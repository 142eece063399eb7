package blobs

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// A lease is a blob's; the zero lease is available.
type lease struct {
	id       string
	duration time.Duration
	ends     time.Time // zero for an infinite one
	breaking bool
	breaks   time.Time // when it is broken, if it is breaking
}

// state is available, leased, expired, breaking or broken.
func (l lease) state(now time.Time) string {
	switch {
	case l.id == "":
		return "available"
	case l.breaking && now.Before(l.breaks):
		return "breaking"
	case l.breaking:
		return "broken"
	case !l.ends.IsZero() && !now.Before(l.ends):
		return "expired"
	}
	return "leased"
}

// leaseStatus is locked or unlocked.
func leaseStatus(state string) string {
	if state == "leased" || state == "breaking" {
		return "locked"
	}
	return "unlocked"
}

// admits reports whether the lease lets a call through: one that writes needs its id, one that reads may give it.
func (l lease) admits(r *http.Request, now time.Time, write bool) *apiError {
	id, state := r.Header.Get("X-Ms-Lease-Id"), l.state(now)
	switch locked := leaseStatus(state) == "locked"; {
	case locked && id == "" && write:
		return errLeaseMissing
	case id == "":
		return nil
	case state == "available":
		return errLeaseNotPresent
	case id != l.id:
		return errLeaseMismatch
	case !locked:
		return errLeaseLost
	}
	return nil
}

// leaseBlob acquires, renews, releases or breaks a lease, by the outcomes of rest/api/storageservices/lease-blob.
func (s *Server) leaseBlob(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, b, err := s.find(c)
	if err != nil {
		return err
	}
	if b == nil {
		return errNoBlob
	}
	if err := conditions(c.r, &b.version); err != nil {
		return err
	}
	h, now := c.r.Header, s.Now()
	action, id := h.Get("X-Ms-Lease-Action"), h.Get("X-Ms-Lease-Id")
	status := http.StatusOK
	switch action {
	case "acquire":
		status, err = http.StatusCreated, b.lease.acquire(h, now)
	case "renew":
		err = b.lease.renew(id, now)
	case "release":
		err = b.lease.release(id)
	case "break":
		var left time.Duration
		status = http.StatusAccepted
		left, err = b.lease.end(h.Get("X-Ms-Lease-Break-Period"), now)
		c.Header().Set("X-Ms-Lease-Time", strconv.Itoa(int(math.Ceil(left.Seconds()))))
	default:
		return errHeaderValue
	}
	if err != nil {
		c.Header().Del("X-Ms-Lease-Time")
		return err
	}
	if action == "acquire" || action == "renew" {
		c.Header().Set("X-Ms-Lease-Id", b.lease.id)
	}
	c.done(status, &b.version)
	return nil
}

// Bounds of a lease's duration and of its break period.
const (
	minLease       = 15 * time.Second
	maxLease       = 60 * time.Second
	maxBreakPeriod = 60 * time.Second
)

func (l *lease) acquire(h http.Header, now time.Time) *apiError {
	seconds, err := strconv.Atoi(h.Get("X-Ms-Lease-Duration"))
	if err != nil {
		return errHeaderMissing
	}
	duration, ends := time.Duration(seconds)*time.Second, time.Time{}
	if seconds != -1 {
		if duration < minLease || duration > maxLease {
			return errHeaderValue
		}
		ends = now.Add(duration)
	}
	proposed := h.Get("X-Ms-Proposed-Lease-Id")
	switch state := l.state(now); {
	case leaseStatus(state) == "locked" && proposed != l.id:
		return errLeasePresent
	case state == "breaking":
		return errLeaseBreaking
	}
	*l = lease{id: first(proposed, newID()), duration: duration, ends: ends}
	return nil
}

func (l *lease) renew(id string, now time.Time) *apiError {
	switch {
	case id == "":
		return errLeaseIDIsMissing
	case l.id == "" || id != l.id:
		return errLeaseID
	case l.breaking:
		return errLeaseBroken
	}
	if !l.ends.IsZero() {
		l.ends = now.Add(l.duration)
	}
	return nil
}

func (l *lease) release(id string) *apiError {
	switch {
	case id == "":
		return errLeaseIDIsMissing
	case l.id == "" || id != l.id:
		return errLeaseID
	}
	*l = lease{}
	return nil
}

// end breaks the lease: an infinite one at once, another one when it would have ended, or after a period in seconds.
func (l *lease) end(period string, now time.Time) (left time.Duration, err *apiError) {
	if l.id == "" {
		return 0, errNoLease
	}
	if !l.ends.IsZero() {
		left = max(0, l.ends.Sub(now))
	}
	if l.breaking {
		left = max(0, l.breaks.Sub(now))
	}
	if period != "" {
		seconds, perr := strconv.Atoi(period)
		asked := time.Duration(seconds) * time.Second
		if perr != nil || asked < 0 || asked > maxBreakPeriod {
			return 0, errHeaderValue
		}
		if infinite := l.ends.IsZero() && !l.breaking; infinite || asked < left {
			left = asked
		}
	}
	l.breaking, l.breaks = true, now.Add(left)
	return left, nil
}
