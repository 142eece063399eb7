package rooms

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// roomStatus is a line of `carillon rooms status`. Times are zero where nothing is known.
type roomStatus struct {
	Room      string    `json:"room"`
	TimeZone  string    `json:"time_zone"`
	FetchedAt time.Time `json:"fetched_at,omitzero"` // when the calendar was last read
	DataAge   string    `json:"data_age,omitempty"`
	// State is busy, free or unknown; Known is false for unknown, and Stale says that the calendar should have been read
	// since.
	State        string    `json:"state"`
	Known        bool      `json:"known"`
	Stale        bool      `json:"stale,omitempty"`
	LastPush     time.Time `json:"last_push,omitzero"`
	LastPublish  time.Time `json:"last_publish,omitzero"`
	WatchExpires time.Time `json:"watch_expires,omitzero"`
	Polled       string    `json:"polled,omitempty"` // how often, where there is no watch
	NextChange   string    `json:"next_change,omitempty"`
	Faults       []string  `json:"faults"`

	faultsIn func(lang string) []string
}

func (b *bridge) roomsStatus(w http.ResponseWriter, r *http.Request) error {
	settings, err := b.settings.Get(r.Context())
	if err != nil {
		return err
	}
	list := []roomStatus{}
	for _, room := range settings.Rooms {
		status, err := b.roomStatus(r.Context(), settings, room.Name)
		if err != nil {
			return err
		}
		if settings.Polls() {
			status.Polled = every(settings.PollInterval())
		}
		list = append(list, status)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

func (b *bridge) roomStatus(ctx context.Context, settings *rooms.Settings, name string) (roomStatus, error) {
	snapshot, record, err := b.documents(ctx, name)
	if err != nil {
		return roomStatus{}, err
	}
	now := b.Clock.Now()
	k := snapshot.Knowledge(now)
	room, _ := settings.Room(name, snapshot.TimeZone, snapshot.Thing.TimeZone)
	status := roomStatus{
		Room: name, TimeZone: room.Zone.String(), State: stateOfRoom(room.StatusOf(&snapshot, now)),
		FetchedAt: snapshot.FetchedAt, Known: k.Known, Stale: k.Stale,
		LastPush: snapshot.PushedAt, LastPublish: snapshot.ToldAt, Faults: faultsOf(snapshot, record, faults.English),
	}
	status.faultsIn = func(lang string) []string { return faultsOf(snapshot, record, lang) }
	if !snapshot.FetchedAt.IsZero() {
		status.DataAge = now.Sub(snapshot.FetchedAt).Round(time.Second).String() // below zero: a clock is wrong
	}
	if snapshot.Polled() {
		status.Polled = every(time.Minute)
	}
	if record.Channel != nil {
		status.WatchExpires = record.Channel.Expiration
	}
	if doc, err := b.state.Get(ctx, rooms.SnapshotName(name)); err == nil {
		status.NextChange = doc.Metadata[rooms.MetaTransition]
	}
	return status, nil
}

// documents are what is kept of a room; the zero values where nothing is yet.
func (b *bridge) documents(ctx context.Context, room string) (rooms.Snapshot, rooms.Watch, error) {
	snapshot, err := documents.LoadIfAny[rooms.Snapshot](ctx, b.state, rooms.SnapshotName(room))
	if err != nil {
		return snapshot, rooms.Watch{}, err
	}
	record, err := documents.LoadIfAny[rooms.Watch](ctx, b.watches, rooms.WatchName(room))
	return snapshot, record, err
}

// stateOfRoom is what a door may show.
func stateOfRoom(status rooms.Status) string {
	switch {
	case status.Unknown:
		return "unknown"
	case status.Current != nil:
		return "busy"
	default:
		return "free"
	}
}

// faultsOf are the sentences that tell a person what to mend, in a language.
func faultsOf(snapshot rooms.Snapshot, record rooms.Watch, locale string) []string {
	found := []string{}
	for _, fault := range []*rooms.Fault{snapshot.Fault, snapshot.CalendarFault, record.Fault} {
		if fault != nil {
			found = append(found, fault.In(locale))
		}
	}
	if !snapshot.PushMissed.IsZero() {
		missed := faults.Params{"at": cli.When(snapshot.PushMissed, snapshot.TimeZone)}
		found = append(found, rooms.NewFault("push_missed", missed, snapshot.PushMissed).In(locale))
	}
	return found
}

func (b *bridge) parts(ctx context.Context, locale string) ([]machine.Part, error) {
	views, err := b.views(ctx, locale)
	if err != nil {
		return nil, err
	}
	parts := make([]machine.Part, 0, len(views))
	for _, room := range views {
		part := machine.Part{
			Name: room.Name, State: machine.PartOK, SeenAt: room.FetchedAt, TimeZone: room.TimeZone,
			Detail: strings.Join(room.Faults, " "),
		}
		switch {
		case !room.Known || room.Thing["busynow"] == nil: // or its Thing has shown nothing yet
			part.State = machine.PartUnknown
		case len(room.Faults) > 0:
			part.State = machine.PartFault
		case room.Stale:
			part.State, part.Detail = machine.PartWarning, texts.Text(locale, "stale", nil)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// Describe implements [prometheus.Collector].
func (b *bridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descAge
	ch <- descWatch
	ch <- descFaults
}

// Collect implements [prometheus.Collector]: it reads what is kept of rooms.
func (b *bridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.Context(), machine.CollectTime)
	defer cancel()
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return
	}
	now := b.Clock.Now()
	for _, r := range settings.Rooms {
		status, err := b.roomStatus(ctx, settings, r.Name)
		if err != nil {
			continue
		}
		machine.Gauge(ch, descFaults, float64(len(status.Faults)), r.Name)
		if !status.FetchedAt.IsZero() {
			machine.Gauge(ch, descAge, machine.Age(status.FetchedAt, now), r.Name)
		}
		if !status.WatchExpires.IsZero() {
			machine.Gauge(ch, descWatch, status.WatchExpires.Sub(now).Seconds(), r.Name)
		}
	}
}

var (
	descAge = prometheus.NewDesc("carillon_room_data_age_seconds",
		"Time since the room's calendar was read.", []string{"room"}, nil)
	descWatch = prometheus.NewDesc("carillon_room_watch_seconds",
		"Time until the room's push channel ends.", []string{"room"}, nil)
	descFaults = prometheus.NewDesc("carillon_room_faults", "Faults that a person must mend.", []string{"room"}, nil)
)
