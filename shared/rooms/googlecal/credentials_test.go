package googlecal

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/option"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

type credentialsServer func(*http.Request) *http.Response

func (f credentialsServer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// The account that calendars are shared with has no key: IAM gives its tokens, for the calendar's scope alone
// (cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken).
func TestInTheNameOfAnAccount(t *testing.T) {
	t.Parallel()
	const account = "main-rooms-calendar@office.iam.gserviceaccount.com"
	client := &http.Client{Transport: credentialsServer(func(r *http.Request) *http.Response {
		body, _ := io.ReadAll(r.Body)
		if !strings.HasSuffix(r.URL.Path, "/serviceAccounts/"+account+":generateAccessToken") ||
			!bytes.Contains(body, []byte(gcal.CalendarEventsScope)) {
			t.Errorf("asked %s for %s", r.URL, body)
		}
		answer := `{"accessToken":"calendars-token","expireTime":"2100-01-01T00:00:00Z"}`
		return &http.Response{
			StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)),
		}
	})}
	tokens, err := inTheNameOf(t.Context(), account, option.WithHTTPClient(client))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token()
	if err != nil || token.AccessToken != "calendars-token" {
		t.Errorf("token = %v, %v", token, err)
	}
}

// TestAKeyThatIsRefusedIsAFaultForAPerson: the account's key has been deleted. Google answers so to the token request.
// Asking again at once changes nothing; later it may, where our clock was wrong.
func TestAKeyThatIsRefusedIsAFaultForAPerson(t *testing.T) {
	t.Parallel()
	asked := 0
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
	}))
	t.Cleanup(google.Close)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "rooms@example.iam.gserviceaccount.com", "token_uri": google.URL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	cal, err := New(t.Context(), Config{Credentials: account, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := cal.Facts(t.Context(), rooms.Room{Name: "blue", CalendarID: "c", Zone: time.UTC}, rooms.WhyRefresh)
	if err == nil || msg.Fault == nil || msg.Fault.Code != "authError" || asked != 1 {
		t.Errorf("fault = %+v, %v, after %d token requests; want that the key is refused, after one", msg.Fault, err, asked)
	}
}
