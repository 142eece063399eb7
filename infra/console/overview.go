package console

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A bridgeView is a bridge on the overview.
type bridgeView struct {
	Name    string         `json:"name"`
	Title   string         `json:"title"`
	Units   map[string]any `json:"units"` // what parts are called, by plural form
	Running bool           `json:"running"`
	Fault   bool           `json:"fault,omitempty"` // its state cannot be read
	Parts   []machine.Part `json:"parts"`
}

// mostDead is how many dead letters the page shows.
const mostDead = 50

// overview is the first page: bridges, what doctor found, dead letters, the last log lines.
func (c *console) overview(w http.ResponseWriter, r *http.Request) error {
	dead, err := c.Queue.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	c.checkup.lookIfOld(c.Machine) //nolint:contextcheck // it outlasts the request
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"now": c.Clock.Now().UTC(), "sample": c.Sample(), "bridges": c.bridgeViews(r),
		"doctor": c.checkup.view(r.URL.Query().Get("locale")),
		"dead":   append(dead[:0:0], dead[max(0, len(dead)-mostDead):]...), "dead_count": len(dead),
		"log": machine.LastLines(),
	})
}

func (c *console) bridgeViews(r *http.Request) []bridgeView {
	locale := r.URL.Query().Get("locale")
	views := make([]bridgeView, 0, len(c.Bridges))
	for _, known := range c.Bridges {
		view := bridgeView{
			Name: known.Name, Title: titleOf(known, locale), Units: known.Texts.Templates(locale, "units"),
			Parts: []machine.Part{},
		}
		b, ok := c.running(known.Name)
		view.Running = ok
		if ok && b.Parts != nil {
			parts, err := b.Parts(r.Context(), locale)
			view.Fault = err != nil
			view.Parts = append(view.Parts, parts...)
		}
		views = append(views, view)
	}
	return views
}

// A checkup is what doctor found last. It makes calls outside, so it runs in the background: when the
// page is open and what is known is old, and when a person asks.
type checkup struct {
	mu      sync.Mutex
	running bool
	at      time.Time // on the office's clock, as shown
	began   time.Time // on the machine's
	found   []machine.Finding
}

// checkupView is doctor on the overview.
type checkupView struct {
	At       time.Time         `json:"at,omitzero"` // absent: not yet
	Running  bool              `json:"running"`
	Findings []machine.Finding `json:"findings"`
}

// How old a checkup gets before an open page makes a new one: sooner where something was found.
const (
	checkupAge   = 30 * time.Minute
	checkupAgain = 5 * time.Minute
)

// view says what was found in the reader's language.
func (c *checkup) view(locale string) checkupView {
	c.mu.Lock()
	defer c.mu.Unlock()
	return checkupView{c.at, c.running, machine.Say(c.found, locale)}
}

func (c *checkup) lookIfOld(m *machine.Machine) {
	c.mu.Lock()
	limit := checkupAge
	if slices.ContainsFunc(c.found, func(f machine.Finding) bool { return f.State != machine.FindingOK }) {
		limit = checkupAgain
	}
	old := time.Since(c.began) > limit
	c.mu.Unlock()
	if old {
		c.look(m)
	}
}

// look starts a checkup unless one is at work. It ends with the process.
func (c *checkup) look(m *machine.Machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return
	}
	c.running, c.began = true, time.Now()
	m.Go(func() {
		found := m.Examine(m.Context())
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = false
		if m.Context().Err() == nil {
			c.at, c.found = m.Clock.Now().UTC(), found
		}
	})
}

// checkNow starts a checkup; the overview tells when it is done.
func (c *console) checkNow(w http.ResponseWriter, _ *http.Request) error {
	c.checkup.look(c.Machine)
	w.WriteHeader(http.StatusAccepted)
	return nil
}
