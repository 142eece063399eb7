package mailer_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

func northMailer(box *alerts.Mailbox, locale string) mailer.Mailer {
	texts := faults.Load(fstest.MapFS{
		"texts/en.json": {Data: []byte(`{"shut":{"what":"It is shut.","do":"Open it."},"mail":{
			"failed":{"subject":"{{.tower}} fails","text":"since {{.since}}, {{.failures}} times: {{.what}} {{.do}}"},
			"recovered":{"subject":"{{.tower}} works","text":"again"}}}`)},
		"texts/fr.json": {Data: []byte(`{"shut":{"what":"Il est fermé.","do":"Ouvrez."},"mail":{
			"failed":{"subject":"{{.tower}} en panne","text":"depuis {{.since}}, {{.failures}} fois : {{.what}} {{.do}}"},
			"recovered":{"subject":"{{.tower}} marche","text":"de nouveau"}}}`)},
	}, "texts")
	return mailer.Mailer{
		Bridge: "bell", Unit: "tower", Part: "north", Box: box, Locale: locale,
		Zone: time.FixedZone("CET", 3600), Texts: texts,
	}
}

// TestMailer writes once of failures and once of the recovery, in the language of the settings.
func TestMailer(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	data, err := json.Marshal(server.Settings("office@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	var box alerts.Mailbox
	if err := json.Unmarshal(data, &box); err != nil {
		t.Fatal(err)
	}
	m, params := northMailer(&box, "fr"), func() faults.Params { return faults.Params{"tower": "nord"} }
	fault := &faults.Fault{Code: "shut", Detail: "the door is shut"}
	failing := alerts.Record{Failures: 2, Since: time.Date(2026, 11, 26, 8, 30, 0, 0, time.UTC)}
	for name, record := range map[string]alerts.Record{
		"one failure": {Failures: 1}, "told before": {Failures: 3, Told: true}, "all is well": {},
	} {
		if m.Notify(t.Context(), record, fault, params()) {
			t.Errorf("%s: an e-mail is sent", name)
		}
	}
	if !m.Notify(t.Context(), failing, fault, params()) {
		t.Fatal("no e-mail of the failures")
	}
	if !m.Notify(t.Context(), alerts.Record{Told: true, Since: failing.Since}, nil, params()) {
		t.Fatal("no e-mail of the recovery")
	}
	mails := server.Want(t, 2)
	for i, texts := range [][]string{
		{
			"Subject: nord en panne", "depuis 26/11/2026 09:30 CET, 2 fois : Il est fermé. Ouvrez.",
			"<bell-north-1795681800-failed@carillon>",
		},
		{"Subject: nord marche", "de nouveau", "<bell-north-1795681800-recovered@carillon>"},
	} {
		for _, text := range texts {
			if !strings.Contains(mails[i], text) {
				t.Errorf("e-mail %d lacks %q:\n%s", i, text, mails[i])
			}
		}
	}
	server.Refuse(true)
	if m.Notify(t.Context(), failing, fault, params()) {
		t.Error("an e-mail that the server refused counts as sent")
	}
	m.Fault = errors.New("no password")
	if m.Notify(t.Context(), failing, fault, params()) {
		t.Error("an e-mail without a password counts as sent")
	}
	if northMailer(nil, "fr").Notify(t.Context(), failing, fault, params()) {
		t.Error("an e-mail without a mailbox counts as sent")
	}
	m.Fault = nil
	server.Refuse(false)
	if m.Notify(t.Context(), failing, fault, nil) { // {{.tower}} is missing
		t.Error("an e-mail without a text counts as sent")
	}
	server.Want(t, 2)
}
