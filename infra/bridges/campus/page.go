package campus

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func (b *bridge) pages(handle func(pattern string, h http.Handler)) {
	handle("GET /dashboard/campus", web.HandlerFunc(b.overview))
	handle("POST /dashboard/campus/sync", web.HandlerFunc(b.syncFromDashboard))
	if b.demo != nil {
		handle("/dashboard/campus/timetable/",
			http.StripPrefix("/dashboard/campus/timetable", web.HandlerFunc(b.editTimetable)))
	}
}

// campusView is an instance on the dashboard.
type campusView struct {
	sync.Status

	School   []viewClass `json:"school"`   // what MonCampus has; where it is real, as last read
	Calendar []viewClass `json:"calendar"` // what ECAL has; where it is real, as last written
}

type viewClass struct {
	ID    string    `json:"id"`
	Title string    `json:"title"`
	Room  string    `json:"room"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// shownDays is how far ahead the page shows.
const shownDays = 14

func (b *bridge) overview(w http.ResponseWriter, r *http.Request) error {
	statuses, err := b.statuses(r.Context(), r.URL.Query().Get("locale"))
	if err != nil {
		return err
	}
	views := []campusView{}
	for _, status := range statuses {
		view, err := b.view(r.Context(), status)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"now": b.Clock.Now().UTC(), "editable": b.demo != nil, "instances": views,
	})
}

// statuses are the function's own, with faults in a language.
func (b *bridge) statuses(ctx context.Context, locale string) ([]sync.Status, error) {
	var list []sync.Status
	return list, machine.Ask(ctx, b.sync, "/status?locale="+url.QueryEscape(locale), &list)
}

func (b *bridge) view(ctx context.Context, status sync.Status) (campusView, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return campusView{}, err
	}
	state, err := b.stateOf(ctx, status.Instance)
	if err != nil {
		return campusView{}, err
	}
	inst, _ := settings.Instance(status.Instance)
	view := campusView{Status: status, School: []viewClass{}, Calendar: []viewClass{}}
	if b.demo != nil {
		view.School, view.Calendar = b.demo.school(inst), b.demo.calendar(inst)
	} else {
		for _, c := range state.Timetable {
			if c.Stray {
				continue
			}
			shown := viewClass{c.ID, c.Title, c.Room, c.Start, c.End}
			if !orphaned(state, c.ID) {
				view.School = append(view.School, shown)
			}
			if state.Sent[c.ID].Core != "" {
				view.Calendar = append(view.Calendar, shown)
			}
		}
	}
	from := b.Clock.Now().Truncate(time.Hour).Add(-12 * time.Hour)
	far := func(c viewClass) bool { return c.End.Before(from) || c.Start.After(from.AddDate(0, 0, shownDays)) }
	view.School, view.Calendar = slices.DeleteFunc(view.School, far), slices.DeleteFunc(view.Calendar, far)
	return view, nil
}

// orphaned reports whether MonCampus no longer has a class of the timetable.
func orphaned(state campus.State, id string) bool {
	return slices.ContainsFunc(slices.Concat(state.Held, state.Kept), func(h campus.Held) bool { return h.Class.ID == id })
}

func (d *campusDemo) school(inst campus.Instance) []viewClass {
	lessons := d.wigor.Lessons(inst.Username)
	list := make([]viewClass, 0, len(lessons))
	for _, l := range lessons {
		list = append(list, viewClass{strconv.FormatInt(l.ID, 10), l.Title, l.Rooms, l.Start, l.End})
	}
	return list
}

func (d *campusDemo) calendar(inst campus.Instance) []viewClass {
	list := []viewClass{}
	for _, e := range d.ecal.Events(inst.ECALCalendar) {
		if e.AllDay {
			e.StartTime, e.EndTime = "00:00", "23:59"
		}
		start, err := time.ParseInLocation("2006-01-02 15:04", e.StartDate+" "+e.StartTime, inst.Zone())
		end, err2 := time.ParseInLocation("2006-01-02 15:04", e.EndDate+" "+e.EndTime, inst.Zone())
		if err == nil && err2 == nil {
			list = append(list, viewClass{e.ID, e.Name, e.Location, start, end})
		}
	}
	return list
}

// syncFromDashboard runs one instance as `carillon campus sync` does, and answers its run.
func (b *bridge) syncFromDashboard(w http.ResponseWriter, r *http.Request) error {
	r.URL = &url.URL{Path: "/sync"}
	return machine.LastLine(w, r, b.sync, func(line []byte) any {
		var l sync.Line
		if json.Unmarshal(line, &l) == nil && l.Run != nil {
			return l.Run
		}
		return nil
	})
}

// editTimetable passes a change to the simulated MonCampus.
func (b *bridge) editTimetable(w http.ResponseWriter, r *http.Request) error {
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: "/_timetable" + strings.TrimSuffix(r.URL.Path, "/")}
	b.demo.wigor.ServeHTTP(w, inner)
	return nil
}

func (b *bridge) parts(ctx context.Context, locale string) ([]machine.Part, error) {
	statuses, err := b.statuses(ctx, locale)
	if err != nil {
		return nil, err
	}
	parts := make([]machine.Part, 0, len(statuses))
	for _, s := range statuses {
		part := machine.Part{Name: s.Instance, State: machine.PartOK, SeenAt: s.SeenAt, TimeZone: s.TimeZone}
		switch s.Standing {
		case sync.StandingBusy:
			part.State = machine.PartBusy
		case sync.StandingNever:
			part.State = machine.PartUnknown
		case sync.StandingFailed:
			part.State, part.Detail = machine.PartFault, s.Run.Fault.Detail
		case sync.StandingStale:
			part.State, part.Detail = machine.PartWarning, texts.Text(locale, "missed", nil)
		case sync.StandingPartial:
			part.State, part.Detail = machine.PartWarning, texts.Text(locale, "apart", nil)
		}
		parts = append(parts, part)
	}
	return parts, nil
}
