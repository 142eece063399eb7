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
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
)

// A State is what is known of an instance: document instances/<instance_name>.json
// in the state bucket. Only campus/sync writes it.
type State struct {
	Version int         `json:"version"`
	Lease   lease.Lease `json:"lease,omitzero"`
	// Timetable is what the instance's calendar and feeds show.
	Timetable []Class   `json:"timetable"`
	TimeZone  string    `json:"time_zone,omitempty"` // of the campus
	ReadAt    time.Time `json:"read_at,omitzero"`    // when MonCampus was last read whole
	// SeenAt is when MonCampus was last read, whole or but for lessons that could not be read.
	SeenAt   time.Time `json:"seen_at,omitzero"`
	Held     []Held    `json:"held,omitempty"`
	Kept     []Held    `json:"kept,omitempty"`
	AgreedAt time.Time `json:"agreed_at,omitzero"` // when both sides were last seen to agree, see [Run.Agree]
	// Sent are the classes' events in ECAL's calendar CalendarID, by class id.
	CalendarID string          `json:"calendar_id,omitempty"`
	Sent       map[string]Sent `json:"sent,omitempty"`
	Run        *Run            `json:"run,omitempty"` // the last one
	Alert      alerts.Record   `json:"alert,omitzero"`
	// Deleted are the times of recent deletions without consent.
	Deleted []time.Time `json:"deleted,omitempty"`
}

// LastSeen is when MonCampus was last read, whole or but for some lessons.
func (s *State) LastSeen() time.Time {
	if s.ReadAt.After(s.SeenAt) {
		return s.ReadAt
	}
	return s.SeenAt
}

// StateName is the document of an instance's state.
func StateName(instance string) string { return "instances/" + names.Object(instance) + ".json" }

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
	Kept      int       `json:"kept,omitempty"` // classes that have begun and are no longer on MonCampus
	// StayRemoved counts events that a person removed in ECAL and that keep_removed leaves out.
	StayRemoved int `json:"stay_removed,omitempty"`
	// Verified says that the calendar is as the rules want it, event by event; Agree, that MonCampus and the calendar
	// also show the same: nothing is held back, kept, left out or put aside.
	Verified bool     `json:"verified"`
	Agree    bool     `json:"agree"`
	Changes  []Change `json:"changes,omitempty"`
	// Unreadable says why lessons of the reading were put aside.
	Unreadable []string      `json:"unreadable,omitempty"`
	Fault      *faults.Fault `json:"fault,omitempty"`
}

// agrees works out Agree.
func (r Run) agrees() bool {
	return r.Verified && r.Fault == nil && !r.DryRun && r.HeldBack+r.Kept+r.StayRemoved+len(r.Unreadable) == 0
}

// Finish ends a run, and says whether both sides agree.
func (r *Run) Finish(fault *faults.Fault, now time.Time) {
	r.Fault, r.Ended = fault, now
	r.Agree = r.agrees()
}

// A Change is a line of a run's plan: what happens to which class, when it is, and why.
type Change struct {
	What  string `json:"what"` // create, update, delete, held back or kept
	When  string `json:"when"` // the class's start, in the campus's zone
	Title string `json:"title"`
	Why   string `json:"why"` // in English; the reasons also in the locale that was asked for
	// Reasons are the codes of why: an [Action]'s.
	Reasons []string `json:"reasons,omitempty"`
	Code    string   `json:"code,omitempty"`  // of why, where it is held back or kept
	Error   string   `json:"error,omitempty"` // why it was not done
}

// Refusals remember credentials that MonCampus refused, so that they are not tried again: a school locks
// accounts. Document refusals.json in the state bucket; only campus/sync writes it. It holds no more than slow digests.
type Refusals struct {
	Version int    `json:"version"`
	Salt    string `json:"salt"`
	// Refused is when each was refused, by digest.
	Refused map[string]time.Time `json:"refused"`
}

// RefusalsName is the document of the refusals.
const RefusalsName = "refusals.json"

// rounds makes guessing slow (OWASP's figure for PBKDF2 with SHA-256).
const rounds = 600_000

// Add remembers an instance's credentials.
func (r *Refusals) Add(i Instance, now time.Time) error {
	if r.Salt == "" {
		salt := make([]byte, 16)
		_, _ = rand.Read(salt) // never fails
		r.Version, r.Salt, r.Refused = 1, hex.EncodeToString(salt), map[string]time.Time{}
	}
	hash, err := i.credentials(r.Salt)
	if err == nil {
		r.Refused[hash] = now.UTC()
	}
	return err
}

// Has reports whether an instance's credentials were refused.
func (r *Refusals) Has(i Instance) bool {
	if len(r.Refused) == 0 {
		return false
	}
	hash, err := i.credentials(r.Salt)
	return err == nil && !r.Refused[hash].IsZero()
}

// Forget lets an instance's credentials be tried again.
func (r *Refusals) Forget(i Instance) {
	if hash, err := i.credentials(r.Salt); err == nil {
		delete(r.Refused, hash)
	}
}

// Account names the account that an instance logs in with.
func (i Instance) Account() string { return i.CAS + "\x00" + i.Username }

func (i Instance) credentials(salt string) (string, error) {
	key, err := pbkdf2.Key(sha256.New, i.Account()+"\x00"+i.Password, []byte(salt), rounds, 32)
	if err != nil {
		return "", fmt.Errorf("digesting credentials: %w", err)
	}
	return hex.EncodeToString(key), nil
}

// Feeds are an instance's feed keys: document feeds/<instance_name>.json in the state bucket. Only campus/sync writes
// it.
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
func FeedsName(instance string) string { return FeedsPrefix + names.Object(instance) + ".json" }

// FeedsOf is the instance of a document of feed keys.
func FeedsOf(name string) string {
	return names.FromObject(strings.TrimSuffix(strings.TrimPrefix(name, FeedsPrefix), ".json"))
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
