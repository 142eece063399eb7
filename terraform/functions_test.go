package terraform_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/reference"
	"github.com/carillon-calendar/carillon/infra/tfplan"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/stays"
)

func functionNames(t *testing.T) []string {
	t.Helper()
	names, err := reference.Functions(root)
	if err != nil || len(names) == 0 {
		t.Fatalf("functions = %v, %v", names, err)
	}
	return names
}

func deployed(name string) string { return "main-" + strings.ReplaceAll(name, "/", "-") }

// notSet are variables that no installation sets, and why.
var notSet = map[string]string{
	"CALENDAR_URL": "tests only",
	"ARDUINO_URL":  "tests only",
}

// Every function has its place, its account and all that it reads of its environment, and nothing else.
func TestEveryFunctionIsDeployed(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, name := range functionNames(t) {
		f := one(t, p, "google_cloudfunctions2_function", deployed(name))
		build, service := f.In("build_config"), f.In("service_config")
		if got := build.String("entry_point"); got != entryPoint(name) {
			t.Errorf("%s: entry_point = %s", name, got)
		}
		if build.String("runtime") != "go126" {
			t.Errorf("%s: runtime = %s", name, build.String("runtime"))
		}
		if got, want := service.String("service_account_email"),
			deployed(name)+"@"+project+".iam.gserviceaccount.com"; got != want {
			t.Errorf("%s runs as %s, want its own account %s", name, got, want)
		}
		checkEnvironment(t, name, service.Strings("environment_variables"))
	}
	// Two for rooms, which has two offices.
	office := 0
	for _, name := range functionNames(t) {
		if strings.HasPrefix(name, "rooms/") {
			office++
		}
	}
	if got, want := len(of(p, "google_cloudfunctions2_function")), len(functionNames(t))+office; got != want {
		t.Errorf("%d functions are deployed, want %d", got, want)
	}
}

func checkEnvironment(t *testing.T, name string, set map[string]string) {
	t.Helper()
	reads, err := reference.Environment(root, "functions/"+name)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]bool{"GOOGLE_CLOUD_PROJECT": true} // the clients' own
	for _, v := range reads {
		read[v.Name] = true
		if _, ok := set[v.Name]; !ok && notSet[v.Name] == "" {
			t.Errorf("%s reads %s, which is not set", name, v.Name)
		}
	}
	for key, value := range set {
		if !read[key] {
			t.Errorf("%s is given %s, which it does not read", name, key)
		}
		if value == "" {
			t.Errorf("%s: %s is empty", name, key)
		}
	}
}

// public are the functions that everybody may call; all others accept their caller and the operators.
var public = []string{
	"rooms/webhook", "rooms/meetings", "campus/feed", "exports/queries", "stays/bookings",
	"stays/owners", "stays/feeds", "school/api",
}

func TestWhoMayCall(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, name := range functionNames(t) {
		callers := []string{}
		for _, r := range of(p, "google_cloud_run_v2_service_iam_member") {
			if r.String("name") == deployed(name) {
				callers = append(callers, r.String("member"))
				if r.String("role") != "roles/run.invoker" {
					t.Errorf("%s: role %s", name, r.String("role"))
				}
			}
		}
		slices.Sort(callers)
		want := []string{
			"serviceAccount:call-" + deployed(name) + "@" + project + ".iam.gserviceaccount.com", "user:operator@example.com",
		}
		if slices.Contains(public, name) {
			want = []string{"allUsers"}
		}
		if !slices.Equal(callers, want) {
			t.Errorf("%s may be called by %v, want %v", name, callers, want)
		}
		service := one(t, p, "google_cloudfunctions2_function", deployed(name)).In("service_config")
		if most := service.Int("max_instance_count"); most < 1 || most > 10 {
			t.Errorf("%s may have %d instances", name, most)
		}
	}
	for _, r := range p.Resources {
		if strings.Contains(r.Type, "iam") && strings.HasPrefix(r.String("member"), "all") &&
			r.Type != "google_cloud_run_v2_service_iam_member" {
			t.Errorf("%s is open to %s", r.Address, r.String("member"))
		}
	}
}

// Those who hold something for a whole account run once.
func TestOneInstance(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, name := range []string{"rooms/status", "campus/sync", "stays/relay"} {
		service := one(t, p, "google_cloudfunctions2_function", deployed(name)).In("service_config")
		if service.Int("max_instance_count") != 1 || service.Int("max_instance_request_concurrency") < 20 {
			t.Errorf("%s has %d instances of %d requests", name, service.Int("max_instance_count"),
				service.Int("max_instance_request_concurrency"))
		}
	}
}

// A push is signed for its function, waits longer than the function takes, is kept through holidays, and is never lost
// in silence.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	pushes := 0
	for _, r := range of(p, "google_pubsub_subscription") {
		name := r.String("name")
		if _, ok := r.In("expiration_policy").Args["ttl"]; !ok || r.In("expiration_policy").String("ttl") != "" {
			t.Errorf("%s expires when nothing comes for a month", name)
		}
		push := r.In("push_config")
		if push.Args == nil {
			continue // the dead letters'
		}
		pushes++
		function := functionOf(t, p, push.String("push_endpoint"))
		token := push.In("oidc_token")
		if token.String("audience") != push.String("push_endpoint") ||
			token.String("service_account_email") != "call-"+function.String("name")+"@"+project+".iam.gserviceaccount.com" {
			t.Errorf("%s signs as %s for %s", name, token.String("service_account_email"), token.String("audience"))
		}
		timeout := function.In("service_config").Int("timeout_seconds")
		if deadline := r.Int("ack_deadline_seconds"); deadline < timeout || deadline > 600 {
			t.Errorf("%s waits %d s for a function that may take %d s", name, deadline, timeout)
		}
		tick := strings.HasSuffix(name, "-tick")
		dead := r.In("dead_letter_policy")
		switch {
		case tick && (dead.Args != nil || r.String("message_retention_duration") != "600s"):
			t.Errorf("%s: ticks are kept 10 minutes and are no dead letters", name)
		case !tick && (dead.Int("max_delivery_attempts") < 5 || dead.Int("max_delivery_attempts") > 100 ||
			!strings.HasSuffix(dead.String("dead_letter_topic"), "-dead")):
			t.Errorf("%s has no dead letters: %v", name, dead.Args)
		}
		if !tick && !isMember(p, "google_pubsub_subscription_iam_member", "subscription", name,
			"roles/pubsub.subscriber", agent) {
			t.Errorf("Pub/Sub may not take dead letters off %s", name)
		}
	}
	if pushes != 15 {
		t.Errorf("%d push subscriptions; both offices have five, stays three, the other bridges one each", pushes)
	}
}

const agent = "serviceAccount:service-1234567890@gcp-sa-pubsub.iam.gserviceaccount.com"

func isMember(p *tfplan.Plan, kind, key, name, role, member string) bool {
	return slices.ContainsFunc(of(p, kind), func(r tfplan.Resource) bool {
		return r.String(key) == name && r.String("role") == role && r.String("member") == member
	})
}

func functionOf(t *testing.T, p *tfplan.Plan, uri string) tfplan.Resource {
	t.Helper()
	return one(t, p, "google_cloudfunctions2_function",
		strings.TrimSuffix(strings.TrimPrefix(uri, "https://"), ".example.run.app"))
}

// Dead letters are written into the state bucket with their attributes, and each bridge has its own.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, bridge := range []string{
		"main-rooms", "annex-rooms", "main-campus", "main-exports", "main-stays",
		"main-school",
	} {
		one(t, p, "google_pubsub_topic", bridge+"-dead")
		store := one(t, p, "google_pubsub_subscription", bridge+"-dead").In("cloud_storage_config")
		if store.String("bucket") != project+"-"+bridge+"-state" || store.String("filename_prefix") != "dead/" ||
			!store.In("avro_config").Bool("write_metadata") {
			t.Errorf("%s: dead letters go to %v", bridge, store.Args)
		}
		if !isMember(p, "google_pubsub_topic_iam_member", "topic", bridge+"-dead", "roles/pubsub.publisher", agent) {
			t.Errorf("%s: Pub/Sub may not publish dead letters", bridge)
		}
		for _, role := range []string{"roles/storage.objectCreator", "roles/storage.legacyBucketReader"} {
			if !isMember(p, "google_storage_bucket_iam_member", "bucket", project+"-"+bridge+"-state", role, agent) {
				t.Errorf("%s: Pub/Sub lacks %s on the bucket", bridge, role)
			}
		}
	}
}

// topics are the constants of shared/ whose names begin with Topic, by the name that functions use.
func topics(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, bridge := range []string{"rooms", "campus", "exports", "stays", "school"} {
		for _, file := range sources(t, filepath.Join(root, "shared", bridge)) {
			ast.Inspect(file, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if ok && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, "Topic") {
					lit, _ := spec.Values[0].(*ast.BasicLit)
					found[bridge+"."+spec.Names[0].Name], _ = strconv.Unquote(lit.Value)
				}
				return true
			})
		}
	}
	if len(found) != 10 {
		t.Fatalf("topics of the code: %v", found)
	}
	return found
}

func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// Every topic of the code exists, is somebody's, and may be published to by exactly the functions that do.
func TestTopics(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	byName := topics(t)
	for _, topic := range byName {
		one(t, p, "google_pubsub_topic", "main-"+topic)
		taken := slices.ContainsFunc(of(p, "google_pubsub_subscription"), func(r tfplan.Resource) bool {
			return r.String("topic") == "projects/"+project+"/topics/main-"+topic
		})
		if !taken {
			t.Errorf("nobody takes the messages of %s", topic)
		}
	}
	for _, name := range functionNames(t) {
		want := map[string]bool{}
		for _, file := range sources(t, filepath.Join(root, "functions", filepath.FromSlash(name))) {
			ast.Inspect(file, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if pkg, ok := sel.X.(*ast.Ident); ok && byName[pkg.Name+"."+sel.Sel.Name] != "" {
						want["main-"+byName[pkg.Name+"."+sel.Sel.Name]] = true
					}
				}
				return true
			})
		}
		// What a shared package publishes for it.
		if name == "rooms/meetings" || name == "rooms/refresh" {
			want["main-"+rooms.TopicEvents] = true
		}
		got := map[string]bool{}
		for _, r := range of(p, "google_pubsub_topic_iam_member") {
			if r.String("member") == "serviceAccount:"+deployed(name)+"@"+project+".iam.gserviceaccount.com" &&
				r.String("role") == "roles/pubsub.publisher" {
				got[r.String("topic")] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s may publish to %v, and publishes to %v", name, slices.Sorted(maps.Keys(got)),
				slices.Sorted(maps.Keys(want)))
		}
	}
}

// Every schedule of the code is there, in the customer's zone, with a kind that its function knows: another would be a
// dead letter.
func TestSchedules(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	want := map[string][4]string{ // job: topic, schedule, zone, kind
		"main-rooms-tick":    {"main-" + rooms.TopicTick, rooms.TickSchedule, "Europe/Paris", rooms.KindTick},
		"main-rooms-refresh": {"main-" + rooms.TopicRefresh, rooms.RefreshSchedule, "Europe/Paris", messages.KindAll},
		"main-rooms-watch":   {"main-" + rooms.TopicWatch, rooms.WatchSchedule, "Europe/Paris", messages.KindAll},
		"annex-rooms-tick":   {"annex-" + rooms.TopicTick, rooms.TickSchedule, "America/Montreal", rooms.KindTick},
		"annex-rooms-refresh": {
			"annex-" + rooms.TopicRefresh, rooms.RefreshSchedule, "America/Montreal", messages.KindAll,
		},
		"annex-rooms-watch":     {"annex-" + rooms.TopicWatch, rooms.WatchSchedule, "America/Montreal", messages.KindAll},
		"main-campus-sync":      {"main-" + campus.TopicSync, campus.Schedule, campus.ScheduleZone, messages.KindAll},
		"main-exports-transfer": {"main-" + exports.TopicTransfer, exports.Schedule, "Europe/Paris", messages.KindAll},
		"main-stays-relay":      {"main-" + stays.TopicRelay, stays.RelaySchedule, "Europe/Brussels", messages.KindAll},
	}
	got := map[string][4]string{}
	for _, r := range of(p, "google_cloud_scheduler_job") {
		target := r.In("pubsub_target")
		got[r.String("name")] = [4]string{
			strings.TrimPrefix(target.String("topic_name"), "projects/"+project+"/topics/"), r.String("schedule"),
			r.String("time_zone"),
			target.Strings("attributes")["kind"],
		}
		if len(target.Strings("attributes")) == 0 {
			t.Errorf("%s sends a message without data and attributes, which Pub/Sub refuses", r.String("name"))
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("jobs = %v\nwant %v", got, want)
	}
}
