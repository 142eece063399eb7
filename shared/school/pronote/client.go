package pronote

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

// timeout is how long PRONOTE may take for an answer.
const timeout = 20 * time.Second

// A Client speaks to PRONOTE servers.
type Client struct {
	Hosts Hosts
	// RSA encrypts the key of sessions without TLS; nil: by the key that all servers have.
	RSA *rsa.PublicKey
	// Before is asked before each call of a login; an error of it ends the login.
	Before func(ctx context.Context) error
	// Authenticating is called before a challenge is answered: from there on a login counts.
	Authenticating func(ctx context.Context) error
	// Called gets the name of each function, or page, that was asked for, and how long it took.
	Called func(name string, took time.Duration)
}

// Browsers that the client says it is: servers answer the mobile pages' logins to the app alone.
const (
	browserAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	mobileAgent  = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 " +
		"(KHTML, like Gecko) Mobile/15E148 PRONOTE Mobile APP Version/2.0.11"
)

// do makes a request. Redirects are left to the caller.
func (c *Client) do(r *http.Request, local bool) (*http.Response, error) {
	client := outbound.New(outbound.Options{
		Timeout: timeout, MaxBody: MaxAnswer, Step: true, PublicOnly: !local,
	})
	resp, err := client.Do(r)
	switch {
	case errors.Is(err, outbound.ErrNotPublic):
		return nil, ErrHost
	case err != nil && r.Context().Err() != nil:
		return nil, r.Context().Err()
	case err != nil:
		if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" { // nothing was sent
			return nil, fmt.Errorf("%w: no connection", ErrUnreachable)
		}
		return nil, fmt.Errorf("%w: %w", ErrUnclear, outbound.WithoutURL(err))
	}
	return resp, nil
}

// get reads a page, over redirects to allowed addresses, with the cookies of a jar.
func (c *Client) get(ctx context.Context, address, agent string, jar map[string]string) ([]byte, *url.URL, error) {
	for range 6 {
		u, local, err := c.Hosts.check(address)
		if err != nil {
			return nil, nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
		if err != nil {
			return nil, nil, ErrHost
		}
		r.Header.Set("User-Agent", agent)
		setCookies(r, jar)
		began := realNow()
		resp, err := c.do(r, local)
		c.called(path.Base(u.Path), began)
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, outbound.WithoutURL(err))
		}
		keepCookies(resp, jar)
		if resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "" {
			next, err := u.Parse(resp.Header.Get("Location"))
			if err != nil {
				return nil, nil, ErrNoPage
			}
			if !outbound.SameOrigin(u, next) {
				clear(jar) // cookies stay with their origin
			}
			address = next.String()
			continue
		}
		if resp.StatusCode >= http.StatusInternalServerError {
			return nil, nil, ErrUnreachable
		}
		return body, u, nil
	}
	return nil, nil, ErrNoPage
}

func isOne(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

func setCookies(r *http.Request, jar map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(jar)) {
		r.AddCookie(&http.Cookie{Name: name, Value: jar[name]}) //nolint:gosec // a request's has no attributes
	}
}

func keepCookies(resp *http.Response, jar map[string]string) {
	for _, cookie := range resp.Cookies() {
		if cookie.MaxAge < 0 {
			delete(jar, cookie.Name)
		} else if len(jar) < 50 {
			jar[cookie.Name] = cookie.Value
		}
	}
}

// Orders numbers a session's calls: 1, 3, 5 and so on. Each number is given out once, by whatever process.
type Orders interface {
	Next(ctx context.Context) (int, error)
}

// A returner takes a number back that PRONOTE has certainly not got.
type returner interface{ Back(order int) }

// counter numbers the calls of a login, which is one process's.
type counter struct{ last int }

func (c *counter) Next(context.Context) (int, error) {
	if c.last == 0 {
		c.last = 1
	} else {
		c.last += 2
	}
	return c.last, nil
}

// realNow is the machine's clock: how long an answer takes is real time.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

func (c *Client) called(name string, began time.Time) {
	if c.Called != nil {
		c.Called(name, realNow().Sub(began))
	}
}

// An answer may say that it is not ready yet, for so long, and that the call is to be repeated after some seconds.
const (
	mostWaiting  = 30 * time.Second
	shortestWait = 0.3
	usualWait    = 0.5
	longestWait  = 10.0
)

// once is what must not be done twice because an answer is not ready: an answer to a challenge counts each time.
func onlyOnce(function string) bool {
	return function == "Authentification" || strings.HasPrefix(function, "Saisie") ||
		strings.HasPrefix(function, "Securisation")
}

// call asks a function, and decodes the data of its answer.
func (c *Client) call(ctx context.Context, s *Session, o Orders, function string, secured, into any) error {
	data, err := json.Marshal(secured)
	if err != nil {
		return err
	}
	for waited := time.Duration(0); ; {
		answer, wait, err := c.once(ctx, s, o, function, data)
		if err != nil {
			return err
		}
		if wait == 0 {
			return decode(answer, function, into)
		}
		if waited += wait; waited > mostWaiting || onlyOnce(function) {
			return fmt.Errorf("%w: %s was not ready in time", ErrUnreachable, function)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// decode reads an answer's data.
func decode(answer json.RawMessage, function string, into any) error {
	if into == nil || len(answer) == 0 {
		return nil
	}
	if len(answer) > mostOfRead {
		decoding <- struct{}{}
		defer func() { <-decoding }()
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%w: the data of %s", ErrAnswer, function)
	}
	return nil
}

// once makes a call; with a wait it is to be made again after it.
func (c *Client) once(ctx context.Context, s *Session, o Orders, function string, data []byte) (
	answer json.RawMessage, wait time.Duration, err error,
) {
	secured, err := s.pack(data)
	if err != nil {
		return nil, 0, err
	}
	order, err := o.Next(ctx)
	if err != nil {
		return nil, 0, err
	}
	no := s.secret().number(order)
	body, err := json.Marshal(envelope{Session: s.H, No: no, ID: function, Secured: secured})
	if err != nil {
		return nil, 0, err
	}
	began := realNow()
	got, err := c.send(ctx, s, no, body)
	c.called(function, began)
	if err != nil {
		if b, ok := o.(returner); ok && !errors.Is(err, ErrUnclear) && isOne(err, ErrUnreachable, ErrClosed, ErrHost) {
			b.Back(order)
		}
		return nil, 0, err
	}
	if s.next != nil { // from the answer to FonctionParametres on
		s.IV, s.next = s.next, nil
	}
	return s.open(got, order)
}

// open reads an answer.
func (s *Session) open(got envelope, order int) (answer json.RawMessage, wait time.Duration, err error) {
	if got.Fault != nil {
		return nil, 0, &Error{Code: int(got.Fault.G)}
	}
	if got.Session != 0 && got.Session != s.H {
		return nil, 0, fmt.Errorf("%w: it is of another session", ErrSessionLost)
	}
	if n, err := s.secret().orderOf(got.No); err != nil || n != order+1 {
		return nil, 0, fmt.Errorf("%w: its order number is another one", ErrSessionLost)
	}
	plain, err := s.unpack(got.Secured)
	if err != nil {
		return nil, 0, err
	}
	if !shaped(plain) {
		return nil, 0, fmt.Errorf("%w: it has too many values", ErrAnswer)
	}
	var c content
	if len(bytes.TrimSpace(plain)) > 0 {
		if err := json.Unmarshal(plain, &c); err != nil {
			return nil, 0, fmt.Errorf("%w: it is no JSON", ErrAnswer)
		}
	}
	if code, failed := c.code(); failed {
		return nil, 0, &Error{Code: code}
	}
	for _, a := range []*awaiting{got.Awaiting, c.Awaiting, c.Signature.Awaiting} {
		if a != nil {
			seconds := a.Parameters.Delay
			if !(seconds >= shortestWait && seconds <= longestWait) {
				seconds = usualWait
			}
			return nil, time.Duration(seconds * float64(time.Second)), nil
		}
	}
	return c.Data, 0, nil
}

// ErrUnclear is an [ErrUnreachable] of which nobody knows whether the request arrived.
var ErrUnclear = fmt.Errorf("%w: the connection failed", ErrUnreachable)

// send posts a body. A network that fails is tried once more, with the identical body: the server answers an order that
// it knows as it did before.
func (c *Client) send(ctx context.Context, s *Session, no string, body []byte) (got envelope, err error) {
	for range 2 {
		if got, err = c.post(ctx, s, no, body); !errors.Is(err, ErrUnclear) || ctx.Err() != nil {
			return got, err
		}
	}
	return got, err
}

func (c *Client) post(ctx context.Context, s *Session, no string, body []byte) (got envelope, err error) {
	address := s.Root + "/appelfonction/" + strconv.Itoa(s.Space) + "/" + strconv.FormatInt(s.H, 10) + "/" + no
	u, local, err := c.Hosts.check(address)
	if err != nil {
		return got, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return got, ErrHost
	}
	r.Header.Set("User-Agent", s.agent())
	r.Header.Set("Content-Type", "application/json")
	setCookies(r, s.Cookies)
	resp, err := c.do(r, local)
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if errors.Is(err, outbound.ErrTooLong) {
		return got, fmt.Errorf("%w: it is too long", ErrAnswer)
	}
	if err != nil {
		return got, fmt.Errorf("%w: %w", ErrUnclear, outbound.WithoutURL(err))
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return got, fmt.Errorf("%w: status %d", ErrUnreachable, resp.StatusCode)
	}
	if err := json.Unmarshal(data, &got); err != nil {
		if bytes.Contains(data, suspendedPage) {
			return got, &Error{Code: CodeSuspended}
		}
		if _, closed := readPage(data); errors.Is(closed, ErrClosed) {
			return got, ErrClosed
		}
		return got, fmt.Errorf("%w: it is no JSON (status %d)", ErrAnswer, resp.StatusCode)
	}
	keepCookies(resp, s.Cookies)
	return got, nil
}

// rootOf is what precedes a page's name in its address, and that name.
func rootOf(u *url.URL) (root, name string) {
	name = path.Base(u.Path)
	if !strings.HasSuffix(name, ".html") {
		return strings.TrimSuffix(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), ""
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+path.Dir(u.EscapedPath()), "/"), name
}
