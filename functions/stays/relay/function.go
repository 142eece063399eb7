// Package relay keeps the ledger: it migrates its tables, delivers its changes, sends e-mails about days that were
// taken or given back, and answers operators.
//
// Trigger: messages of stays_relay, once for each group of changes and each minute, and of stays_broker; HTTP for
// operators, below.
// Reads: stays.json, the ledger, the broker's queues. Writes: the ledger.
// Publishes: stays_notifications, stays_broker; sends to the broker and to partners' hooks, and sends e-mails.
// Caller: Pub/Sub and operators, by its invoker account. A redelivered message delivers what is still pending. An
// e-mail is sent twice only where the process died between sending and recording it.
//
// The log of changes is the outbox. Each destination has a cursor: the number of the newest delivered change. The
// cursor moves once the destination has accepted the changes after it, so that no change is lost and some are delivered
// twice. One run at a time serves all destinations side by side.
package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

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
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("StaysRelay", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	settings, db, err := deployed.Open(ctx, env.ConfigBucket)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	now := time.Now //nolint:forbidigo // the real clock
	if _, err = migrations.Run(ctx, db); err == nil {
		var book *ledger.Ledger
		if book, err = ledger.Open(ctx, db, now); err == nil {
			return New(Config{Settings: settings, Ledger: book, Publisher: pub, Now: now}), nil
		}
	}
	_ = db.Close()
	return nil, fmt.Errorf("opening the ledger: %w", err)
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[stays.Settings]
	Ledger    *ledger.Ledger
	Publisher messages.Publisher
	Now       func() time.Time

	Resident     bool // [Connect] serves the broker
	PrivateHooks bool // hooks may be on this machine and without TLS

	Key     string // that seals, where the settings have none
	Address string // of the owners' pages, where the settings have none
}

// budget is how long a request may take.
const budget = 4 * time.Minute

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", messages.Handle(f.message))
	for pattern, h := range map[string]web.HandlerFunc{
		"GET /status":                   f.status,
		"GET /changes":                  f.changes,
		"POST /changes/{seq}/undo":      f.undo,
		"GET /units":                    f.units,
		"PUT /units":                    f.putUnits,
		"DELETE /units/{unit}":          f.removeUnit,
		"GET /partners":                 f.partners,
		"PUT /partners/{name}":          f.putPartner,
		"POST /partners/{name}/secrets": f.addSecret,
		"DELETE /partners/{name}":       f.revoke,
		"POST /import":                  f.importSite,
		"POST /units/{unit}/state":      f.setState,
		"GET /owners":                   f.owners,
		"PUT /owners/{id}":              f.putOwner,
		"POST /owners/{id}/link":        f.addLink,
		"GET /letters":                  f.listLetters,

		"GET /hooks":                       f.listHooks,
		"POST /hooks":                      f.addHook,
		"POST /hooks/{id}/test":            f.testHook,
		"POST /hooks/{id}/resume":          f.resumeHook,
		"DELETE /hooks/{id}":               f.removeHook,
		"POST /destinations/{name}/pause":  f.pause,
		"POST /destinations/{name}/resume": f.resume,
		"POST /destinations/{name}/export": f.export,
	} {
		mux.Handle(pattern, answering(h))
	}
	return web.Function(web.Routes(mux), budget)
}

type function struct {
	Config

	running sync.Mutex   // a run is at work in this process
	asked   atomic.Bool  // another was asked for
	mailing sync.Mutex   // e-mails are being sent
	linking sync.Mutex   // sign-in links are being sent
	states  atomic.Int64 // the newest state change that was passed on
}

// answering tells operators of what the ledger does not have, or cannot do now.
func answering(h web.HandlerFunc) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		err := h(w, r)
		var since *ledger.ChangedSince
		switch {
		case errors.Is(err, ledger.ErrNoPartner):
			return web.NewProblem(http.StatusNotFound, "There is no such partner.", err)
		case errors.Is(err, ledger.ErrNoOwner):
			return web.NewProblem(http.StatusNotFound, "There is no such owner.", err)
		case errors.Is(err, ledger.ErrInUse):
			return web.NewProblem(http.StatusConflict, "Only a unit that is in no list, and whose days are all free, can be "+
				"removed. A listed one can be hidden: carillon stays units add UNIT --published=false.", err)
		case errors.Is(err, ledger.ErrNoHook):
			return web.NewProblem(http.StatusNotFound, "There is no such hook.", err)
		case errors.Is(err, ledger.ErrNoChange):
			return web.NewProblem(http.StatusNotFound, "There is no such change.", err)
		case errors.As(err, &since):
			return web.NewProblem(http.StatusConflict, fmt.Sprintf(
				"It cannot be undone: its days were changed since, by change %d. Undo that one first.", since.Number), err)
		}
		return unreachable(err)
	}
}

// unreachable tells of a database that cannot be asked just now.
func unreachable(err error) error {
	if errors.Is(err, sqldb.ErrUnreachable) {
		return web.NewProblem(http.StatusServiceUnavailable, "The ledger's database cannot be reached just now.", err)
	}
	return err
}
