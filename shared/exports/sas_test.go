package exports_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

func TestRecordedSAS(t *testing.T) {
	t.Parallel()
	var answer struct{ BlobServiceURI, ContainerName, SASToken string }
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "cegid"), "sas_lrd.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	want := "https://example.blob.core.windows.net/99990000"
	for _, service := range []string{answer.BlobServiceURI, strings.TrimRight(answer.BlobServiceURI, "/")} {
		for _, token := range []string{answer.SASToken, strings.TrimLeft(answer.SASToken, "?")} {
			s, err := exports.JoinSAS(service, answer.ContainerName, token)
			if err != nil || s.Container != want || s.Rights != "rdl" || !s.Allows('d') || s.Allows('w') ||
				s.Expires.Format(time.RFC3339) != "2030-01-01T00:00:00Z" {
				t.Errorf("%q %q: %v, %v", service, token, s, err)
			}
			if !strings.HasSuffix(s.URL(), "&sig=EXAMPLE&se=2030-01-01T00:00:00Z&sp=rdl") ||
				strings.Contains(fmt.Sprintf("%v %+v %#v %s", s, s, s, s), "EXAMPLE") {
				t.Errorf("the address is %s, and it prints as %+v", s.URL(), s)
			}
		}
	}
}

func TestParseSAS(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"https://a.blob.core.windows.net/c?sv=1&sig=x&se=2030-01-01T00%3A00%3A00Z&sp=rl": true,
		" https://a.blob.core.windows.net/c/?sig=x ":                                     true,
		"http://127.0.0.1:10000/devstoreaccount1/c?sig=x&se=2030-01-01":                  true,
		"https://a.blob.core.windows.net/?sig=x":                                         false,
		"https://a.blob.core.windows.net/c":                                              false,
		"https://a.blob.core.windows.net/c?sig=secret&se=soon":                           false,
		"https://u:p@a.blob.core.windows.net/c?sig=secret":                               false,
		"ftp://a/c?sig=secret":                                                           false,
		"secret":                                                                         false,
		"":                                                                               false,
		"https://a b/c?sig=secret":                                                       false,
	} {
		s, err := exports.ParseSAS(address)
		if (err == nil) != ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, %v", address, s, err)
		}
	}
	made := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s, err := exports.ParseSAS("https://a.blob.core.windows.net/c?sig=x&se=2030-01-01T01:00:00Z")
	if err != nil || !s.RenewAt(made).Equal(made.Add(48*time.Minute)) || !s.Allows('d') {
		t.Errorf("renew at %s, %v", s.RenewAt(made), err)
	}
}

// FuzzParseSAS: whatever an address is, neither an error nor what is shown of it holds its token, and one that is taken
// means the same when it is read again.
func FuzzParseSAS(f *testing.F) {
	f.Add("https://example.blob.core.windows.net/c?sv=2019-07-07&sr=c&sig=hunter2&se=2030-01-01T00:00:00Z&sp=rdl")
	f.Add("https://a/b?sig=hunter2&se=2030-01-01&st=2029-01-01")
	f.Add("http://user@a/b?sig=hunter2")
	f.Add("https://a/b%zz?sig=hunter2;se=x")
	f.Fuzz(func(t *testing.T, address string) {
		sas, err := exports.ParseSAS(address)
		if err != nil {
			if _, token, _ := strings.Cut(address, "sig="); len(token) > 3 && strings.Contains(err.Error(), token) {
				t.Errorf("%q: %v", address, err)
			}
			return
		}
		if strings.ContainsAny(sas.String(), "?#") || fmt.Sprintf("%#v", sas) != sas.String() {
			t.Errorf("%q is shown as %s", address, sas)
		}
		again, err := exports.ParseSAS(sas.URL())
		if err != nil || again != sas {
			t.Errorf("%q: %#v became %#v, %v", address, sas, again, err)
		}
	})
}
