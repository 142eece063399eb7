package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A Bridge is what a bridge is on one machine. It reaches the machine through its [Host], and never another bridge.
// Name, Texts, Settings, Schema and Open are needed.
type Bridge struct {
	Name     string // of its folders, its command and its page
	Settings string // name of its settings file
	Schema   string // path of that file's JSON Schema in the repository
	Keys     string // name of a file of keys beside the settings

	// Texts are what it says to people, by language: "title" is its page's, "units" what one and several of its parts are
	// called, "page" what its page's script shows, "finding" what a [Doctor] says.
	Texts *faults.Catalogue

	// Folders are what it has in the data folder beside the database. Others may write there.
	Folders []string
	// Database is the name of a SQLite file of its own in the data folder, which a backup takes as it is at one moment.
	Database string
	// Restored is called for a data folder that was brought back from a backup, before anything runs on it.
	Restored func(ctx context.Context, data string) error

	// Open makes the functions. It reads the settings, after it has written the sample's where the outside is simulated.
	Open func(*Host) (*Service, error)
	// Examine is what doctor finds in a folder of settings, before anything runs; a [Doctor] makes findings.
	Examine func(context.Context, documents.Bucket) []Finding
	// Command is `carillon NAME`, with its subcommands.
	Command func() *cobra.Command
	// Page has the folder web with NAME.html, which the console shows in its frame, NAME.js, and what they load beside the
	// console's own common.js and style.css.
	Page fs.FS

	// Flags adds the bridge's own flags to `carillon up`; Check refuses values of theirs that cannot be.
	Flags func(*pflag.FlagSet)
	Check func() error
}

// A Service is a bridge that has been opened. Only what it has is set.
type Service struct {
	Subscriptions []Subscription
	Jobs          []Job
	// Public serves the functions that the world reaches.
	Public func(*http.ServeMux)
	// Simulators are served below /sim/NAME/, without that prefix; each is opened with [Host.Simulation].
	Simulators map[string]http.Handler
	// Operations are the operators' commands, by pattern; each is below /operator/.
	Operations map[string]web.HandlerFunc
	// Pages serves what the bridge's page asks for, below /dashboard/.
	Pages func(handle func(pattern string, h http.Handler))
	// Start begins what goes on beside the functions, once they are served; it ends with [Host.Context].
	Start func()
	// Overdue are the topics of what should have happened while nothing ran.
	Overdue func(context.Context) ([]string, error)
	// Waiting names what has not come up yet: /healthz waits for it.
	Waiting func(context.Context) ([]string, error)
	// Parts are the bridge's rooms, instances or sources, as last seen, for the overview. Texts are in the locale.
	Parts func(ctx context.Context, locale string) ([]Part, error)
	// Examine is what doctor finds in the running bridge.
	Examine func(context.Context) []Finding
	// Zone is the IANA name of the zone that the bridge's people live in, or "".
	Zone func(context.Context) string
	// Announce writes lines about where to look, at the start.
	Announce  func(io.Writer)
	Collector prometheus.Collector
	Close     func()
}

// A Part is a room, an instance or a source: how it is, as last seen.
type Part struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	SeenAt   time.Time `json:"seen_at,omitzero"` // when its data were last read; absent: never
	TimeZone string    `json:"time_zone"`
	Detail   string    `json:"detail,omitempty"` // why it is not well: a sentence in the reader's language
}

// States of a [Part]. A part is well only where that was seen.
const (
	PartOK      = "ok"
	PartBusy    = "busy"    // a run is at work
	PartWarning = "warning" // it works, and a person should look
	PartFault   = "fault"   // its last run failed, or something must be mended
	PartUnknown = "unknown"
)

// ExamineTime bounds doctor's whole examination, CheckTime one of its calls.
const (
	ExamineTime = 2 * time.Minute
	CheckTime   = 20 * time.Second
)

// Names are those of the bridges, in their order.
func Names(bridges []Bridge) []string {
	names := make([]string, 0, len(bridges))
	for _, b := range bridges {
		names = append(names, b.Name)
	}
	return names
}

// settingsFiles names the bridges' settings in a sentence of a language, each as say has it.
func settingsFiles(bridges []Bridge, lang string, say func(Bridge) string) string {
	list := make([]string, 0, len(bridges))
	for _, b := range bridges {
		list = append(list, say(b))
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	first, last := strings.Join(list[:len(list)-1], ", "), list[len(list)-1]
	return texts.Text(lang, "or", faults.Params{"first": first, "last": last})
}

// chosen are the bridges to run: those asked for, else all of the sample, or those that a folder has settings for.
func chosen(ctx context.Context, bridges []Bridge, asked []string, folder string) ([]Bridge, error) {
	for _, name := range asked {
		if !slices.Contains(Names(bridges), name) {
			return nil, fmt.Errorf("--bridges: there is no bridge %q; there are %s", name, strings.Join(Names(bridges), ", "))
		}
	}
	var found []Bridge
	for _, b := range bridges {
		wanted := len(asked) == 0 && folder == "" || slices.Contains(asked, b.Name)
		if len(asked) == 0 && folder != "" {
			_, err := Folder(folder).Get(ctx, b.Settings)
			if wanted = err == nil; err != nil && !errors.Is(err, documents.ErrNotFound) {
				return nil, fmt.Errorf("reading the settings: %w", err)
			}
		}
		if wanted {
			found = append(found, b)
		}
	}
	if len(found) == 0 {
		files := settingsFiles(bridges, faults.English, func(b Bridge) string { return b.Settings })
		return nil, fmt.Errorf("the folder %s has none of %s: %w", folder, files, documents.ErrNotFound)
	}
	return found, nil
}
