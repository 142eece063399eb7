package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/school"
)

const (
	schoolCallers  = 32
	schoolRequests = 20000
	schoolSessions = 10000
)

// A schoolBench is the function with a school in a process of its own.
type schoolBench struct {
	api    *httptest.Server
	school string
	client *http.Client
	inside atomic.Int64 // nanoseconds that PRONOTE took
	ahead  atomic.Int64 // nanoseconds that the function's clock is ahead
	stop   func()
}

// newSchool starts a school with pupils whose calls take a while, and the function.
func newSchool(ctx context.Context, pupils int, delay time.Duration) (b *schoolBench, err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	b = &schoolBench{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: schoolCallers}}}
	program := filepath.Join(dir, "pronote")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program,
		"./infra/bench/pronote").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.CommandContext(ctx, program, "-pupils", strconv.Itoa(pupils), "-delay", delay.String())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	b.school = strings.TrimSpace(line)
	db, err2 := machine.Open(ctx, dir)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	config := db.Bucket("config")
	_, err = config.Put(ctx, school.SettingsFile, 0, []byte(`{"limits":{"burst":1000,"calls_per_minute":6000,`+
		`"school_burst":10000,"school_calls_per_minute":60000}}`), nil)
	if err != nil {
		return nil, err
	}
	settings, err := school.LoadSettings(config)
	if err != nil {
		return nil, err
	}
	b.api = httptest.NewServer(api.New(api.Config{
		Settings: settings, State: db.Bucket("state"), Key: strings.Repeat("k", 32), Hosts: []string{b.school},
		Now:    func() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) },
		Called: func(_ string, took time.Duration) { b.inside.Add(int64(took)) },
	}))
	b.stop = func() {
		b.api.Close()
		_ = db.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}
	return b, nil
}

func (b *schoolBench) login(name string) (token string, err error) {
	body, err := json.Marshal(map[string]string{"url": b.school + "/eleve.html", "username": name, "password": name})
	if err != nil {
		return "", err
	}
	resp, err := b.client.Post( //nolint:noctx // as long as it takes
		b.api.URL+"/generatetoken", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"token"`
	}
	text, _ := io.ReadAll(resp.Body)
	if err := json.Unmarshal(text, &got); err != nil || got.Token == "" {
		return "", fmt.Errorf("login of %s: %d %s", name, resp.StatusCode, text)
	}
	return got.Token, nil
}

func (b *schoolBench) get(path string) (time.Duration, error) {
	began := time.Now()
	resp, err := b.client.Get(b.api.URL + path) //nolint:noctx // as long as it takes
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d %.200s", resp.StatusCode, text)
	}
	return time.Since(began), err
}

// logins are tokens of so many pupils.
func (b *schoolBench) logins(n int) ([]string, error) {
	tokens := make([]string, n)
	return tokens, b.all(n, func(i int) (err error) {
		tokens[i], err = b.login(fmt.Sprint("eleve", i+1))
		return err
	})
}

// all does so many things, some at once.
func (b *schoolBench) all(n int, do func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range schoolCallers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}

// schoolAPI measures the school's API: what a request costs beside PRONOTE's answer, reads side by side, and many
// sessions.
func schoolAPI(ctx context.Context) error {
	if err := schoolCost(ctx); err != nil {
		return err
	}
	if err := schoolParallel(ctx); err != nil {
		return err
	}
	return schoolMemory(ctx)
}

// schoolCost reads timetables of a hundred pupils, each of another week, so that PRONOTE is asked for each.
func schoolCost(ctx context.Context) error {
	b, err := newSchool(ctx, 100, 0)
	if err != nil {
		return err
	}
	defer b.stop()
	tokens, err := b.logins(100)
	if err != nil {
		return err
	}
	took := make([]time.Duration, schoolRequests)
	b.inside.Store(0)
	began := time.Now()
	err = b.all(schoolRequests, func(i int) (err error) {
		took[i], err = b.get("/user?token=" + tokens[i%len(tokens)])
		return err
	})
	all := time.Since(began)
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("answers that are known: %d requests a second by %d callers, median %s, p99 %s\n",
		int(schoolRequests/all.Seconds()), schoolCallers, ms(at(took, 0.5)), ms(at(took, 0.99)))
	const asked = 2000
	took = took[:asked]
	b.inside.Store(0)
	began = time.Now()
	err = b.all(asked, func(i int) (err error) {
		day := time.Now().AddDate(0, 0, 7*(i/len(tokens)-10)).Format(time.DateOnly)
		took[i], err = b.get("/timetable?token=" + tokens[i%len(tokens)] + "&dateString=" + day)
		return err
	})
	all = time.Since(began)
	if err != nil {
		return err
	}
	slices.Sort(took)
	fmt.Printf("answers of PRONOTE: %d requests a second; %s each, of which PRONOTE %s; p99 %s\n",
		int(asked/all.Seconds()),
		ms(at(took, 0.5)), ms(time.Duration(b.inside.Load()/asked)), ms(at(took, 0.99)))
	return nil
}

// schoolParallel reads eight pages of one session one after the other and all at once, where PRONOTE takes 300 ms.
func schoolParallel(ctx context.Context) error {
	b, err := newSchool(ctx, 2, 300*time.Millisecond)
	if err != nil {
		return err
	}
	defer b.stop()
	today := time.Now().Format(time.DateOnly)
	pages := []string{
		"/user?", "/grades?", "/evaluations?", "/recipients?", "/export/ical?", "/timetable?dateString=" + today + "&",
		"/homework?dateFrom=" + today + "&dateTo=" + today + "&", "/menu?dateFrom=" + today + "&dateTo=" + today + "&",
	}
	var times [2]time.Duration
	for i, together := range []bool{false, true} {
		token, err := b.login(fmt.Sprint("eleve", i+1))
		if err != nil {
			return err
		}
		began := time.Now()
		if together {
			err = b.all(len(pages), func(n int) error { _, err := b.get(pages[n] + "token=" + token); return err })
		} else {
			for _, page := range pages {
				if _, err = b.get(page + "token=" + token); err != nil {
					break
				}
			}
		}
		if err != nil {
			return err
		}
		times[i] = time.Since(began)
	}
	fmt.Printf("eight pages of a session, PRONOTE in 300 ms: one after the other %s, at once %s (%.2f)\n", ms(times[0]),
		ms(times[1]), float64(times[1])/float64(times[0]))
	return nil
}

// schoolMemory has many sessions go on for an hour, in which each is used every quarter of one.
func schoolMemory(ctx context.Context) error {
	b, err := newSchool(ctx, schoolSessions, 0)
	if err != nil {
		return err
	}
	defer b.stop()
	before := heap()
	began := time.Now()
	tokens, err := b.logins(schoolSessions)
	if err != nil {
		return err
	}
	logged := time.Since(began)
	first := heap()
	var quarter, last uint64
	const steps = 4
	for range steps {
		b.ahead.Add(int64(time.Hour / steps))
		today := time.Now().Add(time.Duration(b.ahead.Load())).Format(time.DateOnly)
		err := b.all(len(tokens), func(i int) error {
			_, err := b.get("/timetable?token=" + tokens[i] + "&dateString=" + today)
			return err
		})
		if err != nil {
			return err
		}
		if last = heap(); quarter == 0 {
			quarter = last
		}
	}
	fmt.Printf(
		"%d sessions: %d logins a second, %d bytes each at first, %d after a quarter of an hour, %d after an hour\n",
		schoolSessions, int(schoolSessions/logged.Seconds()), (first-before)/schoolSessions,
		(quarter-before)/schoolSessions, (last-before)/schoolSessions)
	return nil
}

// heap is what is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
