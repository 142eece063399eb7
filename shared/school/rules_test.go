package school

import (
	"encoding/json"
	"testing"
	"time"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		value       Number
		significant int
	}{
		"15,5": {15.5, 0}, "15.50": {15.5, 0}, "20": {20, 0}, "0": {0, 0}, "7\n": {7, 0},
		"|1": {-1, 1}, "|8": {-1, 8}, "|1|2": {-1, 1}, "|": {-1, -1}, "|x": {-1, -1}, "|0": {-1, -1},
		"": {-1, -1}, "??": {-1, -1}, "*": {-1, -1}, "Abs": {-1, -1}, "NaN": {-1, -1}, "Inf": {-1, -1}, "1,2,3": {-1, -1},
	} {
		value, significant := ParseMark(text)
		if value != want.value || significant != want.significant {
			t.Errorf("%q: %v, %d, want %v", text, value, significant, want)
		}
	}
}

func TestNumbersInJSON(t *testing.T) {
	t.Parallel()
	for n, want := range map[Number]string{15: "15", 15.5: "15.5", None: "-1", 0: "0", 13.33: "13.33"} {
		if got, err := json.Marshal(n); err != nil || string(got) != want {
			t.Errorf("%v: %s, %v", n, got, err)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for markup, want := range map[string]string{
		"<div>Lire p.&nbsp;12 &amp; 13</div>": "Lire p.\u00a012 & 13",
		"<p>un</p><p>deux<br/>trois</p>":      "un\ndeux\ntrois",
		"a &lt;b&gt;":                         "a <b>",
		"":                                    "",
		"<script>x</script>":                  "x",
		"<a href=\"https://example.org\">lien</a> é": "lien é",
	} {
		if got := Text(markup); got != want {
			t.Errorf("%q: %q, want %q", markup, got, want)
		}
	}
}

// year is one of a school with trimesters, with what lies beside them.
var year = Periods{Default: "2", All: []Period{
	{ID: "0", Name: "Année continue", Start: "2026-09-01", End: "2027-07-04"},
	{ID: "1", Name: "Trimestre 1", Start: "2026-09-01", End: "2026-11-30"},
	{ID: "2", Name: "Trimestre 2", Start: "2026-12-01", End: "2027-03-01"},
	{ID: "3", Name: "Trimestre 3", Start: "2027-03-08", End: "2027-07-04"},
	{ID: "4", Name: "Hors période", Start: "2026-09-01", End: "2027-07-04"},
}}

// TestCurrentPeriod: on every day there is one, in holidays and before the year too.
func TestCurrentPeriod(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]string{
		"2026-09-01": "1", "2026-11-30": "1", "2026-12-01": "2", "2027-03-01": "2", "2027-03-05": "2", "2027-03-08": "3",
		"2027-08-01": "3", "2026-08-15": "1",
	} {
		today, err := ParseDay(day)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := year.Current(today); !ok || p.ID != want {
			t.Errorf("%s: %+v, want %s", day, p, want)
		}
	}
	odd := year
	odd.Default = "4"
	if p, ok := odd.Current(Date{time.Date(2026, 12, 5, 0, 0, 0, 0, time.UTC)}); !ok || p.ID != "4" {
		t.Errorf("a period of another kind: %+v", p)
	}
	if like := year.Like(year.All[2]); len(like) != 3 {
		t.Errorf("trimesters: %+v", like)
	}
	if like := year.Like(year.All[4]); len(like) != 1 {
		t.Errorf("others: %+v", like)
	}
	if _, ok := (Periods{}).Current(Date{}); ok {
		t.Error("a period of no year")
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	var d Date
	if data, err := json.Marshal(d); err != nil || string(data) != "null" {
		t.Errorf("%s, %v", data, err)
	}
	if err := json.Unmarshal([]byte(`"2026-11-30 08:05"`), &d); err != nil || d.Minute() != 5 {
		t.Errorf("%v, %v", d, err)
	}
	data, err := json.Marshal(d)
	if err != nil || string(data) != `"2026-11-30 08:05"` {
		t.Errorf("%s, %v", data, err)
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	if got := DayOf(time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC), paris); got.Format(time.DateOnly) != "2026-12-01" {
		t.Error(got)
	}
}

// TestSettings: what is left out, and what cannot be.
func TestSettings(t *testing.T) {
	t.Parallel()
	s := Settings{}
	if err := s.Validate(); err != nil || s.Limits.LoginsPerDay != 24 || s.Idle() != 25*time.Minute ||
		len(s.AllowedHosts) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []Settings{
		{TimeZone: "Nowhere"},
		{Key: "short"},
		{AllowedHosts: []string{"a/b"}},
		{AllowedHosts: []string{"ftp://x"}},
		{AllowedHosts: []string{"["}},
		{AllowedHosts: []string{""}},
	} {
		if err := bad.Validate(); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
