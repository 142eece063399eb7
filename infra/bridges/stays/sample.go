package stays

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

const sampleSettings = `{"time_zone": "` + machine.SampleZone + `", "requests_per_minute": 6000}`

// samplePartners have all units; each one's secret is its name with -key.
var samplePartners = []string{"channel", "portal"}

// sampleSecret is how a sample partner is let in.
func sampleSecret(partner string) string { return partner + "-key" }

// sampleUnits are six cottages of two owners. Nothing is held in the last one.
var sampleUnits = []struct {
	name     string
	owner    int64
	capacity int
}{
	{"La Grange aux hirondelles", 1, 6},
	{"Le Moulin de la Molignée", 1, 4},
	{"L’Ancienne Forge", 1, 8},
	{"Gîte du Tilleul", 2, 4},
	{"La Maison du garde", 2, 2},
	{"Le Fournil", 2, 5},
}

func unitID(i int) string { return fmt.Sprintf("GFLX%04d", i+1) }

func exists(file string) bool {
	_, err := os.Stat(file)
	return !errors.Is(err, os.ErrNotExist)
}

// fillSample puts the sample into a ledger that is empty: some months of stays from the day after tomorrow on.
func fillSample(ctx context.Context, l *ledger.Ledger, now time.Time) error {
	if there, err := l.Units(ctx, nil); err != nil || len(there) > 0 {
		return err
	}
	if err := samplePeople(ctx, l); err != nil {
		return err
	}
	zone, err := time.LoadLocation(machine.SampleZone)
	if err != nil {
		return err
	}
	first := stays.DayOf(now.In(zone)) + 2
	for i := range len(sampleUnits) - 1 {
		if err := sampleStays(ctx, l, i, first); err != nil {
			return err
		}
	}
	return nil
}

func samplePeople(ctx context.Context, l *ledger.Ledger) error {
	err := l.PutOwners(ctx, []ledger.Owner{
		{ID: 1, Name: "A. Lambert", Email: "lambert@example.org", Language: "fr", Active: true},
		{ID: 2, Name: "M. Peeters", Email: "peeters@example.org", Language: "nl", Active: true},
	})
	if err != nil {
		return err
	}
	units := make([]ledger.Unit, len(sampleUnits))
	for i, u := range sampleUnits {
		units[i] = ledger.Unit{
			Unit: unitID(i), Name: u.name, Owner: u.owner, Site: int64(100 + i), Listed: true,
			Published: true, Capacity: u.capacity,
		}
	}
	if err := l.PutUnits(ctx, units); err != nil {
		return err
	}
	for _, name := range samplePartners {
		p := ledger.Partner{
			Name: name, Rights: []string{ledger.RightAdd, ledger.RightView}, All: true, Conflicts: ledger.ConflictsRefuse,
			Email: name + "@example.org",
		}
		if err := l.PutPartner(ctx, p); err != nil {
			return err
		}
		s := ledger.Secret{ID: secrets.ID(), Hash: secrets.Hash(sampleSecret(name))}
		if err := l.AddSecret(ctx, name, s, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// sampleStays fills a unit's next four months: each stay of three to eight nights by one of the partners or the owner,
// with some free nights after it.
func sampleStays(ctx context.Context, l *ledger.Ledger, unit int, first stays.Day) error {
	holders := []stays.Origin{
		stays.OriginOf(stays.KindPartner, "channel"), stays.OriginOf(stays.KindPartner, "portal"),
		stays.OriginOf(stays.KindOwner, strconv.FormatInt(sampleUnits[unit].owner, 10)),
	}
	day := first + stays.Day(unit) //nolint:gosec // below ten
	for n := 0; day < first+120; n++ {
		nights := stays.Day(3 + (unit+2*n)%6)
		r := stays.Request{
			Unit: unitID(unit), Range: stays.Range{From: day, To: day + nights}, Type: stays.Booked,
			Origin: holders[(unit+n)%len(holders)],
		}
		switch {
		case r.Origin.Kind() == stays.KindPartner:
			r.Ref = fmt.Sprintf("%s-%d%03d", r.Origin.Name(), unit+1, n)
		case n%2 == 0:
			r.Type = stays.Unavailable
		}
		if _, err := l.Change(ctx, ledger.Order{Request: r}); err != nil {
			return err
		}
		day += nights + stays.Day(2+(3*n+unit)%7)
	}
	return nil
}
