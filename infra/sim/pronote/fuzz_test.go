package pronote_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

// FuzzCall: no body makes the simulator fail; what it cannot read is answered with an error of the protocol.
func FuzzCall(f *testing.F) {
	no := "3fa959b13967e0ef176069e01e23c8d7"
	for _, dataSec := range []string{
		`{"data":{"Uuid":"AAAA"}}`, `"00"`, `"ABCDEF"`, `null`, `{}`, `[]`, `{"data":[]}`,
		`""`,
	} {
		f.Add(no, `{"session":%,"no":"`+no+`","id":"FonctionParametres","dataSec":`+dataSec+`}`, true, true)
		f.Add(no, `{"session":%,"no":"`+no+`","id":"FonctionParametres","dataSec":`+dataSec+`}`, false, false)
	}
	f.Add("0", "{}", true, false)
	f.Fuzz(func(t *testing.T, no, body string, encrypt, compress bool) {
		s := pronote.New(pronote.Options{Encrypt: &encrypt, Compress: &compress})
		page := httptest.NewRecorder()
		s.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/eleve.html", http.NoBody))
		found := startForm.FindStringSubmatch(page.Body.String())
		if found == nil {
			t.Fatal(page.Body)
		}
		_, id, _ := strings.Cut(found[1], `"h":"`)
		id, _, _ = strings.Cut(id, `"`)
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.ReplaceAll(body, "%", id)))
		r.URL.Path = "/appelfonction/3/" + id + "/" + strings.Trim(no, "/.")
		r.AddCookie(page.Result().Cookies()[0])
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, r)
		if answer.Code == http.StatusInternalServerError {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
	})
}
