package terraform_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/stage/buildpack"
)

// What each variable of the environment is, for both offices.
func TestEnvironmentPointsToItsOwn(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, f := range of(p, "google_cloudfunctions2_function") {
		installation, function, _ := strings.Cut(f.String("name"), "-")
		bridge, _, _ := strings.Cut(function, "-")
		own := project + "-" + installation + "-" + bridge + "-"
		want := map[string]string{
			"CONFIG_BUCKET": own + "config", "STATE_BUCKET": own + "state", "WATCH_BUCKET": own + "watch",
			"EXPORTS_BUCKET": own + "files", "TOPIC_PREFIX": installation + "-",
			"CALENDAR_ACCOUNT":     installation + "-rooms-calendar@" + project + ".iam.gserviceaccount.com",
			"GOOGLE_CLOUD_PROJECT": project,
			"WEBHOOK_KEY":          "file:/secrets/webhook-key/" + installation + "-rooms-webhook-key",
			"WEBHOOK_KEY_PREVIOUS": "file:/secrets/webhook-key-previous/" + installation + "-rooms-webhook-key-previous",
		}
		for key, value := range f.In("service_config").Strings("environment_variables") {
			if value != want[key] {
				t.Errorf("%s: %s = %s, want %s", f.String("name"), key, value, want[key])
			}
		}
		build := f.In("build_config")
		if got := build.Strings("environment_variables")["GOFLAGS"]; got != buildpack.Flags {
			t.Errorf("%s is built with %q, and tried with %q", f.String("name"), got, buildpack.Flags)
		}
		if got, wanted := build.In("source").In("storage_source").String("object"),
			function+"-0123456789abcdef.zip"; got != wanted {
			t.Errorf("%s is built from %s, want %s", f.String("name"), got, wanted)
		}
	}
}

// longest are the budgets of requests, in seconds, as the functions' packages have them.
var longest = map[string]int{
	"rooms/webhook": 50, "rooms/watch": 55, "rooms/status": 55, "rooms/refresh": 55, "rooms/meetings": 20,
	"campus/sync": 570, "campus/feed": 10, "school/api": 55, "exports/transfer": 570, "exports/queries": 55,
	"stays/bookings": 55, "stays/relay": 240, "stays/reservations": 240,
	"stays/owners": 30, "stays/feeds": 30,
}

func TestFunctionsHaveTheirTime(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, name := range functionNames(t) {
		service := one(t, p, "google_cloudfunctions2_function", deployed(name)).In("service_config")
		if got := service.Int("timeout_seconds"); got < longest[name] || longest[name] == 0 {
			t.Errorf("%s is stopped after %d s, and may take %d s", name, got, longest[name])
		}
	}
	// So many rooms may wait for the Arduino account's limit at once.
	if got := one(t, p, "google_cloudfunctions2_function",
		"main-rooms-status").In("service_config").Int("max_instance_request_concurrency"); got < 500 {
		t.Errorf("rooms-status takes %d requests at once", got)
	}
}

// Exactly the functions that talk to the calendar act in the name of its account.
func TestWhoActsForTheCalendar(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	got := map[string]bool{}
	for _, r := range of(p, "google_service_account_iam_member") {
		if r.String("role") == "roles/iam.serviceAccountTokenCreator" {
			got[r.String("member")] = true
		}
	}
	want := map[string]bool{}
	for _, f := range of(p, "google_cloudfunctions2_function") {
		if service := f.In("service_config"); service.Strings("environment_variables")["CALENDAR_ACCOUNT"] != "" {
			want["serviceAccount:"+service.String("service_account_email")] = true
		}
	}
	if len(want) != 8 || !maps.Equal(got, want) {
		t.Errorf("%v act for the calendar, want %v", got, want)
	}
}

// The builder reads sources and writes images and logs, and functions wait until it may.
func TestBuilder(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	builder := "serviceAccount:carillon-build@" + project + ".iam.gserviceaccount.com"
	if !isMember(p, "google_project_iam_member", "project", project, "roles/logging.logWriter", builder) ||
		!isMember(p, "google_project_iam_member", "project", project, "roles/storage.objectViewer", builder) ||
		!isMember(p, "google_storage_bucket_iam_member", "bucket", project+"-carillon-source",
			"roles/storage.objectViewer", builder) ||
		!isMember(p, "google_artifact_registry_repository_iam_member", "repository", "carillon",
			"roles/artifactregistry.writer", builder) {
		t.Error("the builder lacks a right")
	}
	for _, f := range of(p, "google_cloudfunctions2_function") {
		if got := f.In("build_config").String("service_account"); !strings.HasSuffix(got,
			"/carillon-build@"+project+".iam.gserviceaccount.com") {
			t.Errorf("%s is built by %s", f.String("name"), got)
		}
	}
}

// The services of Google Cloud that what is planned, and the functions, call.
func TestServicesAreEnabled(t *testing.T) {
	t.Parallel()
	enabled := make([]string, 0, 16)
	for _, r := range of(plan(t, everything()), "google_project_service") {
		enabled = append(enabled, strings.TrimSuffix(r.String("service"), ".googleapis.com"))
	}
	for _, want := range []string{
		"artifactregistry", "calendar-json", "cloudbuild", "cloudfunctions", "cloudscheduler", "iam", "iamcredentials",
		"logging", "monitoring", "pubsub", "run", "secretmanager", "storage",
	} {
		if !slices.Contains(enabled, want) {
			t.Errorf("%s is not enabled", want)
		}
	}
}

// What Google refuses, or what would lose something, though its form is right.
func TestBounds(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	seconds := func(s string) int { return seconds(t, s) }
	for _, r := range of(p, "google_pubsub_subscription") {
		if kept := seconds(r.String("message_retention_duration")); kept < 600 || kept > 31*24*3600 {
			t.Errorf("%s keeps messages %d s", r.String("name"), kept)
		}
		if store := r.In("cloud_storage_config"); store.Args != nil &&
			(seconds(store.String("max_duration")) < 60 || seconds(store.String("max_duration")) > 600) {
			t.Errorf("%s writes each %s", r.String("name"), store.String("max_duration"))
		}
		if r.In("push_config").Args == nil {
			continue
		}
		retry := r.In("retry_policy")
		if low, high := seconds(retry.String("minimum_backoff")),
			seconds(retry.String("maximum_backoff")); low < 1 || high > 600 || low >= high {
			t.Errorf("%s comes again after %d to %d s", r.String("name"), low, high)
		}
	}
}

// Without operators, what is not public is reached from inside the project alone.
func TestIngress(t *testing.T) {
	t.Parallel()
	variables := everything()
	with := plan(t, variables)
	delete(variables, "operators")
	without := plan(t, variables)
	for _, name := range functionNames(t) {
		want := "ALLOW_INTERNAL_ONLY"
		if slices.Contains(public, name) {
			want = "ALLOW_ALL"
		}
		if got := one(t, without, "google_cloudfunctions2_function",
			deployed(name)).In("service_config").String("ingress_settings"); got != want {
			t.Errorf("%s lets in %s, want %s", name, got, want)
		}
		if got := one(t, with, "google_cloudfunctions2_function",
			deployed(name)).In("service_config").String("ingress_settings"); got != "ALLOW_ALL" {
			t.Errorf("operators reach %s by %s", name, got)
		}
	}
}
