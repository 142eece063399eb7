package cloudsql

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/cloudsqlconn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/oauth2"

	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	pgdb "github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
)

// An instance is a PostgreSQL server as Cloud SQL shows it: an Admin API that gives certificates
// (docs.cloud.google.com/sql/docs/postgres/admin-api/rest/v1beta4/connect), and TLS in front of the server, for
// clients that have one.
type instance struct {
	*testing.T

	ca       *x509.Certificate
	key      *rsa.PrivateKey
	listener net.Listener
	socket   string
	certs    atomic.Int32 // given to clients
}

func (in *instance) must(err error) {
	in.Helper()
	if err != nil {
		in.Fatal(err)
	}
}

// sign makes a certificate for a name and key.
func (in *instance) sign(name string, key any) []byte {
	in.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent := in.ca
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, in.key)
	in.must(err)
	return der
}

func text(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// start has an instance of that name listen.
func start(t *testing.T, server *postgres.Server, project, name string) *instance {
	t.Helper()
	in := &instance{T: t}
	var err error
	in.key, err = rsa.GenerateKey(rand.Reader, 2048)
	in.must(err)
	in.ca, err = x509.ParseCertificate(in.sign("Google Cloud SQL Server CA", &in.key.PublicKey))
	in.must(err)
	cfg, err := pgx.ParseConfig(server.DSN)
	in.must(err)
	_, in.socket = pgconn.NetworkAddress(cfg.Host, cfg.Port)
	pool := x509.NewCertPool()
	pool.AddCert(in.ca)
	in.listener, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{
			Certificate: [][]byte{in.sign(project+":"+name, &in.key.PublicKey)}, PrivateKey: in.key,
		}},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS13,
	})
	in.must(err)
	go in.serve()
	t.Cleanup(func() { in.must(in.listener.Close()) })
	return in
}

// serve hands connections on to the server.
func (in *instance) serve() {
	for {
		client, err := in.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer client.Close()
			server, err := (&net.Dialer{}).DialContext(context.Background(), "unix", in.socket)
			if err != nil {
				return
			}
			defer server.Close()
			go func() { _, _ = io.Copy(server, client) }()
			_, _ = io.Copy(client, server)
		}()
	}
}

// api is the part of the Admin API that a connector needs.
func (in *instance) api(project, region, name string) *httptest.Server {
	mux := http.NewServeMux()
	path := "/sql/v1beta4/projects/" + project + "/instances/" + name
	mux.HandleFunc("GET "+path+"/connectSettings", func(w http.ResponseWriter, _ *http.Request) {
		in.answer(w, map[string]any{
			"kind": "sql#connectSettings", "region": region, "backendType": "SECOND_GEN", "databaseVersion": "POSTGRES_15",
			"ipAddresses":  []map[string]string{{"type": "PRIMARY", "ipAddress": "203.0.113.7"}},
			"serverCaCert": map[string]string{"cert": text(in.ca.Raw)}, "serverCaMode": "GOOGLE_MANAGED_INTERNAL_CA",
		})
	})
	mux.HandleFunc("POST "+path+":generateEphemeralCert", func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Key string `json:"public_key"`
		}
		err := json.NewDecoder(r.Body).Decode(&asked)
		block, _ := pem.Decode([]byte(asked.Key))
		if err != nil || block == nil {
			http.Error(w, "no key", http.StatusBadRequest)
			return
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in.certs.Add(1)
		in.answer(w, map[string]any{"ephemeralCert": map[string]string{"cert": text(in.sign("client", key))}})
	})
	server := httptest.NewServer(mux)
	in.Cleanup(server.Close)
	return server
}

func (in *instance) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		in.Error(err)
	}
}

// connector is one that finds the instance on this machine.
func (in *instance) connector(api *httptest.Server) *connector {
	return &connector{options: []cloudsqlconn.Option{
		cloudsqlconn.WithTokenSource(oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token"})),
		cloudsqlconn.WithAdminAPIEndpoint(api.URL),
		cloudsqlconn.WithDialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != "203.0.113.7:3307" {
				in.Errorf("connects to %s", address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, in.listener.Addr().String())
		}),
	}}
}

// TestConnectionName: a database is reached by its connection name, through TLS with certificates of both sides, and
// one certificate serves for many connections.
func TestConnectionName(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	in := start(t, server, "office", "main-stays")
	c := in.connector(in.api("office", "europe-west1", "main-stays"))
	db, err := pgdb.Open("host=office:europe-west1:main-stays user=postgres dbname=postgres password=secret", 2, c.use)
	in.must(err)
	defer db.Close()
	for range 2 {
		conn, err := db.Write.Conn(t.Context())
		in.must(err)
		defer conn.Close()
		var name string
		in.must(conn.QueryRowContext(t.Context(), "SELECT current_database()").Scan(&name))
	}
	if in.certs.Load() != 1 {
		t.Errorf("%d certificates for two connections", in.certs.Load())
	}
}

// TestNoSuchInstance: what is wrong is said, without the password.
func TestNoSuchInstance(t *testing.T) {
	t.Parallel()
	in := &instance{T: t}
	api := httptest.NewServer(http.NotFoundHandler())
	defer api.Close()
	db, err := pgdb.Open("host=office:europe-west1:gone user=carillon dbname=carillon password=secret", 2,
		in.connector(api).use)
	in.must(err)
	defer db.Close()
	err = db.Write.PingContext(t.Context())
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(),
		"office:europe-west1:gone") {
		t.Errorf("%v", err)
	}
}

func TestWhichHostsAreConnectionNames(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"office-123:europe-west1:main-stays": true, "example.com:office:europe-west1:main": true,
		"db.example.com": false, "10.1.2.3": false, "/var/run/postgresql": false, "::1": false, "2001:db8::1": false,
		"2001:db8:1:2:3:4:5:6": false, "a:b": false,
	} {
		if got := connectionName.MatchString(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
