package machine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
)

// TestLogKeepsTheLastLines: a bounded number of them, newest first, with what they say; the log itself is written as
// before.
func TestLogKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var kept logLines
	log := slog.New(keeper{next: logging.New(&out, slog.LevelWarn, "").Handler(), kept: &kept})
	for i := range keptLines + 20 {
		log.Info("listed", slog.Int("n", i))
	}
	log.Debug("too small to keep")
	log.With("room", "blue").WithGroup("google").Warn("slow\x1b[31m", slog.Any("error", errors.New("503")),
		slog.String("long", strings.Repeat("é", mostOfValue)))
	got := kept.newestFirst()
	if len(got) != keptLines {
		t.Fatalf("%d lines are kept, want %d", len(got), keptLines)
	}
	if l := got[0]; l.Level != "WARN" || strings.ContainsRune(l.Message, '\x1b') ||
		!strings.HasPrefix(l.Details, "room=blue google.error=503 google.long=éé") ||
		len(l.Details) > mostOfValue+60 || l.At.IsZero() {
		t.Errorf("the newest is %+v", l)
	}
	if l := got[1]; l.Message != "listed" || l.Details != fmt.Sprintf("n=%d", keptLines+19) {
		t.Errorf("the one before is %+v", l)
	}
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"severity":"WARNING"`) ||
		!strings.Contains(text, `"room":"blue"`) {
		t.Errorf("written: %s", text)
	}
}
