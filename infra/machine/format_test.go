package machine

import (
	"context"
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// TestDataOfTheFirstRelease: what the first release has written is read, goes on, and is written to, by every later
// one.
func TestDataOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	statements, err := os.ReadFile(filepath.Join("testdata", "format1.sql"))
	if err != nil {
		t.Fatal(err)
	}
	old, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "carillon.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.ExecContext(t.Context(), string(statements)); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })

	state := db.Bucket("state")
	doc, err := state.Get(t.Context(), "rooms/blue.json")
	if err != nil || string(doc.Data) != `{"shown":"Réunion"}` || doc.Generation != 41 || doc.Metadata["owner"] != "blue" {
		t.Errorf("document = %+v, %v", doc, err)
	}
	if gen, err := state.Put(t.Context(), "rooms/blue.json", 41, []byte("{}"), nil); err != nil || gen <= 41 {
		t.Errorf("writing over it: generation %d, %v", gen, err)
	}
	if value, err := db.Setting(t.Context(), "office", func() string { return "sample" }); err != nil || value != "real" {
		t.Errorf("setting = %q, %v", value, err)
	}
	if records, err := db.Records("calendar").Load(); err != nil || string(records["event1"]) != "{}" {
		t.Errorf("records = %v, %v", records, err)
	}

	taken := make(chan messages.Delivery, 1)
	q := NewQueue(db, time.Now,
		Subscription{
			Name: "s", Topic: "t", Attempts: 20,
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				d, err := messages.Decode(r)
				if err != nil {
					t.Error(err)
				}
				taken <- d
				w.WriteHeader(http.StatusNoContent)
			}),
		})
	if dead, err := q.DeadLetters(t.Context()); err != nil || len(dead) != 1 || dead[0].ID != 5 ||
		dead[0].Attempts != 20 || dead[0].Reason != "the function answered 503" {
		t.Errorf("dead letters = %+v, %v", dead, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	q.Start(ctx)
	select {
	case d := <-taken:
		if m := d.Message; m.ID != "00112233aabbccdd" || string(m.Data) != `{"room_name":"blue"}` ||
			m.Attributes["kind"] != "poll" || d.Attempt != 4 ||
			!m.PublishTime.Equal(time.Date(2026, 3, 2, 9, 0, 0, 5e8, time.UTC)) {
			t.Errorf("delivered %+v", d)
		}
	case <-time.After(10 * time.Second):
		t.Error("the message that waited does not come")
	}
	stop()
	q.Wait()
}
