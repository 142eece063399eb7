package outbound_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// A call of each client of an outside system that is at an address.
type call struct {
	name string
	do   func(ctx context.Context, address string) error
}

func calls(t *testing.T) []call {
	t.Helper()
	instance := func(address string) campus.Instance {
		return campus.Instance{
			Name: "a", Host: address, CAS: address + "/cas/login", ECALURL: address, ECALKey: "key", ECALSecret: "secret",
		}
	}
	source := func(address string) exports.Source {
		return exports.Source{
			BaseURL: address, KeyID: "id", KeySecret: "secret", SubscriptionKey: "subscription", TenantID: "tenant",
		}
	}
	container := func(address string) *azure.Container {
		sas, err := exports.ParseSAS(address + "/account/exports?sig=secret&sp=rld&sr=c")
		if err != nil {
			t.Fatal(err)
		}
		return azure.New(func(context.Context, bool) (exports.SAS, error) { return sas, nil }, false)
	}
	google := func(ctx context.Context, address string) *googlecal.Client {
		c, err := googlecal.New(ctx, googlecal.Config{BaseURL: address, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return []call{
		{"Google Calendar, listing", func(ctx context.Context, address string) error {
			_, err := google(ctx, address).Coming(googlecal.Once(ctx), rooms.Room{Name: "a", CalendarID: "a", Zone: time.UTC})
			return err
		}},
		{"Google Calendar, booking", func(ctx context.Context, address string) error {
			return google(ctx, address).Insert(googlecal.Once(ctx), "a", googlecal.Booking{ID: "id", Room: "a", Title: "title"})
		}},
		{"Arduino", func(ctx context.Context, address string) error {
			_, err := iotcloud.New(address, &rooms.Settings{ClientID: "id", ClientSecret: "secret"}).Things(ctx)
			return err
		}},
		{"ECAL, listing", func(ctx context.Context, address string) error {
			_, err := ecal.New(instance(address)).List(ctx, "calendar")
			return err
		}},
		{"ECAL, writing", func(ctx context.Context, address string) error {
			_, err := ecal.New(instance(address)).Create(ctx, campus.Event{CalendarID: "calendar", Reference: "r"})
			return err
		}},
		{"MonCampus", func(ctx context.Context, address string) error {
			c, err := wigor.New(instance(address))
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Timetable(ctx, calendar.Interval{Start: time.Now(), End: time.Now().Add(time.Hour)})
			return err
		}},
		{"Cegid", func(ctx context.Context, address string) error {
			_, err := cegid.New(source(address)).SAS(ctx, true)
			return err
		}},
		{"Azure, listing", func(ctx context.Context, address string) error {
			for _, err := range container(address).List(ctx) {
				return err
			}
			return nil
		}},
		{"Azure, deleting", func(ctx context.Context, address string) error {
			return container(address).Delete(ctx, exports.Blob{Name: "a.csv", ETag: "1"})
		}},
		{"Azure, reading", func(ctx context.Context, address string) error {
			body, _, err := container(address).Open(ctx, exports.Blob{Name: "a.csv", ETag: "1"})
			if err != nil {
				return err
			}
			defer body.Close()
			_, err = io.Copy(io.Discard, io.LimitReader(body, 1<<20)) // a blob may be of any size
			return cmp.Or(err, errors.New("taken as far as it was wanted"))
		}},
	}
}

// Secrets and personal data stay at the address they were meant for.
func TestNoClientFollowsARedirectElsewhere(t *testing.T) {
	t.Parallel()
	for _, c := range calls(t) {
		for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
			t.Run(c.name+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				var reached, asked atomic.Int32
				other := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
				server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					asked.Add(1)
					http.Redirect(w, r, other.URL+r.URL.RequestURI(), status)
				})
				err := c.do(t.Context(), server.URL)
				if err == nil || asked.Load() == 0 || reached.Load() > 0 {
					t.Errorf("%v; the server was asked %d times, the other address %d times", err, asked.Load(), reached.Load())
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("a secret is in %q", err)
				}
			})
		}
	}
}

// An answer without an end is given up long before it takes the memory.
func TestNoClientReadsAnEndlessAnswer(t *testing.T) {
	t.Parallel()
	chunk := bytes.Repeat([]byte(" "), 64<<10)
	for _, c := range calls(t) {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
			t.Run(c.name+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				var sent atomic.Int64
				server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					for {
						n, err := w.Write(chunk)
						if sent.Add(int64(n)); err != nil {
							return
						}
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := c.do(ctx, server.URL); err == nil || ctx.Err() != nil {
					t.Errorf("%v, %v", err, ctx.Err())
				}
				if most := int64(5 * 4 * outbound.DefaultBody); sent.Load() > most { // a few tries, and what sockets hold
					t.Errorf("%d MB were read", sent.Load()>>20)
				}
			})
		}
	}
}

func TestNoClientWaitsForASilentServer(t *testing.T) {
	t.Parallel()
	for _, c := range calls(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			reached := make(chan struct{}, 100)
			server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				reached <- struct{}{}
				<-release
			})
			defer close(release)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- c.do(ctx, server.URL) }()
			<-reached
			cancel() // as the end of a function's time does
			select {
			case err := <-done:
				if err == nil {
					t.Error("no error")
				}
			case <-time.After(5 * time.Second):
				t.Error("the call still waits")
			}
		})
	}
}

// A client that is made elsewhere has none of these bounds. Simulators and benchmarks have their own.
func TestEveryClientIsMadeHere(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..", "..")
	made := regexp.MustCompile(`http\.(Client|Transport)\{|http\.(DefaultClient|DefaultTransport|Get|Post|PostForm|Head)\b|retryablehttp\.NewClient`)
	read := 0
	for _, folder := range []string{
		"shared", "functions", "infra/carillon", "infra/machine", "infra/cli", "infra/console", "infra/bridges",
	} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "/outbound/") || strings.Contains(path, "test/") {
				return err
			}
			data, err := os.ReadFile(path)
			if read++; made.Match(data) {
				t.Errorf("%s makes an HTTP client: use outbound.New", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 100 {
		t.Errorf("only %d files were read", read)
	}
}

// The container's address comes from Cegid: where Cegid is not on this machine, it may not lead into the network that
// we run in.
func TestAForeignStoreIsNotOfThisNetwork(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]bool{
		"https://api.cegid.example": true, "http://127.0.0.1:8080": false, "http://localhost:8080": false,
	} {
		if src := (exports.Source{BaseURL: base, Mode: exports.ModeAPI}); src.ForeignStore() != want {
			t.Errorf("%s: want %v", base, want)
		}
	}
	if (exports.Source{BaseURL: "https://api.cegid.example", Mode: exports.ModeSASURL}).ForeignStore() {
		t.Error("an address of the settings is the operator's own choice")
	}
	var reached atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	sas, err := exports.ParseSAS(server.URL + "/account/exports?sig=secret&sp=rld&sr=c")
	if err != nil {
		t.Fatal(err)
	}
	store := azure.New(func(context.Context, bool) (exports.SAS, error) { return sas, nil }, true)
	_, _, err = store.Open(t.Context(), exports.Blob{Name: "a.csv", ETag: "1"})
	if err == nil || reached.Load() > 0 {
		t.Errorf("%v; reached %d times", err, reached.Load())
	}
}
