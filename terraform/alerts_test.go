package terraform_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// An alert that waits for a line, or for its absence, names a line that the function writes.
func TestAlertsKnowTheLog(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	for _, r := range of(p, "google_logging_metric") {
		_, rest, _ := strings.Cut(r.String("filter"), `service_name="`)
		function, rest, _ := strings.Cut(rest, `"`)
		_, rest, _ = strings.Cut(rest, `message="`)
		message, _, _ := strings.Cut(rest, `"`)
		_, name, _ := strings.Cut(function, "-")
		if !writes(t, filepath.Join(root, "functions", strings.Replace(name, "-", string(filepath.Separator), 1)),
			message) {
			t.Errorf("%s waits for %q, which %s does not log", r.Address, message, name)
		}
	}
	if got := len(of(p, "google_logging_metric")); got != 11 {
		t.Errorf("%d metrics; an office has four, the other bridges one each", got)
	}
}

// writes reports whether a package has a text.
func writes(t *testing.T, dir, text string) bool {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	return slices.ContainsFunc(files, func(file string) bool {
		data, err := os.ReadFile(file)
		return err == nil && !strings.HasSuffix(file, "_test.go") && strings.Contains(string(data), strconv.Quote(text))
	})
}

func seconds(t *testing.T, duration string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSuffix(duration, "s"))
	if err != nil {
		t.Errorf("%q is not a duration in seconds", duration)
	}
	return n
}

// conditions are what an alert waits for, and the kind of each.
func conditions(r tfplan.Resource) map[string]tfplan.Block {
	found := map[string]tfplan.Block{}
	for _, condition := range r.Blocks["conditions"] {
		for kind := range condition.Blocks {
			found[kind] = condition.In(kind)
		}
	}
	return found
}

// metricOf is the metric that a condition's filter names.
func metricOf(condition tfplan.Block) string {
	_, rest, _ := strings.Cut(condition.String("filter"), `metric.type="`)
	metric, _, _ := strings.Cut(rest, `"`)
	return metric
}

// An alert's filter names a metric of ours that is there, or one of Google's.
func TestAlertsKnowTheirMetric(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	alerts := map[string]int{}
	for _, r := range of(p, "google_monitoring_alert_policy") {
		metrics := map[string]bool{}
		for _, condition := range conditions(r) {
			metrics[metricOf(condition)] = true
		}
		if len(metrics) != 1 {
			t.Errorf("%s waits for %v", r.Address, metrics)
		}
		for metric := range metrics {
			alerts[metric]++
		}
	}
	want := map[string]int{
		"pubsub.googleapis.com/subscription/dead_letter_message_count": 6, "run.googleapis.com/request_count": 6,
	}
	for _, r := range of(p, "google_logging_metric") {
		want["logging.googleapis.com/user/"+r.String("name")] = 1
	}
	for metric, n := range alerts {
		if n != want[metric] {
			t.Errorf("%s has %d alerts, want %d", metric, n, want[metric])
		}
	}
	if len(alerts) != len(want) {
		t.Errorf("alerts wait for %d metrics, want %d", len(alerts), len(want))
	}
}

// Every alert reaches somebody, also by a channel that was there before.
func TestAlertsReachSomebody(t *testing.T) {
	t.Parallel()
	variables := everything()
	variables["alert_channels"] = cty.TupleVal([]cty.Value{cty.StringVal("projects/office-123/notificationChannels/7")})
	p := plan(t, variables)
	for _, r := range of(p, "google_monitoring_alert_policy") {
		if v, ok := r.Args["notification_channels"]; !ok || v.LengthInt() != 2 {
			t.Errorf("%s does not go to both channels", r.Address)
		}
	}
	if channels := of(p, "google_monitoring_notification_channel"); len(channels) != 1 ||
		channels[0].Strings("labels")["email_address"] != "office@example.com" {
		t.Error("nobody gets the alerts")
	}
}

// Silence is reported when counting stops and when zeros are counted, each day until Google closes the incident, which
// it does after a week at the latest.
func TestSilenceIsReportedDaily(t *testing.T) {
	t.Parallel()
	silent := 0
	for _, r := range of(plan(t, everything()), "google_monitoring_alert_policy") {
		all := conditions(r)
		absent, waits := all["condition_absent"]
		if !waits {
			continue
		}
		silent++
		// Absence is reported after two minutes at the earliest and 23.5 hours at the latest; a window has 25 hours at
		// most.
		if wait := seconds(t, absent.String("duration")); wait < 120 || wait > 84600 {
			t.Errorf("%s waits %d s", r.Address, wait)
		}
		zeros := all["condition_threshold"]
		if zeros.String("comparison") != "COMPARISON_LT" || zeros.Int("threshold_value") != 1 ||
			zeros.String("evaluation_missing_data") != "EVALUATION_MISSING_DATA_ACTIVE" ||
			seconds(t, zeros.String("duration")) < 60 ||
			zeros.In("aggregations").String("alignment_period") != absent.String("duration") {
			t.Errorf("%s does not see zeros: %v", r.Address, zeros.Args)
		}
		strategy := r.In("alert_strategy")
		if strategy.String("auto_close") != "604800s" ||
			strategy.In("notification_channel_strategy").String("renotify_interval") != "86400s" {
			t.Errorf("%s is reported once, or closed early", r.Address)
		}
	}
	// An office has three, the other bridges one each.
	if silent != 9 {
		t.Errorf("%d alerts wait for silence", silent)
	}
}

// Google, displays, phones and people call these functions: no queue repeats their calls, and no dead letter reports
// them.
func TestFailingPublicFunctionsAreReported(t *testing.T) {
	t.Parallel()
	p := plan(t, everything())
	watched := []string{}
	for _, r := range of(p, "google_monitoring_alert_policy") {
		condition := conditions(r)["condition_threshold"]
		if metricOf(condition) != "run.googleapis.com/request_count" {
			continue
		}
		filter := condition.String("filter")
		if !strings.Contains(filter, `metric.labels.response_code_class="5xx"`) ||
			condition.String("comparison") != "COMPARISON_GT" {
			t.Errorf("%s waits for %s", r.Address, filter)
		}
		_, list, _ := strings.Cut(filter, "one_of(")
		for name := range strings.SplitSeq(strings.TrimSuffix(list, ")"), ", ") {
			watched = append(watched, strings.Trim(name, `"`))
		}
	}
	want := append(make([]string, 0, 8), "annex-rooms-webhook", "annex-rooms-meetings")
	for _, name := range public {
		want = append(want, deployed(name))
	}
	slices.Sort(want)
	slices.Sort(watched)
	if !slices.Equal(watched, want) {
		t.Errorf("watched are %v, want %v", watched, want)
	}
}
