package googlecal

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	gcal "google.golang.org/api/calendar/v3"
	"google.golang.org/api/option"
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
		if !strings.HasSuffix(r.URL.Path, "/serviceAccounts/"+account+":generateAccessToken") || !bytes.Contains(body, []byte(gcal.CalendarEventsScope)) {
			t.Errorf("asked %s for %s", r.URL, body)
		}
		answer := `{"accessToken":"calendars-token","expireTime":"2100-01-01T00:00:00Z"}`
		return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer))}
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
