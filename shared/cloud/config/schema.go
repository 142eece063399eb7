package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// A form is what we use of a JSON Schema to say what a value should be.
type form struct {
	Properties map[string]form
	Items      *form
	Expected   string `json:"x-expected"` // in words, where there is a pattern
	Minimum    *json.Number
	Maximum    *json.Number
}

// under is the form of a value.
func (f form) under(path []string) form {
	for _, step := range path {
		_, err := strconv.Atoi(step)
		switch next, ok := f.Properties[step]; {
		case ok:
			f = next
		case err == nil && f.Items != nil:
			f = *f.Items
		default:
			return form{}
		}
	}
	return f
}

// faults turns a schema's error into a sentence for each fault, at its place. The text of a reference is not checked:
// the rules apply to what it stands for ([Settings.checkResolved]). nil means that no other fault was found.
func (s *Settings[T]) faults(src *source, err error, references map[string]string) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	var all []fault
	for e := range leaves(invalid) {
		if _, ok := references[pointerTo(e.InstanceLocation)]; !ok || !ofValue(e.ErrorKind) {
			all = append(all, s.told(src, e)...)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return join(all)
}

// leaves are the faults that have no causes of their own.
func leaves(e *jsonschema.ValidationError) iter.Seq[*jsonschema.ValidationError] {
	return func(yield func(*jsonschema.ValidationError) bool) {
		if len(e.Causes) == 0 {
			yield(e)
			return
		}
		for _, cause := range e.Causes {
			for leaf := range leaves(cause) {
				if !yield(leaf) {
					return
				}
			}
		}
	}
}

// ofValue reports whether a fault is of a text's characters, not of its place or type.
func ofValue(k jsonschema.ErrorKind) bool {
	switch k.(type) {
	case *kind.Enum, *kind.Const, *kind.Pattern, *kind.MinLength:
		return true
	}
	return false
}

// checkResolved checks what references stand for. An invalid value is emptied and noted as unresolved. It may be a
// secret, so no error quotes it.
func (s *Settings[T]) checkResolved(raw any, references map[string]string, unresolved map[string]error) {
	var invalid *jsonschema.ValidationError
	if !errors.As(s.schema.Validate(raw), &invalid) {
		return
	}
	for e := range leaves(invalid) {
		at := pointerTo(e.InstanceLocation)
		reference, ok := references[at]
		if !ok || unresolved[at] != nil || !ofValue(e.ErrorKind) {
			continue
		}
		f := s.form.under(e.InstanceLocation)
		said := f.sentence(e.ErrorKind)
		switch k := e.ErrorKind.(type) {
		case *kind.Enum:
			said = "what it stands for is not " + oneOf(k.Want)
		case *kind.Const:
			said = "what it stands for is not " + quoted(k.Want)
		case *kind.Pattern:
			said = "what it stands for is not " + f.Expected
		}
		unresolved[at] = fmt.Errorf("%s: %s", reference, said)
		empty(raw, e.InstanceLocation)
	}
}

// empty makes the text at a path of raw "".
func empty(raw any, path []string) {
	for i, step := range path {
		last := i == len(path)-1
		switch v := raw.(type) {
		case map[string]any:
			if last {
				v[step] = ""
			}
			raw = v[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(v) {
				return
			}
			if last {
				v[n] = ""
			}
			raw = v[n]
		}
	}
}

func (s *Settings[T]) told(src *source, e *jsonschema.ValidationError) []fault {
	pointer := pointerTo(e.InstanceLocation)
	f := s.form.under(e.InstanceLocation)
	unknown, ok := e.ErrorKind.(*kind.AdditionalProperties)
	if !ok {
		return []fault{src.at(pointer, f.sentence(e.ErrorKind))}
	}
	keys := slices.Sorted(maps.Keys(f.Properties))
	var all []fault
	for _, key := range unknown.Properties {
		below := pointer + "/" + escape(key)
		all = append(all, fault{src, src.keys[below], below, fmt.Sprintf("unknown key %q", key) + Suggest(key, keys)})
	}
	return all
}

func pointerTo(path []string) string {
	var b strings.Builder
	for _, step := range path {
		b.WriteString("/" + escape(step))
	}
	return b.String()
}

// Suggest is a hint for a word that is unknown: the nearest of those that there are, or all.
func Suggest(word string, known []string) string {
	best, least := "", 1+len(word)/3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil); d <= least &&
			(best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" {
		return "; there are " + strings.Join(known, ", ")
	}
	return fmt.Sprintf(": did you mean %q?", best)
}

// kinds are JSON's types in words.
var kinds = map[string]string{
	"string": "text in quotes", "integer": "a whole number", "number": "a number", "boolean": "true or false",
	"array": "a list, [ ]", "object": "keys with values, { }", "null": "null",
}

func (f form) sentence(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Required:
		return strings.Join(k.Missing, " and ") + " is missing"
	case *kind.DependentRequired:
		return fmt.Sprintf("%s is given, so %s is needed too", k.Prop, strings.Join(k.Missing, " and "))
	case *kind.Type:
		want := make([]string, 0, len(k.Want))
		for _, w := range k.Want {
			want = append(want, kinds[w])
		}
		return fmt.Sprintf("expected %s, found %s", strings.Join(want, " or "), kinds[k.Got])
	case *kind.Enum:
		return fmt.Sprintf("found %s, expected %s", quoted(k.Got), oneOf(k.Want))
	case *kind.Const:
		return fmt.Sprintf("found %s, expected %s", quoted(k.Got), quoted(k.Want))
	case *kind.Pattern:
		return fmt.Sprintf("found %q, expected %s", k.Got, f.Expected)
	case *kind.MinLength:
		if k.Want == 1 {
			return "it is empty"
		}
		return fmt.Sprintf("it has %d characters, expected %d or more", k.Got, k.Want)
	case *kind.Minimum, *kind.Maximum:
		return "expected a number " + f.bounds()
	case *kind.MinItems:
		return fmt.Sprintf("the list has %d entries, expected %d or more", k.Got, k.Want)
	case *kind.UniqueItems:
		return fmt.Sprintf("entries %d and %d of the list are the same", k.Duplicates[0]+1, k.Duplicates[1]+1)
	default:
		return "this value may not stand here; docs/configuration.md lists what may"
	}
}

func (f form) bounds() string {
	switch {
	case f.Minimum != nil && f.Maximum != nil:
		return fmt.Sprintf("from %s to %s", *f.Minimum, *f.Maximum)
	case f.Minimum != nil:
		return fmt.Sprintf("of %s or more", *f.Minimum)
	default:
		return fmt.Sprintf("of %s or less", *f.Maximum)
	}
}

func quoted(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return "another value"
	}
	return string(text)
}

func oneOf(values []any) string {
	words := make([]string, 0, len(values))
	for _, v := range values {
		words = append(words, quoted(v))
	}
	return strings.Join(words, " or ")
}
