// Package ecal talks to the ECAL API, version 2, for the campus bridge
// (docs.ecal.com/reference/apiv2.html): it lists a calendar's events whole and
// writes single ones, each call signed.
package ecal

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the vendor's signature
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

var (
	// ErrRefused says that the key, its secret or its rights are wrong.
	ErrRefused = errors.New("ECAL refused the API key or its secret")
	// ErrNotFound says that the event or calendar is gone.
	ErrNotFound = errors.New("ECAL knows no such event or calendar")
	// ErrInvalid says that ECAL takes no such event.
	ErrInvalid = errors.New("ECAL does not take the event as it is")
	// ErrNoAnswer says that it is unknown whether the write was done.
	ErrNoAnswer = errors.New("ECAL did not answer")

	errExists = errors.New("ECAL has an event of this reference")
)

const (
	callTimeout = 20 * time.Second
	retries     = 6
	firstPause  = 500 * time.Millisecond
	lastPause   = 20 * time.Second
	// longestPause bounds what a Retry-After asks for: the next run comes sooner than an hour's.
	longestPause = time.Minute
	pageSize     = 100 // the most that the API gives
	maxPages     = 1000
)

// A Client speaks with one API key. It may be used by many goroutines.
type Client struct {
	baseURL, key, secret string
	safe                 *http.Client // for calls that may be repeated
	once                 *http.Client // for creations: repeated only when refused for their number
}

// New returns a client. It does no I/O.
func New(inst campus.Instance) *Client {
	pace := newPacer()
	return &Client{
		baseURL: strings.TrimRight(inst.ECALURL, "/"), key: inst.ECALKey, secret: inst.ECALSecret,
		safe: client(pace, nil), once: client(pace, retryLimited),
	}
}

func client(pace *pacer, check retryablehttp.CheckRetry) *http.Client {
	return outbound.New(outbound.Options{
		Timeout: callTimeout, Via: pace.over,
		Retry: &outbound.Retry{Times: retries, First: firstPause, Last: lastPause, Longest: longestPause, Check: check},
	})
}

// retryLimited repeats what was refused for the rate of calls, and nothing else: it was not done.
func retryLimited(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	return err == nil && resp.StatusCode == http.StatusTooManyRequests, nil
}

// Sign returns a call's signature: the lower-case hexadecimal MD5 of the secret, the query's keys and
// values before their encoding, sorted by key, and the body as it is sent
// (docs.ecal.com/reference/apiv2/authentication.html).
func Sign(secret string, query map[string]string, body []byte) string {
	sum := md5.New() //nolint:gosec // the vendor's signature
	_, _ = io.WriteString(sum, secret)
	for _, key := range slices.Sorted(maps.Keys(query)) {
		_, _ = io.WriteString(sum, key+query[key])
	}
	_, _ = sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// Calendar returns a calendar's name; [ErrNotFound] where the key has none of this id.
func (c *Client) Calendar(ctx context.Context, id string) (string, error) {
	_, data, err := c.call(ctx, http.MethodGet, "/calendar/"+url.PathEscape(id), map[string]string{}, nil)
	return one(data).Name, err
}

// List returns every event of a calendar, past ones and drafts too, each with the times of its own zone. It reads to
// the end or fails: half a list would look like deletions.
func (c *Client) List(ctx context.Context, calendarID string) ([]campus.Event, error) {
	var all []campus.Event
	seen := map[string]bool{}
	for page := 1; page <= maxPages; page++ {
		query := map[string]string{
			"calendarIds": calendarID, "limit": strconv.Itoa(pageSize), "page": strconv.Itoa(page),
			"showPastEvents": "true", "showDraft": "true",
		}
		status, data, err := c.call(ctx, http.MethodGet, "/event/", query, nil)
		if err != nil {
			return nil, fmt.Errorf("listing the calendar: %w", err)
		}
		if status == http.StatusNoContent {
			return all, nil
		}
		var answer struct {
			Data *[]event `json:"data"`
		}
		if err := json.Unmarshal(data, &answer); err != nil || answer.Data == nil {
			return nil, errors.New("listing the calendar: the answer is not a list of events")
		}
		for _, got := range *answer.Data {
			e := got.event()
			if e.CalendarID == "" {
				e.CalendarID = calendarID // it was asked for
			}
			if e.ID == "" {
				return nil, errors.New("listing the calendar: an event has no id")
			}
			if !seen[e.ID] { // the list may move while it is read
				seen[e.ID], all = true, append(all, e)
			}
		}
		if len(*answer.Data) < pageSize {
			return all, nil
		}
	}
	return nil, fmt.Errorf("listing the calendar: it has more than %d events", maxPages*pageSize)
}

// createAttempts bounds how often a creation is tried after it was looked up and not found.
const createAttempts = 3

// Create makes an event. Where it is unknown whether it was made, it is looked
// up by its reference before it is tried again.
func (c *Client) Create(ctx context.Context, e campus.Event) (campus.Event, error) {
	for attempt := 1; ; attempt++ {
		got, err := c.write(ctx, http.MethodPost, "", e)
		if !errors.Is(err, ErrNoAnswer) && !errors.Is(err, errExists) {
			return got, err
		}
		// Documented for the reference: PUT finds the event and makes it what it should be.
		found, findErr := c.write(ctx, http.MethodPut, e.Reference, e)
		switch {
		case findErr == nil:
			return found, nil
		case !errors.Is(findErr, ErrNotFound):
			return campus.Event{}, findErr
		case attempt == createAttempts:
			return campus.Event{}, err
		}
	}
}

// Update changes the event of an id; fields that are not given stay. [ErrNotFound] says that it is gone.
func (c *Client) Update(ctx context.Context, id string, e campus.Event) (campus.Event, error) {
	return c.write(ctx, http.MethodPut, id, e)
}

// Delete removes the event of an id; one that is already gone is not an error.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, _, err := c.call(ctx, http.MethodDelete, "/event/"+url.PathEscape(id), map[string]string{}, nil)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// write sends an event and returns what ECAL made of it; where the answer does not tell, it is read.
func (c *Client) write(ctx context.Context, method, id string, e campus.Event) (campus.Event, error) {
	body, err := json.Marshal(wireOf(e))
	if err != nil {
		return campus.Event{}, fmt.Errorf("encoding an event: %w", err)
	}
	_, data, err := c.call(ctx, method, "/event/"+url.PathEscape(id), map[string]string{}, body)
	if err != nil {
		return campus.Event{}, err
	}
	got := one(data)
	if got.ID == "" && method == http.MethodPut && id != e.Reference {
		got.ID = id
	}
	if got.ID == "" || got.StartDate == "" {
		got, err = c.read(ctx, got.ID, e)
	}
	if got.CalendarID == "" {
		got.CalendarID = e.CalendarID
	}
	return got, err
}

// one reads the event of an answer; the API has answered with an object and with a list of one.
func one(data []byte) campus.Event {
	var object struct {
		Data event `json:"data"`
	}
	var list struct {
		Data []event `json:"data"`
	}
	if json.Unmarshal(data, &list) == nil && len(list.Data) == 1 {
		return list.Data[0].event()
	}
	_ = json.Unmarshal(data, &object) // the zero event says that the answer had none
	return object.Data.event()
}

// read returns what ECAL has of an event that was just written: by its id, else from the list of its day.
func (c *Client) read(ctx context.Context, id string, e campus.Event) (campus.Event, error) {
	if id != "" {
		_, data, err := c.call(ctx, http.MethodGet, "/event/"+url.PathEscape(id), map[string]string{}, nil)
		return one(data), err
	}
	listed, err := c.List(ctx, e.CalendarID)
	for _, found := range listed {
		if err == nil && found.Reference == e.Reference {
			return found, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%w: it acknowledged an event that it does not list", ErrNoAnswer)
	}
	return campus.Event{}, err
}

// call makes one signed call. Its errors never hold the address: the signature is in it.
func (c *Client) call(
	ctx context.Context, method, path string, query map[string]string, body []byte,
) (int, []byte, error) {
	query["apiKey"] = c.key
	values := url.Values{"apiSign": {Sign(c.secret, query, body)}}
	for name, value := range query {
		values.Set(name, value)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.baseURL+path+"?"+values.Encode(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("ecal_url is not a valid address")
	}
	r.Header.Set("Accept", "application/json")
	doer := c.safe
	if method == http.MethodPost {
		doer = c.once
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := doer.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNoAnswer, outbound.WithoutURL(err))
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return resp.StatusCode, data, failure(resp.StatusCode)
}

// failure is the error of a status (docs.ecal.com/reference/apiv2/errors.html).
func failure(status int) error {
	switch {
	case status == http.StatusOK, status == http.StatusCreated, status == http.StatusNoContent:
		return nil
	case status == http.StatusBadRequest:
		return ErrInvalid
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ErrRefused
	case status == http.StatusNotFound:
		return ErrNotFound
	case status == http.StatusConflict:
		return errExists
	case status >= http.StatusInternalServerError:
		return fmt.Errorf("%w: it answered %d", ErrNoAnswer, status)
	default:
		return fmt.Errorf("ECAL answered %d", status)
	}
}
