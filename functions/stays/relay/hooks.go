package relay

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// hookTries are the pauses between tries of a hook in a run, hookLater those between runs; the last one repeats.
var (
	hookTries = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second}
	hookLater = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour}
)

// Bounds of hooks.
const (
	hookTimeout  = 15 * time.Second
	hookBody     = 64 << 10
	hookPatience = 5 * 24 * time.Hour // of failures, after which it is paused
	mostHooks    = 20                 // of a partner
)

// hooks are the partners' hooks that are in use, each a destination.
func (f *function) hooks(ctx context.Context) (list []destination, err error) {
	all, err := f.Ledger.Hooks(ctx)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if !h.Ended.IsZero() {
			continue
		}
		p, err := f.Ledger.Partner(ctx, h.Partner)
		if err != nil {
			return nil, err
		}
		if p.Revoked.IsZero() {
			list = append(list, f.hook(h, p))
		}
	}
	return list, nil
}

// hook is a partner's server. Changes of the partner's units by others are announced to it. An announcement names the
// days and not their state, which the partner reads by REST.
func (f *function) hook(h ledger.Hook, p ledger.Partner) destination {
	return destination{
		name: h.Destination(), single: true,
		wants: wantedBy(p),
		send: func(ctx context.Context, head ledger.Head, list []stays.Update) error {
			for _, u := range list {
				id := fmt.Sprintf("msg_%s_%d", head.Ledger, u.Number)
				if err := f.announce(ctx, h, id, announcementOf(head, u)); err != nil {
					return err
				}
			}
			return nil
		},
		restart: func(ctx context.Context, head ledger.Head) error {
			id := fmt.Sprintf("msg_%s_%d_restarted", head.Ledger, head.Number)
			return f.announce(ctx, h, id, announcement{
				Type: announcedRestart, At: f.Now().UTC(), Data: announced{Ledger: head.Ledger, Number: head.Number},
			})
		},
		later:  hookPause,
		failed: func(ctx context.Context, c ledger.Cursor, why error) error { return f.giveUp(ctx, h, c, why) },
	}
}

// wantedBy filters the changes that are announced to a partner.
func wantedBy(p ledger.Partner) func(stays.Update) bool {
	return func(u stays.Update) bool { return u.Actor != p.Origin() && p.Has(u.Unit) }
}

// hookPause grows to six hours, give or take a tenth: hooks that failed together are not tried together.
func hookPause(tries int) time.Duration {
	d := hookLater[min(tries, len(hookLater))-1]
	return d + time.Duration((mathrand.Float64()-0.5)*0.2*float64(d)) //nolint:gosec // not a secret
}

// An announcement is the body of a message to a hook, in the form of Standard Webhooks (standardwebhooks.com).
type announcement struct {
	Type string    `json:"type"`
	At   time.Time `json:"timestamp"`
	Data announced `json:"data"`
}

type announced struct {
	Ledger string     `json:"ledger"`
	Number int64      `json:"seq"`
	Unit   string     `json:"unit,omitempty"`
	From   *stays.Day `json:"from,omitempty"`
	To     *stays.Day `json:"to,omitempty"`
}

// Types of announcements.
const (
	announcedChange  = "availability.changed"
	announcedRestart = "availability.restarted" // the ledger has another id: read everything again
	announcedTest    = "availability.test"
)

func announcementOf(head ledger.Head, u stays.Update) announcement {
	return announcement{announcedChange, u.At, announced{head.Ledger, u.Number, u.Unit, &u.From, &u.To}}
}

// errGone is that a hook's server has answered 410.
var errGone = errors.New("the server answered 410: the hook is gone")

// announce sends an announcement, with a few tries.
func (f *function) announce(ctx context.Context, h ledger.Hook, id string, a announcement) error {
	for i := 0; ; i++ {
		_, err := f.post(ctx, h, id, a)
		if err == nil || errors.Is(err, errGone) || i == len(hookTries) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(hookTries[i]):
		}
	}
}

// post sends one request and returns how it was answered.
func (f *function) post(ctx context.Context, h ledger.Hook, id string, a announcement) (int, error) {
	data, err := json.Marshal(a)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(data))
	if err != nil {
		return 0, errors.New("the hook's address cannot be used")
	}
	at := strconv.FormatInt(f.Now().Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Carillon")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", at)
	r.Header.Set("Webhook-Signature", sign(h.Secret, id, at, data))
	resp, err := f.client().Do(r)
	if err != nil {
		return 0, plain(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, hookBody))
	switch {
	case resp.StatusCode == http.StatusGone:
		return resp.StatusCode, errGone
	case resp.StatusCode/100 != 2:
		return resp.StatusCode, fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}

// sign is the signature of a message: an HMAC of its id, its time and its body.
func sign(secret, id, at string, data []byte) string {
	key, _ := base64.StdEncoding.DecodeString(secret)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(data)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// plain is a failed request's error without its address, whose path may be a secret.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch {
	case errors.Is(err, outbound.ErrNotPublic):
		return outbound.ErrNotPublic
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the server did not answer in time")
	}
	return errors.New("no connection to the server")
}

// client speaks to hooks: only to public addresses, following no redirect.
func (f *function) client() *http.Client {
	return outbound.New(outbound.Options{
		Timeout: hookTimeout, MaxBody: hookBody, Step: true, PublicOnly: !f.PrivateHooks,
	})
}

// giveUp ends a hook whose server is gone. It pauses a hook that has failed for days, with an e-mail to the operator.
func (f *function) giveUp(ctx context.Context, h ledger.Hook, c ledger.Cursor, why error) error {
	if errors.Is(why, errGone) {
		return f.Ledger.EndHook(ctx, h.ID, true)
	}
	if c.Failing.IsZero() || f.Now().Sub(c.Failing) < hookPatience {
		return nil
	}
	if _, err := f.Ledger.Pause(ctx, c.Destination); err != nil {
		return err
	}
	slog.ErrorContext(ctx, "hook paused after days of failures", slog.String("hook", h.ID),
		slog.String("partner", h.Partner))
	settings, err := f.Settings.Get(ctx)
	if err != nil || settings.SMTP == nil {
		return err
	}
	m := mailer.Mailer{
		Bridge: "stays", Unit: "hook", Part: h.ID, Box: settings.SMTP, Fault: settings.SMTPFault,
		Locale: language(settings), Zone: settings.Zone(), Texts: texts,
	}
	m.Send(ctx, strconv.FormatInt(c.Failing.Unix(), 10), "hook_paused", faults.Params{
		"hook": h.ID, "partner": h.Partner, "since": c.Failing.In(settings.Zone()).Format("02/01/2006 15:04"),
		"error": why.Error(),
	})
	return nil
}

// A Hook is a hook in operators' answers.
type Hook struct {
	ID      string     `json:"id"`
	Partner string     `json:"partner"`
	Host    string     `json:"host"` // of its address, whose path may be a secret
	Added   time.Time  `json:"added"`
	Ended   *time.Time `json:"ended,omitempty"` // its server has said that it is gone
	Secret  string     `json:"secret,omitempty"`
}

func hookOf(h ledger.Hook) Hook {
	v := Hook{ID: h.ID, Partner: h.Partner, Added: h.Added}
	if u, err := url.Parse(h.URL); err == nil {
		v.Host = u.Host
	}
	if !h.Ended.IsZero() {
		v.Ended = &h.Ended
	}
	return v
}

func (f *function) listHooks(w http.ResponseWriter, r *http.Request) error {
	all, err := f.Ledger.Hooks(r.Context())
	if err != nil {
		return err
	}
	list := make([]Hook, len(all))
	for i, h := range all {
		list[i] = hookOf(h)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// secretBytes is the length of a hook's key (standardwebhooks.com: 24 to 64 bytes).
const secretBytes = 32

// addHook adds a hook, and answers with the key of its signatures, which is shown this once.
func (f *function) addHook(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Partner string `json:"partner"`
		URL     string `json:"url"`
	}
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	p, err := f.Ledger.Partner(r.Context(), body.Partner)
	if err != nil {
		return err
	}
	if err := f.checkURL(body.URL); err != nil {
		return err
	}
	all, err := f.Ledger.Hooks(r.Context())
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(h ledger.Hook) bool { return h.Partner != p.Name })
	if len(own) >= mostHooks {
		return web.NewProblem(http.StatusConflict, fmt.Sprintf("%s has %d hooks already.", p.Name, mostHooks), nil)
	}
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	h := ledger.Hook{
		ID: strings.ToLower(rand.Text()[:8]), Partner: p.Name, URL: body.URL, Added: f.Now().UTC(),
		Secret: base64.StdEncoding.EncodeToString(key),
	}
	if err := f.Ledger.AddHook(r.Context(), h); err != nil {
		return err
	}
	v := hookOf(h)
	v.Secret = "whsec_" + h.Secret
	return web.WriteJSON(w, http.StatusCreated, v)
}

const mostURL = 2000

func (f *function) checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || len(text) > mostURL ||
		u.Scheme != "https" && (u.Scheme != "http" || !f.PrivateHooks) {
		return web.NewProblem(http.StatusBadRequest, "url must be an https address without a user.", nil)
	}
	return nil
}

// A HookTest is what a hook's server said to a message of the type availability.test.
type HookTest struct {
	Status int    `json:"status"` // 0: there was no answer
	Error  string `json:"error,omitempty"`
}

// testHook sends a message of the type availability.test at once, and answers with what the server said.
func (f *function) testHook(w http.ResponseWriter, r *http.Request) error {
	h, err := f.Ledger.Hook(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	status, err := f.post(r.Context(), h, "msg_test_"+rand.Text(), announcement{Type: announcedTest, At: f.Now().UTC()})
	v := HookTest{Status: status}
	if err != nil {
		v.Error = err.Error()
	}
	return web.WriteJSON(w, http.StatusOK, v)
}

// resumeHook resumes a hook that was paused or has ended. Of the missed changes only the newest is announced.
func (f *function) resumeHook(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	h, err := f.Ledger.Hook(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	after, err := f.beforeNewest(ctx, h)
	if err != nil {
		return err
	}
	if err := f.Ledger.EndHook(ctx, h.ID, false); err != nil {
		return err
	}
	if err := f.Ledger.Skip(ctx, h.Destination(), after); err != nil {
		return err
	}
	f.wake(ctx)
	return web.WriteJSON(w, http.StatusOK, hookOf(h))
}

// beforeNewest is the number before the newest change that is announced to a hook, or the log's newest where there is
// none.
func (f *function) beforeNewest(ctx context.Context, h ledger.Hook) (int64, error) {
	p, err := f.Ledger.Partner(ctx, h.Partner)
	if err != nil {
		return 0, err
	}
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return 0, err
	}
	wants := wantedBy(p)
	for through := head.Number; through > 0; {
		list, err := f.Ledger.Changes(ctx, ledger.Query{Through: through, Newest: true, Limit: mostSent})
		if err != nil {
			return 0, err
		}
		for _, c := range list {
			if wants(stays.UpdateOf(c)) {
				return c.Number - 1, nil
			}
			through = c.Number - 1
		}
	}
	return head.Number, nil
}

func (f *function) removeHook(w http.ResponseWriter, r *http.Request) error {
	if err := f.Ledger.RemoveHook(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
