package machine

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

//go:embed texts
var textFiles embed.FS

// texts are those of findings that several bridges have, and of the machine's own.
var texts = faults.Load(textFiles, "texts")

// A Finding is one thing that doctor looked at. Missing ones keep the bridge from working; warnings do not. It is a
// code CHECK.RESULT with parameters; [Finding.In] says it.
type Finding struct {
	Code   string        `json:"code"` // stable; findings of the same kind share it
	Params faults.Params `json:"params,omitempty"`
	State  string        `json:"state"` // ok, warning or missing
	Check  string        `json:"check"` // what was looked at
	Found  string        `json:"found"`
	Do     string        `json:"do,omitempty"` // what to do about it, in one sentence

	texts  *faults.Catalogue
	saying func(lang string) faults.Params
}

// States of a [Finding].
const (
	FindingOK      = "ok"
	FindingWarning = "warning"
	FindingMissing = "missing"
)

// A Doctor makes findings of codes. Their texts are finding.CHECK.check, finding.CHECK.RESULT.found and
// finding.CHECK.RESULT.do of a bridge's catalogue, or else of the machine's.
type Doctor struct{ Texts *faults.Catalogue }

// OK is a finding of what is as it should be.
func (d Doctor) OK(code string, params faults.Params) Finding {
	return d.finding(FindingOK, code, params)
}

// Warning is a finding that a person should look at.
func (d Doctor) Warning(code string, params faults.Params) Finding {
	return d.finding(FindingWarning, code, params)
}

// Missing is a finding that keeps the bridge from working.
func (d Doctor) Missing(code string, params faults.Params) Finding {
	return d.finding(FindingMissing, code, params)
}

func (d Doctor) finding(state, code string, params faults.Params) Finding {
	return Finding{Code: code, Params: params, State: state, texts: d.Texts}
}

// Saying adds parameters that are texts themselves, for a language: what another catalogue says of a fault, a time's
// age. They are not among the finding's own.
func (f Finding) Saying(more func(lang string) faults.Params) Finding {
	f.saying = more
	return f
}

// In says a finding in a language; without one, in English, with faults as the log has them.
func (f Finding) In(lang string) Finding {
	params := maps.Clone(f.Params)
	if f.saying != nil {
		if params == nil {
			params = faults.Params{}
		}
		maps.Copy(params, f.saying(lang))
	}
	text := func(id string) (said string) {
		if f.texts != nil {
			said = f.texts.Text(lang, "finding."+id, params)
		}
		return cmp.Or(said, texts.Text(lang, "finding."+id, params))
	}
	check, _, _ := strings.Cut(f.Code, ".")
	f.Check = cmp.Or(text(check+".check"), f.Code)
	f.Found, f.Do = cmp.Or(text(f.Code+".found"), f.Code), text(f.Code+".do")
	return f
}

// Say says findings in a language, as [Finding.In].
func Say(found []Finding, lang string) []Finding {
	said := make([]Finding, 0, len(found))
	for _, f := range found {
		said = append(said, f.In(lang))
	}
	return said
}

// Ago says in a language how long ago an instant was.
func Ago(lang string, t, now time.Time) string {
	count := func(id string, d time.Duration) string {
		return texts.Text(lang, "ago."+id, faults.Params{"n": strconv.Itoa(int(now.Sub(t) / d))})
	}
	switch d := now.Sub(t); {
	case calendar.Ahead(now, t):
		return texts.Text(lang, "ago.unknown", nil)
	case d < time.Hour:
		return count("minutes", time.Minute)
	case d < 48*time.Hour:
		return count("hours", time.Hour)
	default:
		return count("days", 24*time.Hour)
	}
}

// ReadSettings reads a bridge's settings anew: a running bridge goes on with the last good ones. What is wrong with
// them is settings.unreadable, of which the bridge's catalogue says what was looked at and what to do.
func ReadSettings[T any](
	ctx context.Context, bucket documents.Bucket,
	load func(documents.Bucket) (*config.Settings[T], error), doctor Doctor,
) (*T, []Finding) {
	loader, err := load(bucket)
	if err != nil {
		return nil, []Finding{doctor.Missing("settings.schema", faults.Params{"error": err.Error()})}
	}
	settings, err := loader.Get(ctx)
	if err != nil {
		return nil, []Finding{doctor.Missing("settings.unreadable", faults.Params{"error": err.Error()})}
	}
	return settings, nil
}

// ExamineFolder looks at real systems before they are started.
func ExamineFolder(ctx context.Context, bridges []Bridge, dir string) []Finding {
	ctx, cancel := context.WithTimeout(ctx, ExamineTime)
	defer cancel()
	running, err := folderBridges(ctx, bridges, dir)
	if err != nil {
		return []Finding{folderFinding(bridges, dir, err)}
	}
	found := []Finding{}
	for _, b := range running {
		if b.Examine != nil {
			found = append(found, b.Examine(ctx, Folder(dir))...)
		}
	}
	return found
}

func folderBridges(ctx context.Context, bridges []Bridge, dir string) ([]Bridge, error) {
	if err := FolderThere(dir); err != nil {
		return nil, err
	}
	return chosen(ctx, bridges, nil, dir)
}

// folderFinding is why a folder of settings cannot be examined.
func folderFinding(bridges []Bridge, dir string, err error) Finding {
	var doctor Doctor
	files := func(lang string) faults.Params {
		return faults.Params{
			"files": settingsFiles(bridges, lang, func(b Bridge) string { return b.Settings }),
			"examples": settingsFiles(bridges, lang, func(b Bridge) string {
				return texts.Text(lang, "example", faults.Params{"file": b.Settings, "bridge": b.Name})
			}),
		}
	}
	switch {
	case errors.Is(err, errNoFolder):
		return doctor.Missing("folder.missing", faults.Params{"folder": dir}).Saying(files)
	case errors.Is(err, errIsFile):
		return doctor.Missing("folder.is_file", faults.Params{"folder": dir}).Saying(files)
	case errors.Is(err, documents.ErrNotFound):
		return doctor.Missing("folder.empty", faults.Params{"folder": dir}).Saying(files)
	default:
		return doctor.Missing("folder.unreadable", faults.Params{"error": err.Error()}).Saying(files)
	}
}
