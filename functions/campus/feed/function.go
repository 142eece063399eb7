// Package feed serves an instance's timetable as an iCalendar feed (RFC 5545), so that a phone needs no ECAL account.
//
// Trigger: GET /feeds/campus/{instance}.ics?key=, by calendars that subscribe.
// Reads: instances/<instance_name>.json and feeds/<instance_name>.json in the state bucket. Writes: nothing. Publishes: nothing.
// Caller: everybody who has a key.
package feed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // the campus's zone is read by name, and images may have none

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/compress"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("CampusFeed", web.Lazy(setup)) }

// Environment is what setup reads.
type Environment struct {
	StateBucket string `env:"STATE_BUCKET,required"` // bucket of what the bridge keeps
}

func setup(ctx context.Context) (http.Handler, error) {
	logging.Setup(ctx)
	var env Environment
	if err := config.Env(ctx, &env); err != nil {
		return nil, err
	}
	buckets, err := gcs.Open(ctx, env.StateBucket)
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
	f := function{cfg}
	mux := http.NewServeMux()
	mux.Handle("GET /feeds/campus/{file}", web.HandlerFunc(f.get))
	return web.Function(compress.Handler(web.Routes(mux)), budget)
}

type function struct{ Config }

// errNoFeed is the answer to a wrong key and to an unknown instance alike: it tells nobody which instances there are.
func errNoFeed() error {
	return web.NewProblem(http.StatusNotFound, "There is no feed at this address. It may have been revoked: ask for a new one.", nil)
}

func (f function) get(w http.ResponseWriter, r *http.Request) error {
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
	state, err := documents.LoadIfAny[campus.State](r.Context(), f.State, campus.StateName(name))
	if err != nil {
		return web.Unavailable(err)
	}
	body, err := write(r.Context(), name, state, f.Now())
	if err != nil {
		return web.Unavailable(err)
	}
	sum := sha256.Sum256([]byte(body))
	header := w.Header()
	header.Set("ETag", `W/"`+hex.EncodeToString(sum[:16])+`"`)
	header.Set("Cache-Control", "private, no-cache") // kept by the phone, and asked about each time
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", "text/calendar; charset=utf-8")
	header.Set("Content-Disposition", `inline; filename="`+safeName(name)+`.ics"`)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body)) // answers If-None-Match
	return nil
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
