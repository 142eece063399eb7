package rooms

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

func TestFaultSaysWhatToDo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		fault *Fault
		lang  string
		want  string
	}{
		{
			NewFault("notFound", nil, now), "",
			"Share the room's calendar with the service account, with the right to make changes to events.",
		},
		{
			NewFault("push.webhookUrlNotHttps", nil, now), "fr",
			"Mettez dans gcal_watch_function_url une adresse https publique avec un certificat valable.",
		},
		{
			NewFault("thing_missing", faults.Params{"room": "Agora"}, now), "fr",
			"Créez un Thing nommé « Agora » dans l’Arduino IoT Cloud.",
		},
		{NewFault("somethingNew", nil, now), "fr", "Google a refusé, avec la raison somethingNew."},
		{NewFault("somethingNew", nil, now), "de", "Google refused with the reason somethingNew."},
		{&Fault{Code: "thing_missing", Detail: "As an older version said it."}, "fr", "As an older version said it."},
	}
	for _, tt := range tests {
		if got := tt.fault.In(tt.lang); got != tt.want {
			t.Errorf("%s in %q: %s", tt.fault.Code, tt.lang, got)
		}
	}
	if f := NewFault("somethingNew", nil, now); f.Detail != "Google refused with the reason somethingNew." ||
		!f.Since.Equal(now) {
		t.Errorf("as it is kept: %+v", f)
	}
}

// TestTheSameFault is one of the same code and parameters, also after it was stored.
func TestTheSameFault(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	f := NewFault("thing_missing", faults.Params{"room": "Agora"}, now)
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var stored *Fault
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	if !stored.Same(NewFault("thing_missing", faults.Params{"room": "Agora"}, now.Add(time.Hour))) {
		t.Error("an hour later it is another one")
	}
	for _, other := range []*Fault{
		nil, NewFault("thing_missing", faults.Params{"room": "Blue"}, now), NewFault("notFound", nil, now),
	} {
		if stored.Same(other) || other.Same(stored) {
			t.Errorf("%+v is the same", other)
		}
	}
}

func TestSettingsOfferTheLanguages(t *testing.T) {
	t.Parallel()
	faultstest.Offered(t, texts, "config.schema.json")
}

// TestDoorsHaveTheNamesOfDates in each language: a display's text with a date needs them all.
func TestDoorsHaveTheNamesOfDates(t *testing.T) {
	t.Parallel()
	for lang, w := range languages {
		if len(w.weekdays) != 7 || len(w.months) != 12 {
			t.Errorf("%s has %d days and %d months", lang, len(w.weekdays), len(w.months))
		}
	}
}
