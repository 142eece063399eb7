package exports

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// What a run does with a blob.
const (
	Take    = "take"    // bring it to the importer
	Archive = "archive" // keep it beside, for it is not its query's newest run
	Delete  = "delete"  // it is stored already
	Keep    = "keep"    // leave it
	Resume  = "resume"  // finish what a run that stopped had begun with it
	Refuse  = "fail"    // it has no name that a file can have, or that of another blob
)

// KeptBySettings begins the reason of a blob that is stored and stays on purpose.
const KeptBySettings = "the settings keep it at the source"

// A Task is what a run does with a blob.
type Task struct {
	Blob Blob
	Do   string
	Path string // the file's, below its place
	Why  string
}

// settled is how long an append blob is left unchanged before it is taken: its writer may still add to it.
const settled = 10 * time.Minute

// Plan decides what a run does with the blobs of a listing. known are the journal's
// entries by [EntryID]; handed is the time in the name of what was last handed on of each query.
// Folder markers and blobs outside the source's prefixes have no task.
func Plan(blobs []Blob, known map[string]Mark, handed map[string]Handed, s Source, now time.Time) []Task {
	tasks := make([]Task, 0, len(blobs))
	newest := newestOf(blobs, handed, s)
	for _, b := range blobs {
		if !s.wants(b) {
			continue
		}
		t := Task{Blob: b, Do: Take}
		mark, stored := known[EntryID(b.Name, b.ETag)]
		run, named := ParseRun(b.Name)
		var err error
		t.Path, err = Path(b.Name, s.Flatten)
		switch {
		case stored && mark.State == StateStaged:
			t.Do, t.Why = Resume, "a run stopped in the middle of it"
		case stored:
			t.Do, t.Why = s.deletion(mark, now)
		case err != nil:
			t.Do, t.Why = Refuse, err.Error()
		case s.minAge(b) > 0 && calendar.Within(now, b.Modified, s.minAge(b)):
			t.Do, t.Why = Keep, "it was written a moment ago"
		case named && run.Written(b.Modified).Before(newest[run.Key()]):
			t.Do, t.Why = Archive, "a newer run of its query is there"
		}
		tasks = append(tasks, t)
	}
	refuseCollisions(tasks)
	slices.SortStableFunc(tasks, func(a, b Task) int { return strings.Compare(a.Blob.Name, b.Blob.Name) })
	return tasks
}

// wants reports whether a blob concerns the source.
func (s Source) wants(b Blob) bool {
	return !Marker(b.Name, b.Size) &&
		(len(s.Prefixes) == 0 || slices.ContainsFunc(s.Prefixes, func(p string) bool { return strings.HasPrefix(b.Name, p) }))
}

func (s Source) minAge(b Blob) time.Duration {
	age := time.Duration(s.MinAgeMinutes) * time.Minute
	if b.Growing {
		age = max(age, settled)
	}
	return age
}

// newestOf is each query's newest run, listed or handed on before.
func newestOf(blobs []Blob, handed map[string]Handed, s Source) map[string]Handed {
	newest := maps.Clone(handed)
	if newest == nil {
		newest = map[string]Handed{}
	}
	for _, b := range blobs {
		if run, ok := ParseRun(b.Name); ok && s.wants(b) && newest[run.Key()].Before(run.Written(b.Modified)) {
			newest[run.Key()] = run.Written(b.Modified)
		}
	}
	return newest
}

// deletion is what becomes of a blob that is stored.
func (s Source) deletion(m Mark, now time.Time) (do, why string) {
	keep, never := s.Keep()
	switch {
	case never:
		return Keep, KeptBySettings
	// what this run has taken up was stored after it began
	case keep > 0 && (calendar.Within(now, m.StoredAt, keep) || calendar.Ahead(now, m.StoredAt)):
		return Keep, KeptBySettings + " until " + m.StoredAt.Add(keep).UTC().Format(time.DateOnly)
	default:
		return Delete, "it is stored already"
	}
}

// refuseCollisions: two blobs may not become one file, nor one a file and the other a folder of that name. All stay,
// since the one that is meant cannot be told. Names that differ in case only are one on some systems.
func refuseCollisions(tasks []Task) {
	first := map[string]int{}
	refuse := func(i, j int, why string) {
		for _, n := range []int{i, j} {
			tasks[n].Do, tasks[n].Why = Refuse, why+tasks[i+j-n].Blob.Name
		}
	}
	for i, t := range tasks {
		if t.Do != Take {
			continue
		}
		key := strings.ToLower(t.Path)
		if j, twice := first[key]; twice {
			refuse(i, j, "another blob has the same file name: ")
			continue
		}
		first[key] = i
	}
	for key, i := range first {
		for folder := path.Dir(key); folder != "."; folder = path.Dir(folder) {
			if j, file := first[folder]; file {
				refuse(i, j, "one of the two would be a folder of the other's name: ")
			}
		}
	}
}

// InArchive is where the file of an entry goes that was handed on and is taken back. Where it was rewritten, the
// original has the plain name there.
func (e Entry) InArchive() File {
	name := Archived(e.File.Path, e.ID)
	if e.FileSHA256 != e.SHA256 {
		ext := path.Ext(name)
		name = strings.TrimSuffix(name, ext) + "-rewritten" + ext
	}
	return File{Place: PlaceArchive, Path: name}
}

// Archived is a file's name in the archive and quarantine: versions of one blob stand side by side.
func Archived(file, id string) string {
	dir, name := path.Split(file)
	ext := path.Ext(name)
	return dir + strings.TrimSuffix(name, ext) + "~" + id[:8] + ext
}
