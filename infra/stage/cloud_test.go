package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/carillon-calendar/carillon/infra/stage/buildpack"
	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// programs are all functions, staged and built as Google's buildpack does, by their deployed name. They are made once.
var programs = sync.OnceValues(func() (map[string]string, error) {
	dir, err := os.MkdirTemp("", "carillon-programs")
	if err != nil {
		return nil, err
	}
	manifest, err := stageAll(context.Background(), root, dir)
	if err != nil {
		return nil, err
	}
	made := map[string]string{}
	var group errgroup.Group
	group.SetLimit(2)
	for name, f := range manifest {
		made[name] = filepath.Join(dir, name)
		group.Go(func() error {
			source := filepath.Join(dir, name+"-source")
			if err := buildpack.Unpack(filepath.Join(dir, f.File), source); err != nil {
				return err
			}
			return buildpack.Build(context.Background(), source, made[name])
		})
	}
	return made, group.Wait()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("CARILLON_DEPLOY") != "" {
		if made, err := programs(); err == nil {
			for _, file := range made {
				_ = os.RemoveAll(filepath.Dir(file))
				break
			}
		}
	}
	os.Exit(code)
}

const project = "office-123"

// A cloud is what Terraform plans, on this machine: each function a process of its own, built as in the cloud;
// fake-gcs-server for Cloud Storage, pstest for Pub/Sub, and a pusher between the two, because pstest does not push.
type cloud struct {
	t       *testing.T
	plan    *tfplan.Plan
	storage *fakestorage.Server
	pubsub  *pubsub.Client
	secrets string            // folder of the volumes
	extra   map[string]string // environment of every function
	urls    map[string]string // by the deployed name
	logs    map[string]*safeBuffer

	mu        sync.Mutex
	processes map[string]*exec.Cmd
}

// newCloud makes the buckets, topics and secrets of a plan; start starts functions.
func newCloud(t *testing.T, bridges map[string]cty.Value) *cloud {
	t.Helper()
	if os.Getenv("CARILLON_DEPLOY") == "" {
		t.Skip("make test-deploy runs it: every function is built")
	}
	made, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	manifest := map[string]staged{}
	for name := range made {
		manifest[name] = staged{File: name + ".zip", EntryPoint: entryPoint(strings.Replace(name, "-", "/", 1))}
	}
	data, _ := json.Marshal(manifest)
	bridges["project"] = cty.StringVal(project)
	plan, err := tfplan.Load(filepath.Join(root, "terraform"), bridges, func(name string) ([]byte, error) {
		if filepath.Base(name) == "functions.json" {
			return data, nil
		}
		return os.ReadFile(name)
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{
		t: t, plan: plan, secrets: t.TempDir(), extra: map[string]string{}, urls: map[string]string{},
		logs: map[string]*safeBuffer{}, processes: map[string]*exec.Cmd{},
	}
	c.startStorage()
	c.startPubSub()
	t.Cleanup(func() {
		if t.Failed() {
			for name, log := range c.logs {
				t.Logf("%s:\n%s", name, log)
			}
		}
	})
	return c
}

func (c *cloud) of(kind string) (found []tfplan.Resource) {
	for _, r := range c.plan.Resources {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	return found
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (c *cloud) startStorage() {
	port := freePort(c.t)
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		Scheme: "http", Host: "127.0.0.1", Port: uint16(port), PublicHost: fmt.Sprintf("127.0.0.1:%d", port),
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(server.Stop)
	c.storage = server
	for _, r := range c.of("google_storage_bucket") {
		server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: r.String("name")})
	}
	c.extra["STORAGE_EMULATOR_HOST"] = fmt.Sprintf("http://127.0.0.1:%d", port)
}

func (c *cloud) startPubSub() {
	t := c.t
	server := pstest.NewServer()
	t.Cleanup(func() { _ = server.Close() })
	conn, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := pubsub.NewClient(context.Background(), project, option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c.pubsub = client
	c.extra["PUBSUB_EMULATOR_HOST"] = server.Addr
	for _, r := range c.of("google_pubsub_topic") {
		if _, err := client.TopicAdminClient.CreateTopic(t.Context(),
			&pubsubpb.Topic{Name: "projects/" + project + "/topics/" + r.String("name")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range c.of("google_pubsub_subscription") {
		s := &pubsubpb.Subscription{
			Name: "projects/" + project + "/subscriptions/" + r.String("name"), Topic: r.String("topic"), AckDeadlineSeconds: 60,
		}
		if dead := r.In("dead_letter_policy"); dead.Args != nil {
			s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{
				DeadLetterTopic: dead.String("dead_letter_topic"), MaxDeliveryAttempts: int32(dead.Int("max_delivery_attempts")),
			}
		}
		s.MessageRetentionDuration = durationpb.New(24 * time.Hour)
		if _, err := client.SubscriptionAdminClient.CreateSubscription(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// put writes a document as a person would.
func (c *cloud) put(bucket, name string, content any) {
	c.t.Helper()
	data, err := json.Marshal(content)
	if err != nil {
		c.t.Fatal(err)
	}
	c.storage.CreateObject(fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: project + "-" + bucket, Name: name}, Content: data,
	})
}

// fill gives a secret its value, where the volume of each function shows it.
func (c *cloud) fill(volume, secret, value string) {
	c.t.Helper()
	dir := filepath.Join(c.secrets, volume)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, secret), []byte(value), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// start starts every function of the plan and what pushes to it.
func (c *cloud) start() {
	c.t.Helper()
	functions := c.of("google_cloudfunctions2_function")
	for _, f := range functions {
		c.urls[f.String("name")] = fmt.Sprintf("http://127.0.0.1:%d", freePort(c.t))
	}
	for _, f := range functions {
		c.run(f.String("name"))
	}
	for _, r := range c.of("google_pubsub_subscription") {
		if uri := r.In("push_config").String("push_endpoint"); uri != "" {
			c.push(r.String("name"), c.urls[strings.TrimSuffix(strings.TrimPrefix(uri, "https://"), ".example.run.app")])
		}
	}
}

// run starts a function's process, with the environment that Terraform gives it.
func (c *cloud) run(name string) {
	c.t.Helper()
	made, _ := programs()
	_, short, _ := strings.Cut(name, "-")
	var f tfplan.Resource
	for _, r := range c.of("google_cloudfunctions2_function") {
		if r.String("name") == name {
			f = r
		}
	}
	cmd := exec.Command(made[short])
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + c.t.TempDir(), "FUNCTION_TARGET=" + f.In("build_config").String("entry_point"),
		"PORT=" + c.urls[name][strings.LastIndex(c.urls[name], ":")+1:],
	}
	for key, value := range f.In("service_config").Strings("environment_variables") {
		cmd.Env = append(cmd.Env, key+"="+strings.Replace(value, "file:/secrets/", "file:"+c.secrets+"/", 1))
	}
	for key, value := range c.extra {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logs[name] == nil {
		c.logs[name] = &safeBuffer{}
	}
	cmd.Stdout, cmd.Stderr = c.logs[name], c.logs[name]
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.processes[name] = cmd
	c.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// kill ends a function's process, as a crash does.
func (c *cloud) kill(name string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.processes[name].Process.Kill()
	_ = c.processes[name].Wait()
}

// push stands in for Pub/Sub's push (cloud.google.com/pubsub/docs/push): it pulls, posts the envelope, and waits before
// it tries again.
func (c *cloud) push(subscription, url string) {
	sub := c.pubsub.Subscriber(subscription)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		_ = sub.Receive(ctx, func(_ context.Context, m *pubsub.Message) {
			attempt := 0
			if m.DeliveryAttempt != nil {
				attempt = *m.DeliveryAttempt
			}
			body, _ := json.Marshal(map[string]any{
				"subscription":    "projects/" + project + "/subscriptions/" + subscription,
				"deliveryAttempt": attempt, "message": map[string]any{
					"data": m.Data, "attributes": m.Attributes, "messageId": m.ID, "publishTime": m.PublishTime,
					"orderingKey": m.OrderingKey,
				},
			})
			resp, err := http.Post(url, "application/json", bytes.NewReader(body))
			if err == nil {
				_ = resp.Body.Close()
			}
			if err == nil && resp.StatusCode/100 == 2 {
				m.Ack()
				return
			}
			time.Sleep(500 * time.Millisecond)
			m.Nack()
		})
	}()
}

// schedule does what Cloud Scheduler does when a job's time has come.
func (c *cloud) schedule(job string) {
	c.t.Helper()
	for _, r := range c.of("google_cloud_scheduler_job") {
		if r.String("name") != job {
			continue
		}
		target := r.In("pubsub_target")
		publisher := c.pubsub.Publisher(target.String("topic_name"))
		defer publisher.Stop()
		if _, err := publisher.Publish(c.t.Context(),
			&pubsub.Message{Attributes: target.Strings("attributes")}).Get(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		return
	}
	c.t.Fatalf("there is no job %s", job)
}

// call asks a function.
func (c *cloud) call(method, function, path, bearer string, body any) (int, string) {
	c.t.Helper()
	data, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.urls[function]+path, bytes.NewReader(data))
	if err != nil {
		c.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if data != nil {
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil && time.Now().Before(deadline) {
			continue // it is starting
		}
		if err != nil {
			c.t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, string(text)
	}
}

// eventually waits for what must come.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in 30 s: not %s", what)
		}
	}
}

// safeBuffer is a log that is written and read at once.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
