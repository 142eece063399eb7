package bookings_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
)

// written is a bucket that calls after when a document has been written, before the writer knows.
type written struct {
	documents.Bucket

	after func()
}

func (w *written) Put(ctx context.Context, name string, gen int64, data []byte, metadata map[string]string) (int64, error) {
	got, err := w.Bucket.Put(ctx, name, gen, data, metadata)
	if after := w.after; after != nil && err == nil {
		w.after = nil
		after()
	}
	return got, err
}

// TestAClaimIsAtWorkFromTheMomentItCanBeRead: who comes between the writing of a claim and its writer's next step waits for it
// or is told that somebody books; that Google did not answer would not be true.
func TestAClaimIsAtWorkFromTheMomentItCanBeRead(t *testing.T) {
	t.Parallel()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	room, now := rooms.Room{Name: "blue"}, time.Now()
	for _, tc := range []struct {
		name, other string
		want        error
	}{{"another booking", "b", bookings.ErrClaimed}, {"the same booking", "a", bookings.ErrRepeated}} {
		bucket := &written{Bucket: db.Bucket(tc.other)}
		desk := bookings.NewDesk(bucket, nil, true)
		look := func(when string) {
			if err := desk.Take(t.Context(), room, tc.other, now); !errors.Is(err, tc.want) {
				t.Errorf("%s, %s: %v, want %v", tc.name, when, err, tc.want)
			}
		}
		bucket.after = func() { look("while it takes the room") }
		if err := desk.Take(t.Context(), room, "a", now); err != nil {
			t.Fatal(err)
		}
		bucket.after = func() { // the room is free again, and taken at once
			if err := desk.Take(t.Context(), room, "a", now); err != nil {
				t.Error(err)
			}
		}
		if err := desk.Close(t.Context(), room, "a", bookings.Absent); err != nil {
			t.Fatal(err)
		}
		look("after the one before has gone")
	}
}
