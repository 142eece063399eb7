// Package blobs is a stand-in for Azure Blob Storage, written from its reference
// (learn.microsoft.com/rest/api/storageservices/blob-service-rest-api): one account with containers, block blobs and
// append blobs, with conditions, leases, snapshots and access tiers, for a shared key or a service SAS. Addresses have
// the account in their path. Everything is gone when the process ends; Azurite (infra/sim/azurite) keeps its blobs.
//
// It lacks page blobs, versions, tags, copies, policies, listings by folder, and SAS limits on IP addresses. Names of
// metadata come back in lower case: net/http does not keep their case.
package blobs

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/carillon-calendar/carillon/infra/sim"
)

// Options of the simulator. It keeps no records.
type Options struct {
	sim.Options

	Account Account
	Dir     string // large blobs are kept in files there; without it all are kept in memory
}

// A Server is the simulated store. Calls that were answered with success are counted by method.
type Server struct {
	*sim.Server

	account Account
	dir     string

	mu         sync.Mutex
	containers map[string]*container
	last       int64 // the last tick that was given out
}

type container struct {
	version
	blobs map[string]*blob
	// blocks are those that no list has committed, by blob and id.
	blocks map[string]map[string]piece
}

// New returns a server for an account.
func New(o Options) (*Server, error) {
	s := &Server{
		Server: sim.New(o.Options), account: o.Account, dir: o.Dir, containers: map[string]*container{},
	}
	s.Route(http.HandlerFunc(s.serve), func(w http.ResponseWriter, status int, reason string) {
		e := &apiError{status, reason, http.StatusText(status)}
		if reason == "" {
			e.code = faultCodes[status]
		}
		e.write(w)
	})
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Server", "Windows-Azure-Blob/1.0")
	h.Set("X-Ms-Request-Id", newID())
	h.Set("X-Ms-Version", first(r.Header.Get("X-Ms-Version"), r.URL.Query().Get("sv"), "2025-01-05"))
	if id := r.Header.Get("X-Ms-Client-Request-Id"); id != "" {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	s.Server.ServeHTTP(w, r)
}

// A call is a request for a container or a blob.
type call struct {
	http.ResponseWriter

	r               *http.Request
	query           url.Values
	container, blob string
}

// An operation is one of the API's, and the rights of a SAS of which one is needed; without any the key is needed.
type operation struct {
	do     func(*call) *apiError
	rights string
}

// operation finds what a request asks for.
func (s *Server) operation(c *call) operation {
	what := c.r.Method + " " + c.query.Get("comp")
	if c.blob == "" {
		switch what {
		case "PUT ":
			return operation{s.createContainer, ""}
		case "DELETE ":
			return operation{s.deleteContainer, ""}
		case "GET ", "HEAD ":
			return operation{s.containerProperties, ""}
		case "GET list":
			return operation{s.list, "l"}
		}
		return operation{}
	}
	switch what {
	case "GET ", "HEAD ":
		return operation{s.get, "r"}
	case "PUT ":
		return operation{s.putBlob, "cw"}
	case "PUT block":
		return operation{s.putBlock, "w"}
	case "PUT blocklist":
		return operation{s.putBlockList, "cw"}
	case "PUT appendblock":
		return operation{s.appendBlock, "aw"}
	case "PUT properties":
		return operation{s.setProperties, "w"}
	case "PUT metadata":
		return operation{s.setMetadata, "w"}
	case "PUT tier":
		return operation{s.setTier, "w"}
	case "PUT lease":
		return operation{s.leaseBlob, "w"}
	case "PUT snapshot":
		return operation{s.snapshot, "cw"}
	case "DELETE ":
		return operation{s.deleteBlob, "d"}
	}
	return operation{}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := &call{ResponseWriter: w, r: r, query: r.URL.Query()}
	if err := s.answer(c); err != nil {
		err.write(w)
		return
	}
	s.Count(r.Method)
}

func (s *Server) answer(c *call) *apiError {
	path, ours := strings.CutPrefix(c.r.URL.Path, "/"+Name+"/")
	c.container, c.blob, _ = strings.Cut(path, "/")
	if !ours || c.container == "" {
		return errUnknownResource
	}
	op := s.operation(c)
	if op.do == nil || c.query.Get("restype") != c.restype() {
		return errUnsupported
	}
	if err := s.authorize(c, op.rights); err != nil {
		return err
	}
	return op.do(c)
}

// restype is what the query must say a request is for.
func (c *call) restype() string {
	if c.blob == "" {
		return "container"
	}
	return ""
}

// newID makes an id in the form of a GUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	text := hex.EncodeToString(b[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
