package campus

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
)

// A State is what is known of an instance: document instances/<instance_name>.json
// in the state bucket. Only campus/sync writes it.
type State struct {
	Version int   `json:"version"`
	Lease   Lease `json:"lease,omitzero"`
	// Timetable is what the instance's calendar and feeds show.
	Timetable []Class   `json:"timetable"`
	TimeZone  string    `json:"time_zone,omitempty"` // of the campus
	ReadAt    time.Time `json:"read_at,omitzero"`    // when MonCampus was last read whole
	Held      []Held    `json:"held,omitempty"`
	// Sent are the classes' events in ECAL's calendar CalendarID, by class id.
	CalendarID string          `json:"calendar_id,omitempty"`
	Sent       map[string]Sent `json:"sent,omitempty"`
	Run        *Run            `json:"run,omitempty"` // the last one
	Alert      alerts.Record   `json:"alert,omitzero"`
	Refusal    *Refusal        `json:"refusal,omitempty"`
}

// StatePrefix is where states are in the state bucket.
const StatePrefix = "instances/"

// StateName is the document of an instance's state.
func StateName(instance string) string { return StatePrefix + instance + ".json" }

// A Lease lets one run at a time work on an instance.
type Lease struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"` // on the machine's clock
}

// A Run is what a run did, with the counts of `carillon campus sync --json`.
type Run struct {
	Instance  string    `json:"instance"`
	DryRun    bool      `json:"dry_run,omitempty"`
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended"`
	Classes   int       `json:"classes"`
	Created   int       `json:"created"`
	Updated   int       `json:"updated"`
	Deleted   int       `json:"deleted"`
	Unchanged int       `json:"unchanged"`
	HeldBack  int       `json:"held_back"`
	// Verified says that the timetable and ECAL's calendar agree, event by event.
	Verified bool     `json:"verified"`
	Changes  []Change `json:"changes,omitempty"`
	// Unreadable says why lessons of the reading were put aside.
	Unreadable []string `json:"unreadable,omitempty"`
	Fault      *Fault   `json:"fault,omitempty"`
}

// A Change is a line of a run's plan: what happens to which class, when it is, and why.
type Change struct {
	What  string `json:"what"` // create, update, delete or held back
	When  string `json:"when"` // the class's start, in the campus's zone
	Title string `json:"title"`
	Why   string `json:"why"`
	Error string `json:"error,omitempty"` // why it was not done
}

// A Fault is why a run failed.
type Fault struct {
	Code   string `json:"code"`
	Detail string `json:"detail"` // what happened
	Do     string `json:"do"`     // what a person can do
}

func (f *Fault) Error() string { return f.Detail }

// A Refusal remembers credentials that MonCampus refused, so that they are not tried again: a
// school locks accounts. It holds no more than a slow digest of them.
type Refusal struct {
	Salt string    `json:"salt"`
	Hash string    `json:"hash"`
	At   time.Time `json:"at"`
}

// Refused remembers an instance's credentials.
func (i Instance) Refused(now time.Time) (*Refusal, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	r := &Refusal{Salt: hex.EncodeToString(salt), At: now}
	var err error
	r.Hash, err = i.credentials(r.Salt)
	return r, err
}

// Matches reports whether the instance's credentials are the refused ones.
func (r *Refusal) Matches(i Instance) bool {
	if r == nil {
		return false
	}
	hash, err := i.credentials(r.Salt)
	return err == nil && subtle.ConstantTimeCompare([]byte(hash), []byte(r.Hash)) == 1
}

// rounds makes guessing slow (OWASP's figure for PBKDF2 with SHA-256).
const rounds = 600_000

func (i Instance) credentials(salt string) (string, error) {
	key, err := pbkdf2.Key(sha256.New, i.Username+"\x00"+i.Password+"\x00"+i.Host+"\x00"+i.CAS, []byte(salt), rounds, 32)
	if err != nil {
		return "", fmt.Errorf("digesting credentials: %w", err)
	}
	return hex.EncodeToString(key), nil
}

// Feeds are an instance's feed keys: document feeds/<instance_name>.json in the state bucket. Only campus/sync writes it.
type Feeds struct {
	Version int       `json:"version"`
	Keys    []FeedKey `json:"keys"`
}

// A FeedKey opens an instance's feed; only its hash is kept.
type FeedKey struct {
	ID      string    `json:"id"`
	Label   string    `json:"label,omitempty"` // whose phone
	Hash    string    `json:"hash"`
	Created time.Time `json:"created"`
}

// FeedsPrefix is where feed keys are in the state bucket.
const FeedsPrefix = "feeds/"

// FeedsName is the document of an instance's feed keys.
func FeedsName(instance string) string { return FeedsPrefix + instance + ".json" }

// FeedsOf is the instance of a document of feed keys.
func FeedsOf(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, FeedsPrefix), ".json")
}

// NewFeedKey returns a key of 256 random bits and what is kept of it.
func NewFeedKey(label string, now time.Time) (key string, kept FeedKey) {
	b := make([]byte, 36)
	_, _ = rand.Read(b) // never fails
	key = base64.RawURLEncoding.EncodeToString(b[:32])
	return key, FeedKey{ID: hex.EncodeToString(b[32:]), Label: label, Hash: hashKey(key), Created: now.UTC()}
}

func hashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// Opens reports whether key is one of the feed's.
func (f Feeds) Opens(key string) bool {
	hash, ok := []byte(hashKey(key)), 0
	for _, k := range f.Keys {
		ok |= subtle.ConstantTimeCompare(hash, []byte(k.Hash))
	}
	return ok == 1
}

// A SyncMessage is what [TopicSync] carries: an instance, or "" for all.
type SyncMessage struct {
	Instance string `json:"instance,omitempty"`
}
