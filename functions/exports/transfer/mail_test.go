package transfer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
)

// TestEmails: one for what came into the quarantine; one after two failed runs, and one when they work again.
func TestEmails(t *testing.T) {
	server := mailtest.Start(t)
	f := newFixture(t, func(src map[string]any) { src["smtp"] = server.Settings("compta@example.com") })
	f.put("DB1/x.csv", []byte(broken))
	server.Refuse(true)
	f.good()
	server.Want(t, 0)
	server.Refuse(false)
	f.good()
	mail := server.Want(t, 1)[0]
	for _, text := range []string{
		"To: <compta@example.com>", "DB1/x.csv", "ligne 2 : PHC_MONTANT : la valeur n’est pas un nombre",
		"carillon exports quarantine show", "Que faire",
	} {
		if !strings.Contains(mail, text) {
			t.Errorf("the e-mail lacks %q:\n%s", text, mail)
		}
	}
	f.good()
	server.Want(t, 1)
	f.hook(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true })
	f.run()
	server.Want(t, 1)
	f.run()
	f.run()
	if mail := server.Want(t, 2)[1]; !strings.Contains(mail, "2 passages de suite") ||
		!strings.Contains(mail, "Le conteneur a refusé l’accès.") ||
		strings.Contains(mail, "sig=") {
		t.Errorf("the e-mail says:\n%s", mail)
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	f.good()
	f.good()
	server.Want(t, 3)
}
