package school

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// SettingsFile is the settings' name in the config bucket.
const SettingsFile = "school.json"

// Schema is the JSON Schema of school.json.
//
//go:embed school.schema.json
var Schema []byte

// Settings are school.json.
type Settings struct {
	AllowedHosts []string `json:"allowed_hosts"`
	Key          string   `json:"key"`          // seals what is kept of sessions
	PreviousKey  string   `json:"previous_key"` // one that was before it
	TimeZone     string   `json:"time_zone"`
	Address      string   `json:"address"`
	SessionIdle  int      `json:"session_idle"` // minutes
	ChainIdle    int      `json:"chain_idle"`   // days
	Limits       Limits   `json:"limits"`
	KeyFault     error    `json:"-"` // why there is no key
}

// Limits keep a school from closing an account, or this network address.
type Limits struct {
	LoginsPerDay   int `json:"logins_per_day"`
	Burst          int `json:"burst"`
	CallsPerMinute int `json:"calls_per_minute"`
	SchoolBurst    int `json:"school_burst"`
	SchoolCalls    int `json:"school_calls_per_minute"`
	SchoolFailures int `json:"school_failures"`
	SuspendedHours int `json:"suspended_hours"`
}

// LoadSettings returns the bridge's settings in the config bucket. Without a file all is as it is by default.
func LoadSettings(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](optional{bucket}, SettingsFile, Schema)
}

// optional is a bucket whose settings need not be there.
type optional struct{ documents.Bucket }

// Get implements [documents.Bucket].
func (o optional) Get(ctx context.Context, name string) (documents.Document, error) {
	doc, err := o.Bucket.Get(ctx, name)
	if name == SettingsFile && errors.Is(err, documents.ErrNotFound) {
		return documents.Document{Info: documents.Info{Name: name}, Data: []byte("{}")}, nil
	}
	return doc, err
}

// Unresolved notes why there is no key.
func (s *Settings) Unresolved(at string, err error) {
	s.KeyFault = errors.Join(s.KeyFault, fmt.Errorf("%s: %w", at, err))
}

const defaultZone = "Europe/Paris"

// Validate finds what the schema cannot, and sets what is left out.
func (s *Settings) Validate() error {
	if calendar.Zone(nil, cmp.Or(s.TimeZone, defaultZone)) == nil {
		return fmt.Errorf("at \"/time_zone\": found %q, expected an IANA zone such as %s", s.TimeZone, defaultZone)
	}
	for i, host := range s.AllowedHosts {
		if err := checkHost(host); err != nil {
			return fmt.Errorf("at \"/allowed_hosts/%d\": found %q, %w", i, host, err)
		}
	}
	if s.KeyFault == nil && s.Key != "" && len(s.Key) < minKey {
		return fmt.Errorf("at \"/key\": expected at least %d characters, as `openssl rand -hex 32` makes", minKey)
	}
	if s.AllowedHosts == nil {
		s.AllowedHosts = []string{"*"}
	}
	s.SessionIdle, s.ChainIdle = cmp.Or(s.SessionIdle, 25), cmp.Or(s.ChainIdle, 60)
	l := &s.Limits
	l.LoginsPerDay, l.Burst, l.CallsPerMinute = cmp.Or(l.LoginsPerDay, 24), cmp.Or(l.Burst, 20), cmp.Or(l.CallsPerMinute,
		60)
	l.SchoolBurst, l.SchoolCalls = cmp.Or(l.SchoolBurst, 200), cmp.Or(l.SchoolCalls, 1200)
	l.SuspendedHours, l.SchoolFailures = cmp.Or(l.SuspendedHours, 6), cmp.Or(l.SchoolFailures, 20)
	return nil
}

// minKey is how long a key is at least.
const minKey = 32

// checkHost checks an entry of allowed_hosts: a pattern of names, or an origin.
func checkHost(entry string) error {
	if !strings.Contains(entry, "://") {
		if _, err := path.Match(entry, "x"); err != nil || entry == "" || strings.ContainsAny(entry, "/:") {
			return errors.New("expected a host such as *.index-education.net")
		}
		return nil
	}
	u, err := url.Parse(entry)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("expected an address such as http://127.0.0.1:8400")
	}
	return nil
}

// Zone is that of the schools.
func (s *Settings) Zone() *time.Location { return calendar.Zone(time.UTC, s.TimeZone, defaultZone) }

// Idle is how long a session lives without being used.
func (s *Settings) Idle() time.Duration { return time.Duration(s.SessionIdle) * time.Minute }

// ChainLife is how long a token chain is kept without being used.
func (s *Settings) ChainLife() time.Duration { return time.Duration(s.ChainIdle) * 24 * time.Hour }
