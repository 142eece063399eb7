package pronote

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/school"
)

// PRONOTE writes most values as {"_T":type,"V":value}, and some of the same fields bare. The types here take both, and
// what they cannot read is their zero value: one odd field must not hide a whole page.

// bare is a value without the type around it.
func bare(data []byte) []byte {
	data = bytes.TrimSpace(data)
	for range 3 {
		if len(data) == 0 || data[0] != '{' {
			break
		}
		var tagged map[string]json.RawMessage
		if json.Unmarshal(data, &tagged) != nil {
			return nil
		}
		value, ok := tagged["V"]
		if !ok {
			return data
		}
		data = bytes.TrimSpace(value)
	}
	if bytes.Equal(data, []byte("null")) {
		return nil
	}
	return data
}

// A text is a string; of a number or a boolean, its digits or name.
type text string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *text) UnmarshalJSON(data []byte) error {
	*t = ""
	switch data = bare(data); {
	case len(data) == 0 || data[0] == '{' || data[0] == '[':
	case data[0] == '"':
		var s string
		if json.Unmarshal(data, &s) == nil {
			*t = text(s)
		}
	default:
		*t = text(data)
	}
	return nil
}

// orNil is the text, nil for an empty one.
func (t text) orNil() *string {
	if t == "" {
		return nil
	}
	s := string(t)
	return &s
}

// A number is a whole one.
type number int

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(data []byte) error {
	var t text
	_ = t.UnmarshalJSON(data)
	f, _ := strconv.ParseFloat(strings.Replace(string(t), ",", ".", 1), 64)
	*n = 0
	if f > -1e9 && f < 1e9 {
		*n = number(f)
	}
	return nil
}

// A flag is a boolean; PRONOTE leaves false ones out.
type flag bool

// UnmarshalJSON implements [json.Unmarshaler].
func (f *flag) UnmarshalJSON(data []byte) error {
	var t text
	_ = t.UnmarshalJSON(data)
	*f = t == "true" || t == "1"
	return nil
}

// A date is "27/11/2026", or with a time "27/11/2026 08:30:00" (type 7).
type date struct{ school.Date }

const (
	dayForm    = "2/1/2006"
	momentForm = "2/1/2006 15:4:5"
)

// UnmarshalJSON implements [json.Unmarshaler].
func (d *date) UnmarshalJSON(data []byte) error {
	var t text
	_ = t.UnmarshalJSON(data)
	d.Date = school.Date{}
	for _, form := range []string{momentForm, "2/1/2006 15:4", dayForm} {
		if at, err := time.Parse(form, strings.TrimSpace(string(t))); err == nil {
			d.Date = school.Date{Time: at}
			break
		}
	}
	return nil
}

// day is a date as PRONOTE takes it.
func day(d school.Date) map[string]any {
	return map[string]any{"_T": 7, "V": d.Format("02/01/2006") + " 0:0:0"}
}

// A list is an array; a single object is a list of one.
type list[T any] []T

// UnmarshalJSON implements [json.Unmarshaler].
func (l *list[T]) UnmarshalJSON(data []byte) error {
	*l = nil
	data = bare(data)
	if len(data) == 0 {
		return nil
	}
	var raw []json.RawMessage // of its own: decoding into data would overwrite it
	switch {
	case data[0] != '[':
		raw = append(raw, data)
	case json.Unmarshal(data, &raw) != nil:
		return nil //nolint:nilerr // see above
	}
	for _, item := range raw[:min(len(raw), mostOfList)] {
		var v T
		if json.Unmarshal(item, &v) == nil {
			*l = append(*l, v)
		}
	}
	return nil
}

// An element names something of PRONOTE's.
type element struct {
	N text   // its id, of this session
	L text   // its label
	G number // its kind
	P number // its rank
}

// An object is an element that may be tagged.
type object[T any] struct{ V T }

// UnmarshalJSON implements [json.Unmarshaler].
func (o *object[T]) UnmarshalJSON(data []byte) error {
	var zero T
	o.V = zero
	if data = bare(data); len(data) > 0 {
		var v T
		if json.Unmarshal(data, &v) == nil {
			o.V = v
		}
	}
	return nil
}

// A name is a text, or an element's label.
type name string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *name) UnmarshalJSON(data []byte) error {
	var t text
	_ = t.UnmarshalJSON(data)
	if t == "" {
		var o object[element]
		_ = o.UnmarshalJSON(data)
		t = o.V.L
	}
	*n = name(t)
	return nil
}

func names(list []name) []string {
	found := make([]string, 0, len(list))
	for _, n := range list {
		if n != "" {
			found = append(found, string(n))
		}
	}
	return found
}

// labels are the labels of elements.
func labels(elements []element) []string {
	found := []string{}
	for _, e := range elements {
		if e.L != "" {
			found = append(found, string(e.L))
		}
	}
	return found
}

// numbers reads a set of numbers, "[1..3,7]" (type 8) or "[3]" (type 26). A set has at most 1000.
func numbers(set string) (found []int) {
	for part := range strings.SplitSeq(strings.Trim(set, "[] "), ",") {
		from, to, isRange := strings.Cut(part, "..")
		first, err := strconv.Atoi(strings.TrimSpace(from))
		if err != nil {
			continue
		}
		last := first
		if isRange {
			if last, err = strconv.Atoi(strings.TrimSpace(to)); err != nil {
				continue
			}
		}
		for n := first; n <= last && len(found) < 1000; n++ {
			found = append(found, n)
		}
	}
	return found
}
