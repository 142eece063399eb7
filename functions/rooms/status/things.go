package status

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// A directory knows the account's Things by name, and the client that speaks for the account.
type directory struct {
	url string

	listing sync.Mutex // held by who asks for the Things; the others then find them known

	mu      sync.Mutex
	client  *iotcloud.Client
	account rooms.Settings // of the client, without rooms
	things  map[string][]*iotcloud.Thing
	listed  time.Time
}

// listAge is how long a list of Things answers for rooms whose Thing is not known yet.
const listAge = 30 * time.Second

// connect returns the client of the settings' account, a new one when the account changed.
func (d *directory) connect(s *rooms.Settings) *iotcloud.Client {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := rooms.Settings{
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, OrganizationID: s.OrganizationID,
		RequestsPerSecond: s.RequestsPerSecond,
	}
	b := d.account
	if d.client == nil || a.ClientID != b.ClientID || a.ClientSecret != b.ClientSecret ||
		a.OrganizationID != b.OrganizationID || a.RequestsPerSecond != b.RequestsPerSecond {
		d.client, d.account, d.things = iotcloud.New(d.url, s), a, nil
	}
	return d.client
}

// list asks for the Things.
func (d *directory) list(ctx context.Context, s *rooms.Settings) (map[string][]*iotcloud.Thing, error) {
	d.listing.Lock()
	defer d.listing.Unlock()
	return d.ask(ctx, s)
}

func (d *directory) ask(ctx context.Context, s *rooms.Settings) (map[string][]*iotcloud.Thing, error) {
	list, err := d.connect(s).Things(ctx)
	if err != nil {
		return nil, err
	}
	things := make(map[string][]*iotcloud.Thing, len(list))
	for i := range list {
		things[list[i].Name] = append(things[list[i].Name], &list[i])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.things, d.listed = things, time.Now() //nolint:forbidigo // the age of a cache is real time
	return things, nil
}

// find returns the Things of a room's name; many rooms that ask at once share one request.
func (d *directory) find(ctx context.Context, s *rooms.Settings, room string) ([]*iotcloud.Thing, error) {
	d.listing.Lock()
	defer d.listing.Unlock()
	things := d.known()
	if things == nil {
		var err error
		if things, err = d.ask(ctx, s); err != nil {
			return nil, err
		}
	}
	return things[room], nil
}

// known returns the Things of the last list, or nil when it is too old.
func (d *directory) known() map[string][]*iotcloud.Thing {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.listed) > listAge {
		return nil
	}
	return d.things
}

// choose returns the Thing of a room among those of its name: the one it had, else the first by id; nil where there is
// none.
func choose(things []*iotcloud.Thing, id string) *iotcloud.Thing {
	if len(things) == 0 {
		return nil
	}
	if i := slices.IndexFunc(things, func(t *iotcloud.Thing) bool { return t.ID == id }); i >= 0 {
		return things[i]
	}
	return slices.MinFunc(things, func(a, b *iotcloud.Thing) int { return strings.Compare(a.ID, b.ID) })
}

// forget drops the list, because it named a Thing or variable that is gone.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.things = nil
}
