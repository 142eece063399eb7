package terraform_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// What each function may do with buckets, by the last part of their names: no more than it does, by its package
// comment. After a colon is the one document that a role is for.
var rights = map[string]map[string]string{
	"rooms/webhook":    {"rooms-config": "objectViewer", "rooms-watch": "objectViewer"},
	"rooms/watch":      {"rooms-config": "objectViewer", "rooms-watch": "objectUser"},
	"rooms/status":     {"rooms-config": "objectViewer", "rooms-state": "objectUser"},
	"rooms/refresh":    {"rooms-config": "objectViewer", "rooms-watch": "objectViewer", "rooms-state": "objectUser"},
	"rooms/meetings":   {"rooms-config": "objectViewer", "rooms-state": "objectUser"},
	"campus/sync":      {"campus-config": "objectViewer", "campus-state": "objectUser"},
	"campus/feed":      {"campus-state": "objectViewer"},
	"exports/transfer": {"exports-config": "objectViewer", "exports-state": "objectUser", "exports-files": "objectUser"},
	"exports/queries": {
		"exports-config": "objectViewer", "exports-state": "legacyBucketReader objectUser:exports/providers.json",
	},
	"stays/bookings":     {"stays-config": "objectViewer"},
	"stays/owners":       {"stays-config": "objectViewer"},
	"stays/feeds":        {"stays-config": "objectViewer"},
	"school/api":         {"school-config": "objectViewer", "school-state": "objectUser"},
	"stays/relay":        {"stays-config": "objectViewer"},
	"stays/reservations": {"stays-config": "objectViewer"},
}

func TestLeastRights(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, name := range functionNames(t) {
		account := "serviceAccount:" + deployed(name) + "@" + project + ".iam.gserviceaccount.com"
		roles := map[string][]string{}
		for _, r := range p.Resources {
			if r.String("member") != account {
				continue
			}
			switch r.Type {
			case "google_storage_bucket_iam_member":
				bucket := strings.TrimPrefix(r.String("bucket"), project+"-main-")
				roles[bucket] = append(roles[bucket], strings.TrimPrefix(r.String("role"), "roles/storage.")+document(t, r))
			case "google_project_iam_member": // TestInstance
				if r.String("role") != connects || !strings.HasPrefix(name, "stays/") {
					t.Errorf("%s has %s on the project", name, r.String("role"))
				}
			case "google_pubsub_topic_iam_member": // TestTopics
			case "google_secret_manager_secret_iam_member": // TestSecrets
			case "google_service_account_iam_member":
				if r.String("role") != "roles/iam.serviceAccountTokenCreator" ||
					!strings.HasSuffix(r.String("service_account_id"),
						"/main-rooms-calendar@"+project+".iam.gserviceaccount.com") {
					t.Errorf("%s: %s on %s", name, r.String("role"), r.String("service_account_id"))
				}
			default:
				t.Errorf("%s has %s by %s", name, r.String("role"), r.Address)
			}
		}
		got := map[string]string{}
		for bucket, list := range roles {
			slices.Sort(list)
			got[bucket] = strings.Join(list, " ")
		}
		if !maps.Equal(got, rights[name]) {
			t.Errorf("%s has %v on buckets, want %v", name, got, rights[name])
		}
	}
}

// document is a colon and the document that a right on a bucket is for, if it is for one.
func document(t *testing.T, r tfplan.Resource) string {
	t.Helper()
	expression := r.In("condition").String("expression")
	if expression == "" {
		return ""
	}
	name, ok := strings.CutPrefix(expression,
		`resource.name.startsWith("projects/_/buckets/`+r.String("bucket")+`/objects/`)
	if !ok || !strings.HasSuffix(name, `")`) {
		t.Errorf("%s holds where %s", r.Address, expression)
	}
	return ":" + strings.TrimSuffix(name, `")`)
}

// connects lets a function connect to a Cloud SQL instance.
const connects = "roles/cloudsql.client"

// TestInstance: with a Cloud SQL instance the ledger's functions may connect to it, by the connector alone; without one
// there is neither.
func TestInstance(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	instance := one(t, p, "google_sql_database_instance", "main-stays")
	settings := instance.In("settings")
	if settings.String("connector_enforcement") != "REQUIRED" || settings.String("tier") != "db-f1-micro" ||
		instance.String("database_version") != "POSTGRES_15" {
		t.Errorf("%+v", instance)
	}
	var may []string
	for _, r := range of(p, "google_project_iam_member") {
		if r.String("role") == connects {
			may = append(may, strings.TrimPrefix(strings.TrimSuffix(r.String("member"), "@"+project+
				".iam.gserviceaccount.com"), "serviceAccount:main-stays-"))
		}
	}
	slices.Sort(may)
	if !slices.Equal(may, []string{"bookings", "feeds", "owners", "relay", "reservations"}) {
		t.Errorf("%v may connect", may)
	}
	without := everything()
	without["stays"] = cty.ObjectVal(map[string]cty.Value{"main": cty.EmptyObjectVal})
	p = plan(t, without)
	if len(of(p, "google_sql_database_instance")) > 0 || len(of(p, "google_sql_database")) > 0 {
		t.Error("an instance that was not asked for")
	}
}

// Rights are on a bucket, topic, secret or function; on the project only build logs may be written, for which there is
// no smaller place, Cloud Functions' copies of the sources be read, whose bucket is not there yet, and one Cloud SQL
// instance be connected to, which has no rights of its own.
func TestNothingOnTheProject(t *testing.T) {
	t.Parallel()
	for _, r := range plan(t, everything()).Resources {
		copies := r.String("role") == "roles/storage.objectViewer" &&
			r.In("condition").String(
				"expression") == `resource.name.startsWith("projects/_/buckets/gcf-v2-sources-1234567890-europe-west1")`
		instance := r.String("role") == connects && strings.Contains(r.In("condition").String("expression"),
			`resource.name == "projects/`+project+`/instances/main-stays"`)
		if r.Type == "google_project_iam_member" && r.String("role") != "roles/logging.logWriter" && !copies && !instance {
			t.Errorf("%s gives %s on the whole project", r.Address, r.String("role"))
		}
		if strings.HasSuffix(r.Type, "_iam_binding") || strings.HasSuffix(r.Type, "_iam_policy") {
			t.Errorf("%s takes rights away that others gave", r.Address)
		}
		if role := r.String("role"); strings.HasSuffix(strings.ToLower(role), "admin") || role == "roles/owner" ||
			role == "roles/editor" {
			t.Errorf("%s gives %s", r.Address, role)
		}
	}
}

// Secrets are made empty; each function sees those that its settings file may name, and those of its environment.
func TestSecrets(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	made := make([]string, 0, 8)
	for _, r := range of(p, "google_secret_manager_secret") {
		made = append(made, r.String("secret_id"))
	}
	if got := of(p, "google_secret_manager_secret_version"); len(got) > 0 {
		t.Errorf("values of secrets are in Terraform's state: %s", got[0].Address)
	}
	want := map[string][]string{
		"rooms/webhook": {"main-rooms-webhook-key", "main-rooms-webhook-key-previous"},
		"rooms/watch":   {"main-rooms-webhook-key"},
		"rooms/status":  {"main-rooms-arduino"}, "rooms/meetings": {"main-rooms-arduino"},
		"campus/sync": {"main-campus-password"}, "exports/queries": {"main-exports-cegid", "main-exports-queries"},
		"exports/transfer": {"main-exports-cegid", "main-exports-mail", "main-exports-queries"},
		"school/api":       {"main-school-key"},
		"stays/bookings":   {"main-stays-database"}, "stays/relay": {
			"main-stays-database", "main-stays-key",
			"main-stays-mail",
		},
		"stays/owners": {"main-stays-database", "main-stays-key"}, "stays/feeds": {"main-stays-database"},
		"stays/reservations": {"main-stays-database", "main-stays-site"},
	}
	for _, name := range functionNames(t) {
		service := one(t, p, "google_cloudfunctions2_function", deployed(name)).In("service_config")
		paths := map[string]bool{}
		var shown []string
		for _, volume := range service.Blocks["secret_volumes"] {
			secret := volume.String("secret")
			shown = append(shown, secret)
			paths["file:"+volume.String("mount_path")+"/"+secret] = true
			if !slices.Contains(made, secret) {
				t.Errorf("%s is shown %s, which is not made", name, secret)
			}
			if !isMember(p, "google_secret_manager_secret_iam_member", "secret_id", secret,
				"roles/secretmanager.secretAccessor",
				"serviceAccount:"+service.String("service_account_email")) {
				t.Errorf("%s may not read %s", name, secret)
			}
		}
		slices.Sort(shown)
		if !slices.Equal(shown, want[name]) {
			t.Errorf("%s is shown %v, want %v", name, shown, want[name])
		}
		for key, value := range service.Strings("environment_variables") {
			if strings.HasPrefix(value, "file:") && !paths[value] {
				t.Errorf("%s: %s is %s, where no secret is shown", name, key, value)
			}
		}
	}
}

// The outputs are what a person copies: each secret's path is where its function finds it.
func TestOutputs(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	paths := map[string]bool{}
	for _, r := range of(p, "google_cloudfunctions2_function") {
		for _, volume := range r.In("service_config").Blocks["secret_volumes"] {
			paths["file:"+volume.String("mount_path")+"/"+volume.String("secret")] = true
		}
	}
	for name, path := range p.Outputs["secrets"].AsValueMap() {
		if !paths[path.AsString()] {
			t.Errorf("the secret %s is not at %s", name, path.AsString())
		}
	}
	want := map[string]string{
		"webhook_urls":      "https://main-rooms-webhook.example.run.app",
		"meetings_urls":     "https://main-rooms-meetings.example.run.app/meetings",
		"calendar_accounts": "main-rooms-calendar@" + project + ".iam.gserviceaccount.com",
		"feed_urls":         "https://main-campus-feed.example.run.app",
		"school_urls":       "https://main-school-api.example.run.app",
		"queries_urls":      "https://main-exports-queries.example.run.app",
		"exports_buckets":   project + "-main-exports-files",
		"stays_urls":        "https://main-stays-bookings.example.run.app",
		"owners_urls":       "https://main-stays-owners.example.run.app",
		"calendars_urls":    "https://main-stays-feeds.example.run.app",
	}
	for name, value := range want {
		if got := p.Outputs[name].AsValueMap()["main"].AsString(); got != value {
			t.Errorf("%s = %s, want %s", name, got, value)
		}
	}
}
