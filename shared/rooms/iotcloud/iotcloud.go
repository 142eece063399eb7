// Package iotcloud talks to the Arduino IoT Cloud API for the rooms bridge: it
// lists Things and publishes values, within the account's request limit.
package iotcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	iot "github.com/arduino/iot-client-go/v3"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/carillon-calendar/carillon/shared/cloud/names"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// DefaultURL is where the API is.
const DefaultURL = "https://api2.arduino.cc"

// callTimeout bounds each call.
const callTimeout = 10 * time.Second

var (
	// ErrNotFound says that the Thing or property is gone.
	ErrNotFound = errors.New("the Arduino cloud has no such Thing or variable")
	// ErrRefused says that the account's key, or its rights, are wrong.
	ErrRefused = errors.New("the Arduino cloud refused the client id and secret")
	// ErrInvalid says that the value is not of the variable's type.
	ErrInvalid = errors.New("the Arduino cloud does not accept this value for the variable")
	// ErrNoAnswer says that it is unknown whether the value was taken.
	ErrNoAnswer = errors.New("the Arduino cloud did not answer")
)

// errNoTime says that a call was not made because it might have been cut off, and then nobody knows what became of it.
var errNoTime = errors.New("no time left for a call to the Arduino cloud")

// A Client speaks for one account. It may be used by many goroutines.
type Client struct {
	api     *iot.APIClient
	limiter *limiter
	tokens  *tokens
}

// New returns a client for the account of the settings. It does no I/O.
func New(baseURL string, s *rooms.Settings) *Client {
	organized := func(next http.RoundTripper) http.RoundTripper { return organization{s.OrganizationID, next} }
	client := outbound.New(outbound.Options{Timeout: callTimeout, Via: organized})
	cfg := iot.NewConfiguration()
	cfg.Servers = iot.ServerConfigurations{{URL: baseURL}}
	cfg.HTTPClient = client
	cc := clientcredentials.Config{
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, TokenURL: baseURL + "/iot/v1/clients/token",
		AuthStyle: oauth2.AuthStyleInParams, EndpointParams: url.Values{"audience": {"https://api2.arduino.cc/iot"}},
	}
	if s.OrganizationID != "" {
		cc.EndpointParams.Set("organization_id", s.OrganizationID)
	}
	limiter := newLimiter(s.Limit())
	ask := func(ctx context.Context) (*oauth2.Token, error) {
		if err := limiter.wait(ctx, first); err != nil {
			return nil, err
		}
		return cc.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	}
	return &Client{api: iot.NewAPIClient(cfg), limiter: limiter, tokens: &tokens{ask: ask}}
}

// organization puts X-Organization on every request, the token's too: without it there the account gets the lowest
// limit.
type organization struct {
	id   string
	next http.RoundTripper
}

func (o organization) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.id != "" {
		r = r.Clone(r.Context())
		r.Header.Set("X-Organization", o.id)
	}
	return o.next.RoundTrip(r)
}

// A Thing is a display's Thing with the values that the cloud has for it.
type Thing struct {
	rooms.Thing

	Name   string
	Values map[string]any    // by variable; absent when never written
	Types  map[string]string // by variable, see [TypeOf]
}

// Things lists the account's Things with their variables and values: one request.
func (c *Client) Things(ctx context.Context) ([]Thing, error) { return c.list(ctx, 0) }

// list lists the Things of ids, or all; only a list is documented to have the values.
func (c *Client) list(ctx context.Context, rank int, ids ...string) ([]Thing, error) {
	var found []Thing
	err := c.call(ctx, rank, func(ctx context.Context) (*http.Response, error) {
		ask := c.api.ThingsV2API.ThingsV2List(ctx).ShowProperties(true)
		if len(ids) > 0 {
			ask = ask.Ids(ids)
		}
		list, resp, err := ask.Execute()
		found = found[:0]
		for i := range list {
			found = append(found, thing(&list[i]))
		}
		return resp, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing Things: %w", err)
	}
	return found, nil
}

// Thing returns one Thing with its variables and values: one request.
func (c *Client) Thing(ctx context.Context, id string) (Thing, error) {
	found, err := c.list(ctx, 1, id)
	if err != nil {
		return Thing{}, err
	}
	for _, t := range found {
		if t.ID == id {
			return t, nil
		}
	}
	return Thing{}, ErrNotFound
}

func thing(t *iot.ArduinoThing) Thing {
	out := Thing{
		Name: names.Normal(t.Name), Thing: rooms.Thing{ID: t.Id, TimeZone: t.Timezone, Properties: map[string]string{}},
		Values: map[string]any{}, Types: map[string]string{},
	}
	for i := range t.Properties {
		p := &t.Properties[i]
		name := p.GetVariableName()
		if name == "" {
			name = p.Name
		}
		out.Properties[name], out.Types[name] = p.Id, p.Type
		if p.LastValue != nil {
			out.Values[name] = p.LastValue
		}
	}
	return out
}

// Idle reports whether no call waits for the account's limit.
func (c *Client) Idle() bool { return c.limiter.idle() }

// CreateThing makes a Thing in a time zone: one request. After [ErrNoAnswer] it may be there; a listing tells.
func (c *Client) CreateThing(ctx context.Context, name, zone string) (made Thing, err error) {
	err = c.call(ctx, 0, func(ctx context.Context) (*http.Response, error) {
		t, resp, err := c.api.ThingsV2API.ThingsV2Create(ctx).ThingCreate(iot.ThingCreate{
			Name:     &name,
			Timezone: &zone,
		}).Execute()
		if err == nil {
			made = thing(t)
		}
		return resp, err
	})
	if err != nil {
		return made, fmt.Errorf("making the Thing %s: %w", name, err)
	}
	return made, nil
}

// TypeOf is a variable's type in the Arduino cloud, as in [Thing.Types].
func TypeOf(v rooms.Variable) string {
	if v.Number() {
		return "INT"
	}
	return "CHARSTRING"
}

// CreateVariable gives a Thing a variable that the cloud and the device may both write: one request.
func (c *Client) CreateVariable(ctx context.Context, thingID string, v rooms.Variable) error {
	body := iot.Property{
		Name: v.Name, VariableName: &v.Name, Type: TypeOf(v), Permission: "READ_WRITE", UpdateStrategy: "ON_CHANGE",
	}
	err := c.call(ctx, 0, func(ctx context.Context) (*http.Response, error) {
		_, resp, err := c.api.PropertiesV2API.PropertiesV2Create(ctx, thingID).Property(body).Execute()
		return resp, err
	})
	if err != nil {
		return fmt.Errorf("making the variable %s: %w", v.Name, err)
	}
	return nil
}

// Publish sends one value to a Thing's property: one request. Of calls that wait for the account's limit, the lowest
// rank goes first.
func (c *Client) Publish(ctx context.Context, rank int, thingID, propertyID string, value any) error {
	err := c.call(ctx, rank, func(ctx context.Context) (*http.Response, error) {
		return c.api.PropertiesV2API.PropertiesV2Publish(ctx, thingID,
			propertyID).PropertyValue(iot.PropertyValue{Value: value}).Execute()
	})
	if err != nil {
		return fmt.Errorf("publishing a value: %w", err)
	}
	return nil
}

// attempts bounds how often a call that met the account's limit is made.
const attempts = 4

// call makes one request within the limit; a token that has been revoked is replaced once.
func (c *Client) call(ctx context.Context, rank int, do func(context.Context) (*http.Response, error)) error {
	renewed := false
	for attempt := 1; ; attempt++ {
		token, err := c.tokens.get(ctx)
		if err != nil {
			return err
		}
		// Last, so that calls do not bunch up behind a token request.
		if err := c.limiter.wait(ctx, rank); err != nil {
			return err
		}
		if end, bounded := ctx.Deadline(); bounded && time.Until(end) < callTimeout {
			return errNoTime
		}
		resp, err := do(context.WithValue(ctx, iot.ContextOAuth2, oauth2.StaticTokenSource(token))) //nolint:bodyclose // the generated client has read and closed it
		switch {
		case resp == nil:
			return fmt.Errorf("%w: %w", ErrNoAnswer, outbound.WithoutURL(err))
		case resp.StatusCode == http.StatusUnauthorized && !renewed:
			renewed = true
			c.tokens.drop(token)
			continue
		case resp.StatusCode == http.StatusUnauthorized, resp.StatusCode == http.StatusForbidden:
			return ErrRefused
		case resp.StatusCode == http.StatusNotFound:
			return ErrNotFound
		case resp.StatusCode == http.StatusBadRequest:
			return ErrInvalid
		case resp.StatusCode == http.StatusTooManyRequests:
			c.limiter.slower()
			if attempt < attempts {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("the Arduino cloud answered %d", resp.StatusCode)
		}
		return nil
	}
}
