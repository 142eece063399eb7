// Package feeds is what the public may see of the cottages' calendars: pages to put into a frame, and what is free.
//
// Trigger: HTTP. /calendars/{unit} and /calendars/owners/{owner} are pages; /calendars/v1 is the API of portals;
// /extern-calendar and /extern-monthly-calendar lead from the addresses of gites.calendar to the pages.
// Reads: stays.json, the ledger. Writes nothing. Publishes nothing.
// Caller: anybody. Only published cottages of active owners are there, and of their days only whether they are free.
// A repeat: the same answer, with the same ETag until something changes.
package feeds

import (
	"context"
	"embed"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/deployed"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("StaysFeeds", gcloud.Handler(setup)) }

var (
	//go:embed web
	assets embed.FS
	//go:embed texts
	textFiles embed.FS
)

var (
	texts = faults.Load(textFiles, "texts")
	frame = pages.NewFrame(assets, "web/*.html", texts)
)

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	now := time.Now //nolint:forbidigo // the real clock
	settings, _, book, err := deployed.Ledger(ctx, env.ConfigBucket, now)
	if err != nil {
		return nil, err
	}
	return New(Config{Settings: settings, Ledger: book, Now: now}), nil
}

// Config is what the function works with.
type Config struct {
	Settings *config.Settings[stays.Settings]
	Ledger   *ledger.Ledger
	Now      func() time.Time
}

const budget = 30 * time.Second

// Requests of one client: a page of a portal may show some dozens of frames at once.
const (
	callsAtOnce = 200
	callEvery   = 50 * time.Millisecond
)

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg, calls: web.Limits{Every: callEvery, Burst: callsAtOnce}}
	mux := http.NewServeMux()
	mux.Handle("GET /calendars/assets/calendar.css", http.HandlerFunc(style))
	mux.Handle("GET /calendars/{unit}", f.page(f.unitPage))
	mux.Handle("GET /calendars/owners/{owner}", f.page(f.ownerPage))
	mux.Handle("GET /calendars/v1/availability", f.api(f.availability))
	mux.Handle("GET /calendars/v1/search", f.api(f.search))
	mux.Handle("GET /extern-calendar", f.page(f.oldUnit))
	mux.Handle("GET /extern-monthly-calendar", f.page(f.oldOwner))
	return web.Function(pages.Secured(web.Routes(mux)), budget)
}

type function struct {
	Config

	calls web.Limits

	mu      sync.Mutex
	offered []ledger.Unit // as they were a moment ago
	read    time.Time
}

func style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	http.ServeFileFS(w, r, assets, "web/calendar.css")
}

// offeredAge is how old the list of units may be that the public sees.
const offeredAge = 10 * time.Second

// realNow is the machine's clock: caches live in real time.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// units are those that the public may see, in the order of their ids.
func (f *function) units(ctx context.Context) ([]ledger.Unit, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.offered != nil && realNow().Sub(f.read) < offeredAge {
		return f.offered, nil
	}
	units, err := f.Ledger.Offered(ctx)
	if err != nil {
		return nil, err
	}
	f.offered, f.read = units, realNow()
	return units, nil
}

// shown are those of them whose calendars are shown.
func (f *function) shown(ctx context.Context) ([]ledger.Unit, error) {
	units, err := f.units(ctx)
	return slices.DeleteFunc(slices.Clone(units), func(u ledger.Unit) bool { return u.Uses() != stays.Active }), err
}

// cached is how long others may keep an answer.
const cached = "public, max-age=60"

// enter lets a client in, but not too often.
func (f *function) enter(w http.ResponseWriter, r *http.Request) (*stays.Settings, error) {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return nil, web.Unavailable(err)
	}
	if wait := f.calls.Take(web.ClientAddress(r, settings.Proxies())); wait > 0 {
		return nil, web.TooMany(w, wait, "There are too many requests from your address.")
	}
	return settings, nil
}

// api serves programs, also scripts of any page: there is nothing here that not everybody may read.
func (f *function) api(h func(http.ResponseWriter, *http.Request, *stays.Settings) error) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		settings, err := f.enter(w, r)
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", cached)
		return request.Unavailable(h(w, r, settings))
	}
}
