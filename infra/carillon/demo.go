package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	simarduino "github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// The sample office.
const (
	demoClient   = "demo-client"
	demoSecret   = "demo-secret"
	demoOrg      = "c0ffee00-0000-4000-8000-000000000001"
	demoZone     = "Europe/Paris"
	maxLimitedBy = 60 // above this speed the Arduino limit is off
)

var demoVariables = []string{"busynow", "curevmtg", "curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm"}

var demoRooms = []string{"blue_room", "green_room", "red_room", "yellow_room", "orange_room", "violet_room", "white_room", "quiet_room"}

// A demo is the simulators, loaded with a working day.
type demo struct {
	google  *simgoogle.Server
	arduino *simarduino.Server
}

func (d *demo) close() { d.google.Close() }

func openDemo(s *officeBridge) (*demo, error) {
	google, err := simgoogle.New(s.clock.Now, s.db.Records("sim/googlecal"))
	if err != nil {
		return nil, err
	}
	account := simarduino.Account{ClientID: demoClient, ClientSecret: demoSecret, Organization: demoOrg, Unlimited: s.speed > maxLimitedBy || s.limit > 0}
	arduino, err := simarduino.New(account, s.db.Records("sim/iotcloud"))
	if err != nil {
		return nil, err
	}
	d := &demo{google, arduino}
	if err := d.configure(s); err != nil {
		return nil, err
	}
	return d, d.keepAlive(s)
}

// demoUntil is the setting that says up to when the rooms have meetings.
const demoUntil = "demo until"

// The sample office has meetings for half a day, and gets more before they run out.
const (
	demoDay  = 12 * time.Hour
	demoSoon = 2 * time.Hour
)

// keepAlive puts meetings into the rooms where those that are there end soon, or have ended: on whichever day one looks, the office is at work.
func (d *demo) keepAlive(s *officeBridge) error {
	text, err := s.db.Setting(s.ctx, demoUntil, func() string { return "" })
	if err != nil {
		return err
	}
	until, _ := time.Parse(time.RFC3339, text) // at first there is none
	now := s.clock.Now()
	if until.Sub(now) > demoSoon {
		return nil
	}
	from := now.Truncate(30 * time.Minute)
	if until.After(from.Add(-time.Hour)) {
		from = until
	}
	if err := d.seed(from, s.roomNames()); err != nil {
		return err
	}
	return s.db.SetSetting(s.ctx, demoUntil, from.Add(demoDay).Format(time.RFC3339))
}

// aliveAgain is how often the sample is looked at, in its own time.
const aliveAgain = 15 * time.Minute

// stayAlive calls keep as the sample's time passes.
func (s *system) stayAlive(keep func() error) {
	for pause := s.clock.Real(aliveAgain); ; {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(min(max(pause, time.Second), time.Minute)): // a machine that slept has not waited
		}
		if err := keep(); err != nil && s.ctx.Err() == nil {
			slog.ErrorContext(s.ctx, "the sample does not go on", slog.Any("error", err))
		}
	}
}

// configure writes the sample config.json, at each start because the address may be another.
func (d *demo) configure(s *officeBridge) error {
	settings := rooms.Settings{ClientID: demoClient, ClientSecret: demoSecret, OrganizationID: demoOrg, WatchURL: s.url}
	if s.firewalled {
		settings.WatchURL = ""
	}
	type room = map[string]string
	var list []room
	for _, name := range s.roomNames() {
		if err := d.google.AddCalendar(calendarID(name), demoZone); err != nil {
			return err
		}
		if err := d.arduino.AddThing(name, demoZone, demoVariables...); err != nil {
			return err
		}
		list = append(list, room{"room_name": name, "gcal_calendar_id": calendarID(name)})
	}
	if len(list) > 2 {
		list[2]["locale"] = "fr"
	}
	data, err := json.Marshal(map[string]any{
		"iot_client_id": settings.ClientID, "iot_client_secret": settings.ClientSecret, "iot_organization_id": settings.OrganizationID,
		"iot_requests_per_second": cmp.Or(s.limit, settings.Limit()), "gcal_watch_function_url": settings.WatchURL, "rooms": list,
	})
	if err != nil {
		return err
	}
	return s.writeSample(rooms.SettingsFile, data)
}

// writeSample replaces a document of the sample's settings.
func (s *system) writeSample(name string, data []byte) error {
	doc, err := s.config.Get(s.ctx, name)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	_, err = s.config.Put(s.ctx, name, doc.Generation, data, nil)
	return err
}

func calendarID(room string) string { return room + "@resource.calendar.google.com" }

// roomNames are the sample office's rooms: the eight, or as many as asked for.
func (o *options) roomNames() []string {
	n := o.size
	if o.names != nil {
		return o.names
	}
	if n == 0 {
		n = len(demoRooms)
	}
	names := slices.Clone(demoRooms[:min(n, len(demoRooms))])
	for i := len(names); i < n; i++ {
		names = append(names, fmt.Sprintf("room_%05d", i+1))
	}
	return names
}

// seed puts meetings from an instant on into every room but the quiet one.
func (d *demo) seed(from time.Time, names []string) error {
	const apart = 90 * time.Minute
	titles := []string{"Stand-up", "Budget review", "Entretien", "Design critique", "Client call", "Point d’équipe", "Retrospective"}
	for i, name := range names[:min(len(names), len(demoRooms)-1)] {
		first := from.Add(time.Duration(i%4-1) * 30 * time.Minute)
		for n := range int(demoDay / apart) {
			start := first.Add(time.Duration(n) * apart)
			event := map[string]any{
				"id":        fmt.Sprintf("demo%d", start.Unix()), // what an interrupted start has left is not made twice
				"summary":   titles[(i+n)%len(titles)],
				"start":     dateTime(start),
				"end":       dateTime(start.Add(time.Duration(30+15*((i+n)%3)) * time.Minute)),
				"organizer": map[string]any{"email": "office@example.com", "displayName": "Office"},
			}
			if n == 3 && i == 1 {
				event["visibility"] = "private"
			}
			if _, err := d.google.Insert(calendarID(name), event); err != nil && !errors.Is(err, simgoogle.ErrDuplicate) {
				return err
			}
		}
	}
	return nil
}

func dateTime(t time.Time) map[string]any {
	return map[string]any{"dateTime": t.UTC().Format(time.RFC3339)}
}
