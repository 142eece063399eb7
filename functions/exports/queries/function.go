// Package queries shows and controls the scheduled queries of Cegid Data Access.
//
// Trigger: HTTP. GET /queries lists the schedules; POST /queries/force lets queries run soon; POST
// /queries/{id}/enable and /disable switch one on and off; GET and POST /queries/providers find whose queries they are.
// Reads: exports.json, Cegid's API. Writes: one field of a schedule at Cegid; exports/providers.json in the state
// bucket. Publishes: nothing.
// Caller: whoever has queries_key, as Authorization: Bearer. A repeat sets the same again.
package queries

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("ExportsQueries", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, exports.LoadSettings, env.ConfigBucket, env.StateBucket)
	if err != nil {
		return nil, err
	}
	return New(Config{
		Settings: cloud.Settings, State: cloud.Buckets[0],
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings *config.Settings[exports.Settings]
	State    documents.Bucket // has the providers that were saved
	// Key opens the function besides the settings' queries_key; "" is none. It is the operator's way on one machine.
	Key string
	Now func() time.Time
}

// budget is how long a request may take.
const budget = 55 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := function{cfg}
	mux := http.NewServeMux()
	mux.Handle("GET /queries", f.keyed(f.list))
	mux.Handle("POST /queries/force", f.keyed(f.force))
	mux.Handle("POST /queries/{id}/enable", f.keyed(f.enable(true)))
	mux.Handle("POST /queries/{id}/disable", f.keyed(f.enable(false)))
	mux.Handle("GET /queries/providers", f.keyed(f.discover))
	mux.Handle("POST /queries/providers", f.keyed(f.save))
	return web.Function(web.Routes(mux), budget)
}

type function struct{ Config }

// keyed lets through who has the key.
func (f function) keyed(h func(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error) http.Handler {
	return web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		settings, err := f.Settings.Get(r.Context())
		if err != nil {
			return web.Unavailable(err)
		}
		w.Header().Set("Cache-Control", "no-store")
		key := web.Bearer(r)
		if settings.QueriesKey == "" && !web.SameSecret(key, f.Key) {
			return web.NewProblem(http.StatusServiceUnavailable, "Set queries_key in exports.json first.", settings.KeyFault)
		}
		if !web.SameSecret(key, settings.QueriesKey) && !web.SameSecret(key, f.Key) {
			return web.NewProblem(http.StatusUnauthorized, "Send the key of exports.json as Authorization: Bearer.", nil)
		}
		return h(w, r, settings)
	})
}

// source is the source of a name, or the only one for "".
func source(settings *exports.Settings, name string) (exports.Source, error) {
	if name == "" && len(settings.Sources) == 1 {
		name = settings.Sources[0].Name
	}
	src, ok := settings.Source(name)
	switch {
	case name == "":
		return src, web.NewProblem(http.StatusBadRequest, "Name a source: exports.json has several, or none.", nil)
	case !ok:
		return src, web.NewProblem(http.StatusNotFound, fmt.Sprintf("No source is named %q in exports.json.", name), nil)
	case src.Fault != nil:
		return src, web.NewProblem(http.StatusServiceUnavailable,
			"The settings of the source cannot be used: "+src.Fault.Error(), nil)
	case src.KeyID == "" || src.KeySecret == "" || src.SubscriptionKey == "" || src.TenantID == "":
		return src, web.NewProblem(http.StatusConflict,
			"Queries are controlled through Cegid's API: the source lacks cegid_tenant_id, cegid_api_key_id, "+
				"cegid_api_key_secret or cegid_subscription_key.", nil)
	}
	return src, nil
}

// provided is a source whose provider is known.
func (f function) provided(ctx context.Context, settings *exports.Settings, name string) (exports.Source, error) {
	src, err := source(settings, name)
	if err != nil {
		return src, err
	}
	saved, err := documents.LoadIfAny[exports.Providers](ctx, f.State, exports.ProvidersName)
	if err != nil {
		return src, web.Unavailable(err)
	}
	src.ProviderID, err = saved.Of(src)
	switch {
	case errors.Is(err, exports.ErrNoProvider) && src.ProviderFault != nil:
		return src, web.NewProblem(http.StatusConflict, sentence(src.ProviderFault), nil)
	case err != nil:
		return src, web.NewProblem(http.StatusConflict, sentence(err)+" `carillon exports discover --save` finds it.", nil)
	}
	return src, nil
}

// problem is what a fault of Cegid's API means to the caller.
func problem(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, cegid.ErrNotFound):
		return web.NewProblem(http.StatusNotFound, sentence(err), err)
	default:
		return web.NewProblem(http.StatusBadGateway, sentence(err), err)
	}
}

// sentence is an error as one: the client's errors hold no secrets.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// list answers with the schedules; their SQL with ?sql=true.
func (f function) list(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error {
	src, err := f.provided(r.Context(), settings, r.URL.Query().Get("source"))
	if err != nil {
		return err
	}
	list, err := cegid.New(src).Schedulers(r.Context())
	if err != nil {
		return problem(err)
	}
	for i := range list {
		if r.URL.Query().Get("sql") != "true" {
			list[i].SQL = ""
		}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// Force is the body of POST /queries/force.
type Force struct {
	Source string   `json:"source"`
	IDs    []string `json:"ids"`  // these; or
	Name   string   `json:"name"` // the one of this name; "" with no ids: all that are enabled
	Part   bool     `json:"part"` // all whose name it is a part of
	Time   string   `json:"time"` // HH:MM; default cegid_force_time, or the next quarter hour at least five minutes away
	Zone   string   `json:"zone"` // of the time; default the source's
}

// A Forced is what became of one query.
type Forced struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Next  time.Time `json:"next_execution,omitzero"`
	Last  time.Time `json:"last_execution,omitzero"` // before
	Error string    `json:"error,omitempty"`
}

// force lets queries run soon; their cron stays as it is.
func (f function) force(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error {
	var req Force
	if err := web.DecodeJSON(w, r, &req); err != nil {
		return err
	}
	src, err := f.provided(r.Context(), settings, req.Source)
	if err != nil {
		return err
	}
	at, err := f.when(src, req)
	if err != nil {
		return err
	}
	client := cegid.New(src)
	list, err := client.Schedulers(r.Context())
	if err != nil {
		return problem(err)
	}
	chosen, err := choose(list, req)
	if err != nil {
		return err
	}
	done := make([]Forced, 0, len(chosen))
	for _, s := range chosen {
		one := Forced{ID: s.ID, Name: s.Name, Last: s.Last}
		switch changed, err := forceOne(r.Context(), client, s, at); {
		case err != nil:
			one.Error = err.Error()
		default:
			one.Next = changed.Next
		}
		done = append(done, one)
	}
	slog.InfoContext(r.Context(), "queries forced", slog.String("source", src.Name), slog.Int("queries", len(done)))
	return web.WriteJSON(w, http.StatusOK, done)
}

var errDisabled = errors.New("its schedule is switched off; enable it first")

func forceOne(ctx context.Context, client *cegid.Client, s cegid.Scheduler, at time.Time) (cegid.Scheduler, error) {
	if !s.Enabled {
		return s, errDisabled
	}
	return client.Force(ctx, s.ID, at)
}

// when is the time that a request asks for.
func (f function) when(src exports.Source, req Force) (time.Time, error) {
	hhmm, zone := src.ForceTime, src.Zone()
	if req.Time != "" {
		hhmm = req.Time
	}
	if req.Zone != "" {
		if zone = calendar.Zone(nil, req.Zone); zone == nil {
			return time.Time{}, web.NewProblem(http.StatusBadRequest,
				fmt.Sprintf("zone: found %q, expected an IANA time zone such as Europe/Paris.", req.Zone), nil)
		}
	}
	at, err := exports.ForceAt(hhmm, zone, f.Now())
	if err != nil {
		return at, web.NewProblem(http.StatusBadRequest, "time: "+err.Error()+".", nil)
	}
	return at, nil
}

// choose are the queries that a request means.
func choose(list []cegid.Scheduler, req Force) ([]cegid.Scheduler, error) {
	if len(req.IDs) > 0 {
		chosen := slices.DeleteFunc(slices.Clone(list),
			func(s cegid.Scheduler) bool { return !slices.Contains(req.IDs, s.ID) })
		if len(chosen) != len(req.IDs) {
			return nil, web.NewProblem(http.StatusNotFound, "Cegid has no query with one of these ids.", nil)
		}
		return chosen, nil
	}
	chosen, err := cegid.Choose(list, req.Name, req.Part)
	if errors.Is(err, cegid.ErrAmbiguous) {
		names := make([]string, 0, len(chosen))
		for _, s := range chosen {
			names = append(names, s.Name)
		}
		return nil, web.NewProblem(http.StatusConflict,
			fmt.Sprintf("%q is a part of: %s. Name one, or ask for all of them with part.", req.Name, strings.Join(names, ", ")),
			nil)
	}
	return chosen, problem(err)
}

// Switch is the body of POST /queries/{id}/enable and /disable.
type Switch struct {
	Source string `json:"source"`
}

func (f function) enable(on bool) func(http.ResponseWriter, *http.Request, *exports.Settings) error {
	return func(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error {
		var req Switch
		if err := web.DecodeJSON(w, r, &req); err != nil {
			return err
		}
		src, err := f.provided(r.Context(), settings, req.Source)
		if err != nil {
			return err
		}
		s, err := cegid.New(src).Enable(r.Context(), r.PathValue("id"), on)
		if err != nil {
			return problem(err)
		}
		s.SQL = ""
		return web.WriteJSON(w, http.StatusOK, s)
	}
}

// discover looks for the providers of a source; ?name= adds names to try.
func (f function) discover(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error {
	src, err := source(settings, r.URL.Query().Get("source"))
	if err != nil {
		return err
	}
	names := r.URL.Query()["name"]
	for _, name := range names {
		if err := exports.CheckProvider(name); err != nil {
			return web.NewProblem(http.StatusBadRequest, "name: "+err.Error()+".", nil)
		}
	}
	found, err := cegid.New(src).Discover(r.Context(), names)
	if err != nil {
		return problem(err)
	}
	return web.WriteJSON(w, http.StatusOK, append([]cegid.Provider{}, found...))
}

// Provider is the body of POST /queries/providers.
type Provider struct {
	Source string `json:"source"`
	ID     string `json:"provider_id"`
}

// save keeps a source's provider; exports.json stays as it is.
func (f function) save(w http.ResponseWriter, r *http.Request, settings *exports.Settings) error {
	var req Provider
	if err := web.DecodeJSON(w, r, &req); err != nil {
		return err
	}
	src, err := source(settings, req.Source)
	if err != nil {
		return err
	}
	if req.ID == "" {
		return web.NewProblem(http.StatusBadRequest, "provider_id is missing.", nil)
	}
	if err := exports.CheckProvider(req.ID); err != nil {
		return web.NewProblem(http.StatusBadRequest, "provider_id: "+err.Error()+".", nil)
	}
	if _, err := documents.Update(r.Context(), f.State, exports.ProvidersName,
		func(p *exports.Providers) (map[string]string, error) {
			p.Save(src, req.ID)
			return nil, nil
		}); err != nil {
		return web.Unavailable(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
