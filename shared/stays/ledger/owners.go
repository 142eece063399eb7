package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// ErrNoOwner is an owner that the ledger does not have.
var ErrNoOwner = errors.New("there is no such owner")

const ownersFrom = "SELECT id, name, email, language, active, epoch FROM owners"

func scanOwner(rows sqldb.Row) (o Owner, err error) {
	return o, rows.Scan(&o.ID, &o.Name, &o.Email, &o.Language, &o.Active, &o.Epoch)
}

// Owners reads all owners.
func (l *Ledger) Owners(ctx context.Context) ([]Owner, error) {
	return list(ctx, l, scanOwner, ownersFrom+" ORDER BY id")
}

// Owner reads an owner.
func (l *Ledger) Owner(ctx context.Context, id int64) (Owner, error) {
	found, err := list(ctx, l, scanOwner, ownersFrom+" WHERE id = $1", id)
	if err == nil && len(found) == 0 {
		err = ErrNoOwner
	}
	if err != nil {
		return Owner{}, err
	}
	return found[0], nil
}

// OwnersByEmail reads the active owners who have an address, written in whatever case.
func (l *Ledger) OwnersByEmail(ctx context.Context, email string) ([]Owner, error) {
	return list(ctx, l, scanOwner, ownersFrom+" WHERE active AND lower(email) = lower($1) ORDER BY id", email)
}

// PutOwners adds owners, or changes those that are there.
func (l *Ledger) PutOwners(ctx context.Context, owners []Owner) error {
	rows := make([][]any, len(owners))
	for i, o := range owners {
		rows[i] = []any{o.ID, o.Name, o.Email, o.Language, o.Active}
	}
	return l.put(ctx, rows, "INSERT INTO owners (id, name, email, language, active) SELECT * FROM "+
		l.db.Rows(1, "id bigint", "name text", "email text", "language text", "active boolean")+
		" AS r WHERE true ON CONFLICT (id) DO UPDATE SET name = excluded.name, email = excluded.email, "+
		"language = excluded.language, active = excluded.active, epoch = owners.epoch + CASE WHEN owners.active = "+
		"excluded.active THEN 0 ELSE 1 END")
}

// SetLanguage notes the language in which an owner reads.
func (l *Ledger) SetLanguage(ctx context.Context, owner int64, language string) error {
	return l.do(ctx, "UPDATE owners SET language = $1 WHERE id = $2", language, owner)
}

// EndSessions ends all sessions of an owner, and uses up the links that would begin one.
func (l *Ledger) EndSessions(ctx context.Context, owner int64) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE owners SET epoch = epoch + 1 WHERE id = $1", owner); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE links SET used = $1 WHERE owner = $2 AND used IS NULL",
			sqldb.At(l.now()), owner)
		return err
	})
}

// UnitsOf reads an owner's units, in the order of their ids.
func (l *Ledger) UnitsOf(ctx context.Context, owner int64) ([]Unit, error) {
	return list(ctx, l, scanUnit, unitsFrom+" WHERE owner = $1 ORDER BY unit", owner)
}

// UnitsOnSite reads the units that have a number on the website: one, or none.
func (l *Ledger) UnitsOnSite(ctx context.Context, site int64) ([]Unit, error) {
	return list(ctx, l, scanUnit, unitsFrom+" WHERE site = $1 ORDER BY unit LIMIT 1", site)
}

// Offered reads the units that the public may see: listed and published ones, of active owners or of none that is
// known.
func (l *Ledger) Offered(ctx context.Context) ([]Unit, error) {
	return list(ctx, l, scanUnit, unitsFrom+" WHERE listed AND published AND NOT EXISTS (SELECT 1 FROM owners WHERE "+
		"owners.id = units.owner AND NOT owners.active) ORDER BY unit")
}

// A StateChange is a line of a unit's history of states.
type StateChange struct {
	Unit  string
	Was   stays.State
	State stays.State
	Actor stays.Origin
	At    time.Time
	Until time.Time // of the next change; zero: it holds
}

// States reads the history of some units' states, the newest first.
func (l *Ledger) States(ctx context.Context, units []string) ([]StateChange, error) {
	next := map[string]time.Time{}
	return list(ctx, l, func(rows sqldb.Row) (c StateChange, err error) {
		var at sqldb.Instant
		err = rows.Scan(&c.Unit, &c.Was, &c.State, &c.Actor, &at)
		c.At, c.Until = at.Time, next[c.Unit]
		next[c.Unit] = c.At
		return c, err
	}, "SELECT unit, was, state, actor, at FROM states WHERE unit IN (SELECT unit FROM "+l.db.Rows(1, "unit text")+
		" AS r) ORDER BY entry DESC", names(units))
}

// ErrBlocked is a unit that its owner cannot set free: the association has blocked it.
var ErrBlocked = errors.New("the association has blocked the calendar")

// SetState changes what some units' calendars are used for, all of them or, where that is refused, none. Those that are
// used for it already get no line in the history. An owner who sets a state was active.
func (l *Ledger) SetState(ctx context.Context, units []string, state stays.State, actor stays.Origin) error {
	now := sqldb.At(l.now())
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, unit := range units {
			if err := l.setState(ctx, tx, unit, state, actor, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		l.told(ctx)
	}
	return err
}

// StatesHead is 0 for an empty history of states, and grows with each line of it. It has the count of the lines in it
// because PostgreSQL may commit a lower number after a higher one.
func (l *Ledger) StatesHead(ctx context.Context) (n int64, err error) {
	err = l.db.Read.QueryRowContext(ctx, "SELECT COALESCE(max(entry), 0) + count(*) FROM states").Scan(&n)
	return n, l.db.Fault(err)
}

func (l *Ledger) setState(
	ctx context.Context, tx *sql.Tx, unit string, state stays.State, actor stays.Origin, now sqldb.Instant,
) error {
	var was sql.NullString
	err := tx.QueryRowContext(ctx, "SELECT state FROM units WHERE unit = $1 AND listed"+l.db.Lock, unit).Scan(&was)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoUnit
	}
	if err != nil {
		return err
	}
	before := Unit{State: stays.State(was.String)}.Uses()
	var by stays.Origin
	err = tx.QueryRowContext(ctx, "SELECT actor FROM states WHERE unit = $1 ORDER BY entry DESC LIMIT 1", unit).Scan(&by)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	// what was blocked for another reason, the association blocks all the same
	again := state == stays.Blocked && actor == stays.Staff && by != stays.Staff
	if actor.Kind() == stays.KindOwner {
		if !stays.MayOwnerSet(before, by, state) {
			return ErrBlocked
		}
		if _, err := tx.ExecContext(ctx, "UPDATE units SET seen = $1 WHERE unit = $2", now, unit); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE units SET state = $1 WHERE unit = $2", state, unit); err != nil ||
		before == state && !again {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO states (unit, was, state, actor, at) VALUES ($1, $2, $3, $4, $5)", unit,
		before, state, actor, now)
	return err
}

// A UnitState is what a unit's calendar is used for, of which somebody has said so.
type UnitState struct {
	Unit  string
	State stays.State
	Seen  time.Time // when its owner said so last; zero: he never has
}

// StatesSet reads what has been said of all units.
func (l *Ledger) StatesSet(ctx context.Context) ([]UnitState, error) {
	return list(ctx, l, func(rows sqldb.Row) (u UnitState, err error) {
		var seen sqldb.Instant
		err = rows.Scan(&u.Unit, &u.State, &seen)
		u.Seen = seen.Time
		return u, err
	}, "SELECT unit, state, seen FROM units WHERE listed AND state IS NOT NULL ORDER BY unit")
}

// AdoptStates takes over what the website says of units of which nobody has said anything here.
func (l *Ledger) AdoptStates(ctx context.Context, states map[string]stays.State) error {
	rows := make([][]any, 0, len(states))
	for unit, state := range states {
		rows = append(rows, []any{unit, state})
	}
	return l.put(ctx, rows, "UPDATE units SET state = r.state FROM "+l.db.Rows(1, "unit text", "state text")+
		" AS r WHERE units.unit = r.unit AND units.state IS NULL")
}

// Seen is when units' owners were last active: when they, or the website for them, changed days, or set a state. With
// partners their changes count too. A unit whose owner never was is left out.
func (l *Ledger) Seen(ctx context.Context, units []string, partners bool) (map[string]time.Time, error) {
	actors := "c.actor LIKE 'owner:%' OR c.actor = 'website'"
	if partners {
		actors += " OR c.actor LIKE 'partner:%' OR c.actor = 'service'"
	}
	seen := map[string]time.Time{}
	_, err := list(ctx, l, func(rows sqldb.Row) (struct{}, error) {
		var unit string
		var set, changed sqldb.Instant
		err := rows.Scan(&unit, &set, &changed)
		if set.Before(changed.Time) {
			set = changed
		}
		if !set.IsZero() {
			seen[unit] = set.Time
		}
		return struct{}{}, err
	}, "SELECT u.unit, u.seen, (SELECT c.at FROM changes c WHERE c.unit = u.unit AND ("+actors+") ORDER BY c.number "+
		"DESC LIMIT 1) FROM units u WHERE u.unit IN (SELECT unit FROM "+l.db.Rows(1, "unit text")+" AS r)", names(units))
	return seen, err
}
