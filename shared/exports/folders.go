package exports

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

// folders are the destination and work folder that a source names.
func (s Source) folders() []string {
	destination := cmp.Or(s.Destination, s.OldDestination)
	switch {
	case destination == "":
		return nil
	case strings.HasPrefix(destination, BucketScheme):
		return []string{strings.TrimRight(destination, "/")}
	case s.WorkFolder != "":
		return []string{destination, s.Work()}
	default:
		return []string{destination, filepath.Clean(destination) + WorkSuffix}
	}
}

// WorkSuffix is what the work folder's path has behind the destination's, unless it is named.
const WorkSuffix = ".carillon"

// Work is the source's part of the work folder that it names, or "".
func (s Source) Work() string {
	if s.WorkFolder == "" {
		return ""
	}
	return filepath.Join(s.WorkFolder, s.Name)
}

// overlap reports whether a folder of the one lies in one of the other.
func overlap(a, b []string) bool {
	within := func(x, y string) bool {
		x, y = filepath.Clean(x), filepath.Clean(y)
		return x == y || strings.HasPrefix(x, strings.TrimRight(y, string(filepath.Separator))+string(filepath.Separator))
	}
	return slices.ContainsFunc(a, func(x string) bool {
		return slices.ContainsFunc(b, func(y string) bool { return within(x, y) || within(y, x) })
	})
}

type faultAt func(key, format string, args ...any)

func (s Source) validateSAS(fault faultAt) {
	if s.Mode != ModeSASURL || s.Fault != nil {
		return
	}
	sas, err := ParseSAS(s.SASURL)
	if err != nil {
		fault("sas_url", "%w", err)
	} else if !outbound.Secure(sas.Container) {
		fault("sas_url", "expected an https address")
	}
}

func (s Source) validateFolders(fault faultAt) {
	if s.Destination != "" && s.OldDestination != "" && s.Destination != s.OldDestination {
		fault("dossier_de_destination", "it differs from dossier_de_destintion; name the folder once")
	}
	folder := cmp.Or(s.Destination, s.OldDestination)
	if bucket, ok := strings.CutPrefix(folder, BucketScheme); ok {
		if bucket == "" || s.WorkFolder != "" {
			fault("dossier_de_destination", "expected gs://BUCKET/FOLDER, without a work_folder")
		}
		return
	}
	if folder != "" && !filepath.IsAbs(folder) {
		fault("dossier_de_destination", "found %q, expected an absolute path or gs://BUCKET/FOLDER", folder)
	}
	if s.WorkFolder == "" {
		return
	}
	if below, err := filepath.Rel(folder, s.WorkFolder); !filepath.IsAbs(s.WorkFolder) || err != nil ||
		filepath.IsLocal(below) {
		fault("work_folder", "expected an absolute path outside of the destination, where the importer does not look")
	}
}

// BucketScheme begins a destination that is a folder of a Cloud Storage bucket.
const BucketScheme = "gs://"
