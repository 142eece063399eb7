package pronote

import (
	"strings"
	"testing"
)

// TestShape: what would cost more than its length is refused before it is decoded.
func TestShape(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"usual":            {`{"data":{"a":[1,2,{"b":"x, { [ \\" y"}]}}`, true},
		"brackets in text": {`"` + strings.Repeat(`[{,`, 200000) + `"`, true},
		"deep":             {strings.Repeat(`{"V":`, 40) + `1` + strings.Repeat(`}`, 40), false},
		"many":             {`[` + strings.Repeat(`{},`, 200000) + `{}]`, false},
		"many numbers":     {`[` + strings.Repeat(`1,`, 200000) + `1]`, false},
	} {
		if got := shaped([]byte(c.text)); got != c.ok {
			t.Errorf("%s: %v", name, got)
		}
	}
	var l list[element]
	if err := l.UnmarshalJSON([]byte(`[` + strings.Repeat(`{},`, 9000) + `{}]`)); err != nil || len(l) != mostOfList {
		t.Errorf("%d elements, %v", len(l), err)
	}
}
