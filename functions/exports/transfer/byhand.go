package transfer

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// A Request is the body of POST /transfer.
type Request struct {
	Source string `json:"source"` // "": all
	DryRun bool   `json:"dry_run"`
}

// A Line is a line of the answer to POST /transfer, which is a stream of JSON
// objects (application/x-ndjson): progress, and a transfer at each source's end.
type Line struct {
	Progress *runs.Progress    `json:"progress,omitempty"` // steps: wait, list, bring
	Transfer *exports.Transfer `json:"transfer,omitempty"`
}

// byHand runs sources for a person who waits.
func (f function) byHand(w http.ResponseWriter, r *http.Request) error {
	var req Request
	if err := web.DecodeJSON(w, r, &req); err != nil {
		return err
	}
	settings, err := f.Settings.Fresh(r.Context())
	if err != nil {
		return web.NewProblem(http.StatusServiceUnavailable, err.Error(), err)
	}
	chosen := settings.Sources
	if req.Source != "" {
		src, err := source(settings, req.Source)
		if err != nil {
			return err
		}
		chosen = []exports.Source{src}
	}
	send := runs.Stream(w)
	for _, c := range chosen {
		src, _ := settings.Source(c.Name)
		t := f.runByHand(r.Context(), settings, src, req, send)
		send(Line{Transfer: &t})
	}
	return nil
}

func (f function) runByHand(
	ctx context.Context, settings *exports.Settings, src exports.Source, req Request, send func(line any),
) (t exports.Transfer) {
	o := options{dryRun: req.DryRun, progress: func(step string, done, total int) {
		send(Line{Progress: &runs.Progress{Part: src.Name, Step: step, Done: done, Total: total}})
	}}
	err := runs.ByHand(ctx, o.progress, func(ctx context.Context) (err error) {
		t, err = f.run(ctx, settings, src, o)
		return err
	})
	if err != nil {
		t.Source, t.Fault = src.Name, fault(faults.Error{Code: codeNotRun, Detail: err.Error()}, src)
	}
	return t
}

func source(settings *exports.Settings, name string) (exports.Source, error) {
	src, ok := settings.Source(name)
	if !ok {
		return src, web.NewProblem(http.StatusNotFound, fmt.Sprintf("No source is named %q in exports.json.", name), nil)
	}
	return src, nil
}

func (f function) stateOf(ctx context.Context, name string) (exports.State, error) {
	return documents.LoadIfAny[exports.State](ctx, f.State, exports.StateName(name))
}

// A Status is a source's line of GET /status.
type Status struct {
	Source      string             `json:"source"`
	Mode        string             `json:"mode"`
	Container   string             `json:"container,omitempty"` // of a SAS address in the settings, without its token
	AccessUntil time.Time          `json:"access_until,omitzero"`
	Destination string             `json:"destination"` // "": the default
	TimeZone    string             `json:"time_zone"`
	Runs        []exports.Transfer `json:"runs"` // newest first
	NextRun     time.Time          `json:"next_run"`
	// the last run is so long ago that what is at the source now is unknown
	Overdue    bool `json:"overdue"`
	Quarantine int  `json:"quarantine"` // files in it
	Held       int  `json:"held"`       // blobs that are stored and still at the source
	Failures   int  `json:"failures"`   // in a row
	Busy       bool `json:"busy"`
}

// status tells how each source does.
func (f function) status(w http.ResponseWriter, r *http.Request) error {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	next, err := exports.NextRun(f.Now())
	if err != nil {
		return err
	}
	list := []Status{}
	for _, configured := range settings.Sources {
		src, _ := settings.Source(configured.Name)
		s, err := f.statusOf(r.Context(), src, r.URL.Query().Get("locale"))
		if err != nil {
			return web.Unavailable(err)
		}
		s.NextRun = next
		list = append(list, s)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

func (f function) statusOf(ctx context.Context, src exports.Source, locale string) (Status, error) {
	state, err := f.stateOf(ctx, src.Name)
	if err != nil {
		return Status{}, err
	}
	s := Status{
		Source: src.Name, Mode: src.Mode, Destination: src.Destination, TimeZone: src.TimeZone,
		Runs: append([]exports.Transfer{}, state.Runs...), Failures: state.Alert.Failures, Busy: state.Lease.Held(),
	}
	for i := range s.Runs {
		s.Runs[i].Fault = FaultIn(locale, s.Runs[i].Fault)
	}
	if len(s.Runs) > 0 {
		s.AccessUntil, s.Overdue = s.Runs[0].Until, exports.Stale(s.Runs[0].Ended, f.Now())
	}
	if sas, err := exports.ParseSAS(src.SASURL); err == nil && src.Mode == exports.ModeSASURL {
		s.Container, s.AccessUntil = sas.Container, sas.Expires
	}
	for info, err := range f.State.List(ctx, exports.JournalPrefix(src.Name)) {
		if err != nil {
			return s, err
		}
		switch m := exports.MarkOf(info.Name, info.Metadata); {
		case m.Place == exports.PlaceQuarantine:
			s.Quarantine++
		case m.State == exports.StateStored:
			s.Held++
		}
	}
	return s, nil
}
