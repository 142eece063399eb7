// Package cegid is a stand-in for Cegid Data Access: tokens, access to the container of the exports, data sources,
// folders and the schedules of queries, which run and write their files into a blob store (infra/sim/blobs,
// infra/sim/azurite), reached through it. Cegid publishes no reference; docs/exports.md says what is known.
package cegid

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
)

// An Account is a customer's.
type Account struct {
	Tenant, KeyID, KeySecret string
	SubscriptionKeys         []string // the primary and the secondary are both good
	Provider                 string   // its id
	ProviderName             string   // which the API takes in its place
	Database                 string
}

// Lives, on the machine's clock.
const (
	tokenLife = time.Hour
	sasLife   = time.Hour
)

// maxBody is the size of a request's body, in bytes.
const maxBody = 1 << 20

// Options of the simulator.
type Options struct {
	sim.Options

	Account Account
}

// A Server is the simulated API. Queries run by the simulated time.
type Server struct {
	*sim.Server

	account Account

	mu         sync.Mutex
	blobs      *blobs.Account // nil: not there yet
	front      http.Handler   // of the blob store
	tokens     map[string]time.Time
	schedulers []scheduler
	queries    map[string]Query // what they write is not kept
}

// What the server counts.
const (
	Tokens  = "tokens"
	SAS     = "sas"
	Lists   = "lists"
	Changes = "changes"
)

// New returns a server with what the store has. The blob store comes with [Server.Serve].
func New(o Options) (*Server, error) {
	s := &Server{
		Server: sim.New(o.Options), account: o.Account, tokens: map[string]time.Time{}, queries: map[string]Query{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tokenprovider/Token", s.token)
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /storage/api/V1/storages/GetSASTokenLRD":             s.sas("rdl"),
		"GET /storage/api/V1/storages/GetSASTokenLR":              s.sas("rl"),
		"GET /datasource/api/V2/datasources/tenant/{provider}":    s.dataSources,
		"GET /datasource/api/V1/foldersCollections/tenant/{id}":   s.folders,
		"GET /query/api/V1/schedulers/tenant/provider/{provider}": s.list,
		"PUT /query/api/V1/schedulers":                            s.change,
	} {
		mux.Handle(pattern, s.authorized(h))
	}
	mux.HandleFunc("/blobs/", s.blob)
	s.Route(mux, refuse)
	return s, s.load()
}

// unchanged passes blobs on as they are stored, also those with a Content-Encoding: Go's own would unpack gzip.
var unchanged = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute}

// Serve gives the server its blob store, and makes the customer's container there.
func (s *Server) Serve(ctx context.Context, store blobs.Account) error {
	target, err := url.Parse(store.URL)
	if err != nil {
		return err
	}
	if err := s.makeContainer(ctx, store); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs = &store
	s.front = http.StripPrefix("/blobs", &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
		},
		Transport:     unchanged,
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		FlushInterval: -1,
	})
	return nil
}

// refuse answers with an error in the form of the API, or of the gateway before it where the reason speaks of a
// subscription or quota.
func refuse(w http.ResponseWriter, status int, reason string) {
	body := map[string]any{"errorMessage": reason}
	switch reason {
	case "subscription":
		body = map[string]any{
			"statusCode": status, "message": "Access denied due to invalid subscription key. Make sure to provide a valid key " +
				"for an active subscription.",
		}
	case "quota":
		body = map[string]any{
			"statusCode": status, "message": "Out of call volume quota. Quota will be replenished in 01:00:00.",
		}
	case "":
		body["errorMessage"] = http.StatusText(status)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	write(w, status, body)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// subscribed is the gateway: it lets a call through that has a subscription's key.
func (s *Server) subscribed(w http.ResponseWriter, r *http.Request) bool {
	if slices.Contains(s.account.SubscriptionKeys, r.Header.Get("Ocp-Apim-Subscription-Key")) {
		return true
	}
	refuse(w, http.StatusUnauthorized, "subscription")
	return false
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if !s.subscribed(w, r) {
		return
	}
	if r.Header.Get("x-tenantId") != s.account.Tenant || r.URL.Query().Get("api-key-Id") != s.account.KeyID ||
		r.Header.Get("api-key-secret") != s.account.KeySecret {
		refuse(w, http.StatusUnauthorized, "The API key is not valid for this tenant.")
		return
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	token, life := hex.EncodeToString(b), tokenLife
	for _, f := range s.Faults.Own(r.Method, r.URL.Path) {
		if f.Kind == "token_life" {
			life = time.Duration(f.Items) * time.Second
		}
	}
	s.mu.Lock()
	s.tokens[token] = time.Now().Add(life)
	s.Count(Tokens)
	s.mu.Unlock()
	write(w, http.StatusOK, map[string]string{
		"accessToken": token, "expireIn": strconv.Itoa(int(life.Seconds())), "tenantId": s.account.Tenant,
	})
}

func (s *Server) authorized(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.subscribed(w, r) {
			return
		}
		s.mu.Lock()
		until := s.tokens[trimBearer(r.Header.Get("Authorization"))]
		s.mu.Unlock()
		if !time.Now().Before(until) || r.Header.Get("x-tenantId") != s.account.Tenant {
			refuse(w, http.StatusUnauthorized, "The access token is not valid.")
			return
		}
		h(w, r)
	})
}

func trimBearer(header string) string {
	const scheme = "Bearer "
	if len(header) < len(scheme) {
		return ""
	}
	return header[len(scheme):]
}

// sas gives access to the container with some rights.
func (s *Server) sas(rights string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		store := s.blobs
		s.Count(SAS)
		s.mu.Unlock()
		if store == nil {
			refuse(w, http.StatusServiceUnavailable, "The storage is not available.")
			return
		}
		life, granted := sasLife, rights
		for _, f := range s.Faults.Own(r.Method, r.URL.Path) {
			switch f.Kind {
			case "sas_life":
				life = time.Duration(f.Items) * time.Second
			case "no_delete":
				granted = "rl"
			}
		}
		token, err := store.Token(s.container(), granted, time.Now().Add(life))
		if err != nil {
			refuse(w, http.StatusInternalServerError, err.Error())
			return
		}
		write(w, http.StatusOK, map[string]string{
			"blobServiceUri": "http://" + r.Host + s.Prefix + "/blobs/" + blobs.Name + "/", "containerName": s.container(),
			"sasToken": "?" + token, "blobName": "",
		})
	}
}

func (s *Server) blob(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	front := s.front
	s.mu.Unlock()
	if front == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	front.ServeHTTP(w, r)
}

func (s *Server) knows(provider string) bool {
	return provider == s.account.Provider || provider == s.account.ProviderName
}

func (s *Server) dataSources(w http.ResponseWriter, r *http.Request) {
	if !s.knows(r.PathValue("provider")) {
		refuse(w, http.StatusNotFound, "The provider does not exist.")
		return
	}
	one := func(n int, name string) map[string]any {
		return map[string]any{
			"id": "00000000-0000-4000-8000-00000000010" + strconv.Itoa(n), "name": name, "tenantId": s.account.Tenant,
			"displayPath": "Demo/" + name,
			"providerId":  s.account.Provider, "queryLanguage": "SQL",
			"providerConnectionString": "Server=example;Password=not-to-be-shown",
		}
	}
	if r.URL.Query().Get("continuationRequest") == "" {
		write(w, http.StatusOK, map[string]any{"continuationRequest": "page-2", "data": []any{one(1, s.account.Database)}})
		return
	}
	write(w, http.StatusOK, map[string]any{"continuationRequest": "", "data": []any{one(2, "DB000002")}})
}

func (s *Server) folders(w http.ResponseWriter, r *http.Request) {
	if !s.knows(r.PathValue("id")) {
		refuse(w, http.StatusNotFound, "The provider does not exist.")
		return
	}
	write(w, http.StatusOK, []any{map[string]any{
		"id": "00000000-0000-4000-8000-000000000201", "name": "Paie", "tenantId": s.account.Tenant,
		"dataSourceListId": []any{}, "providerId": s.account.Provider,
	}})
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	if !s.knows(r.PathValue("provider")) {
		refuse(w, http.StatusNotFound, "The provider does not exist.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Count(Lists)
	all := make([]map[string]any, 0, len(s.schedulers))
	for _, one := range s.schedulers {
		all = append(all, one)
	}
	write(w, http.StatusOK, all)
}

// change takes a whole schedule in place of the one of its id: the API knows no versions.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var next scheduler
	if err != nil || json.Unmarshal(data, &next) != nil {
		refuse(w, http.StatusBadRequest, "The body is no schedule.")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.schedulers, func(one scheduler) bool { return one["id"] == next["id"] })
	if i < 0 {
		refuse(w, http.StatusNotFound, "The schedule does not exist.")
		return
	}
	if _, err := next.next(); err != nil {
		refuse(w, http.StatusBadRequest, "nextExecution is no time.")
		return
	}
	if at, ok := next["nextExecution"].(string); ok { // kept with seven digits, without a zone
		if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
			next["nextExecution"] = t.UTC().Format(timeForm)
		}
	}
	s.Count(Changes)
	s.schedulers[i] = next
	if err := s.save(); err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	write(w, http.StatusOK, next)
}
