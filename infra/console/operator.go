package console

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// operate serves the operators' commands, for whoever can read the data folder.
func (c *console) operate(mux *http.ServeMux) error {
	key, err := c.OperatorKey()
	if err != nil {
		return err
	}
	operations := map[string]web.HandlerFunc{
		"GET /operator/doctor":          c.doctor,
		"GET /operator/dead":            c.deadLetters,
		"GET /operator/dead/{id}":       c.deadLetter,
		"POST /operator/dead/{id}/send": c.sendAgain,
		"DELETE /operator/dead/{id}":    c.drop,
	}
	for _, b := range c.Running {
		maps.Copy(operations, b.Operations)
	}
	for pattern, h := range operations {
		mux.Handle(pattern, web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if !web.SameSecret(web.Bearer(r), key) {
				const do = "Give the operator key of run.json in the data folder as the bearer token."
				return web.NewProblem(http.StatusUnauthorized, do, nil)
			}
			if zone := c.Zone(r.Context()); zone != "" {
				w.Header().Set(machine.ZoneHeader, zone)
			}
			if c.Sample() {
				w.Header().Set(machine.PublicHeader, c.URL)
			}
			return h(w, r)
		}))
	}
	return nil
}

func (c *console) doctor(w http.ResponseWriter, r *http.Request) error {
	return web.WriteJSON(w, http.StatusOK, machine.Say(c.Examine(r.Context()), ""))
}

func (c *console) deadLetters(w http.ResponseWriter, r *http.Request) error {
	list, err := c.Queue.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// deadID reads the id in the path.
func deadID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, web.NewProblem(http.StatusBadRequest, "A dead letter's id is a number.", nil)
	}
	return id, nil
}

func deadProblem(err error) error {
	if errors.Is(err, machine.ErrNoDeadLetter) {
		return web.NewProblem(http.StatusNotFound, "No dead letter has this id.", nil)
	}
	return err
}

func (c *console) deadLetter(w http.ResponseWriter, r *http.Request) error {
	id, err := deadID(r)
	if err != nil {
		return err
	}
	d, err := c.Queue.DeadLetter(r.Context(), id)
	if err != nil {
		return deadProblem(err)
	}
	return web.WriteJSON(w, http.StatusOK, d)
}

func (c *console) sendAgain(w http.ResponseWriter, r *http.Request) error {
	return c.withDead(w, r, c.Queue.SendAgain)
}

func (c *console) drop(w http.ResponseWriter, r *http.Request) error {
	return c.withDead(w, r, c.Queue.Drop)
}

func (c *console) withDead(w http.ResponseWriter, r *http.Request, do func(context.Context, int64) error) error {
	id, err := deadID(r)
	if err != nil {
		return err
	}
	if err := do(r.Context(), id); err != nil {
		return deadProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
