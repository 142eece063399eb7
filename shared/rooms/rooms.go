// Package rooms holds the rules of the rooms bridge: which events block a room,
// what its display shows and when that changes, where a booking fits. They are
// pure: plain values in and out, the clock an argument. It also names what the
// bridge's functions share: settings, topics, messages and documents.
package rooms

import (
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// Topics.
const (
	TopicEvents  = "roomcalendar_events"
	TopicTick    = "roomcalendar_tick"
	TopicDue     = "roomcalendar_due"
	TopicRefresh = "roomcalendar_refresh"
	TopicWatch   = "roomcalendar_watch"
)

// When messages are published on schedule, as five cron fields.
const (
	TickSchedule    = "* * * * *"
	RefreshSchedule = "7 * * * *"
	WatchSchedule   = "23 */6 * * *"
)

// Values of the kind attribute. Messages of a room's events have none.
const (
	KindTick = "tick" // of [TopicTick]
	// KindDue is of the [TopicDue] message of one room; KindReconcile of the one that compares every Thing with what it
	// should show.
	KindDue       = "due"
	KindReconcile = "reconcile"
	// KindPoll is of the [TopicRefresh] message that lists the rooms whose changes Google does not report.
	KindPoll = "poll"
	// KindOpen is of the [TopicWatch] message that opens a channel also where one seems to live.
	KindOpen = "open"
)

// ReconcileMinutes is how often, by the ticks, every Thing is compared with what it should show.
const ReconcileMinutes = 5

// SettingsFile is the settings' name in the config bucket; CredentialsFile a service account's key beside it, if any.
const (
	SettingsFile    = "config.json"
	CredentialsFile = "calendar_credentials.json"
)

// Schema is the JSON Schema of config.json.
//
//go:embed config.schema.json
var Schema []byte

// Settings are config.json.
type Settings struct {
	ClientID          string         `json:"iot_client_id"`
	ClientSecret      string         `json:"iot_client_secret"`
	OrganizationID    string         `json:"iot_organization_id"`
	RequestsPerSecond int            `json:"iot_requests_per_second"`
	WatchURL          string         `json:"gcal_watch_function_url"`
	PollMinutes       int            `json:"gcal_poll_minutes"`
	TimeZone          string         `json:"time_zone"`
	Locale            string         `json:"locale"`
	CORSOrigins       []string       `json:"cors_origins"`
	Rooms             []RoomSettings `json:"rooms"`
}

// RoomSettings are a room of config.json.
type RoomSettings struct {
	Name              string `json:"room_name"`
	CalendarID        string `json:"gcal_calendar_id"`
	TimeZone          string `json:"time_zone"`
	Locale            string `json:"locale"`
	TransparentEvents string `json:"transparent_events"`
	Pending           string `json:"pending"`
}

// Validate finds what the schema cannot: unknown zones, names that cannot be used, and two rooms of one name. Names are
// brought to their normal form.
func (s *Settings) Validate() error {
	var faults []error
	zone := func(at, name string) {
		if name != "" && calendar.Zone(nil, name) == nil {
			faults = append(faults, fmt.Errorf("at %q: found %q, expected an IANA time zone such as Europe/Paris", at, name))
		}
	}
	zone("/time_zone", s.TimeZone)
	seen := map[string]int{}
	for i, r := range s.Rooms {
		zone(fmt.Sprintf("/rooms/%d/time_zone", i), r.TimeZone)
		if err := names.Check(r.Name); err != nil {
			faults = append(faults, fmt.Errorf("at \"/rooms/%d/room_name\": the name cannot be used: %w", i, err))
		}
		r.Name = names.Normal(r.Name)
		s.Rooms[i].Name = r.Name
		if first, twice := seen[r.Name]; twice {
			faults = append(faults, fmt.Errorf("at \"/rooms/%d/room_name\": %q is the name of /rooms/%d too", i, r.Name, first))
		}
		seen[r.Name] = i
	}
	return errors.Join(faults...)
}

// Warnings finds two rooms on one calendar: a booking of one would take the other too.
func (s *Settings) Warnings() error {
	calendars := s.SharedCalendars()
	found := make([]error, 0, len(calendars))
	for _, shared := range calendars {
		found = append(found, fmt.Errorf("at \"/rooms/%d/gcal_calendar_id\": %s and %s have the same calendar: each room "+
			"needs its own", shared.Index, shared.Other, shared.Room))
	}
	return errors.Join(found...)
}

// A SharedCalendar is a room whose calendar is that of a room before it.
type SharedCalendar struct {
	Index       int // of the room
	Room, Other string
}

// SharedCalendars are the rooms that have no calendar of their own.
func (s *Settings) SharedCalendars() (found []SharedCalendar) {
	seen := map[string]string{}
	for i, r := range s.Rooms {
		id := strings.ToLower(r.CalendarID) // an e-mail address
		if other, twice := seen[id]; twice {
			found = append(found, SharedCalendar{i, r.Name, other})
		}
		seen[id] = r.Name
	}
	return found
}

// LoadSettings returns the bridge's settings in the config bucket.
func LoadSettings(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, SettingsFile, Schema)
}

// LoadWithoutAccount returns the settings for a function that does not speak to Arduino and knows no caller by its
// secret: the account's keys are empty.
func LoadWithoutAccount(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, SettingsFile, Schema, "iot_client_id",
		"iot_client_secret", "iot_organization_id")
}

// Limit is how many requests a second the Arduino account takes: 10 with an organisation on a paid plan, else 1.
func (s *Settings) Limit() int {
	switch {
	case s.RequestsPerSecond > 0:
		return s.RequestsPerSecond
	case s.OrganizationID != "":
		return 10
	default:
		return 1
	}
}

// WebhookURL is where Google sends its notifications.
func (s *Settings) WebhookURL() string {
	return strings.TrimSuffix(strings.TrimRight(s.WatchURL, "/"), "/webhook") + "/webhook"
}

// Polls reports whether Google has no address to report changes to, as behind a firewall: calendars are asked instead.
func (s *Settings) Polls() bool { return s.WatchURL == "" }

// pollsPerMinute is how many calendars are asked in a minute: a third of Google's 600 requests/min/user, which bookings
// and the hourly refresh need too.
const pollsPerMinute = 200

// PollInterval is how often each calendar is asked: whole minutes, and no more often than all rooms may be.
func (s *Settings) PollInterval() time.Duration {
	return time.Duration(max(s.PollMinutes, 1, (len(s.Rooms)+pollsPerMinute-1)/pollsPerMinute)) * time.Minute
}

// PollDue reports whether calendars are polled in the minute of an instant.
func (s *Settings) PollDue(at time.Time) bool {
	return at.Unix()/60%int64(s.PollInterval().Minutes()) == 0
}

// Room returns a room by name. zones are tried in turn when the settings name none: the calendar's, then the Thing's.
func (s *Settings) Room(name string, zones ...string) (Room, bool) {
	name = names.Normal(name)
	for _, r := range s.Rooms {
		if r.Name == name {
			named := calendar.Zone(nil, r.TimeZone, s.TimeZone)
			zone := calendar.Zone(time.UTC, zones...)
			if named != nil {
				zone = named
			}
			locale := r.Locale
			if locale == "" {
				locale = s.Locale
			}
			room := Room{
				Name: r.Name, CalendarID: r.CalendarID, Locale: locale, Zone: zone, ZoneGuessed: named == nil,
				TransparentBusy: r.TransparentEvents == "busy", Pending: r.Pending,
			}
			if len(zones) > 0 {
				room.CalendarZone = calendar.Zone(nil, zones[0])
			}
			return room, true
		}
	}
	return Room{}, false
}

// Authorized reports whether a caller gave the client id and the secret; both are always compared.
func (s *Settings) Authorized(id, secret string) bool {
	okID, okSecret := web.SameSecret(id, s.ClientID), web.SameSecret(secret, s.ClientSecret)
	return okID && okSecret
}

// EventsMessage is what [TopicEvents] carries: a room's coming events as Google had them at FetchedAt.
type EventsMessage struct {
	RoomName  string           `json:"room_name"`
	Events    []calendar.Event `json:"events"`
	FetchedAt time.Time        `json:"fetched_at"`
	TimeZone  string           `json:"time_zone,omitempty"`
	// Partial says that the calendar has more events in the window: the listing stopped when a display had enough.
	Partial bool `json:"partial,omitempty"`
	// Why tells what made somebody list the room: WhyPush, WhyOpened, WhyRefresh or WhyBooking.
	Why string `json:"why,omitempty"`
	// Fault says why the calendar could not be read; there are no events then, and the last known ones stay.
	Fault *Fault `json:"fault,omitempty"`
	// Unwatched says whether the calendar lacks a living channel; nil from who does not know.
	Unwatched *bool `json:"unwatched,omitempty"`
}

// Reasons for listing a room.
const (
	WhyPush    = "push"
	WhyOpened  = "opened" // the notification that every new channel begins with; it reports no change
	WhyRefresh = "refresh"
	WhyBooking = "booking"
)

// RoomMessage names a room; [TopicDue], [TopicRefresh] and [TopicWatch] carry it.
type RoomMessage struct {
	RoomName string `json:"room_name,omitempty"`
	// Transition is the instant that a tick found due.
	Transition time.Time `json:"transition,omitzero"`
	// After is the last room that a refresh of all rooms has handed on.
	After string `json:"after,omitempty"`
}

// ChannelToken is the token of a room's channel: it proves that a notification comes
// from a channel that we opened, before anything is read. A token has at most 256 characters: a name of other letters
// than ASCII stands as base64.
func ChannelToken(key, channelID, room string) string {
	values := url.Values{"room": {room}, "sig": {sign(key, channelID, room)}}
	if names.Object(room) != room {
		values.Del("room")
		values.Set("name", base64.RawURLEncoding.EncodeToString([]byte(room)))
	}
	return values.Encode()
}

// CheckChannelToken returns the room of a genuine token under one of the keys.
func CheckChannelToken(token, channelID string, keys ...string) (room string, ok bool) {
	values, err := url.ParseQuery(token)
	if err != nil {
		return "", false
	}
	room = values.Get("room")
	if name, err := base64.RawURLEncoding.DecodeString(values.Get("name")); err == nil && room == "" {
		room = string(name)
	}
	for _, key := range keys {
		if key != "" && hmac.Equal([]byte(values.Get("sig")), []byte(sign(key, channelID, room))) {
			return room, true
		}
	}
	return "", false
}

func sign(key, channelID, room string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(channelID + "\n" + room))
	return hex.EncodeToString(mac.Sum(nil))
}
