package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func TestSameSecret(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		got, want string
		same      bool
	}{
		"the_same":          {"secret", "secret", true},
		"another":           {"secret", "Secret", false},
		"longer":            {"secrets", "secret", false},
		"none_given":        {"", "secret", false},
		"none_set":          {"secret", "", false},
		"none_given_or_set": {"", "", false}, // a secret that is not set opens nothing
	} {
		if got := web.SameSecret(tt.got, tt.want); got != tt.same {
			t.Errorf("%s: same %v, want %v", name, got, tt.same)
		}
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"Bearer token": "token", "bearer token": "token", "Bearer  token ": "token", "Basic token": "", "Bearer": "",
		"token": "", "": "", "Bearers token": "",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		if got := web.Bearer(r); got != want {
			t.Errorf("Authorization: %s is the token %q, want %q", header, got, want)
		}
	}
}

// TestBodiesOfTheField: callers in the field begin with a byte order mark, send more than is known, or nothing at all.
func TestBodiesOfTheField(t *testing.T) {
	t.Parallel()
	type value struct {
		Name string `json:"name"`
	}
	for name, tt := range map[string]struct {
		decode func(http.ResponseWriter, *http.Request, any) error
		body   string
		status int // of the problem; 0 for none
		want   string
	}{
		"plain":                      {web.DecodeJSON, `{"name":"a"}`, 0, "a"},
		"a_mark":                     {web.DecodeJSON, "\ufeff" + `{"name":"a"}`, 0, "a"},
		"more_than_is_known":         {web.DecodeJSON, `{"name":"a","x":1}`, 400, ""},
		"nothing":                    {web.DecodeJSON, "", 400, ""},
		"two":                        {web.DecodeJSON, `{"name":"a"}{"name":"b"}`, 400, ""},
		"known_more_than_is_known":   {web.DecodeKnown, `{"name":"a","x":1}`, 0, "a"},
		"known_a_mark":               {web.DecodeKnown, "\ufeff" + `{"name":"a"}`, 0, "a"},
		"known_of_another_type":      {web.DecodeKnown, `{"x":1,"name":7}`, 400, ""},
		"known_two":                  {web.DecodeKnown, `{"name":"a","x":1}{}`, 400, ""},
		"known_nothing":              {web.DecodeKnown, "", 400, ""},
		"if_any_nothing":             {web.DecodeIfAny, "", 0, "before"},
		"if_any_spaces":              {web.DecodeIfAny, " \r\n", 0, "before"},
		"if_any_a_mark_alone":        {web.DecodeIfAny, "\ufeff", 0, "before"},
		"if_any_a_body":              {web.DecodeIfAny, `{"name":"a","x":1}`, 0, "a"},
		"if_any_no_json":             {web.DecodeIfAny, "name=a", 400, ""},
		"if_any_too_large":           {web.DecodeIfAny, strings.Repeat(" ", web.MaxBody+1), 413, ""},
		"as_large_as_it_may_be":      {web.DecodeJSON, `{"name":"a"}` + strings.Repeat(" ", web.MaxBody-12), 0, "a"},
		"a_byte_larger_than_it_may_": {web.DecodeJSON, `{"name":"a"}` + strings.Repeat(" ", web.MaxBody-11), 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := value{"before"}
			err := tt.decode(
				httptest.NewRecorder(),
				httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body)),
				&v,
			)
			p, _ := errors.AsType[*web.Problem](err)
			switch {
			case tt.status == 0 && (err != nil || v.Name != tt.want):
				t.Errorf("%+v, %v; want %q", v, err, tt.want)
			case tt.status != 0 && (p == nil || p.Status != tt.status || p.Detail == ""):
				t.Errorf("error = %v, want a problem of status %d that says why", err, tt.status)
			}
		})
	}
}

// TestProblemHeaders: no problem is kept by a cache, and one of a missing secret says which kind of secret is wanted.
func TestProblemHeaders(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{
		http.StatusUnauthorized: `Bearer realm="carillon"`, http.StatusForbidden: "", http.StatusServiceUnavailable: "",
	} {
		w := httptest.NewRecorder()
		web.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return web.NewProblem(status, "x", nil) }).
			ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		h := w.Header()
		if h.Get("WWW-Authenticate") != want || h.Get("Cache-Control") != "no-store" ||
			h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%d: %v", status, h)
		}
	}
}

// TestUnavailable: a fault that is a problem already stays one; any other is hidden behind 503, so that the caller
// tries again.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	given := web.NewProblem(http.StatusBadRequest, "room_name is missing.", nil)
	hidden := errors.New("dial tcp 10.0.0.1")
	if got := web.Unavailable(errors.Join(hidden, given)); !errors.Is(got, given) {
		t.Errorf("%v, want the problem", got)
	}
	p, ok := errors.AsType[*web.Problem](web.Unavailable(hidden))
	if !ok || p.Status != http.StatusServiceUnavailable || strings.Contains(p.Detail, "10.0.0.1") ||
		!errors.Is(p, hidden) {
		t.Errorf("%+v, want a 503 problem that hides the fault and keeps it for the log", p)
	}
}

// TestFunctionBoundsARequest: a function's request ends with its budget, whatever it waits for.
func TestFunctionBoundsARequest(t *testing.T) {
	t.Parallel()
	left := time.Duration(0)
	h := web.Function(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if end, ok := r.Context().Deadline(); ok {
			left = time.Until(end)
		}
	}), 10*time.Second)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if left <= 9*time.Second || left > 10*time.Second {
		t.Errorf("the request has %s left, want 10 s", left)
	}
}
