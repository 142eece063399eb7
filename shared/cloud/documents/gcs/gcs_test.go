package gcs_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/api/option"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/documentstest"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "documents"})
	documentstest.Run(t, gcs.New(server.Client(), "documents"))
}

// way changes requests on their way to the server.
type way func(r *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error)

type transport struct {
	way  way
	next http.RoundTripper
}

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.way(r, t.next.RoundTrip)
}

func answer(r *http.Request, code int) *http.Response {
	body := `{"error":{"code":` + strconv.Itoa(code) + `,"message":"x"}}`
	return &http.Response{
		StatusCode: code, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

func bucket(t *testing.T, w way) gcs.Bucket {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "documents"})
	client, err := storage.NewClient(t.Context(),
		option.WithHTTPClient(&http.Client{Transport: transport{w, server.HTTPClient().Transport}}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return gcs.New(client, "documents")
}

func isWrite(r *http.Request) bool { return r.Method == http.MethodPost }

// TestWriteIsMadeAgain: Cloud Storage answers 429 to more than about one write a second on one object.
func TestWriteIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			refused := 0
			b := bucket(t, func(r *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				if isWrite(r) && refused < 2 {
					refused++
					return answer(r, code), nil
				}
				return send(r)
			})
			gen, err := b.Put(t.Context(), "a.json", 0, []byte(`{"n":1}`), map[string]string{"k": "v"})
			if doc, gerr := b.Get(t.Context(), "a.json"); err != nil || gerr != nil || doc.Generation != gen || refused != 2 {
				t.Errorf("write: %d, %v after %d refusals; read: %+v, %v", gen, err, refused, doc, gerr)
			}
		})
	}
}

// TestAnswerOfAWriteIsLost: the repeated write meets its own first one, which is no conflict; somebody else's is.
func TestAnswerOfAWriteIsLost(t *testing.T) {
	t.Parallel()
	theirs := map[string]string{"theirs": `{"n":2}`, "theirs_alike": `{"n":1}`} // the latter with other metadata
	for name, want := range map[string]error{
		"ours": nil, "theirs": documents.ErrConflict, "theirs_alike": documents.ErrConflict,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b gcs.Bucket
			lost := false
			b = bucket(t, func(r *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
				if !isWrite(r) || lost {
					return send(r)
				}
				lost = true
				if data, first := theirs[name]; first {
					if _, err := b.Put(t.Context(), "a.json", 0, []byte(data), nil); err != nil {
						t.Error(err)
					}
					return answer(r, http.StatusServiceUnavailable), nil
				}
				resp, err := send(r)
				if err == nil {
					_ = resp.Body.Close()
				}
				return answer(r, http.StatusServiceUnavailable), err
			})
			gen, err := b.Put(t.Context(), "a.json", 0, []byte(`{"n":1}`), map[string]string{"k": "v"})
			if !errors.Is(err, want) || want == nil && gen == 0 {
				t.Errorf("write = %d, %v, want %v", gen, err, want)
			}
		})
	}
}

// TestDeletePrecondition: another generation is a conflict. The stand-in ignores the precondition, so the answer is
// given here, as Cloud Storage gives it.
func TestDeletePrecondition(t *testing.T) {
	t.Parallel()
	asked := ""
	b := bucket(t, func(r *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
		if r.Method != http.MethodDelete {
			return send(r)
		}
		asked = r.URL.Query().Get("ifGenerationMatch")
		return answer(r, http.StatusPreconditionFailed), nil
	})
	if err := b.Delete(t.Context(), "a.json", 7); !errors.Is(err, documents.ErrConflict) || asked != "7" {
		t.Errorf("deletion at generation %s: %v", asked, err)
	}
}
