package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
)

// Forms of the log.
const (
	LogAuto = "auto"
	logJSON = "json"
	logText = "text"
)

// LogFormats are those that there are.
var LogFormats = []string{LogAuto, logJSON, logText}

// newLog is the log in a form; auto is text for a person at a terminal, and JSON for programs.
func newLog(w io.Writer, format string) (*slog.Logger, error) {
	if format == "" || format == LogAuto {
		format = logJSON
		if OnTerminal(w) {
			format = logText
		}
	}
	switch format {
	case logJSON:
		return slog.New(unlessGivenUp{logging.New(w, slog.LevelInfo, "").Handler()}), nil
	case logText:
		return slog.New(unlessGivenUp{&lines{out: w, mu: &sync.Mutex{}}}), nil
	}
	return nil, fmt.Errorf("--log-format %s: expected %s", format, strings.Join(LogFormats, ", "))
}

// OnTerminal reports whether something that is read or written is a terminal.
func OnTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// unlessGivenUp leaves out the faults of what was cancelled: at a stop that is no fault, and the queue does it again.
type unlessGivenUp struct{ slog.Handler }

func (h unlessGivenUp) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn && errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

func (h unlessGivenUp) WithAttrs(attrs []slog.Attr) slog.Handler {
	return unlessGivenUp{h.Handler.WithAttrs(attrs)}
}

func (h unlessGivenUp) WithGroup(name string) slog.Handler {
	return unlessGivenUp{h.Handler.WithGroup(name)}
}

// lines writes what a person must know, warnings and errors, one line each: 14:30:05 WARN what happened, name=value.
type lines struct {
	out   io.Writer
	mu    *sync.Mutex
	attrs []slog.Attr
	group string
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s", r.Time.Format(time.TimeOnly), r.Level, Plain(r.Message))
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "  %s%s=%s", l.group, a.Key, Plain(a.Value.String()))
		return true
	}
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	b.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.out.Write(b.Bytes())
	return err
}

func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	other := *l
	other.attrs = append(slices.Clone(l.attrs), attrs...)
	return &other
}

func (l *lines) WithGroup(name string) slog.Handler {
	other := *l
	other.group += name + "."
	return &other
}

// Plain keeps control characters, which a terminal would obey, out of a line.
func Plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}
