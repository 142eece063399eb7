package status

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// A directory knows the account's Things by name, and the client that speaks for the account.
type directory struct {
	url string

	mu      sync.Mutex
	client  *iotcloud.Client
	account rooms.Settings // of the client, without rooms
	things  map[string]*iotcloud.Thing
	listed  time.Time
}

// listAge is how long a list of Things answers for rooms whose Thing is not known yet.
const listAge = 30 * time.Second

// connect returns the client of the settings' account, a new one when the account changed.
func (d *directory) connect(s *rooms.Settings) *iotcloud.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.connectLocked(s)
}

func (d *directory) connectLocked(s *rooms.Settings) *iotcloud.Client {
	a := rooms.Settings{ClientID: s.ClientID, ClientSecret: s.ClientSecret, OrganizationID: s.OrganizationID, RequestsPerSecond: s.RequestsPerSecond}
	b := d.account
	if d.client == nil || a.ClientID != b.ClientID || a.ClientSecret != b.ClientSecret || a.OrganizationID != b.OrganizationID || a.RequestsPerSecond != b.RequestsPerSecond {
		d.client, d.account, d.things = iotcloud.New(d.url, s), a, nil
	}
	return d.client
}

// list asks for the Things.
func (d *directory) list(ctx context.Context, s *rooms.Settings) (map[string]*iotcloud.Thing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.listLocked(ctx, s)
}

func (d *directory) listLocked(ctx context.Context, s *rooms.Settings) (map[string]*iotcloud.Thing, error) {
	list, err := d.connectLocked(s).Things(ctx) //nolint:contextcheck // a client outlives the request that made it
	if err != nil {
		return nil, err
	}
	d.things, d.listed = map[string]*iotcloud.Thing{}, time.Now() //nolint:forbidigo // the age of a cache is real time
	for i := range list {
		d.things[list[i].Name] = &list[i]
	}
	return d.things, nil
}

// find returns a room's Thing, or nil; many rooms that ask at once share one request.
func (d *directory) find(ctx context.Context, s *rooms.Settings, room string) (*iotcloud.Thing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.things == nil || time.Since(d.listed) > listAge {
		if _, err := d.listLocked(ctx, s); err != nil {
			return nil, err
		}
	}
	return d.things[room], nil
}

// forget drops the list, because it named a Thing or variable that is gone.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.things = nil
}
