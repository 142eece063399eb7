// Package wigor reads a student's timetable from MonCampus: it logs in at the
// school's CAS page (apereo.github.io/cas, CAS protocol 3.0) as a browser does,
// by plain HTTP, and asks the Wigor server for a window in one call.
package wigor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

var (
	// ErrRefused says that the username or password is wrong, or the account locked. Trying again may lock it.
	ErrRefused = errors.New("MonCampus refused the username and password")
	// ErrNoAnswer says that the school's servers cannot be reached, or fail.
	ErrNoAnswer = errors.New("MonCampus did not answer")
	// ErrIncomplete says that the timetable did not come whole.
	ErrIncomplete = errors.New("MonCampus's timetable arrived incomplete")
	// ErrLogin says that MonCampus shows another page than the timetable after the login, or another form than the one for
	// it.
	ErrLogin = errors.New("MonCampus asks for something other than a username and password")
)

const (
	callTimeout  = 30 * time.Second
	retries      = 2
	maxRedirects = 15
	maxAnswer    = 32 << 20
	agent        = "Mozilla/5.0 (compatible; Carillon)"
)

// A Client is one student's browser.
type Client struct {
	inst     campus.Instance
	safe     *http.Client // repeats what failed; for GET
	once     *http.Client // for the password, which is sent once
	loggedIn bool
}

// New returns a client. It does no I/O.
func New(inst campus.Instance) (*Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("making a cookie jar: %w", err)
	}
	options := outbound.Options{Timeout: callTimeout, MaxBody: maxAnswer, Jar: jar, Step: true}
	once := outbound.New(options)
	options.Retry = &outbound.Retry{Times: retries, First: time.Second, Last: 10 * time.Second}
	return &Client{inst: inst, once: once, safe: outbound.New(options)}, nil
}

// Timetable reads the lessons that begin in the window, after a login where there is no session.
// After [ErrRefused] it must not be called again with the same credentials.
func (c *Client) Timetable(ctx context.Context, window calendar.Interval) (campus.Reading, error) {
	rows, err := c.rows(ctx, window)
	if err != nil {
		return campus.Reading{}, err
	}
	return Read(rows, c.inst), nil
}

func (c *Client) rows(ctx context.Context, window calendar.Interval) ([]json.RawMessage, error) {
	address := c.address(window)
	if c.loggedIn {
		if p, err := c.get(ctx, address); err != nil || p.isJSON() {
			return rowsOf(p, err)
		}
		// The session has ended: some servers redirect to the login then, others answer 200 with a page.
	}
	p, err := c.logIn(ctx, address)
	if err == nil && p.form != nil { // logged in, and shown the login form once more
		p, err = c.logIn(ctx, address)
	}
	if err == nil && p.form != nil {
		err = ErrLogin
	}
	c.loggedIn = err == nil
	return rowsOf(p, err)
}

// Reach looks for the login form and sends nothing to it.
func (c *Client) Reach(ctx context.Context) error {
	p, err := c.get(ctx, c.inst.CAS+"?service="+url.QueryEscape(strings.TrimRight(c.inst.Host, "/")+"/"))
	if err != nil {
		return err
	}
	_, err = c.formTarget(p)
	return err
}

// address is the one call for a window. The dates are days of the campus's wall clock written as UTC.
func (c *Client) address(window calendar.Interval) string {
	first, last := window.Start.In(c.inst.Zone()), window.End.In(c.inst.Zone()).Add(-time.Second)
	query := "sort=&group=&filter=&dateDebut=" + url.QueryEscape(first.Format(time.DateOnly)+"T00:00:00.000Z") +
		"&dateFin=" + url.QueryEscape(last.Format(time.DateOnly)+"T23:59:59.000Z")
	return strings.TrimRight(c.inst.Host, "/") + "/Home/Get?" + query
}

// A page is where a chain of redirects has ended.
type page struct {
	at          *url.URL
	status      int
	contentType string
	body        []byte
	form        url.Values // the hidden fields of a login form, nil where there is none
	action      string
}

// get asks for an address and follows redirects. A call without a session ends at the login form.
func (c *Client) get(ctx context.Context, address string) (*page, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errors.New("moncampus_host or moncampus_cas_url is not a valid address")
	}
	tickets := map[string]bool{}
	for range maxRedirects {
		p, next, err := c.step(r, c.safe)
		if err != nil || next == nil {
			return p, err
		}
		// A ticket is good once: an address that brings it back would lead round in a circle.
		if ticket := next.Query().Get("ticket"); ticket != "" && tickets[ticket] {
			next.RawQuery = next.RawQuery[:max(0, strings.LastIndex(next.RawQuery, "ticket=")-1)]
		} else if ticket != "" {
			tickets[ticket] = true
		}
		if r, err = http.NewRequestWithContext(ctx, http.MethodGet, next.String(), http.NoBody); err != nil {
			return nil, errors.New("MonCampus redirects to an address that cannot be read")
		}
	}
	return nil, errors.New("MonCampus redirects in a circle")
}

// step makes one request: it returns a page, or where to go next.
func (c *Client) step(r *http.Request, client *http.Client) (*page, *url.URL, error) {
	r.Header.Set("User-Agent", agent)
	if strings.HasPrefix(r.URL.String(), c.inst.CAS) {
		// as a browser's address line: CAS answers scripts otherwise
		r.Header.Set("Accept", "text/html,application/xhtml+xml")
	} else {
		r.Header.Set("Accept", "application/json, text/html;q=0.9")
		r.Header.Set("X-Requested-With", "XMLHttpRequest") // as the timetable page's own script
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoAnswer, outbound.WithoutURL(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		next, err := resp.Location()
		if err != nil {
			return nil, nil, errors.New("MonCampus redirects to an address that cannot be read")
		}
		return nil, next, c.known(next)
	}
	body, err := io.ReadAll(resp.Body)
	if errors.Is(err, outbound.ErrTooLong) {
		return nil, nil, fmt.Errorf("%w: the answer is longer than %d MB", ErrIncomplete, maxAnswer>>20)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the answer broke off", ErrIncomplete)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	p := &page{at: resp.Request.URL, status: resp.StatusCode, contentType: kind, body: body}
	if kind == "text/html" || kind == "application/xhtml+xml" {
		p.form, p.action = loginForm(body)
	}
	if p.form == nil && p.status != http.StatusOK {
		return nil, nil, statusError(p.status)
	}
	return p, nil, nil
}

// known refuses an address that is of neither server of the settings: tickets and cookies are for those two.
func (c *Client) known(next *url.URL) error {
	for _, address := range []string{c.inst.CAS, c.inst.Host} {
		if u, err := url.Parse(address); err == nil && outbound.SameOrigin(next, u) {
			return nil
		}
	}
	return fmt.Errorf("%w: MonCampus redirects to %s://%s, which is neither moncampus_host nor moncampus_cas_url of the "+
		"settings", outbound.ErrRedirect, next.Scheme, next.Host)
}

// loginForm returns the hidden fields of the page's form#fm1, and where it is sent to.
func loginForm(body []byte) (fields url.Values, action string) {
	for token := html.NewTokenizer(strings.NewReader(string(body))); token.Next() != html.ErrorToken; {
		t := token.Token()
		attr := map[string]string{}
		for _, a := range t.Attr {
			attr[a.Key] = a.Val
		}
		switch {
		case t.Type == html.StartTagToken && t.Data == "form" && attr["id"] == "fm1":
			fields, action = url.Values{}, attr["action"]
		case fields != nil && t.Data == "input" && strings.EqualFold(attr["type"], "hidden") && attr["name"] != "":
			fields.Set(attr["name"], attr["value"])
		case fields != nil && t.Type == html.EndTagToken && t.Data == "form":
			return fields, action
		}
	}
	return fields, action
}

// logIn asks CAS to let the student in to a service: with its cookie CAS does so at once, else it shows
// the login form, which is sent back with the password. It returns the service's page.
func (c *Client) logIn(ctx context.Context, service string) (*page, error) {
	p, err := c.get(ctx, c.inst.CAS+"?service="+url.QueryEscape(service))
	if err != nil || p.isJSON() {
		return p, err
	}
	target, err := c.formTarget(p)
	if err != nil {
		return nil, err
	}
	form := p.form
	form.Set("username", c.inst.Username)
	form.Set("password", c.inst.Password)
	if form.Get("_eventId") == "" {
		form.Set("_eventId", "submit")
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, ErrLogin
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", p.at.Scheme+"://"+p.at.Host+p.at.Path)
	answer, next, err := c.step(r, c.once)
	var status statusError
	switch {
	case errors.As(err, &status) && status == http.StatusUnauthorized:
		return nil, ErrRefused
	case err != nil:
		return nil, err
	case next == nil && answer.form != nil: // the form again: with 401, or with 200 from some builds
		return nil, ErrRefused
	case next == nil || next.Query().Get("ticket") == "":
		return nil, ErrLogin
	}
	return c.get(ctx, next.String())
}

// formTarget is where a login form goes. The password leaves for the sign-on server of the settings only.
func (c *Client) formTarget(p *page) (*url.URL, error) {
	cas, err := url.Parse(c.inst.CAS)
	if err != nil || p.form.Get("execution") == "" && p.form.Get("lt") == "" {
		return nil, ErrLogin
	}
	target, err := p.at.Parse(p.action)
	if err != nil || target.Host != cas.Host || target.Scheme != cas.Scheme || !samePage(target.Path, cas.Path) {
		return nil, fmt.Errorf("%w: its login form does not belong to the sign-on page of the settings "+
			"(moncampus_cas_url), and no password was sent", ErrLogin)
	}
	return target, nil
}

// samePage compares paths without the session that some servers write into them (;jsessionid=).
func samePage(a, b string) bool {
	a, _, _ = strings.Cut(a, ";")
	b, _, _ = strings.Cut(b, ";")
	return a == b
}

// statusError is an answer that is neither a page nor a redirect.
type statusError int

func (e statusError) Error() string { return "MonCampus answered " + strconv.Itoa(int(e)) }

// Is makes it an [ErrNoAnswer].
func (e statusError) Is(target error) bool { return target == ErrNoAnswer }

func (p *page) isJSON() bool {
	return p.contentType == "application/json" || p.contentType == "text/json"
}
