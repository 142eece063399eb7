package sync

import (
	"context"
	"fmt"
	"net/http"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A Request is the body of POST /sync.
type Request struct {
	Instance     string `json:"instance"` // "": all
	DryRun       bool   `json:"dry_run"`
	AllowDeletes *int   `json:"allow_deletes"`
	TryPassword  bool   `json:"try_password"` // one that MonCampus refused, once more
	AcceptTimes  bool   `json:"accept_times"` // that look as if the school's clock had changed
}

// A Line is a line of the answer to POST /sync, which is a stream of JSON
// objects (application/x-ndjson): progress, and a run at each instance's end.
type Line struct {
	Progress *runs.Progress `json:"progress,omitempty"` // steps: wait, fetch, compare, write
	Run      *campus.Run    `json:"run,omitempty"`
}

// byHand runs instances for a person who waits.
func (f function) byHand(w http.ResponseWriter, r *http.Request) error {
	var req Request
	if err := web.DecodeJSON(w, r, &req); err != nil {
		return err
	}
	if req.AllowDeletes != nil && *req.AllowDeletes < 0 {
		return web.NewProblem(http.StatusBadRequest, "allow_deletes must be 0 or more.", nil)
	}
	settings, err := f.Settings.Fresh(r.Context())
	if err != nil {
		return web.NewProblem(http.StatusServiceUnavailable, err.Error(), err)
	}
	chosen := settings.Instances
	if req.Instance != "" {
		inst, err := instance(settings, req.Instance)
		if err != nil {
			return err
		}
		chosen = []campus.Instance{inst}
	}
	send := runs.Stream(w)
	for _, c := range chosen {
		inst, _ := settings.Instance(c.Name)
		run := f.runByHand(r.Context(), settings, inst, req, send)
		send(Line{Run: &run})
	}
	return nil
}

func (f function) runByHand(
	ctx context.Context, settings *campus.Settings, inst campus.Instance, req Request, send func(line any),
) (run campus.Run) {
	o := options{
		byHand: true, dryRun: req.DryRun, allowDeletes: req.AllowDeletes, tryPassword: req.TryPassword,
		acceptTimes: req.AcceptTimes,
		progress: func(step string, done, total int) {
			send(Line{Progress: &runs.Progress{Part: inst.Name, Step: step, Done: done, Total: total}})
		},
	}
	err := runs.ByHand(ctx, o.progress, func(ctx context.Context) (err error) {
		run, err = f.run(ctx, settings, inst, o)
		return err
	})
	if err != nil {
		run.Instance, run.Verified = inst.Name, false
		run.Fault = texts.Fault(faults.Error{Code: codeNotRun, Detail: err.Error()}, rules, params(inst, 0))
	}
	return run
}

func instance(settings *campus.Settings, name string) (campus.Instance, error) {
	inst, ok := settings.Instance(name)
	if !ok {
		return inst, web.NewProblem(http.StatusNotFound, fmt.Sprintf("No instance is named %q in campus.json.", name), nil)
	}
	return inst, nil
}

func (f function) state(ctx context.Context, name string) (campus.State, error) {
	return documents.LoadIfAny[campus.State](ctx, f.State, campus.StateName(name))
}
