package sim_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
)

const module = "github.com/carillon-calendar/carillon/"

// TestSimulatorsKnowNothingOfCarillon: a simulator that shares code with a client has the client's mistakes too.
func TestSimulatorsKnowNothingOfCarillon(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		found++
		for _, imported := range words[1:] {
			inside, ours := strings.CutPrefix(imported, module)
			if ours && !strings.HasPrefix(inside+"/", "infra/sim/") {
				t.Errorf("%s imports %s", words[0], imported)
			}
		}
	}
	if found < 8 {
		t.Errorf("only %d packages were checked", found)
	}
}

// A simulator of any kind.
type simulator interface {
	http.Handler
	Count(what string)
	Counts() map[string]int
}

// simulators opens one of each kind.
var simulators = map[string]func(sim.Options) (simulator, error){
	"blobs":     func(o sim.Options) (simulator, error) { return blobs.New(blobs.Options{Options: o}) },
	"cegid":     func(o sim.Options) (simulator, error) { return cegid.New(cegid.Options{Options: o}) },
	"ecal":      func(o sim.Options) (simulator, error) { return ecal.New(o) },
	"googlecal": func(o sim.Options) (simulator, error) { return googlecal.New(o) },
	"iotcloud":  func(o sim.Options) (simulator, error) { return iotcloud.New(iotcloud.Options{Options: o}) },
	"wigor":     func(o sim.Options) (simulator, error) { return wigor.New(o) },
}

// TestEachSimulatorHasFaultsAndCounts at the same paths, and needs no option.
func TestEachSimulatorHasFaultsAndCounts(t *testing.T) {
	t.Parallel()
	for name, open := range simulators {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := open(sim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			request := func(method, path, body string) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
				return w
			}
			if w := request(http.MethodPost, "/_faults", `{"status":503,"times":1}`); w.Code != http.StatusCreated {
				t.Errorf("the fault was answered %d %s", w.Code, w.Body)
			}
			if w := request(http.MethodGet, "/_counts", ""); w.Code != http.StatusOK || w.Body.String() != "{}\n" {
				t.Errorf("the counts at the start: %d %s", w.Code, w.Body)
			}
			if w := request(http.MethodGet, "/x", ""); w.Code != http.StatusServiceUnavailable {
				t.Errorf("with the fault answered %d", w.Code)
			}
			if w := request(http.MethodGet, "/x", ""); w.Code == http.StatusServiceUnavailable {
				t.Error("the fault does not end")
			}
			if n := len(s.Counts()); n != 0 {
				t.Errorf("refused calls were counted: %v", s.Counts())
			}
			s.Count("calls")
			var counts map[string]int
			if err := json.Unmarshal(request(http.MethodGet, "/_counts", "").Body.Bytes(), &counts); err != nil ||
				len(counts) != 1 || counts["calls"] != 1 {
				t.Errorf("the counts are %v, %v", counts, err)
			}
		})
	}
}

var errStore = errors.New("disk full")

type brokenStore struct{}

func (brokenStore) Save(string, []byte) error        { return errStore }
func (brokenStore) Load() (map[string][]byte, error) { return nil, errStore }

// TestRecordsThatCannotBeReadAreAnError of New, for each simulator but the blob store, which has none.
func TestRecordsThatCannotBeReadAreAnError(t *testing.T) {
	t.Parallel()
	for name, open := range simulators {
		if _, err := open(sim.Options{Store: brokenStore{}}); name != "blobs" && !errors.Is(err, errStore) {
			t.Errorf("%s: %v, want %v", name, err, errStore)
		}
	}
}
