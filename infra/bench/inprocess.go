package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/meetings"
	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/functions/rooms/webhook"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

// counted counts the calls to a bucket; a listing counts one for each 1,000 documents, as Cloud Storage answers them.
type counted struct {
	documents.Bucket

	calls atomic.Int64
}

func (c *counted) Get(ctx context.Context, name string) (documents.Document, error) {
	c.calls.Add(1)
	return c.Bucket.Get(ctx, name)
}

func (c *counted) Put(
	ctx context.Context, name string, gen int64, data []byte, metadata map[string]string,
) (int64, error) {
	c.calls.Add(1)
	return c.Bucket.Put(ctx, name, gen, data, metadata)
}

func (c *counted) List(ctx context.Context, prefix string) iter.Seq2[documents.Info, error] {
	return func(yield func(documents.Info, error) bool) {
		n := 0
		for info, err := range c.Bucket.List(ctx, prefix) {
			if n%1000 == 0 {
				c.calls.Add(1)
			}
			n++
			if !yield(info, err) {
				return
			}
		}
	}
}

// discard counts messages and forgets them.
type discard struct{ n atomic.Int64 }

func (d *discard) Publish(context.Context, string, messages.Message) error {
	d.n.Add(1)
	return nil
}

func openDB(ctx context.Context) (db *machine.DB, remove func(), err error) {
	dir, err := os.MkdirTemp("", "carillon-bench-")
	if err != nil {
		return nil, nil, err
	}
	db, err = machine.Open(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	return db, func() { _ = db.Close(); _ = os.RemoveAll(dir) }, nil
}

func settings(ctx context.Context, db *machine.DB, names ...string) (*config.Settings[rooms.Settings], error) {
	list := make([]map[string]string, 0, len(names))
	for _, name := range names {
		list = append(list, map[string]string{"room_name": name, "gcal_calendar_id": name + "@example.com"})
	}
	data, err := json.Marshal(map[string]any{"iot_client_id": "id", "iot_client_secret": "secret", "rooms": list})
	if err != nil {
		return nil, err
	}
	if _, err := db.Bucket("config").Put(ctx, rooms.SettingsFile, 0, data, nil); err != nil {
		return nil, err
	}
	return rooms.LoadSettings(db.Bucket("config"))
}

const tickRuns = 11

// tick measures one tick: listing all rooms' transitions and handing the due ones on.
func tick(ctx context.Context) error {
	for _, n := range []int{10, 1_000, 10_000} {
		for _, due := range []int{0, 50} {
			if err := tickOf(ctx, n, min(due, n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func tickOf(ctx context.Context, n, due int) error {
	db, remove, err := openDB(ctx)
	if err != nil {
		return err
	}
	defer remove()
	loader, err := settings(ctx, db)
	if err != nil {
		return err
	}
	bucket, published := &counted{Bucket: db.Bucket("state")}, &discard{}
	snapshot, err := json.Marshal(rooms.Snapshot{Version: 1, FetchedAt: time.Now(), Events: make([]calendar.Event, 4)})
	if err != nil {
		return err
	}
	for i := range n {
		at := time.Now().Add(time.Hour)
		if i < due {
			at = time.Now().Add(-time.Minute)
		}
		if _, err := bucket.Put(ctx, rooms.SnapshotName(fmt.Sprintf("room_%05d", i)), 0, snapshot,
			map[string]string{rooms.MetaTransition: at.UTC().Format(time.RFC3339Nano)}); err != nil {
			return err
		}
	}
	h := status.New(status.Config{Settings: loader, State: bucket, Publisher: published, Now: time.Now})
	var took []time.Duration
	bucket.calls.Store(0)
	for range tickRuns {
		tick := messages.Pushed{ID: "1", PublishTime: time.Now()}
		tick.Attributes = messages.OfKind(rooms.KindTick)
		body, err := json.Marshal(messages.Delivery{Message: tick})
		if err != nil {
			return err
		}
		began := time.Now()
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body)))
		took = append(took, time.Since(began))
		if w.Code != http.StatusNoContent {
			return fmt.Errorf("the tick was answered %d", w.Code)
		}
	}
	slices.Sort(took)
	fmt.Printf("%6d rooms, %2d due: median %s; %d storage calls, %d messages\n", n, due, ms(at(took, .5)),
		bucket.calls.Load()/tickRuns, published.n.Load()/tickRuns)
	return nil
}

// burst measures how many listings 1,000 push messages for one room within a second make.
func burst(ctx context.Context) error {
	db, remove, err := openDB(ctx)
	if err != nil {
		return err
	}
	defer remove()
	loader, err := settings(ctx, db, "blue")
	if err != nil {
		return err
	}
	google, err := simgoogle.New(sim.Options{})
	if err != nil {
		return err
	}
	defer google.Close()
	if err := google.AddCalendar("blue@example.com", "Europe/Paris"); err != nil {
		return err
	}
	var listings atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		listings.Add(1)
		time.Sleep(80 * time.Millisecond) // about what Google takes
		google.ServeHTTP(w, r)
	}))
	defer server.Close()
	cal, err := googlecal.New(ctx, googlecal.Config{BaseURL: server.URL, Now: time.Now})
	if err != nil {
		return err
	}
	watches := db.Bucket("watches")
	if _, err := documents.Store(ctx, watches, rooms.WatchName("blue"), 0,
		rooms.Watch{Version: 1, Channel: &rooms.Channel{ID: "c"}}, nil); err != nil {
		return err
	}
	h := webhook.New(webhook.Config{
		Settings: loader, Watches: watches, Calendar: cal, Publisher: &discard{}, Keys: []string{"key"}, Now: time.Now,
	})
	token := rooms.ChannelToken("key", "c", "blue")
	const pushes = 1000
	var wg sync.WaitGroup
	began := time.Now()
	for i := range pushes {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / pushes)))
		wg.Go(func() {
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/webhook", http.NoBody)
			r.Header.Set("X-Goog-Channel-Id", "c")
			r.Header.Set("X-Goog-Channel-Token", token)
			r.Header.Set("X-Goog-Message-Number", strconv.Itoa(i+2))
			h.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	sent := time.Since(began)
	wg.Wait()
	fmt.Printf("%d messages in %.2f s: %d listings, all answered after %.2f s\n", pushes, sent.Seconds(), listings.Load(),
		time.Since(began).Seconds())
	return nil
}

const getRuns = 5

var perSec = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)

// get measures GET /meetings against a plain handler that serves the same bytes, in turns, with wrk.
func get(ctx context.Context) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is not installed (Debian's package wrk)")
	}
	db, remove, err := openDB(ctx)
	if err != nil {
		return err
	}
	defer remove()
	loader, err := settings(ctx, db, "blue")
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Minute)
	date := func(t time.Time) calendar.Date { return calendar.Date{DateTime: t.Format(time.RFC3339)} }
	snapshot := rooms.Snapshot{
		Version: 1, RoomName: "blue", FetchedAt: now, TimeZone: "Europe/Paris",
		Events: []calendar.Event{
			{ID: "a", Summary: "Stand-up", Start: date(now), End: date(now.Add(time.Hour))},
			{ID: "b", Summary: "Review", Start: date(now.Add(2 * time.Hour)), End: date(now.Add(3 * time.Hour))},
		},
	}
	if _, err := documents.Store(ctx, db.Bucket("state"), rooms.SnapshotName("blue"), 0, snapshot, nil); err != nil {
		return err
	}
	ours, err := listen(ctx, meetings.New(meetings.Config{
		Settings: loader, State: db.Bucket("state"), Publisher: &discard{}, Now: time.Now,
	}))
	if err != nil {
		return err
	}
	bytes, err := fetch(ctx, ours)
	if err != nil {
		return err
	}
	plain, err := listen(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes)
	}))
	if err != nil {
		return err
	}
	var ratios, rates []float64
	for range getRuns {
		a, err := wrk(ctx, ours)
		if err != nil {
			return err
		}
		b, err := wrk(ctx, plain)
		if err != nil {
			return err
		}
		ratios, rates = append(ratios, a/b), append(rates, a)
	}
	slices.Sort(ratios)
	slices.Sort(rates)
	fmt.Printf("%d runs: GET /meetings median %.0f/s, %.2f of the plain handler (%.2f to %.2f)\n", getRuns,
		rates[getRuns/2], ratios[getRuns/2], ratios[0], ratios[getRuns-1])
	return nil
}

func listen(ctx context.Context, h http.Handler) (address string, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() { _ = (&http.Server{Handler: h, ReadHeaderTimeout: time.Second}).Serve(listener) }()
	return "http://" + listener.Addr().String() + "/meetings?client_id=id&room_name=blue", nil
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %d", resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

func wrk(ctx context.Context, address string) (float64, error) {
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c8", "-d3s", "-H",
		"Authorization: Bearer secret", address).Output()
	if err != nil {
		return 0, fmt.Errorf("wrk: %w", err)
	}
	found := perSec.FindSubmatch(out)
	if found == nil || strings.Contains(string(out), "Non-2xx") {
		return 0, fmt.Errorf("wrk: %s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}
