package bridges_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// TestTheOverviewSaysFindingsInThePagesLanguage: one checkup, said in each; codes and parameters are the same.
func TestTheOverviewSaysFindingsInThePagesLanguage(t *testing.T) {
	t.Parallel()
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"rooms", "campus"}})
	o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.Fault("/sim/wigor", faults.Fault{Status: 404})
	overview := func(locale string) (found []machine.Finding) {
		resp, err := http.Get(o.URL + "/dashboard/overview?locale=" + locale)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var view struct {
			Doctor struct {
				Findings []machine.Finding `json:"findings"`
			} `json:"doctor"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&view); err != nil {
			t.Fatal(err)
		}
		return view.Doctor.Findings
	}
	o.Eventually("doctor has looked", func() bool { return len(overview("fr")) > 0 })
	english, french := overview("en"), overview("fr")
	for i, f := range french {
		e := english[i]
		if f.Code != e.Code || f.State != e.State || len(f.Params) != len(e.Params) {
			t.Errorf("%+v is %+v in French", e, f)
		}
		// The names of a setting and of outside systems are the same in both.
		same := f.Code == "address.set" || strings.HasPrefix(f.Check, "MonCampus")
		if f.Check == e.Check && !same || f.Do != "" && f.Do == e.Do {
			t.Errorf("%s in French: %q, %q, %q", f.Code, f.Check, f.Found, f.Do)
		}
	}
	for code, want := range map[string][3]string{
		"calendar.not_shared": {
			"agenda de blue_room", "pas partagé, ou aucun agenda n’a cet identifiant",
			"Partagez l’agenda avec n’importe qui, avec le droit de modifier les événements.",
		},
		"moncampus.no_answer": {
			"MonCampus de lea", "MonCampus ne répond pas comme prévu : ",
			"Vérifiez l’accès de cette machine à l’école, moncampus_cas_url et moncampus_host.",
		},
	} {
		found := false
		for _, f := range french {
			found = found || f.Code == code && f.Check == want[0] && strings.HasPrefix(f.Found, want[1]) && f.Do == want[2]
		}
		if !found {
			t.Errorf("no %s among %+v", code, french)
		}
	}
}
