package terraform_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// replaces are the arguments and blocks of each type that must stay as they are: those whose change makes Google's
// provider replace the resource (ForceNew in its source; the schema that it prints does not say it), and some that tell
// resources apart.
var replaces = map[string][]string{
	"google_artifact_registry_repository": {"project", "location", "repository_id", "format", "kms_key_name"},
	"google_artifact_registry_repository_iam_member": {
		"project", "location", "repository", "role", "member",
		"condition",
	},
	"google_billing_budget":                   {"billing_account"},
	"google_cloud_run_v2_service_iam_member":  {"project", "location", "name", "role", "member", "condition"},
	"google_cloud_scheduler_job":              {"project", "region", "name"},
	"google_cloudfunctions2_function":         {"project", "location", "name", "kms_key_name"},
	"google_logging_metric":                   {"project", "name", "metric_descriptor"},
	"google_logging_project_bucket_config":    {"project", "location", "bucket_id"},
	"google_logging_project_exclusion":        {"project", "name"},
	"google_monitoring_alert_policy":          {"project", "display_name"}, // the name tells them apart
	"google_monitoring_notification_channel":  {"project", "type", "labels"},
	"google_project_iam_member":               {"project", "role", "member", "condition"},
	"google_project_service":                  {"project", "service"},
	"google_pubsub_subscription":              {"project", "name", "topic", "filter", "enable_message_ordering"},
	"google_pubsub_subscription_iam_member":   {"project", "subscription", "role", "member", "condition"},
	"google_pubsub_topic":                     {"project", "name", "kms_key_name"},
	"google_pubsub_topic_iam_member":          {"project", "topic", "role", "member", "condition"},
	"google_secret_manager_secret":            {"project", "secret_id", "replication"},
	"google_secret_manager_secret_iam_member": {"project", "secret_id", "role", "member", "condition"},
	"google_service_account":                  {"project", "account_id"},
	"google_service_account_iam_member":       {"service_account_id", "role", "member", "condition"},
	"google_storage_bucket":                   {"project", "name", "location"},
	"google_storage_bucket_iam_member":        {"bucket", "role", "member", "condition"},
	"google_storage_bucket_object":            {"bucket", "name", "source"},
	"terraform_data":                          {"triggers_replace"},
}

// identity are the arguments of a resource that must stay as they are, sorted, as in `name = "main-rooms-tick"`.
func identity(t *testing.T, r tfplan.Resource) []string {
	t.Helper()
	names, ok := replaces[r.Type]
	if !ok {
		t.Errorf("%s: replaces does not say which arguments replace a %s", r.Address, r.Type)
	}
	lines := arguments(t, "", r.Block)
	kept := slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, ".")
		return !slices.Contains(names, name)
	})
	slices.Sort(kept)
	return kept
}

// arguments are all arguments of a block that are set, and of the blocks in it.
func arguments(t *testing.T, prefix string, b tfplan.Block) (lines []string) {
	t.Helper()
	for name, value := range b.Args {
		if value.IsNull() {
			continue
		}
		data, err := ctyjson.Marshal(value, value.Type())
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, prefix+name+" = "+string(data))
	}
	for kind, list := range b.Blocks {
		for i, inner := range list {
			name := prefix + kind + "."
			if len(list) > 1 {
				name = fmt.Sprintf("%s%s.%d.", prefix, kind, i)
			}
			lines = append(lines, arguments(t, name, inner)...)
		}
	}
	return lines
}

// installed reads a list of an earlier release's resources: by address, the arguments that must stay.
func installed(t *testing.T, file string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found, address := map[string][]string{}, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			found[address] = append(found[address], strings.TrimSpace(line))
		default:
			address = line
			found[address] = nil
		}
	}
	return found
}

const beforeModule = "testdata/before_module.txt"

// An installation of an earlier release keeps everything: nothing is destroyed or replaced, and nothing is made again.
func TestEarlierInstallationsKeepEverything(t *testing.T) {
	t.Parallel()
	p := plan(t, withOptions())
	old := installed(t, beforeModule)
	if len(old) < 250 {
		t.Fatalf("%d resources were installed", len(old))
	}
	for _, fault := range faultsOfUpgrade(t, p, old) {
		t.Error(fault)
	}
}

// faultsOfUpgrade are what would be lost, and what is wrong with the moved blocks.
func faultsOfUpgrade(t *testing.T, p *tfplan.Plan, old map[string][]string) (faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	now := map[string]tfplan.Resource{}
	for _, r := range p.Resources {
		now[r.Address] = r
	}
	used := make([]bool, len(p.Moves))
	from := map[string]string{} // the old address, by the new one
	for _, address := range slices.Sorted(maps.Keys(old)) {
		moved, by := follow(p.Moves, address)
		for _, i := range by {
			used[i] = true
		}
		if first, twice := from[moved]; twice {
			fault("%s and %s both become %s", first, address, moved)
		}
		from[moved] = address
		r, ok := now[moved]
		if !ok {
			fault("%s is destroyed: there is no %s", address, moved)
			continue
		}
		if !strings.Contains(address, r.Type+".") {
			fault("%s becomes %s, which is of another type", address, moved)
		}
		if got := identity(t, r); !slices.Equal(got, old[address]) {
			fault("%s is replaced: it had %v, and %s has %v", address, old[address], moved, got)
		}
	}
	for i, move := range p.Moves {
		if !used[i] {
			fault("%s: nothing was ever at %s", move.Range, move.From)
		}
		for j, other := range p.Moves[:i] {
			if other.From == move.From || other.To == move.To {
				fault("%s: %s moves the same", move.Range, p.Moves[j].Range)
			}
		}
		for address := range now {
			if _, still := move.Apply(address); still {
				fault("%s: %s is still there, and so cannot have moved", move.Range, address)
			}
		}
	}
	return faults
}

// follow applies every moved block that is about an address, one after the other, and returns their indexes.
func follow(moves []tfplan.Move, address string) (moved string, by []int) {
	for range len(moves) + 1 {
		i := slices.IndexFunc(moves, func(move tfplan.Move) bool {
			_, ok := move.Apply(address)
			return ok
		})
		if i < 0 {
			return address, by
		}
		address, _ = moves[i].Apply(address)
		by = append(by, i)
	}
	return "a circle of moved blocks", by
}

// The check above notices what it is for.
func TestUpgradeCheckCanFail(t *testing.T) {
	t.Parallel()
	old := installed(t, beforeModule)
	without := func(from string) func(*tfplan.Plan) {
		return func(p *tfplan.Plan) {
			p.Moves = slices.DeleteFunc(p.Moves, func(move tfplan.Move) bool { return move.From == from })
		}
	}
	again := func(from, to string) func(*tfplan.Plan) {
		return func(p *tfplan.Plan) { p.Moves = append(p.Moves, tfplan.Move{From: from, To: to}) }
	}
	tests := map[string]struct {
		change func(*tfplan.Plan)
		want   string
	}{
		"no move of a resource": {
			without("google_storage_bucket.rooms_config"),
			`google_storage_bucket.rooms_config["main"] is destroyed`,
		},
		"no move of a module": {
			without("module.rooms_status"),
			`module.rooms_status["main"].google_cloudfunctions2_function.this is destroyed`,
		},
		"dangling": {
			again("google_pubsub_topic.room", "module.carillon.google_pubsub_topic.room"),
			"nothing was ever at google_pubsub_topic.room",
		},
		"twice":       {again("google_pubsub_topic.rooms", "module.carillon.google_pubsub_topic.other"), "moves the same"},
		"still there": {again("module.carillon.module.rooms", "module.carillon.module.offices"), "is still there"},
		"another name": {func(p *tfplan.Plan) {
			i := slices.IndexFunc(p.Resources, func(r tfplan.Resource) bool {
				return r.String("name") == project+"-main-campus-state"
			})
			p.Resources[i].Args["name"] = cty.StringVal("another")
		}, `google_storage_bucket.campus_state["main"] is replaced`},
		"one less": {func(p *tfplan.Plan) {
			p.Resources = slices.DeleteFunc(p.Resources, func(r tfplan.Resource) bool {
				return r.String("secret_id") == "main-rooms-arduino"
			})
		}, `google_secret_manager_secret.rooms["main-rooms-arduino"] is destroyed`},
	}
	for name, tt := range tests {
		p := plan(t, withOptions())
		tt.change(p)
		if faults := strings.Join(faultsOfUpgrade(t, p, old), "\n"); !strings.Contains(faults, tt.want) {
			t.Errorf("%s: want %q in:\n%s", name, tt.want, faults)
		}
	}
}
