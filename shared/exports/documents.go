package exports

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
)

// A Blob is one version of a file in a source's container.
type Blob struct {
	Name     string
	ETag     string
	Size     int64
	MD5      []byte    // nil where the writer stored none
	Modified time.Time // when this version was written
	Growing  bool      // an append blob, which a writer may still add to
}

// Places below a source's destination.
const (
	PlaceFiles      = "files" // the folder that the importer reads
	PlaceQuarantine = "quarantine"
	PlaceArchive    = "archive"
	PlaceTemp       = "tmp"
)

// A File names a file of a source: a place and the path below it, with slashes.
type File struct {
	Place string `json:"place"`
	Path  string `json:"path"`
}

// A Move gives a file another name.
type Move struct {
	From File `json:"from"`
	To   File `json:"to"`
}

// An EntryState is how far one version of a blob has come.
//
//	             downloaded            the moves are made           deleted at the source,
//	             and checked                                        or found gone
//	(no entry) ─────────────▶ staged ─────────────────▶ stored ─────────────────▶ deleted ──old──▶ (no entry)
//	     ▲                     │  ▲                       │                          │
//	     └─────────────────────┘  └───────────────────────┴──────────────────────────┘
//	        its name is taken:      a person released the file from the quarantine; it comes
//	        all is undone           back to the same state, with or without the new name
//
// A crash leaves the entry as it was written last; the next run looks which of its moves were made, by the files that
// stand there, and goes on.
type EntryState string

// States of an entry, in their order.
const (
	// StateStaged: the moves of the entry may have been made.
	StateStaged EntryState = "staged"
	// StateStored: the file stands under its name, and the blob may be deleted.
	StateStored EntryState = "stored"
	// StateDeleted: the blob is no longer at the source.
	StateDeleted EntryState = "deleted"
)

// An Entry is the journal of one version of a blob: document journal/SOURCE/ID.json
// in the state bucket, with the state as metadata. Only exports/transfer writes it.
type Entry struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"`
	Source   string    `json:"source"`
	Blob     string    `json:"blob"`
	ETag     string    `json:"etag"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"` // of the blob as it was read
	// FileSHA256 is of the file as it is handed on: another one where it was rewritten.
	FileSHA256 string     `json:"file_sha256"`
	MD5        bool       `json:"md5_checked"` // the writer had stored one, and it agrees
	State      EntryState `json:"state"`
	File       File       `json:"file"` // where the file stands, once stored
	Moves      []Move     `json:"moves,omitempty"`
	Report     *Report    `json:"report,omitempty"` // of a file that was looked at
	Why        string     `json:"why,omitempty"`    // it is in the quarantine or archive
	Kept       string     `json:"kept,omitempty"`   // why the blob could not be deleted
	StagedAt   time.Time  `json:"staged_at"`
	StoredAt   time.Time  `json:"stored_at,omitzero"`
	// DeletedAt is when the blob was deleted, or found gone.
	DeletedAt  time.Time `json:"deleted_at,omitzero"`
	ReleasedAt time.Time `json:"released_at,omitzero"` // by a person
	ToldAt     time.Time `json:"told_at,omitzero"`     // a person was written that it is in the quarantine
}

// EntryID identifies a version of a blob.
func EntryID(blob, etag string) string {
	sum := sha256.Sum256([]byte(blob + "\x00" + etag))
	return hex.EncodeToString(sum[:10])
}

// JournalPrefix is where a source's entries are in the state bucket.
func JournalPrefix(source string) string { return "journal/" + source + "/" }

// EntryName is the document of an entry.
func EntryName(source, id string) string { return JournalPrefix(source) + id + ".json" }

// A Mark is what a listing of the journal tells of an entry.
type Mark struct {
	ID       string
	State    EntryState
	Place    string
	Blob     string // stands for the blob's name: its versions have the same
	StoredAt time.Time
	Told     bool
}

const (
	metaState  = "state"
	metaPlace  = "place"
	metaBlob   = "blob"
	metaStored = "stored_at"
	metaTold   = "told"
)

// Metadata is what a listing of the journal tells, as a document's.
func (e Entry) Metadata() map[string]string {
	m := map[string]string{
		metaState: string(e.State), metaPlace: e.File.Place, metaBlob: EntryID(e.Blob, ""),
		metaStored: e.StoredAt.UTC().Format(time.RFC3339),
	}
	if !e.ToldAt.IsZero() {
		m[metaTold] = "yes"
	}
	return m
}

// MarkOf reads what a listing tells.
func MarkOf(name string, metadata map[string]string) Mark {
	at, _ := time.Parse(time.RFC3339, metadata[metaStored]) // zero, where it is not stored yet
	id := strings.TrimSuffix(name[strings.LastIndex(name, "/")+1:], ".json")
	return Mark{
		ID: id, State: EntryState(metadata[metaState]), Place: metadata[metaPlace], Blob: metadata[metaBlob],
		StoredAt: at, Told: metadata[metaTold] != "",
	}
}

// A State is what is known of a source: document sources/NAME.json in the state bucket. Only exports/transfer writes
// it.
type State struct {
	Version int         `json:"version"`
	Lease   lease.Lease `json:"lease,omitzero"`
	Runs    []Transfer  `json:"runs,omitempty"` // the last ones, newest first
	// Handed is what was last handed on of each query, by [Run.Key].
	Handed map[string]Handed `json:"handed,omitempty"`
	Alert  alerts.Record     `json:"alert,omitzero"`
	// Rebuild says that a run died, so that Handed is to be read from the journal first.
	Rebuild bool `json:"rebuild,omitempty"`
	// ClockWrongAt is when a run last saw that our clock was wrong, by the blob store's clock. How old anything is that
	// was written before, nobody knows.
	ClockWrongAt time.Time `json:"clock_wrong_at,omitzero"`
}

// A Handed is the last file of a query that was handed on.
type Handed struct {
	At time.Time `json:"at"` // the time in its name
	// Written is when the source wrote the blob; zero where that was not kept.
	Written time.Time `json:"written,omitzero"`
	Rows    int       `json:"rows"`
	ID      string    `json:"id"` // its entry
	// Unended says that its last line has no line end: the query's files are like that.
	Unended bool `json:"unended,omitempty"`
}

// Before reports whether a run of a query is older than another one of it, by the hours in their names. Within an hour,
// which comes twice when summer time ends, it is by when the blobs were written, and where that is unknown by the whole
// time in the name.
func (h Handed) Before(o Handed) bool {
	hour, other := h.At.Truncate(time.Hour), o.At.Truncate(time.Hour)
	switch {
	case !hour.Equal(other):
		return hour.Before(other)
	case h.Written.IsZero() || o.Written.IsZero() || h.Written.Equal(o.Written):
		return h.At.Before(o.At)
	default:
		return h.Written.Before(o.Written)
	}
}

// StateName is the document of a source's state.
func StateName(source string) string { return "sources/" + source + ".json" }

const keepRuns = 20

// overdue is how long after its end a run says nothing of now any more: two scheduled ones were left out.
const overdue = 2*time.Hour + 30*time.Minute

// Stale reports whether a run that ended then says nothing of now any more, or whether that cannot be told.
func Stale(ended, now time.Time) bool {
	return now.Sub(ended) > overdue || calendar.Ahead(now, ended)
}

// Record keeps a run among the last ones. One that found nothing to do replaces another such.
func (s *State) Record(r Transfer) {
	idle := func(t Transfer) bool {
		return t.Fault == nil && t.Transferred+t.Deleted+t.Quarantined+t.Archived+t.Failed == 0
	}
	if len(s.Runs) > 0 && idle(r) && idle(s.Runs[0]) {
		s.Runs = s.Runs[1:]
	}
	s.Runs = slices.Insert(s.Runs, 0, r)
	s.Runs = s.Runs[:min(len(s.Runs), keepRuns)]
}

// A Transfer is what one run did, with the counts of `carillon exports transfer --json`.
type Transfer struct {
	Source      string    `json:"source"`
	DryRun      bool      `json:"dry_run,omitempty"`
	Began       time.Time `json:"began"`
	Ended       time.Time `json:"ended"`
	Transferred int       `json:"transferred"`       // handed on to the importer
	Deleted     int       `json:"deleted"`           // at the source
	Checked     int       `json:"checked,omitempty"` // of them passed their check
	Quarantined int       `json:"quarantined"`
	Archived    int       `json:"archived"` // older runs of a query
	Kept        int       `json:"kept"`     // blobs that stay at the source, on purpose or because they cannot be deleted
	// blobs that were not brought, though nothing went wrong: the next run looks at them
	Left   int   `json:"left"`
	Failed int   `json:"failed"` // blobs that stay because something went wrong
	Bytes  int64 `json:"bytes"`  // read from the source
	// Late says that there is more than the time allowed: the run hands itself on.
	Late bool `json:"late,omitempty"`
	// Files say what happened to which, the faults first; More is how many were left out.
	Files []FileLine `json:"files,omitempty"`
	More  int        `json:"more,omitempty"`
	// Until is the end of the access by a SAS address, where it is known.
	Until time.Time     `json:"access_until,omitzero"`
	Fault *faults.Fault `json:"fault,omitempty"`
}

// A FileLine is a line of a run's table.
type FileLine struct {
	Blob  string `json:"blob"`
	What  string `json:"what"` // take, archive, quarantine, delete, keep, fail
	Why   string `json:"why,omitempty"`
	Bytes int64  `json:"bytes"`
}

// Hand notes that an entry's file was handed on.
func (s *State) Hand(e Entry) {
	run, ok := ParseRun(e.Blob)
	h := s.Handed[run.Key()]
	if !ok || e.File.Place != PlaceFiles || run.Written(e.Modified).Before(h) {
		return
	}
	h.At, h.Written, h.ID = run.At, e.Modified, e.ID
	if e.Report != nil {
		h.Rows, h.Unended = e.Report.Rows, e.Report.Unended
	}
	if s.Handed == nil {
		s.Handed = map[string]Handed{}
	}
	s.Handed[run.Key()] = h
}

// What went well is left out first.
const (
	maxLines = 500
	maxWell  = 300
)

// Line notes what happened to a file.
func (t *Transfer) Line(l FileLine) {
	well := l.What == Take || l.What == Archive || l.What == Delete
	if n := len(t.Files); n == maxLines || well && n >= maxWell {
		t.More++
		return
	}
	t.Files = append(t.Files, l)
}
