package exports

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Run is an export of a query, as its blob's name tells: DB000001/DB000001-paie-histocumsal-20250830040012.csv.
type Run struct {
	Database   string
	Collection string
	Query      string
	// At is the time in the name. Its zone is not documented: it orders the runs of one query, and nothing else.
	At time.Time
}

// runForm is a run's name without its folder; the database stands before it again.
var runForm = regexp.MustCompile(`^(.+?)-([^-]+)-(.+)-(\d{14})\.csv$`)

// ParseRun reads a blob's name; ok is false for a name of another form, which is one of its own.
func ParseRun(blob string) (r Run, ok bool) {
	folder, file := path.Split(blob)
	folder = strings.TrimSuffix(folder, "/")
	m := runForm.FindStringSubmatch(file)
	if m == nil || m[1] != path.Base(folder) {
		return Run{}, false
	}
	at, err := time.Parse("20060102150405", m[4])
	if err != nil {
		return Run{}, false
	}
	return Run{Database: folder, Collection: m[2], Query: m[3], At: at}, true
}

// Key names the run's query.
func (r Run) Key() string { return r.Database + "-" + r.Collection + "-" + r.Query }

// Written is the run with when its blob was written, to compare it with others of its query.
func (r Run) Written(at time.Time) Handed { return Handed{At: r.At, Written: at} }

// SameQuery reports whether a query and the name in a blob's name are one: names of blobs are lower-case, and may keep
// a semicolon of the query's.
func SameQuery(query, inName string) bool {
	trim := func(s string) string { return strings.TrimRight(strings.TrimSpace(s), "; ") }
	return strings.EqualFold(trim(query), trim(inName))
}

// Marker reports whether a blob is a folder's marker and no file.
func Marker(blob string, size int64) bool { return strings.HasSuffix(blob, "/") && size == 0 }

// Names that are refused as files.
var (
	errOutside  = errors.New("it leads out of the folder")
	errReserved = errors.New("a name in it is reserved, on Windows or for us")
	errLength   = errors.New("a name in it is empty or longer than 200 bytes")
	errBytes    = errors.New("it holds control characters, or is not UTF-8")
)

const maxName = 200

// devices are names that Windows keeps for devices, with any extension.
var devices = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)`)

// reserved are folders beside the importer's files: our quarantine and archives.
var reserved = []string{"quarantine", "archive"}

// Own begins the names of files and folders that are ours, wherever they lie: no blob gets one.
const Own = ".carillon"

// Path returns the file's path below the destination folder for a blob: its own, or with flat its last name only. A
// name that would lead elsewhere, or be another one on another system, is refused with the reason.
func Path(blob string, flat bool) (string, error) {
	name := blob
	if flat {
		name = path.Base(strings.ReplaceAll(blob, `\`, "/"))
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", errBytes
	}
	if strings.ContainsAny(name, `\:`) || strings.HasPrefix(name, "/") {
		return "", errOutside
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if err := checkPart(part, i == 0 && len(parts) > 1); err != nil {
			return "", fmt.Errorf("the blob's name cannot be a file's: %w", err)
		}
	}
	return name, nil
}

func checkPart(part string, first bool) error {
	switch {
	case part == "" || len(part) > maxName:
		return errLength
	case part == "." || part == "..":
		return errOutside
	case strings.HasSuffix(part, ".") || strings.TrimSpace(part) != part || devices.MatchString(part),
		strings.ContainsAny(part, `<>"|?*`),
		strings.HasPrefix(strings.ToLower(part), Own),
		first && slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(r, part) }):
		return errReserved
	default:
		return nil
	}
}
