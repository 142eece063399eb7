package main

import (
	"bytes"
	"context"
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
	logAuto = "auto"
	logJSON = "json"
	logText = "text"
)

var logFormats = []string{logAuto, logJSON, logText}

// newLog is the log in a form; auto is text for a person at a terminal, and JSON for programs.
func newLog(w io.Writer, format string) (*slog.Logger, error) {
	if format == "" || format == logAuto {
		format = logJSON
		if onTerminal(w) {
			format = logText
		}
	}
	switch format {
	case logJSON:
		return logging.New(w, slog.LevelInfo, ""), nil
	case logText:
		return slog.New(&lines{out: w, mu: &sync.Mutex{}}), nil
	}
	return nil, fmt.Errorf("--log-format %s: expected %s", format, strings.Join(logFormats, ", "))
}

func onTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
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
	fmt.Fprintf(&b, "%s %s %s", r.Time.Format(time.TimeOnly), r.Level, plain(r.Message))
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "  %s%s=%s", l.group, a.Key, plain(a.Value.String()))
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
