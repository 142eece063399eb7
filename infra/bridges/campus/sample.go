package campus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	simecal "github.com/carillon-calendar/carillon/infra/sim/ecal"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// The sample students: name, password, group, ECAL calendar.
var demoStudents = []struct{ name, password, group, calendar string }{
	{"lea", "lea-demo", "B3 DS 26/27 EPSI TLS", "64229d018723a1000e07da01"},
	{"hugo", "hugo-demo", "B2 G1 26/27 EPSI TLS", "64229d018723a1000e07da02"},
}

// The sample's ECAL account.
const (
	demoECALKey    = "demo-ecal-key"
	demoECALSecret = "demo-ecal-secret" //nolint:gosec // the simulator's
)

// A campusDemo is the simulated school and the simulated ECAL.
type campusDemo struct {
	wigor *simwigor.Server
	ecal  *simecal.Server
}

// simulators are those of the sample, by name.
func (d *campusDemo) simulators() map[string]http.Handler {
	if d == nil {
		return nil
	}
	return map[string]http.Handler{"wigor": d.wigor, "ecal": d.ecal}
}

func openCampusDemo(b *bridge) (*campusDemo, error) {
	school, err := simwigor.New(b.Simulation("wigor"))
	if err != nil {
		return nil, err
	}
	calendars, err := simecal.New(b.Simulation("ecal"))
	if err != nil {
		return nil, err
	}
	d := &campusDemo{school, calendars}
	names := map[string]string{}
	for _, s := range demoStudents {
		names[s.calendar] = "Emploi du temps " + s.name
		if err := school.AddStudent(s.name, s.password, s.group); err != nil {
			return nil, err
		}
	}
	if err := d.keepAlive(b); err != nil {
		return nil, err
	}
	if err := calendars.AddAccount(simecal.Account{Key: demoECALKey, Secret: demoECALSecret}, names); err != nil {
		return nil, err
	}
	return d, d.configure(b)
}

// keepAlive adds lessons as days pass. What a person changed or took away stays so.
func (d *campusDemo) keepAlive(b *bridge) error {
	now := b.Clock.Now()
	for i, s := range demoStudents {
		name := "campus demo until " + s.name
		text, err := b.Setting(name, func() string { return lastDay(d.wigor.Lessons(s.name)) })
		if err != nil {
			return err
		}
		lessons, until := sampleLessons(now, i, text)
		if until <= text {
			continue
		}
		if err := d.wigor.Put(s.name, lessons...); err != nil {
			return err
		}
		if err := b.SetSetting(name, until); err != nil {
			return err
		}
	}
	return nil
}

// lastDay is the day of the last lesson, or "".
func lastDay(lessons []simwigor.Lesson) (day string) {
	for _, l := range lessons {
		day = max(day, l.Start.In(calendar.Zone(time.UTC, machine.SampleZone)).Format(time.DateOnly))
	}
	return day
}

// configure writes the sample campus.json, at each start because the address may be another.
func (d *campusDemo) configure(b *bridge) error {
	list := make([]map[string]any, 0, len(demoStudents))
	for _, s := range demoStudents {
		list = append(list, map[string]any{
			"instance_name": s.name, "moncampus_username": s.name, "moncampus_password": s.password,
			"moncampus_start_date": "-7d", "moncampus_end_date": "+60d",
			"moncampus_host": b.URL + "/sim/wigor", "moncampus_cas_url": b.URL + "/sim/wigor/cas/login",
			"ecal_url": b.URL + "/sim/ecal/apiv2", "ecal_api_key": demoECALKey, "ecal_api_secret": demoECALSecret,
			"ecal_calendar_id": s.calendar,
		})
	}
	data, err := json.Marshal(map[string]any{"instances": list})
	if err != nil {
		return err
	}
	return b.WriteSample(campus.SettingsFile, data)
}

// Sample lessons: title, rooms as MonCampus writes them, how they are held.
var demoLessons = []struct{ title, rooms, mode string }{
	{"Bases de données", "BB-205(BALMA B)", "Présentiel"},
	{"Anglais professionnel", "SALLE_19(DISTANCIEL)", "Distanciel"},
	{"Workshop - Créativité & Innovation", "M: BB-303, BB-307", "Mixte"},
	{"No SQL", "BB-108(BALMA B)", "Présentiel"},
	{"Gestion de projet", "Cafétéria(BALMA B)", "Présentiel"},
	{"Devoir surveillé", "Aucune", "Présentiel"}, //nolint:misspell // French
	{"Réseaux", "BB-110(BALMA B)", "Présentiel"},
}

// sampleLessons are two lessons each working day, from a week ago to six weeks ahead, the last day; those up to a day
// are there.
func sampleLessons(now time.Time, student int, after string) (lessons []simwigor.Lesson, last string) {
	zone := calendar.Zone(time.UTC, machine.SampleZone)
	year, month, day := now.In(zone).Date()
	for d := -7; d <= 42; d++ {
		date := time.Date(year, month, day+d, 0, 0, 0, 0, zone)
		last = date.Format(time.DateOnly)
		if date.Weekday() == time.Saturday || date.Weekday() == time.Sunday || last <= after {
			continue
		}
		days := int(time.Date(year, month, day+d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
		for half, hours := range [][2]int{{9, 12}, {13, 17}} {
			n := 2*days + half + 3*student
			kind := demoLessons[n%len(demoLessons)]
			at := func(hour int) time.Time {
				return time.Date(date.Year(), date.Month(), date.Day(), hour, 30*half, 0, 0, zone)
			}
			l := simwigor.Lesson{
				ID: int64(9_000_000 + 100_000*student + n), Title: kind.title, Rooms: kind.rooms, Mode: kind.mode,
				Teacher: fmt.Sprintf("ENSEIGNANT %02d", n%9+1),
				Start:   at(hours[0]), End: at(hours[1]),
			}
			if kind.mode != "Présentiel" && d == 0 {
				l.Links = []string{fmt.Sprintf("https://teams.example/l/%d", l.ID)}
			}
			lessons = append(lessons, l)
		}
	}
	return lessons, last
}
