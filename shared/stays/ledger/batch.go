package ledger

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A batch is a transaction's view of the ledger: what orders touch is read once, they are applied to it in turn, and
// the difference is written.
type batch struct {
	db   *sqldb.DB
	at   sqldb.Instant
	head Head
	hold int64 // number of the newest hold

	units map[string]bool         // that exist
	rules map[string][]stays.Rule // of units
	holds map[string][]stays.Hold // of units, as they are by now
	was   map[int64]stays.Hold    // as they were read
	known map[key]answered

	added   []string // units
	changes []logged
	notices []Notice
}

// A key is by which an actor knows a request again.
type key struct {
	actor stays.Origin
	key   string
}

// answered is what was answered to a key.
type answered struct {
	change  stays.Change
	request string
}

// A logged change goes to the log with its key.
type logged struct {
	stays.Change

	key, request string
}

// newBatch is one to which nothing was read.
func (l *Ledger) newBatch() *batch {
	return &batch{
		db: l.db, at: sqldb.At(l.now()), units: map[string]bool{}, rules: map[string][]stays.Rule{},
		holds: map[string][]stays.Hold{}, was: map[int64]stays.Hold{}, known: map[key]answered{},
	}
}

// takeHead takes the head: from here on no other change is made.
func (b *batch) takeHead() sqldb.Statement {
	return sqldb.Statement{
		Query: "SELECT ledger, number, hold FROM head WHERE one = 1" + b.db.Lock,
		Row:   func(row sqldb.Row) error { return row.Scan(&b.head.Ledger, &b.head.Number, &b.hold) },
	}
}

// load reads what orders touch.
func (b *batch) load(orders []Order) []sqldb.Statement {
	var keys [][]any
	ranges := make([][]any, 0, len(orders))
	for _, o := range orders {
		ranges = append(ranges, []any{o.Unit, o.From, o.To})
		if o.Key != "" {
			keys = append(keys, []any{o.Actor, o.Key})
		}
	}
	wanted := sqldb.JSON(ranges)
	list := []sqldb.Statement{b.loadUnits(wanted), b.loadHolds(wanted)}
	if keys != nil {
		list = append(list, b.loadKeys(sqldb.JSON(keys)))
	}
	return list
}

// loadUnits reads which units there are, each with the rules that orders are held to.
func (b *batch) loadUnits(wanted string) sqldb.Statement {
	query := "SELECT u.unit, rules.from_day, rules.to_day, rules.min_stay, rules.arrivals FROM units u LEFT JOIN rules " +
		"ON rules.unit = u.unit WHERE u.unit IN (SELECT unit FROM " + b.db.Rows(1, "unit text") + " AS r)"
	return sqldb.Statement{Query: query, Args: []any{wanted}, Row: func(row sqldb.Row) error {
		var unit string
		var from, to stays.Day
		var minStay sql.NullInt64
		var arrivals sql.NullString
		if err := row.Scan(&unit, orNull{&from}, orNull{&to}, &minStay, &arrivals); err != nil {
			return err
		}
		b.units[unit] = true
		if !minStay.Valid {
			return nil
		}
		rule, err := ruleOf(unit, stays.Range{From: from, To: to}, int(minStay.Int64), arrivals.String)
		b.rules[unit] = append(b.rules[unit], rule)
		return err
	}}
}

// loadHolds reads the holds of the days that orders want.
func (b *batch) loadHolds(wanted string) sqldb.Statement {
	query := "SELECT " + holdColumns + " FROM holds WHERE hold IN (SELECT d.hold FROM " +
		b.db.Rows(1, "unit text", "from_day date", "to_day date") +
		" AS r JOIN days d ON d.unit = r.unit AND d.day >= r.from_day AND d.day < r.to_day)"
	return sqldb.Statement{Query: query, Args: []any{wanted}, Row: func(row sqldb.Row) error {
		h, err := scanHold(row)
		b.was[h.ID] = h
		b.holds[h.Unit] = append(b.holds[h.Unit], h)
		return err
	}}
}

// loadKeys reads what was answered to keys.
func (b *batch) loadKeys(keys string) sqldb.Statement {
	query := "SELECT " + changeColumns + ", key, request FROM changes WHERE (actor, key) IN (SELECT actor, key FROM " +
		b.db.Rows(1, "actor text", "key text") + " AS r)"
	return sqldb.Statement{Query: query, Args: []any{keys}, Row: func(row sqldb.Row) error {
		var k string
		var a answered
		c, err := scanChange(row, &k, &a.request)
		a.change = c
		b.known[key{c.Actor, k}] = a
		return err
	}}
}

// orNull scans a date that may be NULL, and is then left as it is.
type orNull struct{ day *stays.Day }

// Scan implements [sql.Scanner].
func (n orNull) Scan(v any) error {
	if v == nil {
		return nil
	}
	return n.day.Scan(v)
}

// apply judges an order after those before it.
func (b *batch) apply(o Order) (Result, error) {
	request := fingerprint(o.Request)
	if a, ok := b.known[key{o.Actor, o.Key}]; ok && o.Key != "" {
		if a.request != request {
			return Result{}, ErrKeyTaken
		}
		return Result{a.change, b.head.Ledger, true}, nil
	}
	if !b.units[o.Unit] && !o.Adopt {
		return Result{}, ErrNoUnit
	}
	if o.Today != 0 { // after the key: what was made yesterday is answered alike today
		if err := stays.CheckWindow(o.Range, o.Today); err != nil {
			return Result{}, err
		}
	}
	if o.Rules {
		if err := stays.CheckRules(b.rules[o.Unit], o.Request); err != nil {
			return Result{}, err
		}
	}
	effect, err := stays.Apply(b.holds[o.Unit], o.Request)
	if err != nil {
		return Result{}, err
	}
	if !b.units[o.Unit] {
		b.units[o.Unit] = true
		b.added = append(b.added, o.Unit)
	}
	return Result{b.accept(o, request, effect), b.head.Ledger, false}, nil
}

// accept takes an effect into the view and the log.
func (b *batch) accept(o Order, request string, effect stays.Effect) stays.Change {
	b.head.Number++
	for i := range effect.After {
		h := &effect.After[i]
		if h.ID == 0 {
			b.hold++
			h.ID = b.hold
		}
		if h.Change == 0 {
			h.Change, h.At = b.head.Number, b.at.Time
		}
	}
	b.holds[o.Unit] = effect.After
	c := stays.Change{
		Number: b.head.Number, Unit: o.Unit, Range: o.Range, Type: o.Type, Origin: o.Origin, Actor: o.Actor,
		Ref: o.Ref, Note: o.Note, At: b.at.Time, Before: effect.Before, Undoes: o.undoes,
	}
	b.changes = append(b.changes, logged{c, o.Key, request})
	if o.Key != "" {
		b.known[key{o.Actor, o.Key}] = answered{c, request}
	}
	if o.undoes != 0 && o.Type == stays.Available { // the holder loses the days, though the change has its origin
		effect.Lost = effect.Before
	}
	b.notice(c, NoticeOverwritten, effect.Lost)
	if o.undoes != 0 && o.Type != stays.Available {
		b.notice(c, NoticeRestored, []stays.Hold{{
			Unit: o.Unit, Range: o.Range, Type: o.Type, Origin: o.Origin, Ref: o.Ref, Change: c.Number, At: c.At,
		}})
	}
	return c
}

// notice puts holds that a change has taken or given back into the outbox, but for those of the actor, who knows.
func (b *batch) notice(c stays.Change, kind string, holds []stays.Hold) {
	holds = slices.DeleteFunc(slices.Clone(holds), func(h stays.Hold) bool { return h.Origin == c.Actor })
	if len(holds) > 0 {
		b.notices = append(b.notices, Notice{Change: c.Number, Kind: kind, Holds: holds})
	}
}

// fingerprint tells requests with one key apart.
func fingerprint(r stays.Request) string {
	r.Overwrite = false // the actor's settings, not his request
	text, _ := json.Marshal(r)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// write is statements that write the difference.
func (b *batch) write() (list []sqldb.Statement) {
	if len(b.changes) == 0 {
		return nil
	}
	d := b.difference()
	steps := []struct {
		rows  [][]any
		query func(rows string) string
		cols  []string
	}{
		{d.freed, func(rows string) string {
			return "DELETE FROM days WHERE (unit, day) IN (SELECT unit, day FROM " + rows + " AS r)"
		}, []string{"unit text", "day date"}},
		{d.ended, func(rows string) string {
			return "DELETE FROM holds WHERE hold IN (SELECT hold FROM " + rows + " AS r)"
		}, []string{"hold bigint"}},
		{b.newUnits(), func(rows string) string {
			return "INSERT INTO units (unit, name, listed, published, capacity, added) SELECT * FROM " + rows + " AS r"
		}, []string{
			"unit text", "name text", "listed boolean", "published boolean", "capacity integer", "added timestamptz",
		}},
		{d.holds, func(rows string) string {
			return "INSERT INTO holds (" + holdColumns + ", long) SELECT * FROM " + rows + " AS r WHERE true " +
				"ON CONFLICT (hold) DO UPDATE SET from_day = excluded.from_day, to_day = excluded.to_day, long = excluded.long"
		}, append(holdTypes, "long boolean")},
		{d.taken, func(rows string) string {
			return "INSERT INTO days (unit, day, hold) SELECT * FROM " + rows + " AS r"
		}, []string{"unit text", "day date", "hold bigint"}},
		{b.log(), func(rows string) string {
			return "INSERT INTO changes (" + changeColumns + ", key, request) SELECT * FROM " + rows + " AS r"
		}, append(changeTypes, "key text", "request text")},
		{b.outbox(), func(rows string) string {
			return "INSERT INTO outbox (change, kind, data) SELECT * FROM " + rows + " AS r"
		}, []string{"change bigint", "kind text", "data text"}},
	}
	for _, s := range steps {
		if len(s.rows) == 0 {
			continue
		}
		list = append(list, sqldb.Statement{
			Query: s.query(b.db.Rows(1, s.cols...)), Args: []any{sqldb.JSON(s.rows)},
		})
	}
	return append(list, sqldb.Statement{
		Query: "UPDATE head SET number = $1, hold = $2 WHERE one = 1", Args: []any{b.head.Number, b.hold},
	})
}

// newUnits are rows for units that were in no list.
func (b *batch) newUnits() (rows [][]any) {
	for _, unit := range b.added {
		rows = append(rows, []any{unit, "", false, false, 0, b.at})
	}
	return rows
}

// log is rows of the log.
func (b *batch) log() (rows [][]any) {
	for _, c := range b.changes {
		before, _ := json.Marshal(c.Before)
		row := []any{
			c.Number, c.Unit, c.From, c.To, c.Type, c.Origin, c.Actor, c.Ref, c.Note, b.at, string(before), c.Undoes, nil, nil,
		}
		if c.key != "" {
			row[len(row)-2], row[len(row)-1] = c.key, c.request
		}
		rows = append(rows, row)
	}
	return rows
}

// outbox is rows for what people are to be told.
func (b *batch) outbox() (rows [][]any) {
	for _, n := range b.notices {
		data, _ := json.Marshal(n.Holds)
		rows = append(rows, []any{n.Change, n.Kind, string(data)})
	}
	return rows
}

// A difference is rows to write.
type difference struct{ freed, taken, holds, ended [][]any }

// difference compares the holds with what was read.
func (b *batch) difference() (d difference) {
	type day struct {
		unit string
		day  stays.Day
	}
	before, after := map[day]int64{}, map[day]int64{}
	spread := func(days map[day]int64, h stays.Hold) {
		for n := h.From; n < h.To; n++ {
			days[day{h.Unit, n}] = h.ID
		}
	}
	left := map[int64]bool{}
	for _, c := range b.changes {
		for _, h := range b.holds[c.Unit] {
			if left[h.ID] {
				continue
			}
			left[h.ID] = true
			was, there := b.was[h.ID]
			if there && was.Range == h.Range {
				continue
			}
			spread(after, h)
			d.holds = append(d.holds, append(holdRow(h), h.Days() > longHold))
			if there {
				spread(before, was)
			}
		}
	}
	for id, was := range b.was {
		if !left[id] && b.touched(was.Unit) {
			spread(before, was)
			d.ended = append(d.ended, []any{id})
		}
	}
	for at, hold := range before {
		if after[at] != hold {
			d.freed = append(d.freed, []any{at.unit, at.day})
		}
	}
	for at, hold := range after {
		if before[at] != hold {
			d.taken = append(d.taken, []any{at.unit, at.day, hold})
		}
	}
	return d
}

// touched reports whether a unit has been changed.
func (b *batch) touched(unit string) bool {
	for _, c := range b.changes {
		if c.Unit == unit {
			return true
		}
	}
	return false
}
