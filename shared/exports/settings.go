package exports

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

// TopicTransfer asks exports/transfer for a run: of the source that its message names, or of all.
const TopicTransfer = "exports_transfer"

// A TransferMessage is what [TopicTransfer] carries: a source, or "" for all.
type TransferMessage struct {
	Source string `json:"source,omitempty"`
}

// Schedule is when runs begin, five cron fields in UTC: ten minutes before the full hour, when the importer looks.
const Schedule = "50 * * * *"

// NextRun is when the schedule's first run after an instant begins.
func NextRun(after time.Time) (time.Time, error) {
	schedule, err := cron.ParseStandard("CRON_TZ=UTC " + Schedule)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the schedule: %w", err)
	}
	return schedule.Next(after).UTC(), nil
}

// SettingsFile is the settings' name in the config bucket.
const SettingsFile = "exports.json"

// Schema is the JSON Schema of exports.json.
//
//go:embed exports.schema.json
var Schema []byte

// Settings are exports.json.
type Settings struct {
	Sources    []Source        `json:"sources"`
	QueriesKey string          `json:"queries_key"`
	SMTP       *alerts.Mailbox `json:"smtp"`
	Locale     string          `json:"locale"` // of e-mails; default fr

	// SMTPFault and KeyFault say that a secret cannot be read.
	SMTPFault error `json:"-"`
	KeyFault  error `json:"-"`
}

// Ways into a container.
const (
	ModeAPI    = "api"
	ModeSASURL = "sas_url"
)

// A Source is one container and where its files go. Key names are the old program's where it had them.
type Source struct {
	Name            string      `json:"name"`
	Mode            string      `json:"mode"`
	SASURL          string      `json:"sas_url"`
	BaseURL         string      `json:"cegid_api_base_url"`
	TenantID        string      `json:"cegid_tenant_id"`
	KeyID           string      `json:"cegid_api_key_id"`
	KeySecret       string      `json:"cegid_api_key_secret"`
	SubscriptionKey string      `json:"cegid_subscription_key"`
	ProviderID      string      `json:"cegid_provider_id"`
	ForceTime       string      `json:"cegid_force_time"`
	TimeZone        string      `json:"time_zone"`
	Destination     string      `json:"dossier_de_destination"`
	OldDestination  string      `json:"dossier_de_destintion"`
	WorkFolder      string      `json:"work_folder"`
	Prefixes        []string    `json:"prefixes"`
	MinAgeMinutes   int         `json:"min_age_minutes"`
	Flatten         bool        `json:"flatten"`
	Delete          string      `json:"delete"`
	Check           []string    `json:"check"` // nil: all tables
	OtherFiles      string      `json:"other_files"`
	DateOrder       string      `json:"date_order"`
	Decimal         string      `json:"decimal"`
	Rewrite         RewriteMode `json:"rewrite"`
	LastLine        string      `json:"last_line"`
	ArchiveDays     int         `json:"archive_days"`
	Notify          []string    `json:"notify"`

	// Fault says that a secret of the source cannot be read. ProviderFault says it of cegid_provider_id, which only the
	// queries need.
	Fault         error `json:"-"`
	ProviderFault error `json:"-"`
}

// DefaultBaseURL is Cegid's API.
const DefaultBaseURL = "https://api.cegid.com/cda-customers-00"

// LoadSettings returns the bridge's settings in the config bucket.
func LoadSettings(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, SettingsFile, Schema)
}

// Unresolved notes a secret that cannot be had with the source that it belongs to: the others go on.
func (s *Settings) Unresolved(path string, err error) {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if i, nerr := strconv.Atoi(parts[min(1, len(parts)-1)]); parts[0] == "sources" && nerr == nil && i < len(s.Sources) {
		if parts[len(parts)-1] == "cegid_provider_id" {
			s.Sources[i].ProviderID, s.Sources[i].ProviderFault = "", fmt.Errorf("cegid_provider_id: %w", err)
			return
		}
		s.Sources[i].Fault = errors.Join(s.Sources[i].Fault, fmt.Errorf("%s: %w", parts[len(parts)-1], err))
		return
	}
	if parts[0] == "queries_key" {
		s.KeyFault = fmt.Errorf("queries_key: %w", err)
		return
	}
	s.SMTPFault = errors.Join(s.SMTPFault, fmt.Errorf("%s: %w", path, err))
}

// Source returns a source by name, with the defaults filled in.
func (s *Settings) Source(name string) (Source, bool) {
	i := slices.IndexFunc(s.Sources, func(src Source) bool { return src.Name == name })
	if i < 0 {
		return Source{}, false
	}
	src := s.Sources[i]
	src.BaseURL = strings.TrimRight(cmp.Or(src.BaseURL, DefaultBaseURL), "/")
	src.Destination = cmp.Or(src.Destination, src.OldDestination)
	src.TimeZone, src.DateOrder = cmp.Or(src.TimeZone, "UTC"), cmp.Or(src.DateOrder, DayFirst)
	src.ArchiveDays = cmp.Or(src.ArchiveDays, 90)
	if src.Check == nil {
		src.Check = tableNames()
	}
	return src, true
}

// ForeignStore reports whether the container's address comes from Cegid rather than from the settings. It must be a
// public one then, unless Cegid itself is on this machine.
func (s Source) ForeignStore() bool {
	api, err := url.Parse(s.BaseURL)
	return s.Mode != ModeSASURL && err == nil && !outbound.Local(api)
}

// Zone is the zone of the source's times.
func (s Source) Zone() *time.Location { return calendar.Zone(time.UTC, s.TimeZone) }

// When a blob is deleted at the source.
const (
	deleteNever = "never"
	deleteAfter = "after "
)

// Keep is how long a blob stays at the source after it was stored; never reports that it stays for ever.
func (s Source) Keep() (d time.Duration, never bool) {
	if s.Delete == deleteNever {
		return 0, true
	}
	days, ok := strings.CutPrefix(s.Delete, deleteAfter)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimRight(days, " days"))
	return time.Duration(n) * 24 * time.Hour, err != nil // the schema lets no other form through
}

// lastLineAny is a source whose files' last lines may have no line end.
const lastLineAny = "any"

// Options are how the source writes its values; before is the query's last file that was handed on.
func (s Source) Options(before Handed) Options {
	return Options{
		DateOrder: s.DateOrder, Decimal: s.Decimal, PreviousRows: before.Rows,
		Unended: before.Unended || s.LastLine == lastLineAny, AsItIs: s.Rewrite == RewriteNever,
	}
}

// reservedNames would be folders of ours in a bucket.
var reservedNames = []string{"quarantine", "archive"}

// Validate finds what the schema cannot: addresses, zones and folders that cannot be used, and two sources of one name
// or folder.
func (s *Settings) Validate() error {
	var faults []error
	if s.SMTP != nil {
		faults = append(faults, s.SMTP.Validate())
	}
	names := map[string]int{}
	for i, src := range s.Sources {
		fault := func(key, format string, args ...any) {
			faults = append(faults, fmt.Errorf("at \"/sources/%d/%s\": %w", i, key, fmt.Errorf(format, args...)))
		}
		if slices.Contains(reservedNames, strings.ToLower(src.Name)) {
			fault("name", "%q is a folder of ours; choose another name", src.Name)
		}
		if first, twice := names[strings.ToLower(src.Name)]; twice {
			fault("name", "%q is the name of /sources/%d too", src.Name, first)
		}
		names[strings.ToLower(src.Name)] = i
		if src.BaseURL != "" && !outbound.Secure(src.BaseURL) {
			fault("cegid_api_base_url", "expected an https address such as %s", DefaultBaseURL)
		}
		if src.TimeZone != "" && calendar.Zone(nil, src.TimeZone) == nil {
			fault("time_zone", "found %q, expected an IANA time zone such as Europe/Paris", src.TimeZone)
		}
		src.validateSAS(fault)
		src.validateFolders(fault)
		for j, other := range s.Sources[:i] {
			if overlap(src.folders(), other.folders()) {
				fault("dossier_de_destination",
					"its folders and those of /sources/%d lie in one another; each source needs its own", j)
			}
		}
	}
	return errors.Join(faults...)
}
