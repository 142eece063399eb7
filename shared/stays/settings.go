package stays

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// TopicRelay asks stays/relay to look at what is to be told.
const TopicRelay = "stays_relay"

// RelaySchedule is when it is asked, five cron fields.
const RelaySchedule = "* * * * *"

// SettingsFile is the settings' name in the config bucket.
const SettingsFile = "stays.json"

// Schema is the JSON Schema of stays.json.
//
//go:embed stays.schema.json
var Schema []byte

// Defaults of the settings.
const (
	defaultZone        = "Europe/Brussels"
	defaultConnections = 4
	defaultRate        = 1200 // requests a minute
)

// Settings are stays.json.
type Settings struct {
	Locale      string          `json:"locale"`
	TimeZone    string          `json:"time_zone"`
	Database    string          `json:"database"`
	Connections int             `json:"connections"`
	Address     string          `json:"address"`
	Rate        int             `json:"requests_per_minute"`
	SOAP        SOAP            `json:"soap"`
	SMTP        *alerts.Mailbox `json:"smtp"`

	// DatabaseFault and SMTPFault say that a secret cannot be had.
	DatabaseFault error `json:"-"`
	SMTPFault     error `json:"-"`
}

// SOAP are the switches of what the old service's callers rely on.
type SOAP struct {
	Dates       string `json:"dates"`
	Past        string `json:"past"`
	BeyondLast  string `json:"beyond_last"`
	MissingType string `json:"missing_type"`
	Zero        string `json:"zero"`
}

// Values of the switches that are not their defaults.
const (
	Zulu   = "zulu"
	Refuse = "refuse"
	Faults = "fault"
)

// Unresolved notes a secret that cannot be had with what it belongs to.
func (s *Settings) Unresolved(path string, err error) {
	if strings.HasPrefix(path, "/database") {
		s.DatabaseFault = fmt.Errorf("database: %w", err)
		return
	}
	s.SMTPFault = errors.Join(s.SMTPFault, fmt.Errorf("%s: %w", path, err))
}

// Validate finds what the schema cannot: a zone that nobody knows, a password that would be sent in the clear.
func (s *Settings) Validate() error {
	if calendar.Zone(nil, cmp.Or(s.TimeZone, defaultZone)) == nil {
		return fmt.Errorf("at \"/time_zone\": found %q, expected an IANA zone such as %s", s.TimeZone, defaultZone)
	}
	if s.SMTP != nil {
		return s.SMTP.Validate()
	}
	return nil
}

// LoadSettings returns the bridge's settings in the config bucket.
func LoadSettings(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, SettingsFile, Schema)
}

// Zone is where a day begins.
func (s *Settings) Zone() *time.Location { return calendar.Zone(time.UTC, s.TimeZone, defaultZone) }

// errNoDatabase is that there is no server whose database every function could reach.
var errNoDatabase = errors.New("stays.json has no database: deployed functions need a PostgreSQL server")

// Server is the address of the ledger's PostgreSQL database.
func (s *Settings) Server() (string, error) {
	switch {
	case s.DatabaseFault != nil:
		return "", s.DatabaseFault
	case s.Database == "":
		return "", errNoDatabase
	}
	return s.Database, nil
}

// Pool is how many connections to the database an instance may have.
func (s *Settings) Pool() int { return cmp.Or(s.Connections, defaultConnections) }

// RequestsPerMinute is how many requests a partner may make.
func (s *Settings) RequestsPerMinute() int { return cmp.Or(s.Rate, defaultRate) }
