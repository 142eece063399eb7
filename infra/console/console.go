// Package console is the operators' side of a machine: the dashboard's frame with its first page, and the commands'
// API.
package console

import (
	"net/http"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

type console struct {
	*machine.Machine

	checkup checkup
}

// Serve serves the dashboard and the operators' commands of a machine: it is a [machine.Console].
func Serve(m *machine.Machine, mux *http.ServeMux) error {
	c := &console{Machine: m}
	if err := c.dashboard(mux); err != nil {
		return err
	}
	return c.operate(mux)
}

// dashboard serves the pages at / and what they ask for. Changes are taken from the pages themselves only.
func (c *console) dashboard(mux *http.ServeMux) error {
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, pages.Secured(h)) }
	handle("GET /dashboard/overview", web.HandlerFunc(c.overview))
	handle("POST /dashboard/doctor", web.HandlerFunc(c.checkNow))
	handle("POST /dashboard/dead/{id}/send", web.HandlerFunc(c.sendAgain))
	for _, b := range c.Running {
		if b.Pages != nil {
			b.Pages(handle)
		}
	}
	return c.servePages(handle)
}
