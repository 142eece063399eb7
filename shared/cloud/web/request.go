package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
)

// MaxBody is the size that a request's body may have, in bytes.
const MaxBody = 64 << 10

// DecodeJSON reads one JSON object of at most [MaxBody] bytes into v. What is
// wrong with it comes back as a [Problem] that names it.
func DecodeJSON(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := body(w, r)
	if err != nil {
		return err
	}
	return decode(data, v, true)
}

// DecodeKnown is [DecodeJSON] for callers in the field that send more than we know: the log names what is not known.
func DecodeKnown(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := body(w, r)
	if err != nil {
		return err
	}
	return decodeKnown(r.Context(), data, v)
}

// DecodeIfAny is [DecodeKnown] where a body may be missing.
func DecodeIfAny(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := body(w, r)
	if err != nil || len(bytes.TrimSpace(data)) == 0 {
		return err
	}
	return decodeKnown(r.Context(), data, v)
}

func decodeKnown(ctx context.Context, data []byte, v any) error {
	fault := decode(data, v, true)
	if fault == nil {
		return nil
	}
	if err := decode(data, v, false); err != nil {
		return err
	}
	if p, ok := errors.AsType[*Problem](fault); ok {
		slog.WarnContext(ctx, "the body has more than is known", slog.String("detail", p.Detail))
	}
	return nil
}

// body reads a request's body, without the mark that some editors and libraries begin a text with.
func body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, decodeProblem(err)
	}
	if err != nil {
		return nil, NewProblem(http.StatusBadRequest, "The body could not be read.", err)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

func decode(data []byte, v any, strict bool) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if strict {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(v); err != nil {
		return decodeProblem(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return NewProblem(http.StatusBadRequest, "The body must hold one JSON object and nothing after it.", nil)
	}
	return nil
}

func decodeProblem(err error) error {
	var (
		tooLarge *http.MaxBytesError
		typ      *json.UnmarshalTypeError
		problem  *Problem
	)
	switch {
	case errors.As(err, &problem):
		return problem
	case errors.As(err, &tooLarge):
		return NewProblem(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit), nil)
	case errors.As(err, &typ):
		if typ.Field == "" {
			return NewProblem(http.StatusBadRequest, fmt.Sprintf("The body is a JSON %s; it must be an object.", typ.Value), nil)
		}
		return NewProblem(http.StatusBadRequest,
			fmt.Sprintf("The field %q is a %s; it must be a %s.", typ.Field, typ.Value, jsonType(typ.Type)), nil)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return NewProblem(http.StatusBadRequest,
			"The body has an unknown field: "+strings.TrimPrefix(err.Error(), "json: unknown field ")+".", nil)
	default:
		return NewProblem(http.StatusBadRequest, "The body is not a JSON object.", nil)
	}
}

// jsonType is what JSON calls a Go type.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Map, reflect.Struct, reflect.Pointer:
		return "object"
	default:
		return "number"
	}
}

// Bearer returns the token of an Authorization: Bearer header, or "".
func Bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Matches reports whether the client has the answer with this ETag already. It compares weakly, as RFC 9110, section
// 13.1.2 says of If-None-Match.
func Matches(r *http.Request, etag string) bool {
	for candidate := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == strings.TrimPrefix(etag, "W/") || candidate == "*" {
			return true
		}
	}
	return false
}

// SameSecret compares in a time that tells nothing of either value, not even its length. An empty want matches nothing.
func SameSecret(got, want string) bool {
	a, b := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1 && want != ""
}

// Function returns the handler of a function: each request has a trace and at most the time d.
func Function(h http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(logging.WithTrace(r.Context(), r.Header), d)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// WriteJSON answers with v as JSON.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(append(data, '\n'))
	if err != nil {
		return nil //nolint:nilerr // the client is gone, and the header is written
	}
	return nil
}
