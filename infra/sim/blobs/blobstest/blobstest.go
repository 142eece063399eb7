// Package blobstest starts a blob store for tests: the simulated one, which needs nothing but Go, or the real Azurite
// with `make test`.
package blobstest

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/azurite"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// Start starts a store with its data in dir. It may outlive the test: whoever starts it stops it.
func Start(t *testing.T, dir string) (account blobs.Account, stop func()) {
	t.Helper()
	if peers.Wanted() {
		return Azurite(t, dir)
	}
	return Simulated(t, dir)
}

// Simulated starts the simulated store.
func Simulated(t *testing.T, dir string) (account blobs.Account, stop func()) {
	t.Helper()
	front := httptest.NewUnstartedServer(nil)
	account = blobs.NewAccount("http://" + front.Listener.Addr().String())
	server, err := blobs.New(blobs.Options{Account: account, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = server
	front.Start()
	return account, front.Close
}

// Azurite starts the real Azurite; without `make test` the test is skipped.
func Azurite(t *testing.T, dir string) (account blobs.Account, stop func()) {
	t.Helper()
	script, err := azurite.Script(filepath.Join(peers.Dir(t), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := azurite.Start(context.WithoutCancel(t.Context()), script, dir)
	if err != nil {
		t.Fatal(err)
	}
	return server.Account, server.Stop
}
