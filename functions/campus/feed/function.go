// Package feed serves an instance's timetable as an iCalendar feed (RFC 5545), so that a phone needs no ECAL account.
//
// Trigger: GET /feeds/campus/{instance}.ics?key=, by calendars that subscribe.
// Reads: instances/<instance_name>.json and feeds/<instance_name>.json in the state bucket. Writes: nothing. Publishes:
// nothing. Caller: everybody who has a key.
package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the campus's zone is read by name, and images may have none

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/compress"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("CampusFeed", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	StateBucket string `env:"STATE_BUCKET,required"` // bucket of what the bridge keeps
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	_, buckets, err := gcs.Open(ctx, env.StateBucket)
	if err != nil {
		return nil, err
	}
	return New(Config{State: buckets[0], Now: time.Now}), nil //nolint:forbidigo // the real clock
}

// Config is what the function works with.
type Config struct {
	State documents.Bucket
	Now   func() time.Time
}

// budget is how long a request may take.
const budget = 10 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg, written: map[string]written{}}
	mux := http.NewServeMux()
	mux.Handle("GET /feeds/campus/{file}", web.HandlerFunc(f.get))
	return web.Function(compress.Handler(web.Routes(mux)), budget)
}

type function struct {
	Config

	mu      sync.Mutex // held while a feed is written: whoever asks for the same meanwhile gets it
	written map[string]written
}

// A written feed is good for a minute while its timetable is the same: many phones ask for one.
type written struct {
	generation int64
	at         time.Time
	body, etag string
}

// errNoFeed is the answer to a wrong key and to an unknown instance alike: it tells nobody which instances there are.
func errNoFeed() error {
	return web.NewProblem(http.StatusNotFound,
		"There is no feed at this address. It may have been revoked: ask for a new one.", nil)
}

func (f *function) get(w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !ok || name == "" || strings.ContainsAny(name, "/\\") {
		return errNoFeed()
	}
	feeds, err := documents.LoadIfAny[campus.Feeds](r.Context(), f.State, campus.FeedsName(name))
	if err != nil {
		return web.Unavailable(err)
	}
	if !feeds.Opens(r.URL.Query().Get("key")) {
		return errNoFeed()
	}
	feed, err := f.feed(r.Context(), name)
	if err != nil {
		return web.Unavailable(err)
	}
	header := w.Header()
	header.Set("ETag", feed.etag)
	header.Set("Cache-Control", "private, no-cache") // kept by the phone, and asked about each time
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", "text/calendar; charset=utf-8")
	header.Set("Content-Disposition", `inline; filename="`+safeName(name)+`.ics"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(feed.body)) // answers If-None-Match
	return nil
}

// feed returns an instance's feed, written anew where its timetable has changed or a minute has passed.
func (f *function) feed(ctx context.Context, name string) (written, error) {
	doc, err := f.State.Get(ctx, campus.StateName(name))
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return written{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now, last := f.Now(), f.written[name]
	if last.body != "" && last.generation == doc.Generation && last.at.Equal(now.Truncate(time.Minute)) {
		return last, nil
	}
	var state campus.State
	if len(doc.Data) > 0 {
		if err := json.Unmarshal(doc.Data, &state); err != nil {
			return written{}, fmt.Errorf("reading the timetable: %w", err)
		}
	}
	body, err := write(ctx, name, state, now)
	if err != nil {
		return written{}, err
	}
	sum := sha256.Sum256([]byte(body))
	f.written[name] = written{doc.Generation, now.Truncate(time.Minute), body, `W/"` + hex.EncodeToString(sum[:16]) + `"`}
	return f.written[name], nil
}

// safeName is what of a name may stand in a header.
func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, name)
}
