package meetings_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestAnswerEndsWithTheNextChange: an answer that was written a moment before a meeting begins, or ends, is not given
// after that.
func TestAnswerEndsWithTheNextChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	start := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	end := start.Add(30 * time.Minute)
	f.keep(rooms.Snapshot{FetchedAt: f.now, Events: []calendar.Event{
		{
			ID:      "a",
			Summary: "Board",
			Start:   calendar.Date{DateTime: start.Format(time.RFC3339)},
			End:     calendar.Date{DateTime: end.Format(time.RFC3339)},
		},
	}})
	for _, step := range []struct {
		at   time.Time
		busy float64
	}{
		{start.Add(-100 * time.Millisecond), 0},
		{start, 1},
		{start.Add(100 * time.Millisecond), 1},
		{end.Add(-100 * time.Millisecond), 1},
		{end, 0},
		{end.Add(100 * time.Millisecond), 0},
	} {
		f.now = step.at
		if code, answer := f.call(
			http.MethodGet,
			getBlue,
			"",
		); code != http.StatusOK ||
			answer["busynow"] != step.busy {
			t.Errorf(
				"at %s: answered %d, busynow %v; want %v",
				step.at.Format("15:04:05.0"),
				code,
				answer["busynow"],
				step.busy,
			)
		}
	}
}

// TestUnchangedAnswer: a display that has the answer is told so, in whichever form it writes the ETag; another one is
// not.
func TestUnchangedAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.keep(rooms.Snapshot{FetchedAt: f.now})
	etag := f.etag()
	for header, want := range map[string]int{
		etag: http.StatusNotModified, "W/" + etag: http.StatusNotModified, `"x", ` + etag: http.StatusNotModified,
		"*":   http.StatusNotModified,
		`"x"`: http.StatusOK, "": http.StatusOK,
	} {
		if code, _ := f.call(http.MethodGet, getBlue, "", "If-None-Match", header); code != want {
			t.Errorf("If-None-Match %s was answered %d, want %d", header, code, want)
		}
	}
}

func (f *fixture) etag() string {
	f.t.Helper()
	w := f.answer(http.MethodGet, getBlue)
	if w.Header().Get("ETag") == "" {
		f.t.Fatalf("answered %d without an ETag", w.Code)
	}
	return w.Header().Get("ETag")
}
