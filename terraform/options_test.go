package terraform_test

import (
	"archive/zip"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

var update = flag.Bool("update", false, "write time_zones.txt")

const timeZones = "modules/carillon/time_zones.txt"

// What Google refuses after everything was built is refused when Terraform plans, with a sentence that names it.
func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	text := cty.StringVal
	list := func(one string) cty.Value { return cty.TupleVal([]cty.Value{text(one)}) }
	one := func(name string, args map[string]cty.Value) cty.Value {
		if args["time_zone"] == cty.NilVal {
			args["time_zone"] = text("Europe/Paris")
		}
		return cty.ObjectVal(map[string]cty.Value{name: cty.ObjectVal(args)})
	}
	type wrong struct {
		variable string
		value    cty.Value
		want     string
	}
	tests := append(make([]wrong, 0, 64), []wrong{
		{"project", text("Office"), "project is not the ID of a project"},
		{"region", text("Paris"), "region is not the name of a region"},
		{"alert_email", text("office"), "alert_email is not an e-mail address"},
		{"alert_channels", list("Slack"), "not the ID of a notification channel"},
		{"operators", list("lea@example.com"), "user:lea@example.com"},
		{"kms_key", text("key"), "kms_key is not the name of a key"},
		{"log_days", cty.NumberIntVal(0), "log_days is not between"},
		{"rooms", one("main", map[string]cty.Value{"secrets": list("webhook-key")}), "webhook-key is there by itself"},
		{"exports", one("main", map[string]cty.Value{"transfer_secrets": list("Mail")}), "The name of a secret in exports"},
		{
			"exports", one("main", map[string]cty.Value{"secrets": list("mail"), "transfer_secrets": list("mail")}),
			"A secret in exports is named twice",
		},
	}...)
	for _, bridge := range []string{"rooms", "campus", "exports", "stays", "school"} {
		for _, name := range []string{"headoffice", "Main", "1st", "a-b", "google"} {
			tests = append(tests, wrong{
				bridge, one(name, map[string]cty.Value{}),
				"is one to eight small letters and digits",
			})
		}
		for _, zone := range []string{"Europe/Pariss", "europe/paris", "CEST", ""} {
			tests = append(tests, wrong{
				bridge, one("main", map[string]cty.Value{"time_zone": text(zone)}),
				"has a time zone that is not known: " + zone + ".",
			})
		}
		twice := cty.TupleVal([]cty.Value{text("password"), text("password")})
		tests = append(tests, wrong{
			bridge, one("main", map[string]cty.Value{"secrets": twice}), "A secret in " + bridge + " is named twice",
		})
		for _, secret := range []string{"Arduino", "a b", "1st", strings.Repeat("a", 41)} {
			tests = append(tests, wrong{
				bridge, one("main", map[string]cty.Value{"secrets": list(secret)}), "The name of a secret in " + bridge,
			})
		}
	}
	for _, tt := range tests {
		variables := everything()
		variables[tt.variable] = tt.value
		if _, err := tfplan.Load(".", variables, files(t)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s = %#v: %v, want %q", tt.variable, tt.value, err, tt.want)
		}
	}
}

// time_zones.txt has what functions know, whose tables are Go's.
func TestTimeZonesAreThoseOfTheFunctions(t *testing.T) {
	t.Parallel()
	goroot, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer tables.Close()
	names := []string{}
	for _, file := range tables.File {
		if !strings.HasSuffix(file.Name, "/") && file.Name != "Factory" {
			names = append(names, file.Name)
		}
	}
	slices.Sort(names)
	if *update {
		if err := os.WriteFile(timeZones, []byte(strings.Join(names, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(timeZones)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if _, err := time.LoadLocation(strings.TrimSpace(line)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range names {
		if !strings.Contains("\n"+string(data), "\n"+name+"\n") {
			t.Errorf("%s is not in time_zones.txt; write it with: go test ./terraform -update", name)
		}
	}
}

// Before `make stage` a plan says what to do, where there is something to deploy.
func TestUnstagedFunctionsAreReported(t *testing.T) {
	t.Parallel()
	staged := files(t)
	manifest := func(data string, err error) func(string) ([]byte, error) {
		return func(name string) ([]byte, error) {
			if strings.HasSuffix(name, "functions.json") {
				return []byte(data), err
			}
			return staged(name)
		}
	}
	_, err := tfplan.Load(".", everything(), manifest("", fs.ErrNotExist))
	if err == nil || !strings.Contains(err.Error(), "The functions are not staged: run `make stage`") {
		t.Errorf("without a manifest: %v", err)
	}
	_, err = tfplan.Load(".", everything(),
		manifest(`{"rooms-webhook":{"file":"a.zip","entry_point":"RoomsWebhook"}}`, nil))
	if err == nil || !strings.Contains(err.Error(), "rooms-watch is not staged: run `make stage`") {
		t.Errorf("with a manifest of an older release: %v", err)
	}
	variables := map[string]cty.Value{"project": cty.StringVal(project)}
	for _, bridge := range []string{"rooms", "campus", "exports", "stays", "school"} {
		part := map[string]cty.Value{"running": cty.False, "time_zone": cty.StringVal("Europe/Paris")}
		for _, running := range []cty.Value{cty.True, cty.False} {
			part["running"] = running
			variables[bridge] = cty.ObjectVal(map[string]cty.Value{"main": cty.ObjectVal(part)})
			_, err := tfplan.Load(".", variables, manifest("", fs.ErrNotExist))
			if running.True() == (err == nil || !strings.Contains(err.Error(), "The functions are not staged")) {
				t.Errorf("%s, running %v: %v", bridge, running.True(), err)
			}
		}
		delete(variables, bridge)
	}
	if _, err := tfplan.Load(".", variables, manifest("", fs.ErrNotExist)); err != nil {
		t.Errorf("with nothing to deploy: %v", err)
	}
	if _, err := tfplan.Load(".", variables, manifest("", errors.ErrUnsupported)); err == nil {
		t.Error("a manifest that cannot be read is none")
	}
}

// Jobs are where Cloud Scheduler is, which not every region of functions has.
func TestAnotherRegion(t *testing.T) {
	t.Parallel()
	variables := everything()
	variables["region"] = cty.StringVal("europe-west9")
	p := plan(t, variables)
	for _, r := range of(p, "google_cloud_scheduler_job") {
		if r.String("region") != "europe-west1" {
			t.Errorf("%s is in %s", r.String("name"), r.String("region"))
		}
	}
	for _, r := range p.Resources {
		if location := r.String("location"); location != "" && location != "europe-west9" {
			t.Errorf("%s is in %s", r.Address, location)
		}
	}
}

// An organisation that forbids rights for allUsers has none; who calls the other functions stays.
func TestWithoutRightsForEverybody(t *testing.T) {
	t.Parallel()
	variables := everything()
	before := len(of(plan(t, variables), "google_cloud_run_v2_service_iam_member"))
	variables["all_users"] = cty.False
	after := of(plan(t, variables), "google_cloud_run_v2_service_iam_member")
	for _, r := range after {
		if r.String("member") == "allUsers" {
			t.Errorf("%s is open to everybody", r.String("name"))
		}
	}
	if opened := len(public) + 2; len(after) != before-opened {
		t.Errorf("%d rights without allUsers, %d with", len(after), before)
	}
}

const key = "projects/keys/locations/europe-west1/keyRings/carillon/cryptoKeys/main"

// withOptions is everything with all that is off unless it is asked for.
func withOptions() map[string]cty.Value {
	variables := everything()
	variables["kms_key"] = cty.StringVal(key)
	variables["log_days"] = cty.NumberIntVal(60)
	variables["budget"] = cty.ObjectVal(map[string]cty.Value{
		"billing_account": cty.StringVal("000000-000000-000000"), "amount": cty.NumberIntVal(20),
	})
	return variables
}

// With a key of one's own all that holds data, sources or images is encrypted with it.
func TestKey(t *testing.T) {
	t.Parallel()
	got := map[string]int{}
	p := plan(t, withOptions())
	for _, r := range p.Resources {
		used := r.String("kms_key_name") + r.In("encryption").String("default_kms_key_name") +
			r.In("replication").In("user_managed").In("replicas").In("customer_managed_encryption").String("kms_key_name")
		if used == key {
			got[r.Type]++
		}
	}
	for _, kind := range []string{
		"google_storage_bucket", "google_pubsub_topic", "google_secret_manager_secret",
		"google_artifact_registry_repository",
		"google_cloudfunctions2_function",
	} {
		if want := len(of(p, kind)); got[kind] != want || want == 0 {
			t.Errorf("%d of %d %s use the key", got[kind], want, kind)
		}
	}
}

// A budget tells the e-mail address, logs are kept as long as asked, and bills tell bridges apart; none of the first
// two is there unasked.
func TestBudgetLogsAndLabels(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	if n := len(of(p, "google_billing_budget")) + len(of(p, "google_logging_project_bucket_config")); n != 0 {
		t.Errorf("%d were not asked for", n)
	}
	labels := one(t, p, "google_cloudfunctions2_function", "annex-rooms-webhook").Strings("labels")
	if labels["installation"] != "annex" || labels["bridge"] != "rooms" {
		t.Errorf("labels = %v", labels)
	}
	p = plan(t, withOptions())
	logs, budgets := of(p, "google_logging_project_bucket_config"), of(p, "google_billing_budget")
	if len(logs) != 1 || logs[0].Int("retention_days") != 60 || logs[0].String("bucket_id") != "_Default" {
		t.Errorf("logs: %v", logs)
	}
	if len(budgets) != 1 || budgets[0].In("amount").In("specified_amount").String("units") != "20" ||
		len(budgets[0].Blocks["threshold_rules"]) != 3 ||
		budgets[0].In("budget_filter").Args["projects"].AsValueSlice()[0].AsString() != "projects/1234567890" ||
		budgets[0].In("all_updates_rule").Args["monitoring_notification_channels"].LengthInt() != 1 {
		t.Errorf("budgets: %v", budgets)
	}
	if !slices.ContainsFunc(of(p, "google_project_service"),
		func(r tfplan.Resource) bool { return r.String("service") == "billingbudgets.googleapis.com" }) {
		t.Error("the service of budgets is not enabled")
	}
}
