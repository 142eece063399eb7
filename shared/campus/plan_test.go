package campus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestDuplicatesAreDeleted: an event that shows a class a second time goes, unless it has begun: what is past stays as
// it is.
func TestDuplicatesAreDeleted(t *testing.T) {
	t.Parallel()
	step := october()
	target := campus.Target{CalendarID: "calendar", Zone: paris}
	class := campus.Class{
		ID:     "wigor-1",
		Course: 1,
		Title:  "Anglais",
		Start:  step.Now.Add(10 * time.Hour),
		End:    step.Now.Add(12 * time.Hour),
	}
	created := target.Plan(step, []campus.Class{class}, nil, nil, false).Actions
	if len(created) != 1 || created[0].Kind != campus.Create {
		t.Fatalf("actions = %+v, want a creation", created)
	}
	shown := created[0].Event
	shown.ID = "first"
	twin := shown
	twin.ID = "second"
	stranger := twin
	stranger.ID, stranger.Reference = "stranger", "somebody's own"
	elsewhere := twin
	elsewhere.ID, elsewhere.CalendarID = "elsewhere", "another calendar"
	sent := map[string]campus.Sent{class.ID: created[0].Written(shown)}
	for name, tt := range map[string]struct {
		now    time.Time
		listed []campus.Event
		want   []string // events to delete
	}{
		"once":                {step.Now, []campus.Event{shown}, nil},
		"twice":               {step.Now, []campus.Event{shown, twin}, []string{"second"}},
		"twice_the_other_way": {step.Now, []campus.Event{twin, shown}, []string{"second"}},
		"of_somebody":         {step.Now, []campus.Event{shown, stranger}, nil},
		"of_another_calendar": {step.Now, []campus.Event{shown, elsewhere}, nil},
		"just_before":         {class.Start.Add(-time.Second), []campus.Event{shown, twin}, []string{"second"}},
		"begun":               {class.Start, []campus.Event{shown, twin}, nil},
		"over":                {class.End.Add(time.Hour), []campus.Event{shown, twin}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := step
			at.Now = tt.now
			actions := target.Plan(at, []campus.Class{class}, sent, tt.listed, false).Actions
			got := make([]string, 0, len(actions))
			for _, a := range actions {
				if a.Kind != campus.Delete {
					t.Errorf("%s %s", a.Kind, a.EventID)
				}
				got = append(got, a.EventID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("deleted %v, want %v", got, tt.want)
			}
		})
	}
}
