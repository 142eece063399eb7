package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/carillon-calendar/carillon/infra/reference"
	pgserver "github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/infra/stage/buildpack"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// hello is the least that the Functions Framework serves.
const hello = `// Package hello says hello.
package hello

import (
	"io"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func init() {
	functions.HTTP("Hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
}
`

// A program is a function as the cloud has it, and what to ask it first.
type program struct {
	name, entryPoint, file string
	method, path, body     string
}

// push is a scheduled message of a kind as Pub/Sub delivers it: of a tick, or of all rooms, students or sources, of
// which there are none.
func push(kind string) string {
	return `{"message":{"data":"e30=","messageId":"1","publishTime":"2026-03-02T09:00:00Z","attributes":{"kind":"` +
		kind +
		`"}},"subscription":"projects/p/subscriptions/s"}`
}

// firsts are the first requests of those that are not pushed to.
var firsts = map[string][2]string{
	"rooms-meetings": {http.MethodGet, "/meetings?client_id=id&room_name=blue"},
	"rooms-webhook":  {http.MethodPost, "/webhook"},
	"campus-feed":    {http.MethodGet, "/feeds/campus/lea.ics"}, "exports-queries": {http.MethodGet, "/queries"},
	"stays-bookings": {http.MethodGet, "/stays/v1/units"},
	"stays-owners":   {http.MethodGet, "/owners/signin"},
	"stays-feeds":    {http.MethodGet, "/calendars/v1/search?arrival=2099-07-01&departure=2099-07-02"},
	"school-api":     {http.MethodGet, "/user?token=0123456789012345678901"},
}

const starts = 11

// deploy measures each function as it is deployed: its size, the time from its start to its first answer, and the most
// memory that it held by then; against a hello-world function. For its answer each has read its settings from Cloud
// Storage's stand-in, but for campus-feed, which has none and looks for a feed.
func deploy(ctx context.Context) error {
	home, err := os.MkdirTemp("", "carillon-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	programs, err := buildAll(ctx, home)
	if err != nil {
		return err
	}
	server, err := pgserver.Run()
	if err != nil {
		return err
	}
	defer server.Remove()
	environment, stop, err := emulators(ctx, server.DSN)
	if err != nil {
		return err
	}
	defer stop()
	took, peaks := make([][]time.Duration, len(programs)), make([]int64, len(programs))
	for range starts {
		for i, p := range programs { // in turns
			t, peak, err := startOnce(ctx, p, environment)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			took[i], peaks[i] = append(took[i], t), max(peaks[i], peak)
		}
	}
	for i, p := range programs {
		info, err := os.Stat(p.file)
		if err != nil {
			return err
		}
		slices.Sort(took[i])
		fmt.Printf("%-17s %5.1f MB  first answer %s (%s to %s)  at most %4.1f MiB\n", p.name, float64(info.Size())/1e6,
			ms(took[i][starts/2]), ms(took[i][0]), ms(took[i][starts-1]), float64(peaks[i])/1024)
	}
	return nil
}

// buildAll stages and builds every function, and hello.
func buildAll(ctx context.Context, home string) ([]program, error) {
	if out, err := exec.CommandContext(ctx, "go", "run", "./infra/stage", "-out", home).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("staging: %w: %s", err, out)
	}
	source := filepath.Join(home, "hello")
	if err := os.MkdirAll(source, 0o700); err != nil {
		return nil, err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(source, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(source, "function.go"), []byte(hello), 0o600); err != nil {
		return nil, err
	}
	list := []program{{"hello", "Hello", filepath.Join(home, "hello.bin"), http.MethodGet, "/", ""}}
	if err := buildpack.Build(ctx, source, list[0].file); err != nil {
		return nil, err
	}
	names, err := reference.Functions(".")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		bridge, function, _ := strings.Cut(name, "/")
		p := program{
			bridge + "-" + function, strings.ToUpper(bridge[:1]) + bridge[1:] + strings.ToUpper(function[:1]) + function[1:],
			filepath.Join(home, bridge+"-"+function+".bin"), http.MethodPost, "/", push(messages.KindAll),
		}
		if name == "rooms/status" {
			p.body = push(rooms.KindTick)
		}
		if first, ok := firsts[p.name]; ok {
			p.method, p.path, p.body = first[0], first[1], ""
		}
		zips, err := filepath.Glob(filepath.Join(home, p.name+"-*.zip"))
		if err != nil || len(zips) != 1 {
			return nil, fmt.Errorf("%s: zips = %v, %w", p.name, zips, err)
		}
		source := filepath.Join(home, p.name)
		if err := buildpack.Unpack(zips[0], source); err != nil {
			return nil, err
		}
		if err := buildpack.Build(ctx, source, p.file); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// emulators start stand-ins for Cloud Storage, with settings, and Pub/Sub, and make the ledger's tables.
func emulators(ctx context.Context, dsn string) (environment []string, stop func(), err error) {
	if err := tables(ctx, dsn); err != nil {
		return nil, nil, err
	}
	ledger, err := json.Marshal(map[string]string{"database": dsn})
	if err != nil {
		return nil, nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	host := fmt.Sprintf("127.0.0.1:%d", port)
	storage, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		Scheme: "http", Host: "127.0.0.1", Port: uint16(port), PublicHost: host,
	})
	if err != nil {
		return nil, nil, err
	}
	for name, content := range map[string]string{
		"config.json": `{"iot_client_id":"id","iot_client_secret":"secret","rooms":[]}`, "campus.json": `{"instances":[]}`,
		"exports.json":      `{"queries_key":"0123456789abcdef0123456789abcdef","sources":[]}`,
		stays.SettingsFile:  string(ledger),
		school.SettingsFile: `{"key":"0123456789abcdef0123456789abcdef"}`,
	} {
		storage.CreateObject(fakestorage.Object{
			ObjectAttrs: fakestorage.ObjectAttrs{BucketName: "config", Name: name}, Content: []byte(content),
		})
	}
	storage.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "state"})
	broker := pstest.NewServer()
	for _, topic := range []string{
		rooms.TopicEvents, rooms.TopicDue, rooms.TopicRefresh, rooms.TopicWatch, campus.TopicSync, exports.TopicTransfer,
		stays.TopicRelay, stays.TopicNotifications, stays.TopicBroker,
	} {
		if _, err := broker.GServer.CreateTopic(ctx, &pubsubpb.Topic{Name: "projects/p/topics/main-" + topic}); err != nil {
			return nil, nil, err
		}
	}
	return []string{
		"CONFIG_BUCKET=config", "STATE_BUCKET=state", "WATCH_BUCKET=state", "EXPORTS_BUCKET=state", "TOPIC_PREFIX=main-",
		"WEBHOOK_KEY=key", "GOOGLE_CLOUD_PROJECT=p",
		"CALENDAR_URL=http://127.0.0.1:9", "STORAGE_EMULATOR_HOST=http://" + host, "PUBSUB_EMULATOR_HOST=" + broker.Addr,
	}, func() { storage.Stop(); _ = broker.Close() }, nil
}

func tables(ctx context.Context, dsn string) error {
	db, err := postgres.Open(dsn, 1)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = migrations.Run(ctx, db)
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening does not wait
	if err != nil {
		return 0, err
	}
	defer l.Close()
	address, _ := l.Addr().(*net.TCPAddr)
	return address.Port, nil
}

// startOnce starts a program and returns when it has answered.
func startOnce(ctx context.Context, p program, environment []string) (took time.Duration, peak int64, err error) {
	port, err := freePort()
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, p.file)
	cmd.Env = append(slices.Clone(environment), fmt.Sprintf("PORT=%d", port), "FUNCTION_TARGET="+p.entryPoint)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for time.Since(began) < 10*time.Second {
		r, err := http.NewRequestWithContext(ctx, p.method, fmt.Sprintf("http://127.0.0.1:%d%s", port, p.path),
			strings.NewReader(p.body))
		if err != nil {
			return 0, 0, err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			time.Sleep(200 * time.Microsecond) // it does not listen yet
			continue
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode >= http.StatusInternalServerError || p.body != "" && resp.StatusCode != http.StatusNoContent {
			return 0, 0, fmt.Errorf("it answered %d: %s", resp.StatusCode, text)
		}
		return time.Since(began), highWater(cmd.Process.Pid), nil
	}
	return 0, 0, errors.New("no answer in 10 s")
}
