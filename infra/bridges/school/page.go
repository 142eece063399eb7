package school

import (
	"context"
	"net/http"
	"strings"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func (b *bridge) pages(handle func(pattern string, h http.Handler)) {
	handle("GET /dashboard/school", web.HandlerFunc(b.overview))
	// The page shows what a client gets: it calls the API itself.
	handle("/dashboard/school/api/", http.StripPrefix("/dashboard/school/api", b.api))
}

// A view is what the page shows beside the API's answers.
type view struct {
	Now      string `json:"now"`
	TimeZone string `json:"time_zone"`
	Today    string `json:"today"`
	Editable bool   `json:"editable"`
	School   string `json:"school"` // address of the simulated one; ""
	API      string `json:"api"`    // address of the API
	Calls    []made `json:"calls"`  // the newest first
}

func (b *bridge) overview(w http.ResponseWriter, r *http.Request) error {
	settings, err := b.settings.Get(r.Context())
	if err != nil {
		return err
	}
	now := b.Clock.Now()
	v := view{
		Now: now.UTC().Format("2006-01-02T15:04:05Z"), TimeZone: settings.Zone().String(), Editable: b.pronote != nil,
		Today: now.In(settings.Zone()).Format("2006-01-02"), API: b.URL + prefix, Calls: b.calls.list(),
	}
	if b.Alone {
		v.API = b.URL
	}
	if b.pronote != nil {
		v.School = b.school()
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, v)
}

// parts are the servers that may be asked; whether they answer is seen at a person's next login only.
func (b *bridge) parts(ctx context.Context, _ string) ([]machine.Part, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	name := strings.Join(settings.AllowedHosts, ", ")
	if b.pronote != nil {
		name = "PRONOTE"
	}
	part := machine.Part{Name: name, State: machine.PartUnknown, TimeZone: settings.Zone().String()}
	if b.pronote != nil {
		part.State, part.SeenAt = machine.PartOK, b.Clock.Now()
	}
	return []machine.Part{part}, nil
}
