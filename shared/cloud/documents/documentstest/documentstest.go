// Package documentstest is the suite that every implementation of documents passes.
package documentstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

type counter struct {
	Version int `json:"version"`
	N       int `json:"n"`
}

// Run runs the suite on an empty bucket.
func Run(t *testing.T, b documents.Bucket) {
	t.Helper()
	t.Run("missing", func(t *testing.T) {
		if _, err := b.Get(t.Context(), "missing.json"); !errors.Is(err, documents.ErrNotFound) {
			t.Errorf("error = %v, want ErrNotFound", err)
		}
	})
	t.Run("put_and_get", func(t *testing.T) { putAndGet(t, b) })
	t.Run("delete", func(t *testing.T) { remove(t, b) })
	t.Run("list", func(t *testing.T) { list(t, b) })
	t.Run("one_creator_wins", func(t *testing.T) { oneCreatorWins(t, b) })
	t.Run("no_update_is_lost", func(t *testing.T) { noUpdateIsLost(t, b) })
	t.Run("update_starts_again_from_the_read", func(t *testing.T) { startsAgain(t, b) })
}

func putAndGet(t *testing.T, b documents.Bucket) {
	ctx := t.Context()
	first, err := b.Put(ctx, "a b/é.json", 0, []byte(`{"version":1}`), map[string]string{"next_transition": "now"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := b.Get(ctx, "a b/é.json")
	if err != nil || doc.Generation != first || string(doc.Data) != `{"version":1}` ||
		doc.Metadata["next_transition"] != "now" {
		t.Errorf("document = %+v, %v", doc, err)
	}
	for _, gen := range []int64{0, first + 1} {
		if _, err := b.Put(ctx, "a b/é.json", gen, []byte(`{}`), nil); !errors.Is(err, documents.ErrConflict) {
			t.Errorf("write at generation %d: error = %v, want ErrConflict", gen, err)
		}
	}
	if _, err := b.Put(ctx, "never.json", first, []byte(`{}`), nil); !errors.Is(err, documents.ErrConflict) {
		t.Errorf("write of a missing document at a generation: error = %v, want ErrConflict", err)
	}
	second, err := b.Put(ctx, "a b/é.json", first, []byte(`{"version":2}`), nil)
	if err != nil || second == first {
		t.Errorf("second generation = %d after %d, %v", second, first, err)
	}
}

func remove(t *testing.T, b documents.Bucket) {
	ctx := t.Context()
	first, err := b.Put(ctx, "removed.json", 0, []byte(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(ctx, "removed.json", first); err != nil {
		t.Error(err)
	}
	if _, err := b.Get(ctx, "removed.json"); !errors.Is(err, documents.ErrNotFound) {
		t.Errorf("after the deletion: %v", err)
	}
	if err := b.Delete(ctx, "removed.json", first); err != nil {
		t.Errorf("a second deletion: %v", err)
	}
	if again, err := b.Put(ctx, "removed.json", 0, []byte(`{}`), nil); err != nil || again == first {
		t.Errorf("the generation is %d again, %v", again, err)
	}
}

func list(t *testing.T, b documents.Bucket) {
	ctx := t.Context()
	for _, name := range []string{"rooms/b.json", "rooms/a.json", "roomsx.json"} {
		if _, err := b.Put(ctx, name, 0, []byte(`{}`), map[string]string{"name": name}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for info, err := range b.List(ctx, "rooms/") {
		if err != nil {
			t.Fatal(err)
		}
		if info.Metadata["name"] != info.Name || info.Generation == 0 {
			t.Errorf("info = %+v", info)
		}
		got = append(got, info.Name)
	}
	if diff := cmp.Diff([]string{"rooms/a.json", "rooms/b.json"}, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func oneCreatorWins(t *testing.T, b documents.Bucket) {
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		wg.Go(func() { _, results[i] = b.Put(t.Context(), "created.json", 0, fmt.Appendf(nil, `{"n":%d}`, i), nil) })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, documents.ErrConflict):
			t.Errorf("error = %v, want ErrConflict", err)
		}
	}
	if won != 1 {
		t.Errorf("%d creators won, want 1", won)
	}
}

func noUpdateIsLost(t *testing.T, b documents.Bucket) {
	const writers, each = 4, 10
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for done := 0; done < each; {
				err := increment(t.Context(), b, "counter.json")
				switch {
				case err == nil:
					done++
				case !errors.Is(err, documents.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	got, _, err := documents.Load[counter](t.Context(), b, "counter.json")
	if err != nil || got.N != writers*each {
		t.Errorf("counter = %+v, %v, want %d", got, err, writers*each)
	}
}

func increment(ctx context.Context, b documents.Bucket, name string) error {
	_, err := documents.Update(ctx, b, name, func(c *counter) (map[string]string, error) {
		c.Version, c.N = 1, c.N+1
		return nil, nil
	})
	return err
}

func startsAgain(t *testing.T, b documents.Bucket) {
	calls := 0
	got, err := documents.Update(t.Context(), b, "nested.json", func(c *counter) (map[string]string, error) {
		if calls++; calls == 1 {
			if err := increment(t.Context(), b, "nested.json"); err != nil {
				return nil, err
			}
		}
		c.N += 10
		return nil, nil
	})
	if err != nil || got.N != 11 || calls != 2 {
		t.Errorf("value = %+v after %d calls, %v; want 11 after 2", got, calls, err)
	}
	stop := errors.New("stop")
	if _, err := documents.Update(t.Context(), b, "nested.json",
		func(*counter) (map[string]string, error) { return nil, stop }); !errors.Is(err, stop) {
		t.Errorf("error = %v, want the updater's own", err)
	}
}
