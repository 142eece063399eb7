package cegid_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

const token = "token-of-an-hour"

// gateway answers for Cegid: tokens, and addresses of a container that live for some time.
type gateway struct {
	life time.Duration

	mu    sync.Mutex
	asked []string // the paths of the requests for addresses
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer := map[string]string{"accessToken": token, "expireIn": "3600"}
	switch {
	case strings.HasPrefix(r.URL.Path, "/query"):
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"errorMessage": "no query for " + r.Header.Get("Authorization")}
	case strings.HasPrefix(r.URL.Path, "/storage"):
		g.asked = append(g.asked, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
		ends := time.Now().Add(g.life).UTC().Format(time.RFC3339)
		sas := fmt.Sprintf("?sv=1&sp=rl&sig=x%d&se=%s", len(g.asked), ends)
		answer = map[string]string{
			"blobServiceUri": "http://" + r.Host + "/blobs/",
			"containerName":  "c",
			"sasToken":       sas,
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (g *gateway) source(t *testing.T) exports.Source {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	return exports.Source{
		Name:            "paie",
		Mode:            exports.ModeAPI,
		BaseURL:         server.URL,
		TenantID:        "1",
		KeyID:           "key-id",
		KeySecret:       "key-secret",
		SubscriptionKey: "primary",
		ProviderID:      provider,
	}
}

// TestAccessIsKept: an address is used until four fifths of its life are over. One that was just made is not made anew,
// though the store refuses it: it would refuse another one too. Where our clock is ahead, an address lives for a
// minute.
func TestAccessIsKept(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		life  time.Duration
		renew bool
		want  int // addresses made for two uses
	}{
		"in_use":               {time.Hour, false, 1},
		"refused_when_new":     {time.Hour, true, 1},
		"by_a_clock_ahead":     {-time.Hour, false, 1},
		"refused_by_a_clock":   {-time.Hour, true, 1},
		"over_when_it_is_made": {0, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &gateway{life: tt.life}
			access := cegid.Access(g.source(t))
			first, err := access(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			again, err := access(t.Context(), tt.renew)
			if err != nil || again != first || len(g.asked) != tt.want {
				t.Errorf("%v and %v, %v; %d made, want %d", first, again, err, len(g.asked), tt.want)
			}
		})
	}
}

// TestRightsOfAccess: the right to delete is asked for only where blobs are deleted.
func TestRightsOfAccess(t *testing.T) {
	t.Parallel()
	for keep, want := range map[string]string{
		"": "GetSASTokenLRD", "after 3 days": "GetSASTokenLRD", "never": "GetSASTokenLR",
	} {
		g := &gateway{life: time.Hour}
		src := g.source(t)
		src.Delete = keep
		if _, err := cegid.Access(src)(t.Context(), false); err != nil || !slices.Equal(g.asked, []string{want}) {
			t.Errorf("delete %q: asked for %v, %v; want %s", keep, g.asked, err, want)
		}
	}
}

// TestStaticAccess: an address of the settings is used until its end, and the fault tells the clock that it was judged
// by.
func TestStaticAccess(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	const address = "https://a.blob.core.windows.net/c?sv=1&sp=rl&sig=secret"
	for name, tt := range map[string]struct {
		address string
		ok      bool
	}{
		"to_come": {address + "&se=" + at(time.Hour), true}, "without_end": {address, true},
		"over": {address + "&se=" + at(-time.Second), false},
		"none": {"https://a.blob.core.windows.net/c", false},
	} {
		sas, err := cegid.Access(exports.Source{Mode: exports.ModeSASURL, SASURL: tt.address})(t.Context(), false)
		if (err == nil) != tt.ok || err == nil && sas.Container != "https://a.blob.core.windows.net/c" {
			t.Errorf("%s: %v, %v", name, sas, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the signature: %v", name, err)
		}
	}
}

// TestErrorsHoldNoToken: Cegid repeats in its messages what it was sent.
func TestErrorsHoldNoToken(t *testing.T) {
	t.Parallel()
	g := &gateway{}
	_, err := cegid.New(g.source(t)).Schedulers(t.Context())
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "no query for Bearer …") {
		t.Errorf("error = %v, want Cegid's message without the token", err)
	}
}
