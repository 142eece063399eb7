package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// StatusToken is the status of a token that gives no right, as Papillon's clients know it.
const StatusToken = 498

// Errors of tokens: their texts are the answers' bodies, which clients compare.
var (
	errNotFound = errors.New("notfound")
	errExpired  = errors.New("expired")
)

// A refusal is an answer of a form of its own.
type refusal struct {
	status int
	body   any
	err    error // for the log
}

func (r *refusal) Error() string {
	if r.err != nil {
		return r.err.Error()
	}
	return http.StatusText(r.status)
}

// A pause is a school or an account that must not be asked for a while.
type pause struct {
	err   error
	until time.Duration
}

func (p *pause) Error() string { return p.err.Error() }
func (p *pause) Unwrap() error { return p.err }

// errUnclear is a change of which nobody knows whether PRONOTE has made it.
var errUnclear = errors.New("PRONOTE did not answer, and may have made the change: look before you send it again")

// Reasons for pauses.
var (
	errSuspended  = errors.New("the school's PRONOTE has suspended this server's network address: nothing is asked of it")
	errSilenced   = errors.New("PRONOTE counted too many wrong logins of the account: nothing is tried for a while")
	errManyLogins = errors.New("the account has logged in too often today")
	errManyCalls  = errors.New("too many requests")
	errManyWrong  = errors.New("too many wrong passwords were sent to this school: nobody is signed in there for a while")
)

// answer writes JSON as the old server did.
func (f *function) answer(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client is gone if this fails
}

// json answers with v, whose ETag is over the facts.
func (c *call) json(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	data = c.linked(data)
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if c.Method != http.MethodPost {
		sum := sha256.Sum256(data)
		etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", etag)
		if web.Matches(c.Request, etag) {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	_, _ = c.w.Write(data) // the client is gone if this fails
	return nil
}

// fail answers with an error. What is unexpected is logged, without what a person typed and without a pupil's data.
func (f *function) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, body := f.meaning(w, err)
	level := slog.LevelInfo
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	slog.Log(r.Context(), level, "request refused", slog.String("route", r.URL.Path), slog.Int("status", status),
		slog.Any("error", outbound.WithoutURL(err)))
	f.answer(w, status, body)
}

// meaning is what an error answers.
func (f *function) meaning(w http.ResponseWriter, err error) (status int, body any) {
	var bad errParams
	var own *refusal
	var wait *pause
	var problem *web.Problem
	var code *pronote.Error
	message := func(status int, text string) (int, any) {
		return status, map[string]any{"status": "error", "message": text}
	}
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest, map[string]any{"errors": bad}
	case errors.As(err, &own):
		return own.status, own.body
	case isOne(err, errNotFound):
		return StatusToken, "notfound"
	case isOne(err, errExpired):
		return StatusToken, "expired"
	case errors.As(err, &wait):
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.until.Seconds()))))
		if isOne(err, errManyCalls, errManyLogins, errManyWrong, errSilenced) {
			return message(http.StatusTooManyRequests, wait.Error())
		}
		return message(http.StatusServiceUnavailable, wait.Error())
	case errors.As(err, &problem):
		if problem.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		return message(problem.Status, problem.Detail)
	case isOne(err, pronote.ErrSessionLost): // in the middle of a login
		w.Header().Set("Retry-After", "5")
		return message(http.StatusServiceUnavailable, pronote.ErrSessionLost.Error())
	case isOne(err, errUnclear):
		return message(http.StatusServiceUnavailable, errUnclear.Error())
	case isOne(err, pronote.ErrNoTab):
		return message(http.StatusForbidden, pronote.ErrNoTab.Error())
	case isOne(err, pronote.ErrNotFound):
		return http.StatusNotFound, "not found"
	case isOne(err, pronote.ErrClosed):
		w.Header().Set("Retry-After", "3600")
		return message(http.StatusServiceUnavailable, pronote.ErrClosed.Error())
	case isOne(err, pronote.ErrUnreachable, context.DeadlineExceeded, context.Canceled):
		w.Header().Set("Retry-After", "10")
		return message(http.StatusServiceUnavailable, pronote.ErrUnreachable.Error())
	case errors.As(err, &code) && code.Code == pronote.CodeNoRight:
		return message(http.StatusForbidden, pronote.ErrNoTab.Error())
	case errors.As(err, &code) && code.Code == pronote.CodeOtherObject:
		return message(http.StatusConflict, "PRONOTE has begun a new session since this was listed: list it again")
	case errors.As(err, &code) && code.Code == pronote.CodeNotDone:
		return message(http.StatusUnprocessableEntity, code.Error())
	case errors.As(err, &code):
		return message(http.StatusBadGateway, code.Error())
	case isOne(err, pronote.ErrAnswer):
		return message(http.StatusBadGateway, pronote.ErrAnswer.Error())
	}
	if _, ok := loginFault(err); ok { // a chain's, which nobody can mend from here
		return StatusToken, "expired"
	}
	return http.StatusInternalServerError, map[string]any{"errors": map[string]any{"500 Internal Server Error": nil}}
}
