package iotcloud_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	iot "github.com/arduino/iot-client-go/v3"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

const organization = "497f6eca-6276-4993-bfeb-53cbbbba6f08"

type fixture struct {
	sim    *iotcloud.Server
	server *httptest.Server
	api    *iot.APIClient // the vendor's own client
	ctx    context.Context
}

// TestMain switches the check of uuids on, once: the library keeps it in a global.
func TestMain(m *testing.M) {
	openapi3.DefineStringFormatValidator("uuid",
		openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC4122))
	os.Exit(m.Run())
}

// newFixture checks every request and answer against the vendor's OpenAPI document.
func newFixture(t *testing.T, account iotcloud.Account) *fixture {
	t.Helper()
	sim, err := iotcloud.New(iotcloud.Options{Account: account})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{sim: sim}
	f.server = httptest.NewUnstartedServer(nil)
	f.server.Config.Handler = checked(t, "http://"+f.server.Listener.Addr().String(), sim)
	f.server.Start()
	t.Cleanup(f.server.Close)
	cfg := iot.NewConfiguration()
	cfg.Servers = iot.ServerConfigurations{{URL: f.server.URL}}
	cfg.AddDefaultHeader("X-Organization", account.Organization)
	f.api = iot.NewAPIClient(cfg)
	cc := clientcredentials.Config{
		ClientID: "id", ClientSecret: "secret", TokenURL: f.server.URL + "/iot/v1/clients/token",
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"audience": {"https://api2.arduino.cc/iot"}, "organization_id": {account.Organization}},
	}
	f.ctx = context.WithValue(t.Context(), iot.ContextOAuth2, cc.TokenSource(t.Context()))
	return f
}

// document is the vendor's OpenAPI document, for a server at base.
func document(t *testing.T, base string) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(recorded.Dir(t, "arduino"), "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: base}}
	if err := doc.Validate(t.Context(), openapi3.DisableExamplesValidation()); err != nil { // its own examples do not pass
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// checked serves h; a request that was taken and an answer that the document does not allow fail the test.
func checked(t *testing.T, base string, h http.Handler) http.Handler {
	t.Helper()
	router := document(t, base)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		// neither is in the document
		if strings.HasPrefix(r.URL.Path, "/iot/v1/") || answer.Code == http.StatusTooManyRequests {
			return
		}
		again, _ := http.NewRequestWithContext(r.Context(), r.Method, base+r.URL.RequestURI(), bytes.NewReader(body))
		again.Header = r.Header
		route, params, err := router.FindRoute(again)
		if err != nil {
			t.Errorf("%s %s is not in the vendor's document: %v", r.Method, r.URL.Path, err)
			return
		}
		input := &openapi3filter.RequestValidationInput{
			Request: again, PathParams: params, Route: route,
			Options: &openapi3filter.Options{
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, MultiError: true,
			},
		}
		invalid := openapi3filter.ValidateRequest(r.Context(), input)
		if (invalid == nil) != (answer.Code != http.StatusBadRequest) {
			t.Errorf("%s %s %s was answered %d; the vendor's document says: %v", r.Method, r.URL.Path,
				body, answer.Code, invalid)
		}
		if answer.Body.Len() == 0 {
			return
		}
		err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
			RequestValidationInput: input, Status: answer.Code, Header: answer.Header(),
			Body: io.NopCloser(answer.Body), Options: input.Options,
		})
		if err != nil {
			t.Errorf("the answer %d to %s %s is not as the vendor's document says: %v", answer.Code, r.Method, r.URL.Path, err)
		}
	})
}

// put sends a body of our own writing.
func (f *fixture) put(t *testing.T, path, body string) int {
	t.Helper()
	source, _ := f.ctx.Value(iot.ContextOAuth2).(oauth2.TokenSource)
	token, err := source.Token()
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, f.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	r.Header.Set("X-Organization", organization)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func TestAgainstTheVendorsDocument(t *testing.T) {
	t.Parallel()
	f := newFixture(t, iotcloud.Account{
		ClientID: "id", ClientSecret: "secret", Organization: organization, Unlimited: true,
	})
	name, zone := "blue_room", "Europe/Paris"
	created, _, err := f.api.ThingsV2API.ThingsV2Create(f.ctx).ThingCreate(iot.ThingCreate{
		Name:     &name,
		Timezone: &zone,
	}).Execute()
	if err != nil || created.Name != name || created.Timezone != zone {
		t.Fatalf("created %+v, %v", created, err)
	}
	property := iot.NewProperty("busynow", "READ_WRITE", "INT", "ON_CHANGE")
	p, _, err := f.api.PropertiesV2API.PropertiesV2Create(f.ctx, created.Id).Property(*property).Execute()
	if err != nil || p.Type != "INT" {
		t.Fatalf("property %+v, %v", p, err)
	}
	if _, err := f.api.PropertiesV2API.PropertiesV2Publish(f.ctx, created.Id,
		p.Id).PropertyValue(iot.PropertyValue{Value: 1}).Execute(); err != nil {
		t.Error(err)
	}
	if code := f.put(t, "/iot/v2/things/"+created.Id+"/publish",
		`{"properties":[{"property":"busynow","value":0}],"to_device":true}`); code != http.StatusOK {
		t.Errorf("the bulk publish was answered %d", code) // the vendor's client does not have it yet
	}
	shown, _, err := f.api.ThingsV2API.ThingsV2Show(f.ctx, created.Id).Execute()
	if err != nil || shown.Name != name {
		t.Errorf("shown %+v, %v", shown, err)
	}
	list, _, err := f.api.ThingsV2API.ThingsV2List(f.ctx).ShowProperties(true).Execute()
	if err != nil || len(list) != 1 || len(list[0].Properties) != 1 {
		t.Errorf("list %+v, %v", list, err)
	}
	if _, _, err := f.api.PropertiesV2API.PropertiesV2List(f.ctx, created.Id).Execute(); err != nil {
		t.Error(err)
	}
	if got, _, err := f.api.PropertiesV2API.PropertiesV2Show(f.ctx, created.Id, p.Id).Execute(); err != nil ||
		got.LastValue != 0.0 {
		t.Errorf("property %+v, %v", got, err)
	}
	if _, err := f.api.ThingsV2API.ThingsV2Delete(f.ctx, created.Id).Execute(); err != nil {
		t.Error(err)
	}
	if _, resp, err := f.api.ThingsV2API.ThingsV2Show(f.ctx, created.Id).Execute(); err == nil ||
		resp.StatusCode != http.StatusNotFound {
		t.Errorf("a deleted Thing: %v, %v", resp, err)
	}
}

// TestBadBodies: what the vendor's document does not allow is refused, and nothing else.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, iotcloud.Account{
		ClientID: "id", ClientSecret: "secret", Organization: organization, Unlimited: true,
	})
	if err := f.sim.AddThing("blue_room", "Europe/Paris", "busynow", "curevmtg"); err != nil {
		t.Fatal(err)
	}
	list, _, err := f.api.ThingsV2API.ThingsV2List(f.ctx).ShowProperties(true).Execute()
	if err != nil {
		t.Fatal(err)
	}
	thing := "/iot/v2/things/" + list[0].Id
	for path, bodies := range map[string][]string{
		thing + "/publish": {
			`{"properties":[]}`, `{}`, `{"properties":[{"name":"busynow","value":1}]}`,
			`{"properties":[{"property":"busynow"}]}`, `[]`,
		},
		thing + "/properties/" + list[0].Properties[0].Id + "/publish": {`{}`, `[]`, `{"value":1,"device_id":"nope"}`},
		thing + "/properties": {`{}`, `{"name":"x"}`},
		"/iot/v2/things":      {`{"name":"a/b"}`, `{"name":"` + strings.Repeat("x", 65) + `"}`},
	} {
		for _, body := range bodies {
			if code := f.put(t, path, body); code != http.StatusBadRequest {
				t.Errorf("PUT %s %s was answered %d", path, body, code)
			}
		}
	}
}

func TestTokenAndLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t, iotcloud.Account{ClientID: "id", ClientSecret: "secret", Organization: organization})
	refused := 0
	for range 15 {
		_, resp, err := f.api.ThingsV2API.ThingsV2List(f.ctx).Execute()
		if err != nil && resp.StatusCode == http.StatusTooManyRequests {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if refused < 4 || refused > 5 {
		t.Errorf("%d of 15 calls within a second were refused, want what is more than 10", refused)
	}
	wrong := context.WithValue(t.Context(), iot.ContextOAuth2, oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "x"}))
	if _, resp, err := f.api.ThingsV2API.ThingsV2List(wrong).Execute(); err == nil ||
		resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong token: %v, %v", resp, err)
	}
}
