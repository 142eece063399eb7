package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The operators' commands reach deployed functions, each of which has its part of the paths; who has no right to call is told so.
func TestCommandsOfDeployedFunctions(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, only: []string{"campus", "exports"}})
	deployed := func(h http.Handler, key string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer "+key {
				w.WriteHeader(http.StatusForbidden) // as Cloud Run does, with a page
				return
			}
			h.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	sync, transfer, queries := deployed(o.s.campus.sync, "token"), deployed(o.s.exports.transfer, "token"), deployed(o.s.exports.queries, demoQueriesKey)
	o.eventually("the sample's blob store is there", func() bool { return o.s.exports.demo.needs() == "" })
	for _, test := range []struct{ command, function, key, want string }{
		{"campus sync", sync, "token", "lea"},
		{"campus sync --dry-run", sync, "token", "lea"},
		{"campus status", sync, "token", "lea"},
		{"campus feed create lea", sync, "token", "/feeds/campus/lea.ics?key="},
		{"campus feed list", sync, "token", "INSTANCE"},
		{"exports transfer", transfer, "token", ""},
		{"exports status", transfer, "token", demoSource},
		{"exports quarantine list", transfer, "token", ""},
		{"exports list", queries, demoQueriesKey, demoQueries[0].Name},
		{"exports force --all", queries, demoQueriesKey, ""},
	} {
		args := append(strings.Fields(test.command), "--function", test.function, "--key", test.key)
		if out, err := run(t, args...); err != nil || !strings.Contains(out, test.want) {
			t.Errorf("%s: %v\n%s", test.command, err, out)
		}
	}
	for _, test := range []struct{ command, key, want string }{
		{"campus status", "another", "403"},
		{"campus status", "", "print-identity-token"},
		{"rooms status", "token", "no deployed function"},
	} {
		args := append(strings.Fields(test.command), "--function", sync, "--key", test.key)
		if out, err := run(t, args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with the key %q: %v\n%s", test.command, test.key, err, out)
		}
	}
}
