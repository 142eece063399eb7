package cegid

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrAmbiguous says that a name is only a part of what it matches.
var ErrAmbiguous = errors.New("the name is a part of these queries' names")

// Choose returns the schedules that a name means: all enabled ones for "", the one of just that name, whatever its
// case, or with part those whose name it is a part of. Without part, a partial match is [ErrAmbiguous], with the
// matches.
func Choose(list []Scheduler, name string, part bool) ([]Scheduler, error) {
	if name == "" {
		return slices.DeleteFunc(slices.Clone(list), func(s Scheduler) bool { return !s.Enabled }), nil
	}
	var exact, partial []Scheduler
	for _, s := range list {
		if strings.EqualFold(s.Name, name) {
			exact = append(exact, s)
		}
		if strings.Contains(strings.ToLower(s.Name), strings.ToLower(name)) {
			partial = append(partial, s)
		}
	}
	switch {
	case len(partial) == 0:
		return nil, fmt.Errorf("%w: no query's name is %q or contains it", ErrNotFound, name)
	case part:
		return partial, nil
	case len(exact) > 0:
		return exact, nil
	default:
		return partial, ErrAmbiguous
	}
}
