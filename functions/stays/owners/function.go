// Package owners is the pages on which owners keep their cottages' calendars.
//
// Trigger: HTTP. /owners/ and below it are the pages; /enter is where the association's site sends its owners, and
// /selectedDays and /addRange are what its own calendar page asks for.
// Reads: stays.json, the ledger. Writes: the ledger.
// Publishes: stays_relay, once for each group of changes and for each link that is to be mailed.
// Caller: whoever has a session, which begins with a link that is sent to an owner's address, with a token that the
// association's site has signed, or with a link that an operator has made.
// A repeat: a form that is sent twice changes the days once.
package owners

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/deployed"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("StaysOwners", gcloud.Handler(setup)) }

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
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	now := time.Now //nolint:forbidigo // the real clock
	settings, _, book, err := deployed.Ledger(ctx, env.ConfigBucket, now)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	book.Wake = func(ctx context.Context) error { return pub.Publish(ctx, stays.TopicRelay, messages.Message{}) }
	return New(Config{Settings: settings, Ledger: book, Now: now}), nil
}

// Config is what the function works with.
type Config struct {
	Settings *config.Settings[stays.Settings]
	Ledger   *ledger.Ledger
	Now      func() time.Time

	Key     string // where the settings have none
	Address string // of these pages, where the settings have none
	Mails   bool   // e-mails are shown to somebody, also where none is sent
}

// budget is how long a request may take.
const budget = 30 * time.Second

// Readings of public days by one client.
const (
	readAtOnce = 200
	readEvery  = 50 * time.Millisecond
)

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{
		Config: cfg, asked: web.Limits{Every: askEvery, Burst: askAtOnce},
		read: web.Limits{Every: readEvery, Burst: readAtOnce},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /owners/assets/", http.StripPrefix("/owners/assets/", f.assets()))
	mux.Handle("GET /owners", http.RedirectHandler("/owners/", http.StatusMovedPermanently))
	for pattern, h := range f.open() {
		mux.Handle(pattern, f.showing(h))
	}
	for pattern, h := range f.own() {
		mux.Handle(pattern, f.showing(f.visiting(h)))
	}
	for pattern, h := range f.ofAssociation() {
		mux.Handle(pattern, h)
	}
	return web.Function(pages.Secured(web.Routes(mux), pages.FormsHere), budget)
}

// open are the pages for everybody.
func (f *function) open() map[string]web.HandlerFunc {
	return map[string]web.HandlerFunc{
		"GET /owners/signin":  f.signInPage,
		"POST /owners/signin": f.askForLink,
		"GET /owners/link":    f.linkPage,
		"POST /owners/link":   f.useLink,
		"GET /enter":          f.enter,
		"GET /owners/": func(http.ResponseWriter, *http.Request) error {
			return web.NewProblem(http.StatusNotFound, "This page does not exist.", nil)
		},
	}
}

// own are the pages for owners who are signed in.
func (f *function) own() map[string]func(http.ResponseWriter, *visit) error {
	return map[string]func(http.ResponseWriter, *visit) error{
		"GET /owners/{$}":                 f.strips,
		"GET /owners/units/{unit}":        f.month,
		"GET /owners/units/{unit}/print":  f.year,
		"GET /owners/units/{unit}/rules":  f.rules,
		"POST /owners/units/{unit}/rules": f.changeRules,
		"POST /owners/units/{unit}/days":  f.changeDays,
		"GET /owners/history":             f.history,
		"POST /owners/changes/{seq}/undo": f.undo,
		"GET /owners/state":               f.state,
		"POST /owners/state":              f.changeState,
		"POST /owners/language":           f.changeLanguage,
		"POST /owners/signout":            f.signOut,
		"POST /owners/signout/everywhere": f.signOutEverywhere,
	}
}

// ofAssociation are the routes of the association's own page.
func (f *function) ofAssociation() map[string]web.HandlerFunc {
	return map[string]web.HandlerFunc{
		"GET /selectedDays": f.selectedDays,
		"POST /addRange":    f.addRange,
		"GET /addRange":     f.addRangeByGet,
	}
}

type function struct {
	Config

	asked web.Limits // links, of addresses from which they are asked for
	read  web.Limits // public days, likewise
}

// assets serves the style and the script.
func (f *function) assets() http.Handler {
	files := http.FileServerFS(assets)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "owners.css" && r.URL.Path != "owners.js" {
			http.NotFound(w, r)
			return
		}
		r.URL.Path = "web/" + r.URL.Path
		w.Header().Set("Cache-Control", "public, max-age=300")
		files.ServeHTTP(w, r)
	})
}

// showing shows what went wrong on a page.
func (f *function) showing(h web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
		err := h(w, r)
		if err == nil || wantsJSON(r) {
			return err
		}
		status, id := http.StatusInternalServerError, "problem.fault"
		if p, ok := errors.AsType[*web.Problem](err); ok {
			status = p.Status
		}
		switch status {
		case http.StatusNotFound, http.StatusBadRequest:
			id = "problem.none"
		case http.StatusServiceUnavailable:
			id = "refused.unreachable"
		}
		web.LogFailure(r, status, err)
		return f.send(w, status, "problem", &page{Lang: f.language(r), Title: "problem.title", Text: id})
	}
}
