// Package campus holds the rules of the campus bridge: how MonCampus's lessons
// become classes, what a reading may change in a timetable, and what an ECAL
// calendar lacks of it. They are pure: plain values in and out, the clock an
// argument. It also names what the bridge's functions share: settings, the
// topic and documents.
package campus

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

// TopicSync asks campus/sync for a run: of the instance that its message names, or of all.
const TopicSync = "campus_sync"

// Schedule is when runs begin, five cron fields in ScheduleZone.
const (
	Schedule     = "46 6-18 * * *"
	ScheduleZone = "Europe/Paris"
)

// CronSchedule is the schedule with its zone, as cron's parser reads it.
const CronSchedule = "CRON_TZ=" + ScheduleZone + " " + Schedule

// NextRun is when the schedule's first run after an instant begins.
func NextRun(after time.Time) (time.Time, error) {
	schedule, err := cron.ParseStandard(CronSchedule)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the schedule: %w", err)
	}
	return schedule.Next(after).UTC(), nil
}

// runTime is how long a run takes at most.
const runTime = 10 * time.Minute

// Stale reports whether two scheduled runs should have read MonCampus since it was last read whole, or whether that
// cannot be told.
func Stale(readAt, now time.Time) bool {
	missed := readAt
	for range 2 {
		next, err := NextRun(missed)
		if err != nil {
			return true
		}
		missed = next
	}
	return now.After(missed.Add(runTime)) || calendar.Ahead(now, readAt)
}

// SettingsFile is the settings' name in the config bucket.
const SettingsFile = "campus.json"

// Defaults of the settings: the schools of IGS, with the sign-on that both school groups share.
const (
	DefaultHost = "https://ws-edt-igs.wigorservices.net"
	DefaultCAS  = "https://cas-p.wigorservices.net/cas/login"
	DefaultECAL = "https://api.ecal.com/apiv2"
	defaultZone = "Europe/Paris"
)

// Schema is the JSON Schema of campus.json.
//
//go:embed campus.schema.json
var Schema []byte

// Settings are campus.json.
type Settings struct {
	Instances []Instance      `json:"instances"`
	SMTP      *alerts.Mailbox `json:"smtp"`
	Locale    string          `json:"locale"` // of e-mails; default fr

	// SMTPFault says that a secret of the mailbox cannot be had.
	SMTPFault error `json:"-"`
}

// Unresolved notes a secret that cannot be had with the instance that it belongs to: the others go on.
func (s *Settings) Unresolved(path string, err error) {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if i, nerr := strconv.Atoi(parts[min(1, len(parts)-1)]); parts[0] == "instances" &&
		nerr == nil && i < len(s.Instances) {
		s.Instances[i].Fault = errors.Join(s.Instances[i].Fault, fmt.Errorf("%s: %w", parts[len(parts)-1], err))
		return
	}
	s.SMTPFault = errors.Join(s.SMTPFault, fmt.Errorf("%s: %w", path, err))
}

// An Instance is one timetable: a student's or a class's.
type Instance struct {
	Name      string `json:"instance_name"`
	Host      string `json:"moncampus_host"`
	CAS       string `json:"moncampus_cas_url"`
	Username  string `json:"moncampus_username"`
	Password  string `json:"moncampus_password"`
	StartDate string `json:"moncampus_start_date"`
	EndDate   string `json:"moncampus_end_date"`
	Clock     string `json:"moncampus_clock"` // ClockWallInUTC or ClockOffset; "" is the first, with its guard
	TimeZone  string `json:"time_zone"`

	ECALURL        string   `json:"ecal_url"`
	ECALKey        string   `json:"ecal_api_key"`
	ECALSecret     string   `json:"ecal_api_secret"`
	ECALCalendar   string   `json:"ecal_calendar_id"` // "": no ECAL calendar, only feeds
	KeepRemoved    bool     `json:"keep_removed"`     // an event that somebody removed in ECAL stays removed
	NotifyOverride []string `json:"notify"`           // who gets this instance's e-mails; default the mailbox's "to"

	// Fault says that a secret of the instance cannot be had.
	Fault error `json:"-"`
}

// Validate finds what the schema cannot: names that cannot be used (the others are brought to their normal form),
// dates, zones and addresses that cannot be read, and two instances of one name or calendar.
func (s *Settings) Validate() error {
	var faults []error
	if s.SMTP != nil {
		faults = append(faults, s.SMTP.Validate())
	}
	seen, calendars := map[string]int{}, map[string]int{}
	for i, inst := range s.Instances {
		fault := func(key, format string, args ...any) {
			faults = append(faults, fmt.Errorf("at \"/instances/%d/%s\": %w", i, key, fmt.Errorf(format, args...)))
		}
		for key, value := range map[string]string{
			"moncampus_start_date": inst.StartDate, "moncampus_end_date": inst.EndDate,
		} {
			if _, err := date(value, time.Unix(0, 0), time.UTC, false); err != nil {
				fault(key, "%w", err)
			}
		}
		if inst.TimeZone != "" && calendar.Zone(nil, inst.TimeZone) == nil {
			fault("time_zone", "found %q, expected an IANA time zone such as Europe/Paris", inst.TimeZone)
		}
		for key, value := range map[string]string{
			"moncampus_host": inst.Host, "moncampus_cas_url": inst.CAS, "ecal_url": inst.ECALURL,
		} {
			if value != "" && !outbound.Secure(value) {
				fault(key, "expected an https address such as %s", DefaultHost)
			}
		}
		if err := names.Check(inst.Name); err != nil {
			fault("instance_name", "the name cannot be used: %w", err)
		}
		inst.Name = names.Normal(inst.Name)
		s.Instances[i].Name = inst.Name
		if first, twice := seen[inst.Name]; twice {
			fault("instance_name", "%q is the name of /instances/%d too", inst.Name, first)
		}
		if first, twice := calendars[inst.ECALCalendar]; twice && inst.ECALCalendar != "" {
			fault("ecal_calendar_id", "it is the calendar of /instances/%d too; each instance needs its own", first)
		}
		seen[inst.Name], calendars[inst.ECALCalendar] = i, i
	}
	return errors.Join(faults...)
}

// LoadSettings returns the bridge's settings in the config bucket.
func LoadSettings(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, SettingsFile, Schema)
}

// Instance returns an instance by name, with the defaults filled in.
func (s *Settings) Instance(name string) (Instance, bool) {
	name = names.Normal(name)
	for _, inst := range s.Instances {
		if inst.Name == name {
			inst.Host, inst.CAS = cmp.Or(inst.Host, DefaultHost), cmp.Or(inst.CAS, DefaultCAS)
			inst.ECALURL, inst.TimeZone = cmp.Or(inst.ECALURL, DefaultECAL), cmp.Or(inst.TimeZone, defaultZone)
			return inst, true
		}
	}
	return Instance{}, false
}

// Zone is the zone of the instance's campus.
func (i Instance) Zone() *time.Location { return calendar.Zone(time.UTC, i.TimeZone, defaultZone) }

// Window is the time that a run reads and may change: whole days of the campus's zone, both dates included.
func (i Instance) Window(now time.Time) (calendar.Interval, error) {
	from, err := date(i.StartDate, now, i.Zone(), false)
	if err != nil {
		return calendar.Interval{}, fmt.Errorf("moncampus_start_date: %w", err)
	}
	last, err := date(i.EndDate, now, i.Zone(), true)
	if err != nil {
		return calendar.Interval{}, fmt.Errorf("moncampus_end_date: %w", err)
	}
	window := calendar.Interval{Start: from, End: last.AddDate(0, 0, 1)}
	return window, checkWindow(window, i)
}

var relativeDate = regexp.MustCompile(`^([+-]\d{1,4})d$`)

// schoolYear is the start or end of the school year that now lies in; "" stands for it too.
const schoolYear = "school-year"

// date reads a date of the settings: YYYY-MM-DD, days from today such as -7d, or school-year (1 August to 31 July).
func date(text string, now time.Time, zone *time.Location, end bool) (time.Time, error) {
	today := now.In(zone)
	year, month, day := today.Date()
	if text == "" || text == schoolYear {
		if month < time.August {
			year--
		}
		if end {
			return time.Date(year+1, time.July, 31, 0, 0, 0, 0, zone), nil
		}
		return time.Date(year, time.August, 1, 0, 0, 0, 0, zone), nil
	}
	if m := relativeDate.FindStringSubmatch(text); m != nil {
		days, err := strconv.Atoi(m[1])
		return time.Date(year, month, day+days, 0, 0, 0, 0, zone), err
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("found %q, expected a date such as 2026-09-01, days from today such as -7d, or "+
		"school-year", text)
}
