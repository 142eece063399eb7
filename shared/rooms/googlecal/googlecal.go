// Package googlecal talks to the Google Calendar API for the rooms bridge. It
// holds no rules: what an event means for a room is in shared/rooms.
package googlecal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"cloud.google.com/go/auth/credentials"
	"github.com/googleapis/gax-go/v2"
	"golang.org/x/oauth2"
	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/impersonate"
	"google.golang.org/api/option"
	htransport "google.golang.org/api/transport/http"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

// The private extended properties of events that were booked at a display: the room's name, and what was asked for.
const (
	marker  = "carillon_room"
	request = "carillon_request"
)

// maxSummary is how much of a title is taken, in characters.
const maxSummary = 1000

// maxPages is more than a room's days can have.
const maxPages = 100

var errEndless = errors.New("listing events: the pages do not end")

// callTimeout bounds each call.
const callTimeout = 10 * time.Second

// A Client reads and books rooms' calendars. It may be used by many goroutines.
type Client struct {
	api *gcal.Service
	now func() time.Time

	mu     sync.Mutex
	offset time.Duration     // from our clock to Google's
	zones  map[string]string // by calendar
}

// Config says how to reach the API.
type Config struct {
	// BaseURL replaces https://www.googleapis.com/ when set; calls then carry a fixed bearer and no Google account is
	// needed.
	BaseURL string
	// Credentials are a service account's key (JSON).
	Credentials []byte
	// Account, where there is no key, is a service account that the function's own may act in the name of
	// (cloud.google.com/iam/docs/service-account-impersonation): calendars are shared with one account, and it has no key.
	Account string
	// Now is the clock.
	Now func() time.Time
}

// New returns a client.
func New(ctx context.Context, cfg Config) (*Client, error) {
	client := outbound.New(outbound.Options{Timeout: callTimeout})
	transport, err := cfg.authorized(ctx, client.Transport)
	if err != nil {
		return nil, fmt.Errorf("making the Calendar client: %w", err)
	}
	client.Transport = transport
	options := []option.ClientOption{option.WithHTTPClient(client)}
	if cfg.BaseURL != "" {
		options = append(options, option.WithEndpoint(cfg.BaseURL+"/calendar/v3/"))
	}
	api, err := gcal.NewService(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("making the Calendar client: %w", err)
	}
	return &Client{api: api, now: cfg.Now, zones: map[string]string{}}, nil
}

// authorized puts the account's tokens on what goes over next.
func (cfg Config) authorized(ctx context.Context, next http.RoundTripper) (http.RoundTripper, error) {
	scopes := []string{gcal.CalendarEventsScope}
	switch {
	case cfg.BaseURL != "":
		return &oauth2.Transport{Base: next, Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "local"})}, nil
	case len(cfg.Credentials) > 0:
		options := &credentials.DetectOptions{Scopes: scopes, Client: outbound.New(outbound.Options{Timeout: callTimeout})}
		key, err := credentials.NewCredentialsFromJSON(credentials.ServiceAccount, cfg.Credentials, options)
		if err != nil {
			return nil, err
		}
		return htransport.NewTransport(ctx, next, option.WithAuthCredentials(key))
	case cfg.Account != "":
		tokens, err := inTheNameOf(ctx, cfg.Account)
		return &oauth2.Transport{Base: next, Source: tokens}, err
	default:
		return htransport.NewTransport(ctx, next, option.WithScopes(scopes...))
	}
}

// inTheNameOf gives tokens of another service account. ([option.ImpersonateCredentials] would ask with a token of the
// calendar's scope, which is refused.)
func inTheNameOf(ctx context.Context, account string, options ...option.ClientOption) (oauth2.TokenSource, error) {
	return impersonate.CredentialsTokenSource(ctx,
		impersonate.CredentialsConfig{TargetPrincipal: account, Scopes: []string{gcal.CalendarEventsScope}}, options...)
}

// A Listing is a calendar's coming events.
type Listing struct {
	Events   []calendar.Event // in the order of their starts, private ones masked
	TimeZone string           // the calendar's
	// FetchedAt is when Google's answer was asked for, on Google's clock.
	FetchedAt time.Time
	Partial   bool // there are more events before the window ends
}

const listFields = "nextPageToken,timeZone,items(id,status,summary,start,end,transparency,visibility,eventType," +
	"organizer(email,displayName,self),attendees(email,responseStatus,self,resource),created,updated," +
	"extendedProperties/private)"

// List returns the events that end after from and start before `to`, page by
// page until enough says that what it has is enough or the window ends. A page may be empty with more to come.
func (c *Client) List(
	ctx context.Context, calendarID string, from, to time.Time, enough func([]calendar.Event) bool,
) (Listing, error) {
	var l Listing
	call := c.api.Events.List(calendarID).SingleEvents(true).OrderBy("startTime").MaxResults(250).MaxAttendees(50).
		TimeMin(from.UTC().Format(time.RFC3339)).TimeMax(to.UTC().Format(time.RFC3339)).Fields(googleapi.Field(listFields))
	for token, pages := "", 0; ; pages++ {
		if pages == maxPages {
			return l, errEndless
		}
		began := c.now()
		page, err := retry(ctx, func(ctx context.Context) (*gcal.Events,
			error,
		) {
			return call.PageToken(token).Context(ctx).Do()
		})
		if err != nil {
			return l, fmt.Errorf("listing events: %w", err)
		}
		if token == "" {
			l.FetchedAt, l.TimeZone = c.googleTime(began, page.Header), page.TimeZone
		}
		for _, item := range page.Items {
			l.Events = append(l.Events, event(calendarID, item).Masked())
		}
		token = page.NextPageToken
		if l.Partial = token != ""; !l.Partial || enough(l.Events) {
			return l, nil
		}
	}
}

// googleTime is the time t of our clock on Google's, known from an answer's
// Date header. That has whole seconds only and is as late as the answer, so our
// clock is believed within those bounds, and corrected as little as possible: two listings of one second keep their
// order.
func (c *Client) googleTime(t time.Time, h http.Header) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return t.Add(c.offset).UTC()
	}
	earliest := date.Add(-c.now().Sub(t)) // the answer took this long at most
	latest := date.Add(time.Second - time.Nanosecond)
	if got := t.Add(c.offset); got.Before(earliest) {
		c.offset += earliest.Sub(got)
	} else if got.After(latest) {
		c.offset -= got.Sub(latest)
	}
	return t.Add(c.offset).UTC()
}

// googleNow is the moment on Google's clock, as far as it is known.
func (c *Client) googleNow() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Add(c.offset).UTC()
}

// Access tells the rights that the caller has on a calendar (owner, writer, reader, freeBusyReader): one request.
func (c *Client) Access(ctx context.Context, calendarID string) (role string, err error) {
	got, err := retry(ctx, func(ctx context.Context) (*gcal.Events, error) {
		return c.api.Events.List(calendarID).MaxResults(1).Fields("accessRole").Context(ctx).Do()
	})
	if err != nil {
		return "", fmt.Errorf("asking for access: %w", err)
	}
	return got.AccessRole, nil
}

// Get returns an event; a deleted one has status cancelled. See [NotFound].
func (c *Client) Get(ctx context.Context, calendarID, id string) (calendar.Event, error) {
	e, err := retry(ctx, func(ctx context.Context) (*gcal.Event, error) {
		return c.api.Events.Get(calendarID, id).Context(ctx).Do()
	})
	if err != nil {
		return calendar.Event{}, fmt.Errorf("reading an event: %w", err)
	}
	return event(calendarID, e), nil
}

// A Booking is an event of a room under an id of our own.
type Booking struct {
	calendar.Interval

	ID, Title string
	Room      string // the room's name
	Request   string // what was asked for, to be recognised when it is asked for again
}

// Insert books, and marks the event as booked at the room's display. Because of the id a repeat makes no second event:
// it is [Duplicate].
func (c *Client) Insert(ctx context.Context, calendarID string, b Booking) error {
	body := &gcal.Event{
		Id: b.ID, Summary: b.Title,
		Start:              &gcal.EventDateTime{DateTime: b.Start.UTC().Format(time.RFC3339)},
		End:                &gcal.EventDateTime{DateTime: b.End.UTC().Format(time.RFC3339)},
		ExtendedProperties: &gcal.EventExtendedProperties{Private: map[string]string{marker: b.Room, request: b.Request}},
	}
	_, err := retry(ctx, func(ctx context.Context) (*gcal.Event, error) {
		return c.api.Events.Insert(calendarID, body).Context(ctx).Do()
	})
	if err != nil {
		return fmt.Errorf("inserting an event: %w", err)
	}
	return nil
}

// Delete removes an event; one that is already gone is not an error.
func (c *Client) Delete(ctx context.Context, calendarID, id string) error {
	_, err := retry(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.api.Events.Delete(calendarID, id).SendUpdates("none").Context(ctx).Do()
	})
	if err != nil && !NotFound(err) {
		return fmt.Errorf("deleting an event: %w", err)
	}
	return nil
}

// A Watched channel is what Google granted.
type Watched struct {
	ResourceID string
	Expiration time.Time
}

// Watch opens a push channel on a calendar's events. It is not repeated after a
// failure: an id serves once (reason channelIdNotUnique).
func (c *Client) Watch(ctx context.Context, calendarID, channelID, token, address string) (Watched, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	got, err := c.api.Events.Watch(calendarID,
		&gcal.Channel{Id: channelID, Type: "web_hook", Address: address, Token: token}).Context(ctx).Do()
	if err != nil {
		return Watched{}, fmt.Errorf("watching a calendar: %w", outbound.WithoutURL(err))
	}
	return Watched{got.ResourceId, time.UnixMilli(got.Expiration).UTC()}, nil
}

// Stop ends a channel; one that is already gone is not an error.
func (c *Client) Stop(ctx context.Context, channelID, resourceID string) error {
	_, err := retry(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.api.Channels.Stop(&gcal.Channel{Id: channelID, ResourceId: resourceID}).Context(ctx).Do()
	})
	if err != nil && !NotFound(err) {
		return fmt.Errorf("stopping a channel: %w", err)
	}
	return nil
}

const attempts = 4

type onceKey struct{}

// Once returns a context whose calls are not repeated, for callers that soon ask again.
func Once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// retry repeats a call that may pass the next time, with growing random pauses, while ctx allows.
func retry[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	limit := attempts
	if ctx.Value(onceKey{}) != nil {
		limit = 1
	}
	backoff := gax.Backoff{Initial: 500 * time.Millisecond, Max: 8 * time.Second, Multiplier: 2}
	for attempt := 1; ; attempt++ {
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		got, err := call(callCtx)
		cancel()
		if err == nil || attempt == limit || !transient(err) || ctx.Err() != nil {
			return got, outbound.WithoutURL(err)
		}
		if gax.Sleep(ctx, backoff.Pause()) != nil {
			return got, outbound.WithoutURL(err)
		}
	}
}

func event(calendarID string, e *gcal.Event) calendar.Event {
	out := calendar.Event{
		ID: e.Id, Status: e.Status, Summary: e.Summary, Start: date(e.Start), End: date(e.End),
		Transparency: e.Transparency, Visibility: e.Visibility, EventType: e.EventType,
		Created: e.Created, Updated: e.Updated,
	}
	if runes := []rune(out.Summary); len(runes) > maxSummary { // nothing shows more, and messages have a size
		out.Summary = string(runes[:maxSummary])
	}
	if o := e.Organizer; o != nil {
		out.Organizer = calendar.Person{Email: o.Email, DisplayName: o.DisplayName, Self: o.Self}
	}
	for _, a := range e.Attendees {
		if a.Self || strings.EqualFold(a.Email, calendarID) { // only the room's answer matters
			out.Attendees = append(out.Attendees, calendar.Attendee{
				Email: a.Email, ResponseStatus: a.ResponseStatus, Self: a.Self, Resource: a.Resource,
			})
		}
	}
	if x := e.ExtendedProperties; x != nil {
		out.Booking, out.Request = x.Private[marker], x.Private[request]
	}
	return out
}

func date(d *gcal.EventDateTime) calendar.Date {
	if d == nil {
		return calendar.Date{}
	}
	return calendar.Date{Date: d.Date, DateTime: d.DateTime, TimeZone: d.TimeZone}
}
