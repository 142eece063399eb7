package exports

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
)

func (b *bridge) pages(handle func(pattern string, h http.Handler)) {
	handle("GET /dashboard/exports", web.HandlerFunc(b.overview))
	handle("POST /dashboard/exports/transfer", web.HandlerFunc(b.transferFromDashboard))
	pass := http.StripPrefix("/dashboard/exports", b.transfer)
	handle("GET /dashboard/exports/quarantine/{source}/{id}", pass)
	handle("POST /dashboard/exports/quarantine/{source}/{id}/release", pass)
	if b.demo != nil {
		handle("POST /dashboard/exports/queries/{id}", web.HandlerFunc(b.runQuery))
	}
}

// exportsView is a source on the dashboard.
type exportsView struct {
	transfer.Status

	Blobs []viewFile             `json:"blobs"` // at the source; the sample's only; null where it cannot be listed
	Files []viewFile             `json:"files"` // in the destination, where it is a folder; likewise
	Held  []transfer.Quarantined `json:"held_files"`
}

type viewFile struct {
	Name string    `json:"name"`
	Size int64     `json:"size"`
	At   time.Time `json:"at"`
}

func (b *bridge) overview(w http.ResponseWriter, r *http.Request) error {
	locale := r.URL.Query().Get("locale")
	statuses, err := b.statuses(r.Context(), locale)
	if err != nil {
		return err
	}
	var held []transfer.Quarantined
	if err := machine.Ask(r.Context(), b.transfer, "/quarantine?locale="+url.QueryEscape(locale), &held); err != nil {
		return err
	}
	settings, err := b.settings.Get(r.Context())
	if err != nil {
		return err
	}
	views, answer := []exportsView{}, map[string]any{"now": b.Clock.Now().UTC(), "editable": b.demo != nil}
	for _, status := range statuses {
		src, _ := settings.Source(status.Source)
		if status.Destination == "" {
			status.Destination = b.defaultFolder(status.Source)
		}
		view := exportsView{
			Status: status, Blobs: []viewFile{}, Files: b.filesOf(r.Context(), src), Held: []transfer.Quarantined{},
		}
		for _, q := range held {
			if q.Source == status.Source {
				view.Held = append(view.Held, q)
			}
		}
		views = append(views, view)
	}
	if b.demo != nil && len(views) > 0 {
		views[0].Blobs = b.demo.list(r.Context())
		answer["need"], answer["queries"] = b.demo.needs().in(locale), demoQueries
	}
	answer["sources"] = views
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, answer)
}

// mostShown is how many files of a folder the page shows.
const mostShown = 50

// filesOf are the files that wait for the importer, the newest first; nil where they cannot be listed.
func (b *bridge) filesOf(ctx context.Context, src exports.Source) []viewFile {
	list := []viewFile{}
	store, err := b.destination(src)
	if err != nil {
		return nil
	}
	for info, err := range store.List(ctx, exports.PlaceFiles) {
		if err != nil {
			return nil
		}
		list = append(list, viewFile{info.Path, info.Size, info.Modified})
	}
	slices.SortFunc(list, func(a, b viewFile) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Name, b.Name)) })
	return list[:min(len(list), mostShown)]
}

// needs is what the sample's blob store lacks, or nil.
func (d *exportsDemo) needs() *need {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.need
}

// list are the blobs in the sample's container; nil where they cannot be listed.
func (d *exportsDemo) list(ctx context.Context) []viewFile {
	list := []viewFile{}
	store := d.store()
	if store == nil {
		return nil
	}
	c, err := store.Container(demoAccount.Tenant)
	if err != nil {
		return nil
	}
	page, err := c.NewListBlobsFlatPager(nil).NextPage(ctx)
	if err != nil {
		return nil
	}
	for _, item := range page.Segment.BlobItems[:min(len(page.Segment.BlobItems), mostShown)] {
		list = append(list, viewFile{*item.Name, *item.Properties.ContentLength, *item.Properties.LastModified})
	}
	return list
}

// statuses are the function's own, with faults in a language.
func (b *bridge) statuses(ctx context.Context, locale string) ([]transfer.Status, error) {
	var list []transfer.Status
	return list, machine.Ask(ctx, b.transfer, "/status?locale="+url.QueryEscape(locale), &list)
}

// transferFromDashboard runs one source as `carillon exports transfer` does, and answers its run.
func (b *bridge) transferFromDashboard(w http.ResponseWriter, r *http.Request) error {
	r.URL = &url.URL{Path: "/transfer"}
	return machine.LastLine(w, r, b.transfer, func(line []byte) any {
		var l transfer.Line
		if json.Unmarshal(line, &l) == nil && l.Transfer != nil {
			return l.Transfer
		}
		return nil
	})
}

// runQuery lets a query of the sample run at once.
func (b *bridge) runQuery(w http.ResponseWriter, r *http.Request) error {
	i := slices.IndexFunc(demoQueries, func(q simcegid.Query) bool { return q.ID == r.PathValue("id") })
	if i < 0 || b.demo.store() == nil {
		return web.NewProblem(http.StatusConflict, "There is no such query, or the blob store is not there yet.", nil)
	}
	if err := b.demo.cegid.Execute(r.Context(), demoQueries[i].ID); err != nil {
		return web.Unavailable(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (b *bridge) parts(ctx context.Context, locale string) ([]machine.Part, error) {
	statuses, err := b.statuses(ctx, locale)
	if err != nil {
		return nil, err
	}
	parts := make([]machine.Part, 0, len(statuses))
	for _, s := range statuses {
		part := machine.Part{Name: s.Source, State: machine.PartOK, TimeZone: s.TimeZone}
		if len(s.Runs) > 0 {
			part.SeenAt = s.Runs[0].Ended
		}
		switch {
		case s.Busy:
			part.State = machine.PartBusy
		case len(s.Runs) == 0:
			part.State = machine.PartUnknown
		case s.Runs[0].Fault != nil:
			part.State, part.Detail = machine.PartFault, s.Runs[0].Fault.Detail
		case s.Overdue:
			part.State, part.Detail = machine.PartWarning, texts.Text(locale, "missed", nil)
		case s.Runs[0].Failed > 0:
			part.State, part.Detail = machine.PartWarning, counted(locale, "failed", s.Runs[0].Failed)
		case s.Runs[0].Left > 0:
			part.State, part.Detail = machine.PartWarning, counted(locale, "left", s.Runs[0].Left)
		case s.Quarantine > 0:
			part.State, part.Detail = machine.PartWarning, counted(locale, "quarantine", s.Quarantine)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// counted is a text of a number of files.
func counted(locale, id string, n int) string {
	return texts.Text(locale, id, faults.Params{"n": strconv.Itoa(n)})
}
