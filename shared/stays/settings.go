package stays

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are read by name, and images may have none

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
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
	defaultConnections = 2    // of an instance: a small database bears some twenty-five
	defaultRate        = 1200 // requests a minute
)

// Settings are stays.json.
type Settings struct {
	Locale      string          `json:"locale"`
	TimeZone    string          `json:"time_zone"`
	Database    string          `json:"database"`
	Connections int             `json:"connections"`
	Address     string          `json:"address"`
	Key         string          `json:"key"`
	PreviousKey string          `json:"previous_key"`
	Owners      string          `json:"owners_address"`
	Entry       *Entry          `json:"entry"`
	Embed       []string        `json:"embed"`
	Rate        int             `json:"requests_per_minute"`
	Trusted     []string        `json:"trusted_proxies"`
	SOAP        SOAP            `json:"soap"`
	SMTP        *alerts.Mailbox `json:"smtp"`

	// Replaces is what of the old system Carillon stands for: both halves, its service, or its site.
	Replaces      string  `json:"replaces"`
	Broker        *Broker `json:"broker"`
	SiteDSN       string  `json:"site_dsn"`
	PartnersCount *bool   `json:"partner_updates_date"`

	proxies []netip.Prefix

	// These say that a secret cannot be had.
	DatabaseFault error `json:"-"`
	SMTPFault     error `json:"-"`
	SiteFault     error `json:"-"`
	BrokerFault   error `json:"-"`
	KeyFault      error `json:"-"`
	EntryFault    error `json:"-"`
}

// An Entry is how the association's site signs owners in: with tokens (RFC 7519, HS256) for [Audience].
type Entry struct {
	Secret string `json:"secret"`
	Issuer string `json:"issuer"`
}

// Audience is the claim aud of the association's tokens.
const Audience = "carillon-stays"

// From is the claim iss of the association's tokens.
func (e Entry) From() string { return cmp.Or(e.Issuer, "association") }

// Frames are the sites that may show the public calendars, as the policy of a page has them.
func (s *Settings) Frames() string {
	if len(s.Embed) == 0 {
		return "*"
	}
	return strings.Join(s.Embed, " ")
}

// Keys are those of the settings, and of a machine where they have none.
func (s *Settings) Keys(own string) (*seal.Keys, error) {
	if s.KeyFault != nil {
		return nil, s.KeyFault
	}
	keys, err := seal.New("carillon stays", s.Key, s.PreviousKey, own)
	if errors.Is(err, seal.ErrNoKey) {
		return nil, fmt.Errorf("stays.json has no \"key\": %w", err)
	}
	return keys, err
}

// Values of replaces.
const (
	ReplacesBoth    = "both"
	ReplacesService = "service"
	ReplacesSite    = "site"
)

// A Broker is the RabbitMQ server between the halves of the old system.
type Broker struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	TLS      bool   `json:"tls"`
	VHost    string `json:"vhost"`
	User     string `json:"user"`
	Password string `json:"password"`
	Form     string `json:"form"` // of what is sent: FormPickle, FormJSON
}

// Forms of messages on the broker.
const (
	FormPickle = "pickle"
	FormJSON   = "json"
)

// Defaults of the broker.
const (
	brokerPort    = 5672
	brokerTLSPort = 5671
	brokerVHost   = "/walhebcalendar"
)

// Address is the broker's host and port.
func (b Broker) Address() string {
	port := brokerPort
	if b.TLS {
		port = brokerTLSPort
	}
	return net.JoinHostPort(b.Host, strconv.Itoa(cmp.Or(b.Port, port)))
}

// VirtualHost is where the broker's exchanges are.
func (b Broker) VirtualHost() string { return cmp.Or(b.VHost, brokerVHost) }

// Pickled reports whether messages are sent in the form of the old programs.
func (b Broker) Pickled() bool { return cmp.Or(b.Form, FormPickle) == FormPickle }

// useEnvironment has AMQP_BROKER_HOST name another host, or alone a broker with the defaults, as the old programs read
// it.
func (s *Settings) useEnvironment() {
	var env BrokerEnvironment
	if err := config.Env(context.Background(), &env); err != nil { // a secret of it cannot be read
		s.BrokerFault = errors.Join(s.BrokerFault, err)
	}
	switch {
	case env.Host == "":
	case s.Broker == nil:
		s.Broker = &Broker{Host: env.Host, User: env.User, Password: env.Password}
	default:
		s.Broker.Host = env.Host
	}
}

// A BrokerEnvironment is what the environment says of the broker.
type BrokerEnvironment struct {
	Host     string `env:"AMQP_BROKER_HOST"` // broker.host of stays.json
	User     string `env:"AMQP_USER"`        // its user, where stays.json has no broker
	Password string `env:"AMQP_PASSWORD"`    // that user's password
}

// Stands reports what of the old system Carillon stands for.
func (s *Settings) Stands() string { return cmp.Or(s.Replaces, ReplacesBoth) }

// PartnersUpdate reports whether partners' changes count as the owners' activity.
func (s *Settings) PartnersUpdate() bool { return s.PartnersCount == nil || *s.PartnersCount }

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
	switch {
	case strings.HasPrefix(path, "/database"):
		s.DatabaseFault = fmt.Errorf("database: %w", err)
	case strings.HasPrefix(path, "/site_dsn"):
		s.SiteFault = fmt.Errorf("site_dsn: %w", err)
	case strings.HasPrefix(path, "/broker"):
		s.BrokerFault = errors.Join(s.BrokerFault, fmt.Errorf("%s: %w", path, err))
	case strings.HasPrefix(path, "/key"), strings.HasPrefix(path, "/previous_key"):
		s.KeyFault = errors.Join(s.KeyFault, fmt.Errorf("%s: %w", path, err))
	case strings.HasPrefix(path, "/entry"):
		s.EntryFault = fmt.Errorf("%s: %w", path, err)
	default:
		s.SMTPFault = errors.Join(s.SMTPFault, fmt.Errorf("%s: %w", path, err))
	}
}

// Validate finds what the schema cannot: a zone that nobody knows, a password that would be sent in the clear.
func (s *Settings) Validate() error {
	s.useEnvironment()
	if err := s.readProxies(); err != nil {
		return err
	}
	if calendar.Zone(nil, cmp.Or(s.TimeZone, defaultZone)) == nil {
		return fmt.Errorf("at \"/time_zone\": found %q, expected an IANA zone such as %s", s.TimeZone, defaultZone)
	}
	if s.Stands() != ReplacesBoth && s.Broker == nil {
		return fmt.Errorf("at \"/replaces\": found %q without a broker: the other half is reached by \"broker\", or by "+
			"AMQP_BROKER_HOST", s.Replaces)
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

// Proxies are the networks of reverse proxies, besides this machine, whose X-Forwarded-For is believed.
func (s *Settings) Proxies() []netip.Prefix { return s.proxies }

// readProxies reads trusted_proxies: networks, or addresses.
func (s *Settings) readProxies() error {
	for i, text := range s.Trusted {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			ip, err := netip.ParseAddr(text)
			if err != nil {
				return fmt.Errorf("at \"/trusted_proxies/%d\": found %q, expected an address or a network such as 10.0.0.0/24",
					i, text)
			}
			prefix = netip.PrefixFrom(ip, ip.BitLen())
		}
		s.proxies = append(s.proxies, prefix.Masked())
	}
	return nil
}

// Pool is how many connections to the database an instance may have.
func (s *Settings) Pool() int { return cmp.Or(s.Connections, defaultConnections) }

// RequestsPerMinute is how many requests a partner may make.
func (s *Settings) RequestsPerMinute() int { return cmp.Or(s.Rate, defaultRate) }
