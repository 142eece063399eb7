package rooms

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	simarduino "github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// The sample office.
const (
	demoClient   = "demo-client"
	demoSecret   = "demo-secret"
	demoOrg      = "c0ffee00-0000-4000-8000-000000000001"
	maxLimitedBy = 60 // above this speed the Arduino limit is off
)

var demoVariables = []string{
	"busynow", "curevmtg", "curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm",
}

var demoRooms = []string{
	"blue_room", "green_room", "red_room", "yellow_room", "orange_room", "violet_room", "white_room", "quiet_room",
}

// A demo is the simulators, loaded with a working day.
type demo struct {
	google  *simgoogle.Server
	arduino *simarduino.Server
}

// simulators are those of the sample, by name.
func (d *demo) simulators() map[string]http.Handler {
	return map[string]http.Handler{"googlecal": d.google, "iotcloud": d.arduino}
}

func (d *demo) close() { d.google.Close() }

func openDemo(b *bridge) (*demo, error) {
	google, err := simgoogle.New(b.Simulation("googlecal"))
	if err != nil {
		return nil, err
	}
	account := simarduino.Account{
		ClientID: demoClient, ClientSecret: demoSecret, Organization: demoOrg,
		Unlimited: b.Speed > maxLimitedBy || b.options.ArduinoLimit > 0,
	}
	arduino, err := simarduino.New(simarduino.Options{Options: b.Simulation("iotcloud"), Account: account})
	if err != nil {
		return nil, err
	}
	d := &demo{google, arduino}
	if err := d.configure(b); err != nil {
		return nil, err
	}
	return d, d.keepAlive(b)
}

// demoUntil is the setting that says up to when the rooms have meetings.
const demoUntil = "demo until"

// The sample office has meetings for half a day, and gets more before they run out.
const (
	demoDay  = 12 * time.Hour
	demoSoon = 2 * time.Hour
)

// keepAlive puts meetings into the rooms where those that are there end soon, or have ended: on whichever day one
// looks, the office is at work.
func (d *demo) keepAlive(b *bridge) error {
	text, err := b.Setting(demoUntil, func() string { return "" })
	if err != nil {
		return err
	}
	until, _ := time.Parse(time.RFC3339, text) // at first there is none
	now := b.Clock.Now()
	if until.Sub(now) > demoSoon {
		return nil
	}
	from := now.Truncate(30 * time.Minute)
	if until.After(from.Add(-time.Hour)) {
		from = until
	}
	if err := d.seed(from, b.options.roomNames()); err != nil {
		return err
	}
	return b.SetSetting(demoUntil, from.Add(demoDay).Format(time.RFC3339))
}

// configure writes the sample config.json, at each start because the address may be another.
func (d *demo) configure(b *bridge) error {
	settings := rooms.Settings{ClientID: demoClient, ClientSecret: demoSecret, OrganizationID: demoOrg, WatchURL: b.URL}
	if b.options.Firewalled {
		settings.WatchURL = ""
	}
	type room = map[string]string
	var list []room
	for _, name := range b.options.roomNames() {
		if err := d.google.AddCalendar(calendarID(name), machine.SampleZone); err != nil {
			return err
		}
		if err := d.arduino.AddThing(name, machine.SampleZone, demoVariables...); err != nil {
			return err
		}
		list = append(list, room{"room_name": name, "gcal_calendar_id": calendarID(name)})
	}
	if len(list) > 2 {
		list[2]["locale"] = "fr"
	}
	data, err := json.Marshal(map[string]any{
		"iot_client_id": settings.ClientID, "iot_client_secret": settings.ClientSecret,
		"iot_organization_id":     settings.OrganizationID,
		"iot_requests_per_second": cmp.Or(b.options.ArduinoLimit, settings.Limit()),
		"gcal_watch_function_url": settings.WatchURL, "rooms": list,
	})
	if err != nil {
		return err
	}
	return b.WriteSample(rooms.SettingsFile, data)
}

func calendarID(room string) string { return room + "@resource.calendar.google.com" }

// roomNames are the sample office's rooms: the eight, or as many as asked for.
func (o *Options) roomNames() []string {
	n := o.Rooms
	if o.Names != nil {
		return o.Names
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
	titles := []string{
		"Stand-up", "Budget review", "Entretien", "Design critique", "Client call", "Point d’équipe", "Retrospective",
	}
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
