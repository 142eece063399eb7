package terraform_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// Nothing of people's is public, and only Google's copies of the sources go with the bucket that they are in.
func TestBuckets(t *testing.T) {
	t.Parallel()
	buckets := of(plan(t, everything()), "google_storage_bucket")
	for _, r := range buckets {
		if r.String("public_access_prevention") != "enforced" || !r.Bool("uniform_bucket_level_access") ||
			!r.In("versioning").Bool("enabled") {
			t.Errorf("%s may become public, or keeps no versions", r.Address)
		}
		source := strings.HasSuffix(r.String("name"), "-carillon-source")
		if r.Bool("force_destroy") != source {
			t.Errorf("%s goes with all that is in it when it is taken out", r.Address)
		}
		if r.Lifecycle.PreventDestroy == source {
			t.Errorf("another region or short name may replace %s: %v", r.Address, r.Lifecycle.PreventDestroy)
		}
	}
	if len(buckets) != 16 {
		t.Errorf("%d buckets", len(buckets))
	}
}

// What was deleted or overwritten can be had back for some days and is then gone for good; of what is current only dead
// letters end.
func TestHowLongDocumentsAreKept(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	days := map[string]int{"config": 90, "source": 90, "files": 30, "watch": 7, "state": 7}
	for _, r := range of(p, "google_storage_bucket") {
		name := r.String("name")
		want := days[name[strings.LastIndex(name, "-")+1:]]
		switch {
		case strings.HasSuffix(name, "-exports-state"):
			want = 30
		case strings.HasSuffix(name, "-school-state"): // sessions that have ended
			want = 1
		}
		var old, dead int
		for _, rule := range r.Blocks["lifecycle_rule"] {
			switch condition := rule.In("condition"); {
			case rule.In("action").String("type") != "Delete":
				t.Errorf("%s: a rule does %s", name, rule.In("action").String("type"))
			case len(condition.Args) == 1 && condition.Int("days_since_noncurrent_time") > 0:
				old = condition.Int("days_since_noncurrent_time")
			case len(condition.Args) == 2 && onlyDead(condition):
				dead = condition.Int("age")
			default:
				t.Errorf("%s deletes what is current: %v", name, condition.Args)
			}
		}
		if old != want {
			t.Errorf("%s keeps what was overwritten for %d days, want %d", name, old, want)
		}
		if state := strings.HasSuffix(name, "-state"); state && dead != 31 || !state && dead != 0 {
			t.Errorf("%s deletes dead letters after %d days", name, dead)
		}
		if got := r.In("soft_delete_policy").Int("retention_duration_seconds"); got != 0 {
			t.Errorf("%s keeps what was deleted for another %d s", name, got)
		}
	}
}

// onlyDead reports whether a condition holds for dead letters alone, of whatever age.
func onlyDead(condition tfplan.Block) bool {
	prefixes := condition.Args["matches_prefix"]
	return condition.Int("age") > 0 && !prefixes.IsNull() && prefixes.LengthInt() == 1 &&
		prefixes.AsValueSlice()[0].AsString() == "dead/"
}

// A secret, a right and a zip go after the functions that use them have changed, and come before: a build takes
// minutes, and meanwhile instances of the code before start.
func TestWhatFunctionsUseGoesLast(t *testing.T) {
	t.Parallel()
	used := []string{
		"google_secret_manager_secret_iam_member.run", "google_storage_bucket_iam_member.run",
		"google_pubsub_topic_iam_member.publish",
		"google_secret_manager_secret.this", "google_storage_bucket_object.source",
	}
	rights := used[:3]
	seen := map[string]int{}
	for _, r := range plan(t, everything()).Resources {
		name, _, _ := strings.Cut(r.Address[strings.LastIndex(r.Address, r.Type+"."):], "[")
		if slices.Contains(used, name) {
			seen[name]++
			if !r.Lifecycle.CreateBeforeDestroy {
				t.Errorf("%s is destroyed before the function that uses it has changed", r.Address)
			}
		}
		if r.Type == "google_cloudfunctions2_function" && !slices.Equal(r.DependsOn, rights) {
			t.Errorf("%s changes after %v, want %v", r.Address, r.DependsOn, rights)
		}
	}
	if len(seen) != len(used) {
		t.Errorf("only %v were looked at", seen)
	}
}

// A service, subscription or topic that is replaced loses the rights on it, whose arguments stay the same.
func TestRightsFollowWhatIsReplaced(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"google_cloud_run_v2_service_iam_member": "google_cloudfunctions2_function.this.id",
		"google_pubsub_subscription_iam_member":  "google_pubsub_subscription.push.id",
	}
	for _, r := range plan(t, everything()).Resources {
		trigger, ok := want[r.Type]
		if strings.Contains(r.Address, "dead_letters[") && r.Type == "google_pubsub_topic_iam_member" {
			trigger, ok = "google_pubsub_topic.dead.id", true
		}
		if ok && !slices.Equal(r.Lifecycle.ReplaceTriggeredBy, []string{trigger}) {
			t.Errorf("%s is made anew with %v, want %s", r.Address, r.Lifecycle.ReplaceTriggeredBy, trigger)
		}
	}
}

// Titles and names rest in the installation's region.
func TestMessagesRestInTheRegion(t *testing.T) {
	t.Parallel()
	topics := of(plan(t, everything()), "google_pubsub_topic")
	for _, r := range topics {
		regions := r.In("message_storage_policy").Args["allowed_persistence_regions"]
		if regions.IsNull() || regions.LengthInt() != 1 || regions.AsValueSlice()[0].AsString() != "europe-west1" {
			t.Errorf("messages of %s may rest anywhere", r.String("name"))
		}
	}
	if len(topics) != 21 {
		t.Errorf("%d topics", len(topics))
	}
}

// A feed's key is in its address, and so is a token of the school's API.
func TestAddressesWithSecretsAreNotLogged(t *testing.T) {
	t.Parallel()
	filters := map[string]bool{}
	for _, r := range of(plan(t, everything()), "google_logging_project_exclusion") {
		filters[r.String("filter")] = true
	}
	for service, secret := range map[string]string{"main-campus-feed": "key=", "main-school-api": "token="} {
		want := `resource.type="cloud_run_revision" AND resource.labels.service_name="` + service +
			`" AND httpRequest.requestUrl:"` + secret + `"`
		if !filters[want] || len(filters) != 2 {
			t.Errorf("exclusions: %v, want %s", filters, want)
		}
	}
}
