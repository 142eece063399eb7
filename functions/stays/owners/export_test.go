package owners

import (
	"maps"
	"slices"
)

// Routes are the patterns of all routes: those of owners who are signed in, those of everybody, and those of the
// association's page.
func Routes() (own, open, ofAssociation []string) {
	var f function
	return slices.Sorted(maps.Keys(f.own())), slices.Sorted(maps.Keys(f.open())),
		slices.Sorted(maps.Keys(f.ofAssociation()))
}
