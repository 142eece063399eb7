package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// An office is `carillon up` in a process of its own, with its simulators.
type office struct {
	url   string
	token string
	stop  func()
	http  http.Client
}

const organization = "c0ffee00-0000-4000-8000-000000000001"

// startOffice builds and starts an office of n rooms whose Arduino account takes limit requests a second, and returns
// when each Thing shows its first status.
func startOffice(ctx context.Context, n, limit int) (*office, error) {
	dir, err := os.MkdirTemp("", "carillon-bench-")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "carillon")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary,
		"./infra/carillon").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building: %w: %s", err, out)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	listen := listener.Addr().String()
	_ = listener.Close()
	cmd := exec.CommandContext(ctx, binary, "up", "--bridges", "rooms", "--data", filepath.Join(dir, "data"), "--listen",
		listen, "--rooms", strconv.Itoa(n), "--arduino-limit", strconv.Itoa(limit))
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &office{url: "http://" + listen, http: http.Client{Timeout: 30 * time.Second}}
	o.stop = func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait(); _ = os.RemoveAll(dir) }
	return o, o.ready(ctx)
}

func (o *office) ready(ctx context.Context) error {
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.New("the office is not ready")
		}
		if o.call(ctx, http.MethodGet, "/healthz", "", nil) == nil {
			return o.login(ctx)
		}
	}
}

func (o *office) login(ctx context.Context) error {
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {"https://api2.arduino.cc/iot"}, "client_id": {"demo-client"},
		"client_secret": {"demo-secret"}, "organization_id": {organization},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url+"/sim/iotcloud/iot/v1/clients/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var got struct {
		Token string `json:"access_token"`
	}
	err = o.do(r, &got)
	o.token = got.Token
	return err
}

func (o *office) call(ctx context.Context, method, path, body string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, o.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	bearer := "bench"
	if strings.HasPrefix(path, "/sim/iotcloud/iot/") {
		bearer = o.token
		r.Header.Set("X-Organization", organization)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	return o.do(r, into)
}

func (o *office) do(r *http.Request, into any) error {
	resp, err := o.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s was answered %d", r.Method, r.URL.Path, resp.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(bytes.NewReader(body)).Decode(into)
}

func roomName(i int) string {
	first := []string{
		"blue_room", "green_room", "red_room", "yellow_room", "orange_room", "violet_room", "white_room", "quiet_room",
	}
	if i < len(first) {
		return first[i]
	}
	return fmt.Sprintf("room_%05d", i+1)
}

func (o *office) events(room string) string {
	return "/sim/googlecal/calendar/v3/calendars/" + room + "@resource.calendar.google.com/events"
}

func (o *office) clear(ctx context.Context, room string) error {
	var list struct{ Items []struct{ ID string } }
	if err := o.call(ctx, http.MethodGet, o.events(room), "", &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		if err := o.call(ctx, http.MethodDelete, o.events(room)+"/"+item.ID, "", nil); err != nil {
			return err
		}
	}
	return nil
}

func (o *office) insert(ctx context.Context, room, id, title string, start, end time.Time) error {
	body := fmt.Sprintf(`{"id":%q,"summary":%q,"start":{"dateTime":%q},"end":{"dateTime":%q}}`, id, title,
		start.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339))
	return o.call(ctx, http.MethodPost, o.events(room), body, nil)
}

// told is when Arduino last took a value.
type told struct {
	value any
	at    time.Time
}

// things are each Thing's values.
func (o *office) things(ctx context.Context) (map[string]map[string]told, error) {
	var list []struct {
		Name       string
		Properties []struct {
			VariableName   string    `json:"variable_name"`
			LastValue      any       `json:"last_value"`
			ValueUpdatedAt time.Time `json:"value_updated_at"`
		}
	}
	if err := o.call(ctx, http.MethodGet, "/sim/iotcloud/iot/v2/things?show_properties=true", "", &list); err != nil {
		return nil, err
	}
	found := map[string]map[string]told{}
	for _, t := range list {
		found[t.Name] = map[string]told{}
		for _, p := range t.Properties {
			found[t.Name][p.VariableName] = told{p.LastValue, p.ValueUpdatedAt}
		}
	}
	return found, nil
}

// served are the count and the total time of the requests to one part of the office so far.
func (o *office) served(ctx context.Context, function, method string) (count uint64, total time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+"/metrics", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	resp, err := o.http.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return 0, 0, err
	}
	for _, m := range families["carillon_request_duration_seconds"].GetMetric() {
		labels := map[string]string{}
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = l.GetValue()
		}
		if labels["function"] == function && labels["method"] == method {
			count += m.GetHistogram().GetSampleCount()
			total += time.Duration(m.GetHistogram().GetSampleSum() * float64(time.Second))
		}
	}
	return count, total, nil
}
