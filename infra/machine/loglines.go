package machine

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// keptLines is how many of the last log lines the dashboard shows.
const keptLines = 100

// lastLines are of the whole process, as slog's default logger is.
var lastLines logLines

// A LogLine is a line of the log on the dashboard.
type LogLine struct {
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Details string    `json:"details,omitempty"` // name=value, in the order of the log
}

// logLines keeps the last lines of the log in memory.
type logLines struct {
	mu   sync.Mutex
	list []LogLine
}

func (l *logLines) add(line LogLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) == keptLines {
		l.list = slices.Delete(l.list, 0, 1)
	}
	l.list = append(l.list, line)
}

// LastLines are the last lines of the process's log, the newest first.
func LastLines() []LogLine { return lastLines.newestFirst() }

// newestFirst returns the lines, at most [keptLines].
func (l *logLines) newestFirst() []LogLine {
	l.mu.Lock()
	list := append([]LogLine{}, l.list...)
	l.mu.Unlock()
	slices.Reverse(list)
	return list
}

// keepLines returns a logger that writes as the given one does and keeps its last lines, also
// those below the level that is written, for the dashboard.
func keepLines(log *slog.Logger) *slog.Logger {
	return slog.New(keeper{next: log.Handler(), kept: &lastLines})
}

// A keeper is a [slog.Handler] that keeps lines from INFO on, and passes on what the next one takes.
type keeper struct {
	next  slog.Handler
	kept  *logLines
	with  string // attributes of the logger itself
	group string
}

// Enabled implements [slog.Handler].
func (k keeper) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || k.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (k keeper) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		attrs := make([]slog.Attr, 0, r.NumAttrs())
		r.Attrs(func(a slog.Attr) bool { attrs = append(attrs, a); return true })
		k.kept.add(LogLine{
			At: r.Time.UTC(), Level: r.Level.String(), Message: Plain(r.Message),
			Details: strings.TrimSpace(k.with + k.details(attrs)),
		})
	}
	if !k.next.Enabled(ctx, r.Level) {
		return nil
	}
	return k.next.Handle(ctx, r)
}

// mostOfValue bounds a value on the dashboard, in bytes; the log has it whole.
const mostOfValue = 500

func (k keeper) details(attrs []slog.Attr) string {
	var b strings.Builder
	for _, a := range attrs {
		value := Plain(a.Value.Resolve().String())
		if len(value) > mostOfValue {
			value = strings.ToValidUTF8(value[:mostOfValue], "") + "…"
		}
		b.WriteString(" " + k.group + a.Key + "=" + value)
	}
	return b.String()
}

// WithAttrs implements [slog.Handler].
func (k keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	k.next, k.with = k.next.WithAttrs(attrs), k.with+k.details(attrs)
	return k
}

// WithGroup implements [slog.Handler].
func (k keeper) WithGroup(name string) slog.Handler {
	k.next, k.group = k.next.WithGroup(name), k.group+name+"."
	return k
}
