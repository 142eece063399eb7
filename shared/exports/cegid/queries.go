package cegid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/sjson"

	"github.com/carillon-calendar/carillon/shared/exports"
)

// A Scheduler lets a query run by a schedule.
type Scheduler struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Enabled bool      `json:"enabled"`
	Cron    string    `json:"cron"`
	Next    time.Time `json:"next_execution,omitzero"`
	Last    time.Time `json:"last_execution,omitzero"`
	SQL     string    `json:"sql,omitempty"`

	raw json.RawMessage // the whole object, as it was read
}

// times are the forms of Cegid's times: seven digits of a fraction, with or without a zone; without one it is UTC.
var times = []string{"2006-01-02T15:04:05.999999999", time.RFC3339Nano} //nolint:gochecknoglobals // constants

func parseTime(text *string) (time.Time, error) {
	if text == nil || *text == "" {
		return time.Time{}, nil
	}
	for _, form := range times {
		if t, err := time.Parse(form, *text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("a time of a schedule is not readable")
}

func parseScheduler(raw json.RawMessage) (Scheduler, error) {
	var answer struct {
		ID     string  `json:"id"`
		Name   string  `json:"name"`
		Enable bool    `json:"enable"`
		Cron   string  `json:"cron"`
		Next   *string `json:"nextExecution"`
		Last   *string `json:"lastExecution"`
		Query  struct {
			Name    string `json:"name"`
			Content string `json:"content"`
		} `json:"query"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.ID == "" {
		return Scheduler{}, fmt.Errorf("%w: a schedule is not readable", ErrNoAnswer)
	}
	s := Scheduler{
		ID: answer.ID, Name: answer.Query.Name, Enabled: answer.Enable, Cron: answer.Cron,
		SQL: answer.Query.Content, raw: raw,
	}
	if s.Name == "" {
		s.Name = answer.Name
	}
	var nerr, lerr error
	s.Next, nerr = parseTime(answer.Next)
	s.Last, lerr = parseTime(answer.Last)
	if err := errors.Join(nerr, lerr); err != nil {
		return s, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return s, nil
}

// Schedulers lists the schedules of the source's provider, by name.
func (c *Client) Schedulers(ctx context.Context) ([]Scheduler, error) {
	if err := exports.CheckProvider(c.src.ProviderID); err != nil {
		return nil, fmt.Errorf("listing the schedules: %w", err)
	}
	data, err := c.call(ctx, c.safe, http.MethodGet,
		"/query/api/V1/schedulers/tenant/provider/"+url.PathEscape(c.src.ProviderID), nil)
	if err != nil {
		return nil, fmt.Errorf("listing the schedules: %w", err)
	}
	var raws []json.RawMessage
	if json.Unmarshal(data, &raws) != nil {
		return nil, fmt.Errorf("listing the schedules: %w: its answer is not a list", ErrNoAnswer)
	}
	list := make([]Scheduler, 0, len(raws))
	for _, raw := range raws {
		s, err := parseScheduler(raw)
		if err != nil {
			return nil, fmt.Errorf("listing the schedules: %w", err)
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Scheduler) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Force sets when a query runs next, and nothing else.
func (c *Client) Force(ctx context.Context, id string, at time.Time) (Scheduler, error) {
	return c.change(ctx, id, "nextExecution", at.UTC().Format("2006-01-02T15:04:00.000Z"))
}

// Enable switches a query's schedule on or off, and changes nothing else.
func (c *Client) Enable(ctx context.Context, id string, on bool) (Scheduler, error) {
	return c.change(ctx, id, "enable", on)
}

// change sets one field of a schedule. Cegid takes the whole object and has no versions of it: it is read just before
// it is written, and every other byte goes back as it came, so that a change made in the portal meanwhile is lost in
// that moment only.
func (c *Client) change(ctx context.Context, id, field string, value any) (Scheduler, error) {
	list, err := c.Schedulers(ctx)
	if err != nil {
		return Scheduler{}, err
	}
	i := slices.IndexFunc(list, func(s Scheduler) bool { return s.ID == id })
	if i < 0 {
		return Scheduler{}, fmt.Errorf("%w: no schedule has the id %s", ErrNotFound, id)
	}
	body, err := sjson.SetBytes(list[i].raw, field, value)
	if err != nil {
		return Scheduler{}, fmt.Errorf("changing a schedule: %w", err)
	}
	if _, err := c.call(ctx, c.once, http.MethodPut, "/query/api/V1/schedulers", body); err != nil {
		return Scheduler{}, fmt.Errorf("changing a schedule: %w", err)
	}
	return parseScheduler(body)
}

// A Provider is whose queries can be controlled.
type Provider struct {
	ID    string   `json:"provider_id"`
	Found string   `json:"found_by"` // the name that led to it
	Names []string `json:"names"`    // of its data sources and folders
}

// guesses are names that providers are known to have, besides their ids, which stand in the portal's address.
var guesses = []string{"cegid-xrp", "HR Sprint On Demand", "cegid-hr-sprint", "cegid-hr-ultimate", "cegid-xrp-sprint", "cegid-xrp-ultimate"} //nolint:gochecknoglobals // constants

// Discover looks for the source's providers: by its own setting, by names given, and by those that are known.
func (c *Client) Discover(ctx context.Context, names []string) ([]Provider, error) {
	var found []Provider
	names = slices.DeleteFunc(slices.Concat([]string{c.src.ProviderID}, names, guesses, []string{c.src.TenantID}),
		func(s string) bool { return exports.CheckProvider(s) != nil })
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		list, err := c.belongings(ctx, name)
		if errors.Is(err, ErrRefused) || errors.Is(err, ErrSubscription) {
			return found, err // for every other name too
		}
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrNoAnswer) {
			return found, err
		}
		for _, b := range list {
			j := slices.IndexFunc(found, func(p Provider) bool { return p.ID == b.ProviderID })
			if j < 0 {
				found, j = append(found, Provider{ID: b.ProviderID, Found: name}), len(found)
			}
			if !slices.Contains(found[j].Names, b.Name) {
				found[j].Names = append(found[j].Names, b.Name)
			}
		}
	}
	return found, ctx.Err()
}

// A belonging is a data source or folder of a provider. Its connection string is not read.
type belonging struct {
	Name       string `json:"name"`
	ProviderID string `json:"providerId"`
}

// belongings are the data sources and folders of a provider.
func (c *Client) belongings(ctx context.Context, provider string) ([]belonging, error) {
	var all []belonging
	next := ""
	for range maxPages {
		path := "/datasource/api/V2/datasources/tenant/" + url.PathEscape(provider)
		if next != "" {
			path += "?continuationRequest=" + url.QueryEscape(next)
		}
		data, err := c.call(ctx, c.once, http.MethodGet, path, nil)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Continuation string      `json:"continuationRequest"`
			Data         []belonging `json:"data"`
		}
		if json.Unmarshal(data, &answer) != nil {
			return nil, fmt.Errorf("%w: its list of data sources is not readable", ErrNoAnswer)
		}
		all = append(all, answer.Data...)
		if answer.Continuation == "" || answer.Continuation == next {
			break
		}
		next = answer.Continuation
	}
	data, err := c.call(ctx, c.once, http.MethodGet,
		"/datasource/api/V1/foldersCollections/tenant/"+url.PathEscape(provider), nil)
	if errors.Is(err, ErrNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	var folders []belonging
	if json.Unmarshal(data, &folders) != nil {
		return nil, fmt.Errorf("%w: its list of folders is not readable", ErrNoAnswer)
	}
	return slices.DeleteFunc(append(all, folders...),
		func(b belonging) bool { return exports.CheckProvider(b.ProviderID) != nil }), nil
}
