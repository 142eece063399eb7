// Package filestest is the suite that every implementation of files passes.
package filestest

import (
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// Run runs the suite on an empty store.
func Run(t *testing.T, s files.Store) {
	t.Helper()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Run("missing", func(t *testing.T) { missing(t, s) })
	t.Run("a_file_is_there_once_it_is_committed", func(t *testing.T) { committed(t, s) })
	t.Run("names_are_kept", func(t *testing.T) { names(t, s) })
	t.Run("nothing_is_overwritten", func(t *testing.T) { overwritten(t, s) })
	t.Run("one_mover_wins", func(t *testing.T) { oneWins(t, s) })
}

func temp(name string) exports.File {
	return exports.File{Place: exports.PlaceTemp, Path: name}
}

func final(name string) exports.File {
	return exports.File{Place: exports.PlaceFiles, Path: name}
}

func write(t *testing.T, s files.Store, f exports.File, text string) {
	t.Helper()
	w, err := s.Create(t.Context(), f)
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Abort() // as a deferred one does
}

func read(t *testing.T, s files.Store, f exports.File) string {
	t.Helper()
	r, err := s.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func missing(t *testing.T, s files.Store) {
	ctx := t.Context()
	if _, err := s.Open(ctx, final("missing.csv")); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Stat(ctx, final("missing.csv")); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("stat: %v", err)
	}
	if err := s.Move(ctx, temp("missing"), final("moved.csv")); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("move: %v", err)
	}
	if err := s.Remove(ctx, final("missing.csv")); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func committed(t *testing.T, s files.Store) {
	w, err := s.Create(t.Context(), temp("half"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "half"); err != nil {
		t.Fatal(err)
	}
	w.Abort()
	if _, err := s.Stat(t.Context(), temp("half")); !errors.Is(err, files.ErrNotFound) {
		t.Errorf("an aborted file: %v", err)
	}
	write(t, s, temp("half"), "one")
	write(t, s, temp("half"), "two")
	if got := read(t, s, temp("half")); got != "two" {
		t.Errorf("the file holds %q", got)
	}
	write(t, s, temp("empty"), "")
	if info, err := s.Stat(t.Context(), temp("empty")); err != nil || info.Size != 0 || info.Modified.IsZero() {
		t.Errorf("an empty file: %+v, %v", info, err)
	}
}

func names(t *testing.T, s files.Store) {
	ctx := t.Context()
	paths := []string{"DB000001/sub/same name.csv", "DB000001/été;.csv", "DB000002/sub/same name.csv", "x.csv"}
	for _, name := range paths {
		write(t, s, temp("t"), name)
		if err := s.Move(ctx, temp("t"), final(name)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for info, err := range s.List(ctx, exports.PlaceFiles) {
		if err != nil {
			t.Fatal(err)
		}
		if info.Place != exports.PlaceFiles || info.Size != int64(len(info.Path)) {
			t.Errorf("info %+v", info)
		}
		got = append(got, info.Path)
	}
	slices.Sort(got)
	if diff := cmp.Diff(paths, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range paths {
		if got := read(t, s, final(name)); got != name {
			t.Errorf("%s holds %q", name, got)
		}
		if err := s.Remove(ctx, final(name)); err != nil {
			t.Error(err)
		}
	}
}

func overwritten(t *testing.T, s files.Store) {
	write(t, s, temp("a"), "first")
	write(t, s, temp("b"), "second")
	if err := s.Move(t.Context(), temp("a"), final("taken.csv")); err != nil {
		t.Fatal(err)
	}
	if err := s.Move(t.Context(), temp("b"), final("taken.csv")); !errors.Is(err, files.ErrExists) {
		t.Errorf("error = %v, want ErrExists", err)
	}
	w, err := s.Create(t.Context(), final("taken.csv"))
	if err == nil {
		err = w.Commit()
	}
	if !errors.Is(err, files.ErrExists) {
		t.Errorf("creation: error = %v, want ErrExists", err)
	}
	if got := read(t, s, final("taken.csv")) + read(t, s, temp("b")); got != "firstsecond" {
		t.Errorf("the files hold %q", got)
	}
	if err := s.Remove(t.Context(), final("taken.csv")); err != nil {
		t.Error(err)
	}
}

func oneWins(t *testing.T, s files.Store) {
	var wg sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		name := strings.Repeat("m", i+1)
		write(t, s, temp(name), name)
		wg.Go(func() { results[i] = s.Move(t.Context(), temp(name), final("won.csv")) })
	}
	wg.Wait()
	won := 0
	for i, err := range results {
		switch {
		case err == nil:
			won++
			if got := read(t, s, final("won.csv")); len(got) != i+1 {
				t.Errorf("mover %d won, and the file holds %q", i, got)
			}
		case !errors.Is(err, files.ErrExists):
			t.Errorf("error = %v, want ErrExists", err)
		}
	}
	if won != 1 {
		t.Errorf("%d movers won, want 1", won)
	}
}
