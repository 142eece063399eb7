package pages_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
)

func session(t *testing.T, key string) pages.Session {
	t.Helper()
	keys, err := seal.New("test", strings.Repeat(key, seal.MinKey))
	if err != nil {
		t.Fatal(err)
	}
	return pages.Session{Name: "owner", Keys: keys, Life: time.Hour}
}

// TestSession: a cookie lets in until it ends, and nothing else does.
func TestSession(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	s := session(t, "a")
	w := httptest.NewRecorder()
	if err := s.Begin(w, now, 12); err != nil {
		t.Fatal(err)
	}
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-owner" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" ||
		c.Domain != "" || c.MaxAge != 3600 || strings.Contains(c.Value, "12") && len(c.Value) < 20 {
		t.Errorf("%+v", c)
	}
	read := func(s pages.Session, name, value string, at time.Time) (who int, over float64, err error) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: name, Value: value})
		over, err = s.Read(r, at, &who)
		return who, over, err
	}
	if who, over, err := read(s, c.Name, c.Value, now.Add(15*time.Minute)); err != nil || who != 12 || over != .25 {
		t.Errorf("%d, %v, %v", who, over, err)
	}
	other := s
	other.Name = "staff"
	plain := s
	plain.Plain = true
	for name, err := range map[string]error{
		"ended":           third(read(s, c.Name, c.Value, now.Add(time.Hour))),
		"of another key":  third(read(session(t, "b"), c.Name, c.Value, now)),
		"of another name": third(read(other, "__Host-staff", c.Value, now)),
		"forged":          third(read(s, c.Name, c.Value[:len(c.Value)-2]+"AA", now)),
		"empty":           third(read(s, c.Name, "", now)),
		"not base64":      third(read(s, c.Name, "x.!", now)),
		"no cookie":       third(read(s, "x", c.Value, now)),
		"sent in plain":   third(read(s, "owner", c.Value, now)),
	} {
		if !errors.Is(err, pages.ErrNoSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w = httptest.NewRecorder()
	plain.End(w)
	if c := w.Result().Cookies()[0]; c.Name != "owner" || c.Secure || c.MaxAge >= 0 {
		t.Errorf("ended: %+v", c)
	}
}

func third(_ int, _ float64, err error) error { return err }

// TestPolicy: a directive stands in place of that of its name alone.
func TestPolicy(t *testing.T) {
	t.Parallel()
	got := pages.Policy(pages.FormsHere, "frame-ancestors https://a.example", "sandbox")
	if strings.Count(got, "form-action") != 1 || !strings.Contains(got, "form-action 'self'") ||
		!strings.Contains(got, "frame-ancestors https://a.example") || strings.Contains(got, "sandbox") ||
		!strings.Contains(got, "default-src 'none'") {
		t.Error(got)
	}
}
