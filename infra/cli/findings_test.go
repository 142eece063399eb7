package cli

import (
	"bytes"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// TestTimesHaveTheirZone in tables: the office's, also in summer, and that of the machine where nobody named one.
func TestTimesHaveTheirZone(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]string{
		When(time.Date(2026, 11, 26, 13, 30, 0, 0, time.UTC), "Europe/Paris"):     "2026-11-26 14:30 CET",
		When(time.Date(2026, 7, 14, 12, 30, 0, 0, time.UTC), "Europe/Paris"):      "2026-07-14 14:30 CEST",
		When(time.Date(2026, 7, 14, 12, 30, 0, 0, time.UTC), "America/Sao_Paulo"): "2026-07-14 09:30 -03",
		When(time.Time{}, "Europe/Paris"):                                         "never",
	} {
		if at != want {
			t.Errorf("got %q, want %q", want, at)
		}
	}
	if got := When(time.Now(), ""); len(strings.Fields(got)) != 3 {
		t.Errorf("without a zone: %q", got)
	}
}

// TestFindingsFitAScreen, with a line of settings as it is.
func TestFindingsFitAScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	long := strings.Repeat("a word or two ", 12)
	findingsTable(w, []machine.Finding{
		{State: machine.FindingMissing, Check: "calendar of a room", Found: long, Do: long},
		{State: machine.FindingMissing, Check: "settings", Found: "config.json:1:3: here\n\t  “x”\n\t  ^"},
	}, 80)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(strings.TrimRight(line, " \n")) > 80 {
			t.Errorf("too wide: %q", line)
		}
	}
	if !strings.Contains(out.String(), "-> a word") || !strings.Contains(out.String(), "  “x”\n") {
		t.Errorf("\n%s", out.String())
	}
}
