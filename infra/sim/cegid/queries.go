package cegid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/infra/sim/blobs"
)

// timeForm is how the API writes times: in UTC, with seven digits of a fraction and no zone.
const timeForm = "2006-01-02T15:04:05.0000000"

// A scheduler is a schedule as the API shows it, whole.
type scheduler map[string]any

func (s scheduler) next() (time.Time, error) {
	text, ok := s["nextExecution"].(string)
	if !ok || text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(timeForm, text); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}

// A Query is one to add: which collection it is of, what it writes at an instant.
type Query struct {
	ID         string                    `json:"id"`
	Collection string                    `json:"collection"`
	Name       string                    `json:"name"`
	SQL        string                    `json:"sql"`
	Cron       string                    `json:"cron"`
	Enabled    bool                      `json:"enabled"`
	Rows       func(at time.Time) []byte `json:"-"`
}

// AddQuery adds a query with its schedule, unless it is there. What it writes is not kept: it is added at each start.
func (s *Server) AddQuery(q Query) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries[q.ID] = q
	if slices.ContainsFunc(s.schedulers, func(one scheduler) bool { return one["id"] == q.ID }) {
		return nil
	}
	one := scheduler{
		"id": q.ID, "enable": q.Enabled, "cron": q.Cron, "nextExecution": nil, "lastExecution": nil,
		"tenantId": s.account.Tenant, "providerId": s.account.Provider,
		"query": map[string]any{"name": q.Name, "content": q.SQL, "collection": q.Collection}, "format": "csv",
	}
	if q.Enabled {
		next, err := after(q.Cron, s.Now())
		if err != nil {
			return err
		}
		one["nextExecution"] = next.Format(timeForm)
	}
	s.schedulers = append(s.schedulers, one)
	return s.save()
}

func after(schedule string, now time.Time) (time.Time, error) {
	parsed, err := cron.ParseStandard("CRON_TZ=UTC " + schedule)
	if err != nil {
		return time.Time{}, err
	}
	return parsed.Next(now).UTC(), nil
}

// tick is how often schedules are looked at.
const tick = time.Second

// Run lets queries run by their schedules until ctx ends.
func (s *Server) Run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.RunDue(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "simulated query not run", slog.Any("error", err))
			}
		}
	}
}

// RunDue runs the queries whose time has come.
func (s *Server) RunDue(ctx context.Context) error {
	s.mu.Lock()
	var due []string
	for _, one := range s.schedulers {
		if next, err := one.next(); err == nil && one["enable"] == true && !next.IsZero() && !next.After(s.Now()) {
			id, _ := one["id"].(string)
			due = append(due, id)
		}
	}
	ready := s.blobs != nil
	s.mu.Unlock()
	if !ready {
		return nil
	}
	var failed []error
	for _, id := range due {
		failed = append(failed, s.Execute(ctx, id))
	}
	return errors.Join(failed...)
}

// Execute runs a query now: its file is written, then its schedule moves on.
func (s *Server) Execute(ctx context.Context, id string) error {
	s.mu.Lock()
	q, store, at := s.queries[id], s.blobs, s.Now().UTC()
	s.mu.Unlock()
	silent := false
	for _, f := range s.Faults.Own("RUN", "/"+q.Name) {
		silent = silent || f.Kind == "query_writes_nothing"
	}
	if !silent {
		db := s.account.Database
		name := fmt.Sprintf("%s/%s-%s-%s-%s.csv", db, db, q.Collection, strings.ToLower(q.Name), at.Format("20060102150405"))
		if err := s.Upload(ctx, *store, name, q.Rows(at)); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.schedulers {
		if one["id"] != id {
			continue
		}
		one["lastExecution"], one["nextExecution"] = at.Format(timeForm), nil
		schedule, _ := one["cron"].(string)
		if next, err := after(schedule, at); err == nil && one["enable"] == true {
			one["nextExecution"] = next.Format(timeForm)
		}
	}
	return s.save()
}

// Upload writes a blob into the customer's container.
func (s *Server) Upload(ctx context.Context, store blobs.Account, name string, data []byte) error {
	c, err := store.Container(s.container())
	if err != nil {
		return err
	}
	_, err = c.NewBlockBlobClient(name).UploadBuffer(ctx, data, &blockblob.UploadBufferOptions{})
	return err
}

// container is the customer's.
func (s *Server) container() string { return s.account.Tenant }

func (s *Server) makeContainer(ctx context.Context, store blobs.Account) error {
	c, err := store.Container(s.container())
	if err != nil {
		return err
	}
	if _, err = c.Create(ctx, nil); bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		return nil
	}
	return err
}

const schedulesKey = "schedulers"

func (s *Server) save() error { return s.Save(schedulesKey, s.schedulers) }

func (s *Server) load() error {
	kept, err := s.Load()
	if err != nil || kept[schedulesKey] == nil {
		return err
	}
	return json.Unmarshal(kept[schedulesKey], &s.schedulers)
}
