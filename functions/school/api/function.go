// Package api is the REST API of Papillon's clients over PRONOTE: a pupil's timetable, homework, marks and messages.
//
// Trigger: HTTP, the routes of docs/school.md. Each but /infos and /generatetoken has a token.
// Reads and writes: school.json; in the state bucket, sealed, what a session needs to be continued by another process.
// Publishes: nothing.
// Caller: families' apps, and pages of any origin: a token, which /generatetoken gives, is the only right.
// A repeat: the same answer, from a cache for up to five minutes. A login that is repeated while its session lives
// gives another token of it.
package api

import (
	"context"
	"crypto/rsa"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/school"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("SchoolApi", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of sealed sessions
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, school.LoadSettings, env.ConfigBucket, env.StateBucket)
	if err != nil {
		return nil, err
	}
	now := time.Now //nolint:forbidigo // the real clock
	return New(Config{Settings: cloud.Settings, State: cloud.Buckets[0], Now: now}), nil
}

// Config is what the function works with.
type Config struct {
	Settings *config.Settings[school.Settings]
	State    documents.Bucket
	Now      func() time.Time
	// Key seals sessions where the settings have none: one machine's own.
	Key string
	// Hosts are allowed beside those of the settings.
	Hosts []string
	// RSA is of servers without TLS; nil: the key that all have.
	RSA      *rsa.PublicKey
	SweepNow bool // sessions that have ended are removed before the login that looks for them goes on; for tests
	// Prefix precedes the routes in links; requests come without it.
	Prefix string
	// Called gets the name of each function of PRONOTE's that was asked for, and how long it took.
	Called func(name string, took time.Duration)
}

// budget is how long a request may take: a login is seven calls.
const budget = 55 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg}
	f.sessions.init(f)
	return web.Function(http.HandlerFunc(f.serve), budget)
}

// Paths are those of all routes.
func Paths() []string { return slices.Sorted(maps.Keys(routes)) }

type function struct {
	Config

	sessions sessions
}

// A route is a path with what answers each of its methods.
type route map[string]func(f *function, c *call) error

// routes are all paths, as Papillon's clients have them.
var routes = map[string]route{
	"/infos":                {http.MethodGet: (*function).infos},
	"/info":                 {http.MethodGet: (*function).infos},
	"/generatetoken":        {http.MethodPost: (*function).generateToken},
	"/changePeriod":         {http.MethodPost: withToken((*function).changePeriod)},
	"/user":                 {http.MethodGet: withToken((*function).user)},
	"/timetable":            {http.MethodGet: withToken((*function).timetable)},
	"/homework":             {http.MethodGet: withToken((*function).homework)},
	"/homework/changeState": {http.MethodPost: withToken((*function).changeState)},
	"/grades":               {http.MethodGet: withToken((*function).grades)},
	"/evaluations":          {http.MethodGet: withToken((*function).evaluations)},
	"/absences":             {http.MethodGet: withToken((*function).absences)},
	"/delays":               {http.MethodGet: withToken((*function).delays)},
	"/punishments":          {http.MethodGet: withToken((*function).punishments)},
	"/news":                 {http.MethodGet: withToken((*function).news)},
	"/discussions":          {http.MethodGet: withToken((*function).discussions)},
	"/discussion/delete":    {http.MethodPost: withToken((*function).deleteDiscussion)},
	"/discussion/readState": {http.MethodPost: withToken((*function).readState)},
	"/discussion/reply":     {http.MethodPost: withToken((*function).reply)},
	"/discussion/create":    {http.MethodPost: withToken((*function).createDiscussion)},
	"/recipients":           {http.MethodGet: withToken((*function).recipients)},
	"/menu":                 {http.MethodGet: withToken((*function).menu)},
	"/export/ical":          {http.MethodGet: withToken((*function).ical)},
	"/logout":               {http.MethodPost: withToken((*function).logout)},
	"/file":                 {http.MethodGet: withToken((*function).file)},
}

// A call is a request with its parameters.
type call struct {
	*http.Request

	w        http.ResponseWriter
	settings *school.Settings
	params   params
	text     string // of the token
	token    token
	live     *live  // its session
	prefix   string // of the routes in links
}

// serve finds a route. Pages of any origin may call: nothing but the token, which they have to know, gives a right.
func (f *function) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type, If-None-Match")
	h.Set("Access-Control-Expose-Headers", "ETag, Retry-After")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // addresses have tokens in them
	found, ok := routes[r.URL.Path]
	if !ok {
		f.answer(w, http.StatusNotFound, map[string]any{"404": "There is no such route.", "documentation": documentation()})
		return
	}
	handle := found[r.Method]
	if r.Method == http.MethodHead {
		handle = found[http.MethodGet]
	}
	switch {
	case r.Method == http.MethodOptions:
		h.Set("Allow", found.allow())
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusOK)
	case handle == nil:
		h.Set("Allow", found.allow())
		f.answer(w, http.StatusMethodNotAllowed, map[string]any{"errors": map[string]any{"405 Method Not Allowed": nil}})
	default:
		f.handle(w, r, handle)
	}
}

func (f *function) handle(w http.ResponseWriter, r *http.Request, handle func(*function, *call) error) {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		f.fail(w, r, web.Unavailable(err))
		return
	}
	c := &call{Request: r, w: w, settings: settings, prefix: f.Prefix}
	if c.params, err = readParams(w, r); err == nil {
		err = handle(f, c)
	}
	if err != nil {
		f.fail(w, r, err)
	}
}

// allow are the methods of a route.
func (r route) allow() string {
	if r[http.MethodGet] != nil {
		return "GET, HEAD, OPTIONS"
	}
	return "POST, OPTIONS"
}

// documentation names the routes with their methods.
func documentation() map[string]string {
	all := make(map[string]string, len(routes))
	for path, r := range routes {
		all[path] = r.allow()
	}
	return all
}

// withToken serves who has a token.
func withToken(h func(*function, *call) error) func(*function, *call) error {
	return func(f *function, c *call) error {
		if err := c.params.require("token"); err != nil {
			return err
		}
		c.text = c.params.text("token")
		var err error
		if c.live, c.token, err = f.sessions.enter(c.Context(), c.settings, c.text); err != nil {
			return err
		}
		return h(f, c)
	}
}

// ok answers a change that was made.
func (f *function) ok(c *call) error { return c.json("ok") }

// isOne reports whether an error is one of some.
func isOne(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
