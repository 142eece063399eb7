package machine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// A Clock runs speed times as fast as the machine's, and never goes back on one
// database: where it may be ahead of the machine's, it goes no farther than a bound that is on disk.
type Clock struct {
	db    *DB
	speed int

	start, origin time.Time
	mu            sync.Mutex
	last          time.Time
	bound         time.Time        // zero: the machine's own clock, which needs none
	wall          func() time.Time // nothing else than the machine's clock
}

// WallClock is the machine's clock, with its corrections: a real office's time.
//
// It is without the monotonic reading, by which a machine whose clock is set would seem to go on as before.
func WallClock() *Clock {
	return &Clock{speed: 1, wall: func() time.Time { return time.Now().Round(0) }}
}

const clockSetting = "clock"

// OpenClock starts the clock at the machine's time, or where it was left if that is later.
func OpenClock(ctx context.Context, db *DB, speed int) (*Clock, error) {
	if speed < 1 {
		return nil, fmt.Errorf("a speed of %d: it must be 1 or more", speed)
	}
	now := time.Now()
	text, err := db.Setting(ctx, clockSetting, func() string { return now.UTC().Format(time.RFC3339Nano) })
	if err != nil {
		return nil, err
	}
	origin := now
	if left, err := time.Parse(time.RFC3339Nano, text); err == nil && left.After(now) {
		origin = left
	}
	c := &Clock{db: db, speed: speed, start: now, origin: origin, last: origin}
	if speed == 1 && !origin.After(now) {
		return c, nil
	}
	c.bound = origin
	return c, c.advance(ctx)
}

// lead is how far ahead of the clock its bound is stored, in real time.
const lead = 3 * time.Second

// advance moves the bound, on disk first.
func (c *Clock) advance(ctx context.Context) error {
	next := c.Now().Add(lead * time.Duration(c.speed))
	if err := c.store(ctx, next); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound = next
	return nil
}

func (c *Clock) store(ctx context.Context, t time.Time) error {
	return c.db.SetSetting(ctx, clockSetting, t.UTC().Format(time.RFC3339Nano))
}

// Now is the simulated time.
func (c *Clock) Now() time.Time {
	if c.wall != nil {
		return c.wall()
	}
	t := c.origin.Add(time.Since(c.start) * time.Duration(c.speed))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.bound.IsZero() && t.After(c.bound) {
		t = c.bound
	}
	if t.After(c.last) {
		c.last = t
	}
	return c.last
}

// Real turns a simulated span into the machine's.
func (c *Clock) Real(d time.Duration) time.Duration { return d / time.Duration(c.speed) }

// Save stores the time, when nobody asks for it any more.
func (c *Clock) Save(ctx context.Context) error {
	if c.wall != nil {
		return nil
	}
	return c.store(ctx, c.Now())
}

// Keep stores the bound every second until ctx ends.
func (c *Clock) Keep(ctx context.Context) {
	for sleep(ctx, time.Second) {
		keep := c.Save
		if !c.bound.IsZero() {
			keep = c.advance
		}
		if err := keep(ctx); err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "clock not stored", slog.Any("error", err))
		}
	}
}

// A Job publishes a message on a schedule.
type Job struct {
	Schedule string // five cron fields, UTC unless CRON_TZ=zone stands before them
	Topic    string
	Message  messages.Message
}

// Schedule runs the jobs by the clock until ctx ends. A time that passed while a job was late is skipped, as Cloud
// Scheduler does.
func Schedule(ctx context.Context, clock *Clock, pub messages.Publisher, jobs ...Job) error {
	var wg sync.WaitGroup
	for _, job := range jobs {
		schedule, err := cron.ParseStandard(job.Schedule)
		if err != nil {
			return fmt.Errorf("schedule %q: %w", job.Schedule, err)
		}
		wg.Go(func() {
			for {
				began := clock.Now()
				next, now := schedule.Next(began.UTC()), began
				// In short steps, so that a changed machine clock is noticed.
				for ; now.Before(next) && !setBack(began, now); now = clock.Now() {
					if !sleep(ctx, min(time.Second, clock.Real(next.Sub(now))+time.Millisecond)) {
						return
					}
				}
				if now.Before(next) {
					continue
				}
				if err := pub.Publish(ctx, job.Topic, job.Message); err != nil && ctx.Err() == nil {
					slog.ErrorContext(ctx, "scheduled message not published", slog.String("topic", job.Topic), slog.Any("error", err))
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// setBack reports whether a clock was put back; small corrections, which clocks get all the time, are none.
func setBack(began, now time.Time) bool { return now.Before(began.Add(-time.Minute)) }

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
