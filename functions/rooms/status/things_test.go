package status_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestThingThatWasMadeAnew: a person deletes a Thing and makes another one of its name. The next value finds the old
// one gone, and the new one is looked up at once, not when the list of Things is old.
func TestThingThatWasMadeAnew(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now.Add(-2*time.Second), "A"))
	before, _ := f.snapshot()
	f.removeThing(before.Thing.ID)
	if err := f.arduino.AddThing("blue", "Europe/Paris", seedVariables...); err != nil {
		t.Fatal(err)
	}
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "B"))
	for _, m := range f.sent.take(rooms.TopicDue) {
		if code := post(
			t.Context(),
			h,
			m.Attributes["kind"],
			rooms.RoomMessage{RoomName: "blue"},
		); code != http.StatusNoContent {
			t.Errorf("answered %d", code)
		}
	}
	if after, _ := f.snapshot(); after.Thing.ID == before.Thing.ID || after.Fault != nil {
		t.Errorf("the Thing is %s as before, fault %+v", after.Thing.ID, after.Fault)
	}
	f.shows("B")
}

// TestChangedAccountIsUsed: when a person corrects the account in the settings, a running instance uses the new one.
func TestChangedAccountIsUsed(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string][2]string{"secret": {`"secret"`, `"mistyped"`}, "id": {`"id"`, `"mistyped"`}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			db, err := machine.Open(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			bucket := db.Bucket("config")
			gen, err := bucket.Put(
				t.Context(),
				rooms.SettingsFile,
				0,
				[]byte(strings.Replace(settingsJSON, wrong[0], wrong[1], 1)),
				nil,
			)
			if err != nil {
				t.Fatal(err)
			}
			if f.settings, err = rooms.LoadSettings(bucket); err != nil {
				t.Fatal(err)
			}
			h := f.instance(f.url)
			post(t.Context(), h, "", f.facts(f.now.Add(-2*time.Second), "A"))
			if s, _ := f.snapshot(); s.Fault == nil || s.Fault.Code != "account_refused" {
				t.Fatalf("fault = %+v, want a refused account", s.Fault)
			}
			if _, err := bucket.Put(t.Context(), rooms.SettingsFile, gen, []byte(settingsJSON), nil); err != nil {
				t.Fatal(err)
			}
			if _, err := f.settings.Fresh(t.Context()); err != nil { // as when the settings are read again
				t.Fatal(err)
			}
			if code := post(
				t.Context(),
				h,
				rooms.KindDue,
				rooms.RoomMessage{RoomName: "blue"},
			); code != http.StatusNoContent {
				t.Errorf("answered %d", code)
			}
			f.shows("A")
		})
	}
}
