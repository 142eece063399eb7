package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// runFile, in the data folder, tells the operators' commands how to reach the running system.
const runFile = "run.json"

// zoneHeader tells a command the office's zone, which its tables write times in.
const zoneHeader = "Carillon-Time-Zone"

// publicHeader tells a command the address of the public paths, where that is known: a real office's is that of its proxy.
const publicHeader = "Carillon-Public-Address"

// zone is the office's: the first that a bridge knows, or "".
func (s *system) zone(ctx context.Context) string {
	for _, b := range s.bridges {
		if zone := b.zone(ctx); zone != "" {
			return zone
		}
	}
	return ""
}

type runInfo struct {
	URL string `json:"url"`
	Key string `json:"key"`
}

// operatorKey is the bearer of the operators' commands, kept with the data.
func (s *system) operatorKey() (string, error) {
	return s.db.Setting(s.ctx, "operator_key", func() string {
		b := make([]byte, 24)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	})
}

// operate serves the operators' commands at base, for whoever can read the data folder.
func (s *system) operate(mux *http.ServeMux, base string) error {
	key, err := s.operatorKey()
	if err != nil {
		return err
	}
	operations := map[string]web.HandlerFunc{
		"GET /operator/doctor":          s.doctor,
		"GET /operator/dead":            s.deadLetters,
		"GET /operator/dead/{id}":       s.deadLetter,
		"POST /operator/dead/{id}/send": s.sendAgain,
		"DELETE /operator/dead/{id}":    s.drop,
	}
	for _, b := range s.bridges {
		maps.Copy(operations, b.operations())
	}
	for pattern, h := range operations {
		mux.Handle(pattern, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if !web.SameSecret(web.Bearer(r), key) {
				return web.NewProblem(http.StatusUnauthorized, "Give the operator key of run.json in the data folder as the bearer token.", nil)
			}
			if zone := s.zone(r.Context()); zone != "" {
				w.Header().Set(zoneHeader, zone)
			}
			if s.sample() {
				w.Header().Set(publicHeader, s.url)
			}
			return h(w, r)
		}))
	}
	mux.Handle("GET /metrics", s.metrics.handler()) // where the dashboard is
	data, err := json.Marshal(runInfo{base, key})
	if err != nil {
		return err
	}
	name := filepath.Join(s.data, runFile)
	if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// roomStatus is a line of `carillon rooms status`. Times are zero where nothing is known.
type roomStatus struct {
	Room      string    `json:"room"`
	TimeZone  string    `json:"time_zone"`
	FetchedAt time.Time `json:"fetched_at,omitzero"` // when the calendar was last read
	DataAge   string    `json:"data_age,omitempty"`
	// State is busy, free or unknown; Known is false for unknown, and Stale says that the calendar should have been read since.
	State        string    `json:"state"`
	Known        bool      `json:"known"`
	Stale        bool      `json:"stale,omitempty"`
	LastPush     time.Time `json:"last_push,omitzero"`
	LastPublish  time.Time `json:"last_publish,omitzero"`
	WatchExpires time.Time `json:"watch_expires,omitzero"`
	Polled       string    `json:"polled,omitempty"` // how often, where there is no watch
	NextChange   string    `json:"next_change,omitempty"`
	Faults       []string  `json:"faults"`
}

func (b *officeBridge) operations() map[string]web.HandlerFunc {
	return map[string]web.HandlerFunc{"GET /operator/rooms": b.roomsStatus}
}

func (b *officeBridge) roomsStatus(w http.ResponseWriter, r *http.Request) error {
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

func (b *officeBridge) roomStatus(ctx context.Context, settings *rooms.Settings, name string) (roomStatus, error) {
	snapshot, record, err := b.documents(ctx, name)
	if err != nil {
		return roomStatus{}, err
	}
	now := b.clock.Now()
	k := snapshot.Knowledge(now)
	room, _ := settings.Room(name, snapshot.TimeZone, snapshot.Thing.TimeZone)
	status := roomStatus{
		Room: name, TimeZone: room.Zone.String(), State: stateOfRoom(room.StatusOf(&snapshot, now)), FetchedAt: snapshot.FetchedAt, Known: k.Known, Stale: k.Stale,
		LastPush: snapshot.PushedAt, LastPublish: snapshot.ToldAt, Faults: faultsOf(snapshot, record),
	}
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
func (b *officeBridge) documents(ctx context.Context, room string) (rooms.Snapshot, rooms.Watch, error) {
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

// faultsOf are the sentences that tell a person what to mend.
func faultsOf(snapshot rooms.Snapshot, record rooms.Watch) []string {
	found := []string{}
	for _, fault := range []*rooms.Fault{snapshot.Fault, snapshot.CalendarFault, record.Fault} {
		if fault != nil {
			found = append(found, fault.Detail)
		}
	}
	if !snapshot.PushMissed.IsZero() {
		at := when(snapshot.PushMissed, snapshot.TimeZone)
		found = append(found, "Google did not tell of a change that was found at "+at+
			": the channel was replaced, and the calendar is polled until a message comes.")
	}
	return found
}

func (s *system) doctor(w http.ResponseWriter, r *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, s.examine(r.Context()))
}

// examine looks for what is missing, at every bridge.
func (s *system) examine(ctx context.Context) []finding {
	found := make([]finding, 0, len(s.bridges))
	for _, b := range s.bridges {
		found = append(found, b.examine(ctx)...)
	}
	return found
}

func (b *officeBridge) examine(ctx context.Context) []finding {
	settings, fault := readSettings(ctx, b.config)
	if fault != nil {
		return []finding{*fault}
	}
	d := examination{settings: settings, arduinoURL: b.arduinoURL(), simulated: b.demo != nil}
	var err error
	if d.calendar, err = b.calendar(); err != nil {
		return []finding{{"credentials", stateMissing, "not usable", "Put a service account's JSON key as " + rooms.CredentialsFile + " beside config.json."}}
	}
	if doc, err := b.config.Get(ctx, rooms.CredentialsFile); err == nil {
		d.credentials, d.hasKey = doc.Data, true
	}
	return append(d.examine(ctx), b.examineData(ctx, settings)...)
}

// examineData says of each room whether anybody knows what goes on there, and by which way Google's changes come.
func (b *officeBridge) examineData(ctx context.Context, settings *rooms.Settings) (found []finding) {
	for _, r := range settings.Rooms {
		check := "data of " + r.Name
		status, err := b.roomStatus(ctx, settings, r.Name)
		switch {
		case err != nil:
			found = append(found, finding{check, stateMissing, "not readable", "Look at the disk of the data folder."})
		case !status.Known && status.DataAge == "":
			found = append(found, finding{check, stateMissing, "the calendar was never read: nobody knows whether the room is free", "See what is said of its calendar."})
		case !status.Known:
			found = append(found, finding{check, stateMissing, "nobody knows whether the room is free: the calendar was read " + status.DataAge + " ago", "See what is said of its calendar; look at this machine's clock."})
		case status.Stale:
			found = append(found, finding{check, stateWarning, "the calendar was not read for " + status.DataAge, "See what is said of its calendar."})
		case status.Polled != "" && !settings.Polls():
			found = append(found, finding{check, stateWarning, "read " + status.DataAge + " ago; Google's messages do not come, so it is polled " + status.Polled, strings.Join(status.Faults, " ")})
		default:
			found = append(found, finding{check, stateOK, "read " + status.DataAge + " ago", ""})
		}
	}
	return found
}

func (s *system) deadLetters(w http.ResponseWriter, r *http.Request) error {
	list, err := s.queue.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// deadID reads the id in the path.
func deadID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, web.NewProblem(http.StatusBadRequest, "A dead letter's id is a number.", nil)
	}
	return id, nil
}

func deadProblem(err error) error {
	if errors.Is(err, local.ErrNoDeadLetter) {
		return web.NewProblem(http.StatusNotFound, "No dead letter has this id.", nil)
	}
	return err
}

func (s *system) deadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := deadID(r)
	if err != nil {
		return err
	}
	d, err := s.queue.DeadLetter(r.Context(), id)
	if err != nil {
		return deadProblem(err)
	}
	return web.WriteJSON(w, http.StatusOK, d)
}

func (s *system) sendAgain(w http.ResponseWriter, r *http.Request) error {
	return s.withDead(w, r, s.queue.SendAgain)
}

func (s *system) drop(w http.ResponseWriter, r *http.Request) error {
	return s.withDead(w, r, s.queue.Drop)
}

func (s *system) withDead(w http.ResponseWriter, r *http.Request, do func(context.Context, int64) error) error {
	id, err := deadID(r)
	if err != nil {
		return err
	}
	if err := do(r.Context(), id); err != nil {
		return deadProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
