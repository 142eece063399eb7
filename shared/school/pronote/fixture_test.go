package pronote_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	pronotesim "github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// monday is a day of lessons in the middle of a school year, at noon.
var monday = time.Date(2026, time.November, 30, 11, 0, 0, 0, time.UTC)

// A fixture is a school with a client that may ask it alone.
type fixture struct {
	*testing.T

	school *pronotesim.Server
	server *httptest.Server
	client *pronote.Client
	now    time.Time
}

func newFixture(t *testing.T, o pronotesim.Options) *fixture {
	t.Helper()
	f := &fixture{T: t, now: monday}
	o.Options = sim.Options{Now: func() time.Time { return f.now }}
	if o.Plain && o.RSAKey == nil {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		f.must(err)
		o.RSAKey = key
	}
	f.school = pronotesim.New(o)
	f.server = httptest.NewServer(f.school)
	t.Cleanup(f.server.Close)
	f.client = &pronote.Client{Hosts: pronote.Hosts{f.server.URL}}
	if o.RSAKey != nil {
		f.client.RSA = &o.RSAKey.PublicKey
	}
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// page is a page's address.
func (f *fixture) page(name string) string { return f.server.URL + "/" + name }

// orders numbers calls in memory.
type orders struct{ next int }

func (o *orders) Next(context.Context) (int, error) {
	o.next += 2
	return o.next - 2, nil
}

// enter logs in with a password that is the name.
func (f *fixture) enter(name, page string) *pronote.Conn {
	f.Helper()
	s, err := f.client.Login(f.Context(), pronote.Credentials{
		URL: f.page(page), Username: name, Password: name,
	}, nil)
	f.must(err)
	return f.conn(s)
}

// conn continues a session for its first pupil.
func (f *fixture) conn(s *pronote.Session) *pronote.Conn {
	return &pronote.Conn{
		Client: f.client, Session: s, Orders: &orders{s.Next}, Pupil: s.Pupils[0],
		Link: func(id, kind, name string) string { return "link:" + id + kind + "/" + name },
	}
}

func day(t time.Time) school.Date { return school.DayOf(t, time.UTC) }
