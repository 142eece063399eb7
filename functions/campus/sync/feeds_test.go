package sync_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// TestFeedKeysAreBounded: an instance has a hundred keys at most; revoking one makes room for another.
func TestFeedKeysAreBounded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	feeds := campus.Feeds{Version: 1}
	for range 99 {
		_, kept := campus.NewFeedKey("phone", f.now)
		feeds.Keys = append(feeds.Keys, kept)
	}
	if _, err := documents.Store(
		t.Context(),
		f.db.Bucket("state"),
		campus.FeedsName("lea"),
		0,
		feeds,
		nil,
	); err != nil {
		t.Fatal(err)
	}
	const body = `{"instance":"lea","label":"one more"}`
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "/feeds", body, http.StatusCreated},
		{http.MethodPost, "/feeds", body, http.StatusConflict},
		{http.MethodDelete, "/feeds/" + feeds.Keys[7].ID, "", http.StatusNoContent},
		{http.MethodDelete, "/feeds/" + feeds.Keys[7].ID, "", http.StatusNotFound},
		{http.MethodPost, "/feeds", body, http.StatusCreated},
		{http.MethodPost, "/feeds", body, http.StatusConflict},
	} {
		if code, answer := f.call(step.method, step.path, step.body); code != step.want {
			t.Errorf("%s %s answered %d %s, want %d", step.method, step.path, code, answer, step.want)
		}
	}
	code, list := f.call(http.MethodGet, "/feeds", "")
	if n := strings.Count(
		list,
		`"id"`,
	); code != http.StatusOK || n != 100 ||
		strings.Contains(list, "hash\":\"") && !strings.Contains(list, `"hash":""`) {
		t.Errorf("%d keys are listed, %.200s", n, list)
	}
}
