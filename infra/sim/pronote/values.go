package pronote

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

// Tags of values: {"_T": tag, "V": value}.
const (
	tagDate   = 7
	tagRange  = 8
	tagGrade  = 10
	tagHTML   = 21
	tagText   = 23
	tagNested = 24
	tagSet    = 26
)

func tagged(tag int, v any) obj { return obj{"_T": tag, "V": v} }

func nested(v any) obj { return tagged(tagNested, v) }

// list is {"_T": 24, "V": [...]}.
func list(items []obj) obj {
	if items == nil {
		items = []obj{}
	}
	return nested(items)
}

func date(t time.Time) obj { return tagged(tagDate, t.Format("02/01/2006")) }

func dateTime(t time.Time) obj { return tagged(tagDate, t.Format("02/01/2006 15:04:05")) }

func grade(text string) obj { return tagged(tagGrade, text) }

// with returns an object with fields put over it.
func with(o, more obj) obj {
	maps.Copy(o, more)
	return o
}

// sub returns the object of a key, also where it is tagged.
func sub(o obj, key string) obj {
	found, _ := o[key].(obj)
	if inner, ok := found["V"].(obj); ok {
		return inner
	}
	return found
}

func text(o obj, key string) string {
	if s, ok := o[key].(string); ok {
		return s
	}
	s, _ := sub(o, key)["V"].(string)
	return s
}

func number(o obj, key string) int {
	f, _ := o[key].(float64)
	return int(f)
}

func boolean(o obj, key string) bool {
	b, _ := o[key].(bool)
	return b
}

// items returns the objects of a list, bare or tagged.
func items(o obj, key string) []obj {
	raw, ok := o[key].([]any)
	if !ok {
		raw, _ = sub(o, key)["V"].([]any)
	}
	var found []obj
	for _, one := range raw {
		if item, ok := one.(obj); ok {
			found = append(found, item)
		}
	}
	return found
}

// day returns the date of a key.
func (c *call) day(o obj, key string) (time.Time, bool) {
	first, _, _ := strings.Cut(text(o, key), " ")
	t, err := time.ParseInLocation("2/1/2006", first, c.zone)
	return t, err == nil
}

// numbers returns what a set such as [1..3,7] holds.
func numbers(set string) map[int]bool {
	found := map[int]bool{}
	for part := range strings.SplitSeq(strings.Trim(set, "[] "), ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "..")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if ranged {
			to, _ = strconv.Atoi(last)
		}
		for n := from; n <= to && n < from+100; n++ {
			found[n] = true
		}
	}
	return found
}

// clone copies what JSON can say.
func clone[T any](v T) T {
	var out T
	data, err := json.Marshal(v)
	if err == nil {
		_ = json.Unmarshal(data, &out)
	}
	return out
}
