package seal_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/seal"
)

var first, second = strings.Repeat("a", seal.MinKey), strings.Repeat("b", seal.MinKey)

func keys(t *testing.T, purpose string, texts ...string) *seal.Keys {
	t.Helper()
	k, err := seal.New(purpose, texts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestSeal: what is sealed opens under its name, by its key and for its purpose alone, also after a rotation.
func TestSeal(t *testing.T) {
	t.Parallel()
	old := keys(t, "test", first)
	id, sealed := old.Seal("a name", []byte("a text"))
	for name, k := range map[string]*seal.Keys{"itself": old, "a newer key before it": keys(t, "test", second, "",
		first)} {
		if text, err := k.Open("a name", id, sealed); err != nil || string(text) != "a text" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	changed := slices.Clone(sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another name":    func() ([]byte, error) { return old.Open("another", id, sealed) },
		"another key":     func() ([]byte, error) { return keys(t, "test", second).Open("a name", id, sealed) },
		"another purpose": func() ([]byte, error) { return keys(t, "other", first).Open("a name", id, sealed) },
		"another id":      func() ([]byte, error) { return old.Open("a name", "x", sealed) },
		"changed":         func() ([]byte, error) { return old.Open("a name", id, changed) },
		"cut":             func() ([]byte, error) { return old.Open("a name", id, sealed[:5]) },
		"empty":           func() ([]byte, error) { return old.Open("a name", id, nil) },
	} {
		if text, err := open(); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, again := old.Seal("a name", []byte("a text")); slices.Equal(again, sealed) {
		t.Error("the same text is sealed alike twice")
	}
	if _, err := seal.New("test", "", ""); !errors.Is(err, seal.ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
}

// TestDigest: parts do not run into each other, and another key or purpose gives another digest.
func TestDigest(t *testing.T) {
	t.Parallel()
	k := keys(t, "test", first)
	seen := map[string]bool{}
	for _, d := range []string{
		k.Digest("ab", "c"), k.Digest("a", "bc"), k.Digest("abc"), keys(t, "test", second).Digest("abc"),
		keys(t, "other", first).Digest("abc"),
	} {
		if seen[d] || len(d) != 32 {
			t.Errorf("%q is there twice, or is short", d)
		}
		seen[d] = true
	}
	if got := keys(t, "test", second, first).Digests("abc"); !slices.Equal(got,
		[]string{keys(t, "test", second).Digest("abc"), k.Digest("abc")}) {
		t.Errorf("of two keys: %v", got)
	}
}
