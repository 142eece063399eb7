package transfer

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// A Quarantined is a file in the quarantine.
type Quarantined struct {
	ID       string          `json:"id"`
	Source   string          `json:"source"`
	Blob     string          `json:"blob"`
	Size     int64           `json:"size"`
	Modified time.Time       `json:"modified"` // when the source wrote it
	Since    time.Time       `json:"since"`
	File     string          `json:"file"`             // below the quarantine folder
	Summary  string          `json:"summary"`          // in English, or in the locale that was asked for
	Code     string          `json:"code,omitempty"`   // of the first finding, for programs
	Report   *exports.Report `json:"report,omitempty"` // not in the list
}

func quarantined(e exports.Entry, locale string) Quarantined {
	q := Quarantined{
		ID: e.ID, Source: e.Source, Blob: e.Blob, Size: e.Size, Modified: e.Modified, Since: e.StoredAt, File: e.File.Path,
		Summary: e.Report.Summary(locale),
	}
	if e.Report != nil && len(e.Report.Findings) > 0 {
		q.Code = e.Report.Findings[0].Code
	}
	return q
}

// listQuarantine lists the quarantine of all sources, or of ?source=, the newest first, with texts in ?locale=.
func (f function) listQuarantine(w http.ResponseWriter, r *http.Request) error {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	list := []Quarantined{}
	for _, src := range settings.Sources {
		if only := r.URL.Query().Get("source"); only != "" && only != src.Name {
			continue
		}
		entries, err := f.inQuarantine(r.Context(), src.Name)
		if err != nil {
			return web.Unavailable(err)
		}
		for _, e := range entries {
			list = append(list, quarantined(e, r.URL.Query().Get("locale")))
		}
	}
	slices.SortFunc(list, func(a, b Quarantined) int { return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID)) })
	return web.WriteJSON(w, http.StatusOK, list)
}

// inQuarantine are the entries of a source's files in the quarantine.
func (f function) inQuarantine(ctx context.Context, source string) ([]exports.Entry, error) {
	var list []exports.Entry
	for info, err := range f.State.List(ctx, exports.JournalPrefix(source)) {
		if err != nil {
			return nil, err
		}
		if m := exports.MarkOf(info.Name, info.Metadata); m.Place != exports.PlaceQuarantine ||
			m.State == exports.StateStaged {
			continue
		}
		e, err := documents.LoadIfAny[exports.Entry](ctx, f.State, info.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

func errNotQuarantined() error {
	return web.NewProblem(http.StatusNotFound, "No file in the quarantine has this id.", nil)
}

// showQuarantined shows one file's report, with texts in ?locale=.
func (f function) showQuarantined(w http.ResponseWriter, r *http.Request) error {
	e, err := documents.LoadIfAny[exports.Entry](r.Context(), f.State,
		exports.EntryName(r.PathValue("source"), r.PathValue("id")))
	if err != nil {
		return web.Unavailable(err)
	}
	if e.File.Place != exports.PlaceQuarantine {
		return errNotQuarantined()
	}
	locale := r.URL.Query().Get("locale")
	q := quarantined(e, locale)
	q.Report = e.Report.In(locale)
	return web.WriteJSON(w, http.StatusOK, q)
}

// A Release is the body of POST /quarantine/{source}/{id}/release.
type Release struct {
	// Older lets a file through though a newer run of its query was handed on.
	Older bool `json:"older"`
}

// releaseQuarantined hands a file on as it is, because a person says so.
func (f function) releaseQuarantined(w http.ResponseWriter, r *http.Request) error {
	var req Release
	if err := web.DecodeJSON(w, r, &req); err != nil {
		return err
	}
	settings, err := f.Settings.Fresh(r.Context())
	if err != nil {
		return web.NewProblem(http.StatusServiceUnavailable, err.Error(), err)
	}
	src, err := source(settings, r.PathValue("source"))
	if err != nil {
		return err
	}
	var q Quarantined
	err = lease.Wait(r.Context(), func(time.Duration, time.Duration) {}, func(ctx context.Context) (err error) {
		q, err = f.release(ctx, src, r.PathValue("id"), req.Older)
		return err
	})
	switch {
	case errors.Is(err, errOlder):
		return web.NewProblem(http.StatusConflict,
			"A newer version of it lies in the importer's folder. Let that be imported first.", nil)
	case errors.Is(err, errTaken):
		return web.NewProblem(http.StatusConflict,
			"Its name is taken in the importer's folder, by another file or by a folder; nothing is overwritten. Let the file "+
				"be imported, or move the folder.", nil)
	case errors.Is(err, files.ErrUnusable):
		return web.NewProblem(http.StatusServiceUnavailable, err.Error(), err)
	case err != nil:
		return web.Unavailable(err)
	}
	return web.WriteJSON(w, http.StatusOK, q)
}

// noNewerVersion refuses a file of whose blob a newer version was handed on.
func (w *work) noNewerVersion(ctx context.Context, e *entry) error {
	for _, m := range w.versionsOf(e.Entry) {
		other, err := w.entry(ctx, m.ID)
		if err != nil {
			return err
		}
		if other.StagedAt.After(e.StagedAt) {
			return web.NewProblem(http.StatusConflict,
				"A newer version of it was handed on meanwhile. Say that you want the older one (--older) if you are sure.", nil)
		}
	}
	return nil
}

// release hands on a quarantined file under the source's lease.
func (f function) release(ctx context.Context, src exports.Source, id string, older bool) (q Quarantined, err error) {
	s, ctx, err := f.open(ctx, src.Name, time.Time{})
	if err != nil {
		return q, err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	w := f.newWork(s, src, options{})
	if w.store, err = f.Destination(src); err != nil {
		return q, err
	}
	if err := w.readJournal(ctx); err != nil {
		return q, err
	}
	if err := w.rebuildHanded(ctx); err != nil {
		return q, err
	}
	e, err := w.entry(ctx, id)
	if errors.Is(err, documents.ErrNotFound) ||
		err == nil && (e.File.Place != exports.PlaceQuarantine || e.State == exports.StateStaged) {
		return q, errNotQuarantined()
	}
	if err != nil {
		return q, err
	}
	if run, ok := exports.ParseRun(e.Blob); ok && !older && run.Written(e.Modified).Before(w.handed()[run.Key()]) {
		return q, web.NewProblem(http.StatusConflict,
			"A newer run of its query was handed on meanwhile. Say that you want the older one (--older) if you are sure.", nil)
	}
	if !older {
		if err := w.noNewerVersion(ctx, e); err != nil {
			return q, err
		}
	}
	if _, err := w.store.Stat(ctx, e.File); errors.Is(err, files.ErrNotFound) {
		return q, web.NewProblem(http.StatusNotFound, "Its file is no longer in the quarantine folder.", nil)
	}
	from := e.File
	name, err := exports.Path(e.Blob, src.Flatten)
	if err != nil {
		return q, web.NewProblem(http.StatusConflict, err.Error(), nil)
	}
	e.State, e.ReleasedAt, e.Why = exports.StateStaged, f.Now().UTC(), "a person released it"
	e.File = exports.File{Place: exports.PlaceFiles, Path: name}
	e.Moves = []exports.Move{{From: from, To: e.File}}
	if err := w.put(ctx, e); err != nil {
		return q, err
	}
	if err := w.settle(ctx, e); err != nil {
		return q, err
	}
	if err := w.enter(ctx, e); err != nil {
		return q, err
	}
	return quarantined(e.Entry, faults.English), w.store.Remove(ctx, reportOf(from))
}
