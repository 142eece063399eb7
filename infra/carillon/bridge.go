package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// A bridge is a part of the process that can run without the others.
type bridge interface {
	// open reads the settings and makes the functions; it needs the system's database, clock and address.
	open() error
	close()
	subscriptions() []local.Subscription
	jobs() []local.Job
	// overdue are the topics of what should have happened while nothing ran.
	overdue(ctx context.Context) ([]string, error)
	// public serves the functions that the world reaches, and the simulators.
	public(mux *http.ServeMux)
	// name is that of [bridgeFiles].
	name() string
	// parts are the bridge's rooms, instances or sources, as last seen, for the overview.
	parts(ctx context.Context, locale string) ([]partView, error)
	// pages serves what the dashboard asks for.
	pages(handle func(pattern string, h http.Handler))
	// operations are the operators' commands, by pattern; each is below /operator/.
	operations() map[string]web.HandlerFunc
	// waiting names what has not come up yet.
	waiting(ctx context.Context) ([]string, error)
	// examine looks for what is missing.
	examine(ctx context.Context) []finding
	// zone is the one that the bridge's people live in, or "".
	zone(ctx context.Context) string
	announce(w io.Writer)
	prometheus.Collector
}

// bridgeFiles are the settings of each bridge; the order is the order of starting.
var bridgeFiles = []struct{ name, file string }{{"rooms", rooms.SettingsFile}, {"campus", campus.SettingsFile}, {"exports", exports.SettingsFile}}

func bridgeNames() []string {
	names := make([]string, 0, len(bridgeFiles))
	for _, b := range bridgeFiles {
		names = append(names, b.name)
	}
	return names
}

// chosen are the bridges to run: those asked for, else all of the sample, or those that a folder has settings for.
func chosen(ctx context.Context, asked []string, folder string) ([]string, error) {
	for _, name := range asked {
		if !slices.Contains(bridgeNames(), name) {
			return nil, fmt.Errorf("--bridges: there is no bridge %q; there are %s", name, strings.Join(bridgeNames(), ", "))
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	if folder == "" {
		return bridgeNames(), nil
	}
	var names, files []string
	for _, b := range bridgeFiles {
		files = append(files, b.file)
		if _, err := local.Folder(folder).Get(ctx, b.file); err == nil {
			names = append(names, b.name)
		} else if !errors.Is(err, documents.ErrNotFound) {
			return nil, fmt.Errorf("reading the settings: %w", err)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("the folder %s has none of %s: %w", folder, strings.Join(files, ", "), documents.ErrNotFound)
	}
	return names, nil
}
