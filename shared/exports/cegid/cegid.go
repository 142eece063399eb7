// Package cegid talks to Cegid Data Access for the exports bridge: it gets access to the container of the exports, and
// reads and changes the schedules of the queries. Cegid publishes no reference of this API; docs/exports.md says what
// is known of it.
package cegid

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/exports"
)

var (
	// ErrRefused says that the API key's id, its secret or the tenant id is wrong.
	ErrRefused = errors.New("the API key was refused by Cegid")
	// ErrSubscription says that the subscription key is wrong or used up.
	ErrSubscription = errors.New("the subscription key was refused by Cegid, or its quota is used up")
	// ErrNotFound says that Cegid knows no such provider or query.
	ErrNotFound = errors.New("there is no such thing at Cegid")
	// ErrNoAnswer says that Cegid did not answer, or not sensibly.
	ErrNoAnswer = errors.New("no usable answer came from Cegid")
	// ErrExpired says that a SAS address of the settings has come to its end.
	ErrExpired = errors.New("the SAS address has expired")
)

const (
	callTimeout = 20 * time.Second
	retries     = 4
	firstPause  = 500 * time.Millisecond
	lastPause   = 10 * time.Second
	maxPages    = 100
)

// A Client speaks with one source's API key. It may be used by many goroutines.
type Client struct {
	src  exports.Source
	safe *http.Client // for calls that may be repeated
	once *http.Client

	mu    sync.Mutex
	token string
	renew time.Time // when the token is to be renewed
}

// New returns a client. It does no I/O.
func New(src exports.Source) *Client {
	again := &outbound.Retry{Times: retries, First: firstPause, Last: lastPause}
	return &Client{
		src: src, safe: outbound.New(outbound.Options{Timeout: callTimeout, Retry: again}),
		once: outbound.New(outbound.Options{Timeout: callTimeout}),
	}
}

// now is the machine's clock: tokens live in real time.
func now() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// authorize returns a token that is still good. refused is one that was not taken, or "".
func (c *Client) authorize(ctx context.Context, refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.token != refused && now().Before(c.renew) {
		return c.token, nil
	}
	header := http.Header{
		"X-Tenantid": {c.src.TenantID}, "Api-Key-Secret": {c.src.KeySecret},
		"Ocp-Apim-Subscription-Key": {c.src.SubscriptionKey},
	}
	data, err := c.do(ctx, c.safe, http.MethodGet,
		"/tokenprovider/Token?api-key-Id="+url.QueryEscape(c.src.KeyID), header, nil)
	if err != nil {
		return "", fmt.Errorf("getting a token: %w", err)
	}
	var answer struct {
		AccessToken string          `json:"accessToken"`
		ExpireIn    json.RawMessage `json:"expireIn"` // seconds, as a text
	}
	if json.Unmarshal(data, &answer) != nil || answer.AccessToken == "" {
		return "", fmt.Errorf("getting a token: %w: its answer has none", ErrNoAnswer)
	}
	seconds, err := strconv.Atoi(strings.Trim(string(answer.ExpireIn), `"`))
	if err != nil {
		seconds = 0 // it does not say: ask each time
	}
	c.token, c.renew = answer.AccessToken, now().Add(time.Duration(seconds)*time.Second*4/5)
	return c.token, nil
}

// call makes a call with a token; once more with a new one where it is refused.
func (c *Client) call(ctx context.Context, client *http.Client, method, path string, body []byte) ([]byte, error) {
	refused := ""
	for {
		token, err := c.authorize(ctx, refused)
		if err != nil {
			return nil, err
		}
		header := http.Header{
			"X-Tenantid": {c.src.TenantID}, "Authorization": {"Bearer " + token},
			"Ocp-Apim-Subscription-Key": {c.src.SubscriptionKey}, "Content-Type": {"application/json"},
		}
		data, err := c.do(ctx, client, method, path, header, body)
		if !errors.Is(err, ErrRefused) || refused != "" {
			return data, err
		}
		refused = token
	}
}

func (c *Client) do(
	ctx context.Context, client *http.Client, method, path string, header http.Header, body []byte,
) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.src.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("cegid_api_base_url is not a valid address")
	}
	header.Set("Accept", "application/json")
	req.Header = header
	resp, err := client.Do(req)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		// a text: a call's deadline is not the run's
		return nil, fmt.Errorf("%w: %s", ErrNoAnswer, outbound.WithoutURL(err).Error())
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, c.refusal(resp.StatusCode, data)
	}
	if errors.Is(err, outbound.ErrTooLong) {
		return nil, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its answer broke off", ErrNoAnswer)
	}
	return data, nil
}

// refusal is what an answer of an error means. The gateway is Azure API Management: a bad subscription key is 401, a
// used-up quota 403, both with a message that speaks of it
// (learn.microsoft.com/azure/api-management/api-management-subscriptions).
func (c *Client) refusal(status int, data []byte) error {
	var body struct {
		ErrorMessage string `json:"errorMessage"`
		Message      string `json:"message"`
	}
	_ = json.Unmarshal(data, &body)
	told := fmt.Errorf("it answered %d%s", status, c.scrubbed(body.ErrorMessage))
	switch {
	case strings.Contains(strings.ToLower(body.Message), "subscription"),
		strings.Contains(strings.ToLower(body.Message), "quota"):
		return fmt.Errorf("%w: %w", ErrSubscription, told)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrRefused, told)
	case status == http.StatusNotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, told)
	default:
		return fmt.Errorf("%w: %w", ErrNoAnswer, told)
	}
}

// maxMessage is how much of a message of Cegid's is shown.
const maxMessage = 200

// scrubbed is a message of Cegid's without what is secret in it.
func (c *Client) scrubbed(message string) string {
	if message == "" {
		return ""
	}
	for _, secret := range []string{c.token, c.src.KeySecret, c.src.SubscriptionKey, c.src.KeyID} {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "…")
		}
	}
	if strings.Contains(message, "sig=") || strings.Contains(message, "eyJ") { // a SAS token, a JSON Web Token
		return ""
	}
	runes := []rune(message)
	return ": " + string(runes[:min(len(runes), maxMessage)])
}

// SAS gets a new address of the container, for reading, and with deletion for emptying it too.
func (c *Client) SAS(ctx context.Context, deletion bool) (exports.SAS, error) {
	path := "/storage/api/V1/storages/GetSASTokenLR"
	if deletion {
		path = "/storage/api/V1/storages/GetSASTokenLRD"
	}
	data, err := c.call(ctx, c.safe, http.MethodGet, path, nil)
	if err != nil {
		return exports.SAS{}, fmt.Errorf("getting access to the container: %w", err)
	}
	var answer struct {
		BlobServiceURI string `json:"blobServiceUri"`
		ContainerName  string `json:"containerName"`
		SASToken       string `json:"sasToken"`
	}
	if json.Unmarshal(data, &answer) != nil {
		return exports.SAS{}, fmt.Errorf("getting access to the container: %w: its answer is not readable", ErrNoAnswer)
	}
	sas, err := exports.JoinSAS(answer.BlobServiceURI, answer.ContainerName, answer.SASToken)
	if err == nil && !outbound.Secure(sas.Container) {
		err = errors.New("its address is not https")
	}
	if err != nil {
		return exports.SAS{}, fmt.Errorf("getting access to the container: %w: %w", ErrNoAnswer, err)
	}
	return sas, nil
}

// soon is how long after it was made an address is not replaced even where it is refused: another would be refused too.
const soon = time.Minute

// Access returns how a source's container is reached: by addresses that the API makes, each
// renewed after four fifths of its life, or by the one of the settings.
func Access(src exports.Source) func(ctx context.Context, renew bool) (exports.SAS, error) {
	if src.Mode == exports.ModeSASURL {
		return func(context.Context, bool) (exports.SAS, error) {
			sas, err := exports.ParseSAS(src.SASURL)
			if err == nil && !sas.Expires.IsZero() && !now().Before(sas.Expires) {
				const form = "2006-01-02 15:04 UTC"
				ended, machine := sas.Expires.UTC().Format(form), now().UTC().Format(form)
				err = fmt.Errorf("%w, on %s; this machine's clock says %s", ErrExpired, ended, machine)
			}
			return sas, err
		}
	}
	client := New(src)
	_, never := src.Keep()
	var mu sync.Mutex
	var sas exports.SAS
	var made, until time.Time
	return func(ctx context.Context, renew bool) (exports.SAS, error) {
		mu.Lock()
		defer mu.Unlock()
		fresh := !made.IsZero() && (until.IsZero() || now().Before(until))
		if fresh && (!renew || now().Sub(made) < soon) {
			return sas, nil
		}
		next, err := client.SAS(ctx, !never)
		if err != nil {
			return exports.SAS{}, err
		}
		sas, made = next, now()
		if until = sas.RenewAt(made); !until.IsZero() && !until.After(made) {
			until = made.Add(soon) // over before it began: our clock is wrong, and another address would be the same
		}
		return sas, nil
	}
}
