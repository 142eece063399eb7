// Package site writes the table of the association's website that says which days of its cottages are taken, and
// compares it with the ledger. The website's tables are those of before; a table of our own beside them keeps, for each
// cottage and day, which change was the last to write it:
//
//	reservation_proprio   a row for each day that is taken, at 00:00: loue, or indisp
//	hebergement           the cottages: heb_code_cgt is our unit; heb_calendrier_proprio_date_maj is when its owner, or a
//	                      partner, was last active
//	carillon_days         cottage, day, epoch and number of the change that wrote it last
//
// A day is written only by a change newer than the one that wrote it last. So messages may arrive in any order and may
// be redelivered.
package site

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Table is the website's table in its database.
type Table struct {
	db  *sqldb.DB
	own bool // it is in the ledger's database, and its cottages are the ledger's units

	number string // what gives a new row its number, as the beginning of an INSERT's list: "" where the column does
}

// ErrTables is that a database does not have the website's tables.
var ErrTables = errors.New("the database does not have the website's tables reservation_proprio and hebergement with " +
	"their columns")

// ownTables are made in a database. Those of the website are made in the ledger's own only.
const (
	ownDays = `CREATE TABLE IF NOT EXISTS carillon_days (heb bigint NOT NULL, day date NOT NULL, epoch bigint NOT NULL,
		number bigint NOT NULL, PRIMARY KEY (heb, day))`
	ownUnits = `CREATE TABLE IF NOT EXISTS hebergement (heb_pk %[1]s, heb_nom varchar, heb_code_cgt varchar UNIQUE,
		heb_pro_fk integer, heb_site_public varchar, heb_calendrier_proprio varchar DEFAULT 'non actif',
		heb_calendrier_proprio_date_maj date)`
	ownReservations = `CREATE TABLE IF NOT EXISTS reservation_proprio (res_id %[1]s, res_type varchar(20) NOT NULL,
		heb_fk integer NOT NULL, pro_fk integer, res_date timestamp NOT NULL, res_date_cre timestamp NOT NULL)`
	ownIndex = `CREATE INDEX IF NOT EXISTS reservation_proprio_days ON reservation_proprio (heb_fk, res_date)`
)

// Open takes the website's tables into use. Where own is true they are in the ledger's database, and made there.
func Open(ctx context.Context, db *sqldb.DB, own bool) (_ *Table, err error) {
	t := &Table{db: db, own: own}
	statements := []string{ownDays}
	if own {
		if err := t.notOthers(ctx); err != nil {
			return nil, err
		}
		serial := map[string]string{"sqlite": "INTEGER PRIMARY KEY", "postgres": "serial PRIMARY KEY"}[db.Name]
		statements = append(statements, fmt.Sprintf(ownUnits, serial), fmt.Sprintf(ownReservations, serial), ownIndex)
	} else if t.number, err = examine(ctx, db); err != nil {
		return nil, err
	}
	for _, s := range statements {
		if _, err := db.Write.ExecContext(ctx, s); err != nil {
			return nil, db.Fault(fmt.Errorf("making our table beside the website's: %w", err))
		}
	}
	return t, nil
}

// ErrOthers is that the ledger's database has the website's own tables.
var ErrOthers = errors.New("the ledger's database has the website's tables: to have them written, name it as " +
	"site_dsn too")

// notOthers refuses tables that Carillon did not make: without site_dsn nobody has allowed to write the website's own.
func (t *Table) notOthers(ctx context.Context) error {
	queries := map[string]string{
		"sqlite": "SELECT count(*) FROM sqlite_master WHERE name = 'hebergement' AND NOT EXISTS (SELECT 1 FROM " +
			"sqlite_master WHERE name = 'carillon_days')",
		"postgres": "SELECT count(*) FROM pg_class WHERE oid = to_regclass('hebergement') AND to_regclass('carillon_days') " +
			"IS NULL",
	}
	var n int
	err := t.db.Read.QueryRowContext(ctx, queries[t.db.Name]).Scan(&n)
	if err == nil && n > 0 {
		return ErrOthers
	}
	return t.db.Fault(err)
}

// Examine looks whether a database has the website's tables; it makes nothing.
func Examine(ctx context.Context, db *sqldb.DB) error {
	_, err := examine(ctx, db)
	return err
}

// examine looks at tables that others have made: whether they are there, and how a row gets its number.
func examine(ctx context.Context, db *sqldb.DB) (number string, err error) {
	const columns = `SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND
		(table_name, column_name) IN (('reservation_proprio', 'res_id'), ('reservation_proprio', 'res_type'),
		('reservation_proprio', 'heb_fk'), ('reservation_proprio', 'pro_fk'), ('reservation_proprio', 'res_date'),
		('reservation_proprio', 'res_date_cre'), ('hebergement', 'heb_pk'), ('hebergement', 'heb_code_cgt'),
		('hebergement', 'heb_calendrier_proprio_date_maj'))`
	const wanted = 9
	var n int
	if err := db.Read.QueryRowContext(ctx, columns).Scan(&n); err != nil {
		return "", db.Fault(err)
	}
	if n != wanted {
		return "", ErrTables
	}
	const numbered = `SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND
		table_name = 'reservation_proprio' AND column_name = 'res_id' AND (column_default IS NOT NULL OR is_identity = 'YES')`
	const sequence = `SELECT count(*) FROM pg_class WHERE oid = to_regclass('reservation_proprio_res_id_seq')`
	if err := db.Read.QueryRowContext(ctx, numbered).Scan(&n); err != nil || n > 0 {
		return "", db.Fault(err)
	}
	// gites.calendar asks the sequence itself
	if err := db.Read.QueryRowContext(ctx, sequence).Scan(&n); err != nil {
		return "", db.Fault(err)
	}
	if n == 0 {
		return "", fmt.Errorf("%w: res_id has no default and no sequence reservation_proprio_res_id_seq", ErrTables)
	}
	return "nextval('reservation_proprio_res_id_seq'), ", nil
}

// Types of rows.
const (
	rented      = "loue"
	unavailable = "indisp"
)

// A Result is what applying did.
type Result struct {
	Days    int            // that were written
	Healed  int            // rows too many that others had left on them
	Unknown []stays.Update // of units that the website does not have: nothing was written of them
}

// A Manner is how updates are applied.
type Manner struct {
	Now      time.Time
	Zone     *time.Location // where a day begins
	Partners bool           // their changes count as the owner's activity
	Force    bool           // a change writes the days that it wrote last once more
}

// A claim is a day of a cottage that a change wants to write.
type claim struct {
	heb int64
	day stays.Day
	by  *stays.Update
}

// Apply writes what updates say, day by day: only days that an older change has written last.
func (t *Table) Apply(ctx context.Context, epoch int64, updates []stays.Update, m Manner) (r Result, err error) {
	err = t.db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
		r = Result{}
		hebs, err := t.cottages(ask, updates)
		if err != nil {
			return nil, err
		}
		claims, unknown := claimsOf(updates, hebs)
		r.Unknown = unknown
		won, err := t.claim(ask, epoch, claims, m.Force)
		if err != nil {
			return nil, err
		}
		r.Days = len(won)
		if r.Healed, err = t.clear(ask, won); err != nil {
			return nil, err
		}
		return append(t.insert(won, m), t.activity(updates, hebs, m)...), nil
	})
	return r, err
}

// claimsOf are the days of known cottages, each with the newest of the updates of it, and the updates of unknown ones.
func claimsOf(updates []stays.Update, hebs map[string]int64) (claims map[[2]int64]claim, unknown []stays.Update) {
	claims = map[[2]int64]claim{}
	for i := range updates {
		u := &updates[i]
		heb, ok := hebs[u.Unit]
		if !ok {
			unknown = append(unknown, *u)
			continue
		}
		for d := range u.Range().Each() {
			k := [2]int64{heb, int64(d)}
			if c, ok := claims[k]; !ok || c.by.Number <= u.Number {
				claims[k] = claim{heb: heb, day: d, by: u}
			}
		}
	}
	return claims, unknown
}

// Known are those of some units that the website has.
func (t *Table) Known(ctx context.Context, units []string) (known []string, err error) {
	updates := make([]stays.Update, len(units))
	for i, u := range units {
		updates[i].Unit = u
	}
	err = t.db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
		hebs, err := t.cottages(ask, updates)
		known = slices.Sorted(maps.Keys(hebs))
		return nil, err
	})
	return known, err
}

// cottages finds the numbers of units on the website; of two with one code the first is meant, as in
// gites.calendar.
func (t *Table) cottages(ask sqldb.Ask, updates []stays.Update) (map[string]int64, error) {
	names := make([][]any, 0, len(updates))
	for _, u := range updates {
		names = append(names, []any{u.Unit})
	}
	wanted := sqldb.JSON(names)
	hebs := map[string]int64{}
	units := t.db.Rows(1, "unit text")
	var list []sqldb.Statement
	if t.own {
		list = t.ownCottages(units, wanted)
	}
	err := ask(append(list, sqldb.Statement{
		Query: "SELECT trim(heb_code_cgt), min(heb_pk) FROM hebergement WHERE heb_pk IS NOT NULL AND trim(heb_code_cgt) IN " +
			"(SELECT unit FROM " + units + " AS r) GROUP BY 1",
		Args: []any{wanted},
		Row: func(row sqldb.Row) error {
			var unit string
			var heb int64
			err := row.Scan(&unit, &heb)
			hebs[unit] = heb
			return err
		},
	})...)
	return hebs, err
}

// ownCottages makes cottages of the ledger's units that were entered: with their numbers on the website of before, or
// new ones.
func (t *Table) ownCottages(units, wanted string) []sqldb.Statement {
	const from = " FROM units WHERE listed AND unit IN (SELECT unit FROM "
	const missing = " AS r) AND NOT EXISTS (SELECT 1 FROM hebergement WHERE heb_code_cgt = units.unit) "
	return []sqldb.Statement{
		{
			Query: "INSERT INTO hebergement (heb_pk, heb_nom, heb_code_cgt, heb_pro_fk) SELECT site, name, unit, owner" + from +
				units + missing + "AND site IS NOT NULL ON CONFLICT DO NOTHING",
			Args: []any{wanted},
		},
		{
			Query: "INSERT INTO hebergement (heb_pk, heb_nom, heb_code_cgt, heb_pro_fk) SELECT (SELECT coalesce(max(heb_pk), " +
				"0) FROM hebergement) + row_number() OVER (ORDER BY unit), name, unit, owner" + from + units + missing +
				"ON CONFLICT DO NOTHING",
			Args: []any{wanted},
		},
	}
}

// claim takes the days that an older change has written last, or none.
func (t *Table) claim(ask sqldb.Ask, epoch int64, claims map[[2]int64]claim, force bool) ([]claim, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	rows := make([][]any, 0, len(claims))
	for _, c := range claims {
		rows = append(rows, []any{c.heb, c.day, epoch, c.by.Number})
	}
	slices.SortFunc(rows, func(a, b []any) int { // one order: who write the same days wait for each other in turn
		if a[0] != b[0] {
			return int(a[0].(int64) - b[0].(int64)) //nolint:errcheck,forcetypeassert // made above
		}
		return int(a[1].(stays.Day) - b[1].(stays.Day)) //nolint:errcheck,forcetypeassert // made above
	})
	older := "<"
	if force {
		older = "<="
	}
	var won []claim
	err := ask(sqldb.Statement{
		Query: "INSERT INTO carillon_days (heb, day, epoch, number) SELECT * FROM " +
			t.db.Rows(1, "heb bigint", "day date", "epoch bigint", "number bigint") +
			" AS r WHERE true ON CONFLICT (heb, day) " +
			"DO UPDATE SET epoch = excluded.epoch, number = excluded.number WHERE (carillon_days.epoch, carillon_days.number) " +
			older + " (excluded.epoch, excluded.number) RETURNING heb, day",
		Args: []any{sqldb.JSON(rows)},
		Row: func(row sqldb.Row) error {
			var heb int64
			var day stays.Day
			err := row.Scan(&heb, &day)
			won = append(won, claims[[2]int64{heb, int64(day)}])
			return err
		},
	})
	return won, err
}

// span is the columns of rows that name a cottage's day, and the instants between which its row is.
var span = []string{"heb bigint", "day date", "first timestamp", "next timestamp"}

func (c claim) row() []any {
	return []any{c.heb, c.day, c.day.String() + midnight, (c.day + 1).String() + midnight}
}

const midnight = " 00:00:00"

// clear removes the rows of days, and counts those that were one too many.
func (t *Table) clear(ask sqldb.Ask, won []claim) (healed int, err error) {
	if len(won) == 0 {
		return 0, nil
	}
	rows := make([][]any, len(won))
	for i, c := range won {
		rows[i] = c.row()
	}
	seen := map[string]int{}
	err = ask(sqldb.Statement{
		Query: "DELETE FROM reservation_proprio WHERE res_id IN (SELECT p.res_id FROM " + t.db.Rows(1, span...) + " AS r " +
			// SQLite would read the whole table otherwise: it takes a CROSS JOIN in the order in which it is written
			"CROSS JOIN reservation_proprio p WHERE p.heb_fk = r.heb AND p.res_date >= r.first AND p.res_date < r.next) " +
			"RETURNING heb_fk, res_date",
		Args: []any{sqldb.JSON(rows)},
		Row: func(row sqldb.Row) error {
			var heb int64
			var at instant
			err := row.Scan(&heb, &at)
			k := strconv.FormatInt(heb, 10) + " " + at.day().String()
			if seen[k]++; seen[k] > 1 {
				healed++
			}
			return err
		},
	})
	return healed, err
}

// insert is the statement that writes the rows of days, if any is not free.
func (t *Table) insert(won []claim, m Manner) []sqldb.Statement {
	var rows [][]any
	at := m.Now.In(m.Zone).Format(time.DateTime)
	for _, c := range won {
		if c.by.Type == stays.Available {
			continue
		}
		typ, owner := rented, any(nil)
		if c.by.Type == stays.Unavailable {
			typ = unavailable
		}
		if c.by.Origin.Kind() == stays.KindOwner {
			if n, err := strconv.Atoi(c.by.Origin.Name()); err == nil {
				owner = n
			}
		}
		rows = append(rows, []any{typ, c.heb, owner, c.day.String() + midnight, at})
	}
	if rows == nil {
		return nil
	}
	column := ""
	if t.number != "" {
		column = "res_id, "
	}
	return []sqldb.Statement{{
		Query: "INSERT INTO reservation_proprio (" + column + "res_type, heb_fk, pro_fk, res_date, res_date_cre) SELECT " +
			t.number + "r.* FROM " + t.db.Rows(1, "res_type text", "heb_fk integer", "pro_fk integer", "res_date timestamp",
			"res_date_cre timestamp") + " AS r",
		Args: []any{sqldb.JSON(rows)},
	}}
}

// activity is the statement that sets the dates of the cottages' last activity, if any was active. A date never goes
// back.
func (t *Table) activity(updates []stays.Update, hebs map[string]int64, m Manner) []sqldb.Statement {
	last := map[int64]stays.Day{}
	for _, u := range updates {
		if heb, ok := hebs[u.Unit]; ok && m.counts(u.Origin) && !u.At.IsZero() {
			last[heb] = max(last[heb], stays.DayOf(u.At.In(m.Zone)))
		}
	}
	rows := make([][]any, 0, len(last))
	for _, heb := range slices.Sorted(maps.Keys(last)) {
		rows = append(rows, []any{heb, last[heb]})
	}
	if len(rows) == 0 {
		return nil
	}
	return []sqldb.Statement{{
		Query: "UPDATE hebergement SET heb_calendrier_proprio_date_maj = r.day FROM " +
			t.db.Rows(1, "heb bigint", "day date") + " AS r WHERE r.heb = heb_pk AND (heb_calendrier_proprio_date_maj IS NULL " +
			"OR heb_calendrier_proprio_date_maj < r.day)",
		Args: []any{sqldb.JSON(rows)},
	}}
}

// A Use is what a cottage's calendar is used for, and when its owner said so last.
type Use struct {
	Unit  string
	State stays.State
	Seen  time.Time // zero: never
}

// Uses writes what cottages' calendars are used for, where the website has it otherwise. Rows of cottages that the
// website does not have are left out.
func (t *Table) Uses(ctx context.Context, uses []Use, zone *time.Location) error {
	if len(uses) == 0 {
		return nil
	}
	rows := make([][]any, len(uses))
	for i, u := range uses {
		var seen any
		if !u.Seen.IsZero() {
			seen = stays.DayOf(u.Seen.In(zone))
		}
		rows[i] = []any{u.Unit, u.State.Site(), seen}
	}
	given := t.db.Rows(1, "unit text", "state text", "seen date")
	statements := []string{
		"UPDATE hebergement SET heb_calendrier_proprio = r.state FROM " + given + " AS r WHERE " +
			"trim(heb_code_cgt) = r.unit AND coalesce(heb_calendrier_proprio, '') <> r.state",
		"UPDATE hebergement SET heb_calendrier_proprio_date_maj = r.seen FROM " + given + " AS r WHERE " +
			"trim(heb_code_cgt) = r.unit AND r.seen IS NOT NULL AND (heb_calendrier_proprio_date_maj IS NULL OR " +
			"heb_calendrier_proprio_date_maj < r.seen)",
	}
	return t.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, s := range statements {
			if _, err := tx.ExecContext(ctx, s, sqldb.JSON(rows)); err != nil {
				return err
			}
		}
		return nil
	})
}

// counts reports whether an origin's changes show that a cottage's calendar is kept.
func (m Manner) counts(o stays.Origin) bool {
	switch o.Kind() {
	case stays.KindOwner:
		return true
	case stays.KindPartner, string(stays.Service):
		return m.Partners
	}
	return false
}

// An instant is a time of the website, which has no zone.
type instant struct{ time.Time }

// Scan implements [sql.Scanner].
func (i *instant) Scan(v any) (err error) {
	switch v := v.(type) {
	case time.Time:
		i.Time = v
	case string:
		if i.Time, err = time.Parse(time.DateTime, v); err != nil {
			i.Time, err = time.Parse(time.RFC3339, v)
		}
	default:
		err = fmt.Errorf("a time of the type %T", v)
	}
	return err
}

func (i *instant) day() stays.Day { return stays.DayOf(i.Time) }

var _ sql.Scanner = (*instant)(nil)
