// Package bookings is the web service that partners call: which units are held on which days, and changes of that.
//
// Trigger: HTTP. POST /calendar is the SOAP service of before, with its WSDL at GET /calendar?wsdl and at the path that
// it had; /stays/v1 is the REST API.
// Reads: stays.json, the ledger. Writes: the ledger.
// Publishes: stays_relay, once for each group of changes; without it they are delivered within a minute.
// Caller: whoever has a partner's secret, by Basic authentication or as a bearer token.
// A repeat: the same days held again by the same partner, or with its Idempotency-Key the answer of the first time.
package bookings

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/deployed"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("StaysBookings", gcloud.Handler(setup)) }

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
	// Wait is how long GET /changes may wait for a change, at most; 0 in the cloud, where waiting is paid for.
	Wait time.Duration
	Now  func() time.Time
}

// budget is how long a request may take: the longest is one that waits for a change.
const budget = 55 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg, gate: newGate(cfg, rand.Text())}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /calendar", f.soap)
	mux.Handle("GET /calendar", web.HandlerFunc(f.wsdl))
	mux.Handle("GET /++resource++booking.wsdl", web.HandlerFunc(f.wsdl))
	mux.Handle("GET /stays/v1/units", f.partner(ledger.RightView, f.units))
	mux.Handle("GET /stays/v1/units/{unit}/days", f.partner(ledger.RightView, f.days))
	mux.Handle("PUT /stays/v1/units/{unit}/days", f.partner(ledger.RightAdd, f.put))
	mux.Handle("DELETE /stays/v1/units/{unit}/days", f.partner(ledger.RightAdd, f.free))
	mux.Handle("GET /stays/v1/availability", f.partner(ledger.RightView, f.availability))
	mux.Handle("GET /stays/v1/changes", f.partner(ledger.RightView, f.changes))
	// a page of another site must not use the credentials that a browser has kept
	return web.Function(http.NewCrossOriginProtection().Handler(web.Routes(mux)), budget)
}

type function struct {
	Config

	gate  *gate
	waits waiting
}

// A call is a request of a partner.
type call struct {
	*http.Request

	partner  ledger.Partner
	settings *stays.Settings
}

// today is the day at the cottages.
func (f *function) today(settings *stays.Settings) stays.Day {
	return stays.DayOf(f.Now().In(settings.Zone()))
}

// enter lets a partner in that has a right, if one is named.
func (f *function) enter(w http.ResponseWriter, r *http.Request, right string) (c call, err error) {
	w.Header().Set("Cache-Control", "private, no-cache")
	if !readable(r.URL) {
		return c, web.NewProblem(http.StatusBadRequest, "The address has characters that no unit's id has.", nil)
	}
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return c, web.Unavailable(err)
	}
	partner, err := f.gate.enter(w, r, settings)
	if err != nil {
		return c, err
	}
	if right != "" && !partner.May(right) {
		return c, web.NewProblem(http.StatusForbidden, "You do not have the right "+right+".", nil)
	}
	return call{r, partner, settings}, nil
}

// readable reports whether an address is text: no database keeps other bytes.
func readable(u *url.URL) bool {
	query, err := url.QueryUnescape(u.RawQuery)
	for _, s := range []string{u.Path, query} {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return false
		}
	}
	return err == nil
}

// partner serves requests of partners that have a right.
func (f *function) partner(right string, h func(http.ResponseWriter, call) error) http.Handler {
	return web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		c, err := f.enter(w, r, right)
		if err != nil {
			return err
		}
		return unreachable(w, r, h(w, c))
	})
}

// unreachable tells of a database that cannot be asked just now.
func unreachable(w http.ResponseWriter, r *http.Request, err error) error {
	if !errors.Is(err, sqldb.ErrUnreachable) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	w.Header().Set("Retry-After", "2")
	detail := "The ledger cannot be reached just now: nothing was changed. Try again in a moment."
	if r.Method == http.MethodGet {
		detail = "The ledger cannot be read just now. Try again in a moment."
	} else if errors.Is(err, sqldb.ErrUnknown) || errors.Is(err, context.DeadlineExceeded) {
		detail = "Whether the change was made is not known. Send it again, with the same Idempotency-Key if it had one: " +
			"it is made once."
	}
	return web.NewProblem(http.StatusServiceUnavailable, detail, err)
}
