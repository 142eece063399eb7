package rooms_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestLongTitlesFitADevice: a title is cut between characters, whatever their width, and only where it is too long.
func TestLongTitlesFitADevice(t *testing.T) {
	t.Parallel()
	value := func(title string) string {
		for _, v := range rooms.Variables {
			if v.Name == "curevmtg" {
				text, _ := v.Value(rooms.Fields{CurEvMtg: title}).(string)
				return text
			}
		}
		return ""
	}
	for name, tt := range map[string]struct{ title, want string }{
		"64_letters":     {strings.Repeat("a", 64), strings.Repeat("a", 64)},
		"65_letters":     {strings.Repeat("a", 65), strings.Repeat("a", 61) + "…"},
		"64_bytes_of_é":  {strings.Repeat("é", 32), strings.Repeat("é", 32)},
		"66_bytes_of_é":  {strings.Repeat("é", 33), strings.Repeat("é", 30) + "…"},
		"three_byte_cut": {strings.Repeat("会", 30), strings.Repeat("会", 20) + "…"},
		"four_byte_cut":  {strings.Repeat("🔔", 20), strings.Repeat("🔔", 15) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := value(tt.title); got != tt.want || !utf8.ValidString(got) || len(got) > 64 {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
