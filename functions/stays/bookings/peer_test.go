package bookings_test

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// TestSOAPClients: two clients that others wrote read the WSDL, call the four operations and understand the answers.
func TestSOAPClients(t *testing.T) {
	t.Parallel()
	dir := peers.Dir(t)
	for client, command := range map[string][]string{
		"python3-zeep": {"/usr/bin/python3", filepath.Join(dir, "soap.py")},
		"npm soap":     {"node", filepath.Join(dir, "soap.mjs")},
	} {
		for _, settings := range []string{`{}`, `{"soap": {"dates": "zulu"}}`} {
			t.Run(client+" "+settings, func(t *testing.T) {
				f := newFixture(t, settings)
				server := httptest.NewServer(f.handler)
				t.Cleanup(server.Close)
				args := slices.Concat(command[1:], []string{server.URL + "/calendar?wsdl", "channel", "channel-key"})
				out, err := exec.CommandContext(t.Context(), command[0], args...).Output()
				if err != nil {
					exit := &exec.ExitError{}
					errors.As(err, &exit)
					t.Fatalf("%v: %s", err, exit.Stderr)
				}
				var got map[string]any
				f.must(json.Unmarshal(out, &got))
				want := map[string]any{
					"added": 1.0, "added without a type": 2.0, "cancelled": 3.0,
					"bookings": []any{
						[]any{"GFLX0001", "2027-07-03", "2027-07-04", "booked"},
						[]any{"GFLX0001", "2027-07-06", "2027-07-09", "booked"},
						[]any{"GFLX0002", "2027-07-03", "2027-07-03", "booked"},
					},
					"notifications": []any{
						[]any{1.0, "GFLX0001", "2027-07-03", "2027-07-09", "booked"},
						[]any{2.0, "GFLX0002", "2027-07-03", "2027-07-03", "booked"},
					},
					"none":  []any{},
					"fault": []any{"Client", "the first date is after the last one"},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}
