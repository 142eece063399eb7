package site_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	pgserver "github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
	"github.com/carillon-calendar/carillon/shared/stays/site"
)

// website is the tables of an association's website, as far as we touch them.
const website = `
CREATE TABLE hebergement (heb_pk serial PRIMARY KEY, heb_nom varchar, heb_code_cgt varchar,
	heb_calendrier_proprio varchar DEFAULT 'non actif', heb_calendrier_proprio_date_maj date);
CREATE SEQUENCE reservation_proprio_res_id_seq;
CREATE TABLE reservation_proprio (res_id integer PRIMARY KEY, res_type varchar NOT NULL, heb_fk integer NOT NULL
	REFERENCES hebergement (heb_pk), pro_fk integer, res_date timestamp NOT NULL, res_date_cre timestamp NOT NULL);
INSERT INTO hebergement (heb_code_cgt) VALUES ('GFLX0001 '), ('GFLX0002'), ('GFLX0002');`

// A fixture is the website's table with two cottages.
type fixture struct {
	*testing.T
	*site.Table

	db  *sqldb.DB
	own bool
}

var (
	cottages = []string{"GFLX0001", "GFLX0002"}
	paris    = zone()
	now      = time.Date(2027, time.June, 1, 22, 30, 0, 0, time.UTC) // the 2nd of June in Paris
	first    = stays.Date(2027, time.July, 1)
)

func zone() *time.Location {
	z, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return z
}

var manner = site.Manner{Now: now, Zone: paris, Partners: true}

// everywhere runs a test on each database that can have the table: the ledger's own, of both kinds, and a website's.
func everywhere(t *testing.T, test func(*fixture)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stays.db"))
		if err != nil {
			t.Fatal(err)
		}
		test(own(t, db))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(own(t, server(t)))
	})
	t.Run("website", func(t *testing.T) {
		t.Parallel()
		db := server(t)
		for _, s := range []string{website} {
			if _, err := db.Write.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		test(open(t, db, false))
	})
}

func server(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := postgres.Open(pgserver.Start(t).DSN, 4)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// own is a ledger's database, whose units are the cottages.
func own(t *testing.T, db *sqldb.DB) *fixture {
	t.Helper()
	if _, err := migrations.Run(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	book, err := ledger.Open(t.Context(), db, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	err = book.PutUnits(t.Context(), []ledger.Unit{
		{Unit: "GFLX0001", Site: 12, Listed: true}, {Unit: "GFLX0002", Listed: true}, {Unit: "GFLX0003"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, db, true)
}

func open(t *testing.T, db *sqldb.DB, own bool) *fixture {
	t.Helper()
	t.Cleanup(func() { _ = db.Close() })
	table, err := site.Open(t.Context(), db, own)
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{t, table, db, own}
}

// update is a change of days, counted from the first.
func update(number int64, unit string, from, to stays.Day, typ stays.Type, origin stays.Origin) stays.Update {
	return stays.Update{
		Number: number, Unit: unit, From: first + from, To: first + to, Type: typ, Origin: origin,
		At: now,
	}
}

func (f *fixture) apply(epoch int64, updates ...stays.Update) site.Result {
	f.Helper()
	r, err := f.Apply(f.Context(), epoch, updates, manner)
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// rows are the table's rows of a cottage, with who has it and when its owner was active.
func (f *fixture) rows(unit string) (rows []string, active string) {
	f.Helper()
	got, err := f.db.Read.QueryContext(f.Context(), "SELECT res_type, coalesce(pro_fk, 0), CAST(res_date AS text) FROM "+
		"reservation_proprio WHERE heb_fk = (SELECT min(heb_pk) FROM hebergement WHERE trim(heb_code_cgt) = $1) "+
		"ORDER BY res_date, res_id", unit)
	err = f.db.Each(got, err, func(r sqldb.Row) error {
		var typ, at string
		var owner int
		err := r.Scan(&typ, &owner, &at)
		rows = append(rows, fmt.Sprintf("%s %s %d", at, typ, owner))
		return err
	})
	if err == nil {
		var date sql.NullString
		err = f.db.Read.QueryRowContext(f.Context(),
			"SELECT CAST(heb_calendrier_proprio_date_maj AS text) FROM hebergement "+
				"WHERE trim(heb_code_cgt) = $1 ORDER BY heb_pk LIMIT 1", unit).Scan(&date)
		active = date.String
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		f.Fatal(err)
	}
	return rows, active
}

func (f *fixture) want(unit, active string, want ...string) {
	f.Helper()
	if got, at := f.rows(unit); !slices.Equal(got, want) || at != active {
		f.Errorf("%s has %q and was active %q, expected %q and %q", unit, got, at, want, active)
	}
}

// TestTable: rows are as the old programs wrote them; an owner's have his number.
func TestTable(t *testing.T) {
	everywhere(t, func(f *fixture) {
		f.apply(1,
			update(1, "GFLX0001", 0, 1, stays.Booked, "partner:channel"),
			update(2, "GFLX0001", 1, 2, stays.Unavailable, "owner:7"),
			update(3, "GFLX0001", 2, 2, stays.Available, "owner:7"),
		)
		f.want("GFLX0001", "2027-06-02", "2027-07-01 00:00:00 loue 0", "2027-07-02 00:00:00 indisp 7")
	})
}

// TestOlderIsNotWritten: a change that comes after a later one, or again, writes no day; another epoch's numbers do.
func TestOlderIsNotWritten(t *testing.T) {
	everywhere(t, func(f *fixture) {
		newer := update(5, "GFLX0002", 1, 1, stays.Unavailable, "staff")
		if r := f.apply(2, newer); r.Days != 1 {
			f.Errorf("%+v", r)
		}
		if r := f.apply(2, newer, update(4, "GFLX0002", 0, 2, stays.Booked, "staff")); r.Days != 2 {
			f.Errorf("%+v", r)
		}
		f.apply(1, update(9, "GFLX0002", 0, 2, stays.Available, "staff")) // of a ledger that was before this one
		days := []string{
			"2027-07-01 00:00:00 loue 0", "2027-07-02 00:00:00 indisp 0", "2027-07-03 00:00:00 loue 0",
		}
		f.want("GFLX0002", "", days...)
		f.apply(3, update(1, "GFLX0002", 0, 0, stays.Available, "staff"))
		f.want("GFLX0002", "", days[1:]...)
	})
}

// TestActivity: an owner's change says that he is there, and a partner's too unless the settings say otherwise; a date
// never goes back.
func TestActivity(t *testing.T) {
	everywhere(t, func(f *fixture) {
		quiet := manner
		quiet.Partners = false
		for i, step := range []struct {
			manner site.Manner
			origin stays.Origin
			days   int
			want   string
		}{
			{quiet, "partner:channel", 0, ""},
			{manner, "staff", 0, ""},
			{manner, "feed:3", 0, ""},
			{manner, "website", 0, ""},
			{manner, "partner:channel", -3, "2027-05-30"},
			{quiet, "owner:7", 0, "2027-06-02"},
			{manner, "service", -1, "2027-06-02"},
		} {
			u := update(int64(i+1), "GFLX0001", 0, 0, stays.Available, step.origin)
			u.At = now.AddDate(0, 0, step.days)
			if _, err := f.Apply(f.Context(), 1, []stays.Update{u}, step.manner); err != nil {
				f.Fatal(err)
			}
			if _, at := f.rows("GFLX0001"); at != step.want {
				f.Errorf("after %s: %q, expected %q", step.origin, at, step.want)
			}
		}
		// however changes come together: the owner's is not the newest of its days
		f.apply(1, update(20, "GFLX0002", 0, 0, stays.Booked, "owner:7"), update(21, "GFLX0002", 0, 0, stays.Booked,
			"staff"))
		if _, at := f.rows("GFLX0002"); at != "2027-06-02" {
			f.Errorf("in one message with a later change: %q", at)
		}
	})
}

// TestUnknownCottage: of a unit that the website does not have nothing is written, and it is named; the others are.
func TestUnknownCottage(t *testing.T) {
	everywhere(t, func(f *fixture) {
		r := f.apply(1, update(1, "GFLX0003", 0, 0, stays.Booked, "staff"),
			update(2, "GFLX0001", 0, 0, stays.Booked, "staff"))
		if len(r.Unknown) != 1 || r.Unknown[0].Unit != "GFLX0003" || r.Days != 1 {
			f.Errorf("%+v", r)
		}
	})
}

// TestDoubleRows that two writers have left are healed on the days that are written, and counted.
func TestDoubleRows(t *testing.T) {
	everywhere(t, func(f *fixture) {
		f.apply(1, update(1, "GFLX0001", 0, 1, stays.Booked, "staff"))
		_, err := f.db.Write.ExecContext(f.Context(),
			"INSERT INTO reservation_proprio (res_id, res_type, heb_fk, res_date, "+
				"res_date_cre) SELECT res_id + 100, 'indisp', heb_fk, res_date, res_date_cre FROM reservation_proprio")
		if err != nil {
			f.Fatal(err)
		}
		found := f.compare(stays.Span{Unit: "GFLX0001", Range: stays.Range{From: first, To: first + 2}, Type: stays.Booked})
		if len(found.Differences) != 2 || !found.Differences[0].Double {
			f.Errorf("%+v", found.Differences)
		}
		if r := f.apply(1, update(2, "GFLX0001", 0, 0, stays.Booked, "staff")); r.Healed != 1 {
			f.Errorf("%+v", r)
		}
		rows, _ := f.rows("GFLX0001")
		if len(rows) != 3 { // one healed, and the other day as it was
			f.Errorf("%q", rows)
		}
	})
}

func (f *fixture) compare(spans ...stays.Span) site.Comparison {
	f.Helper()
	ledger := make([]stays.Update, 0, len(spans))
	for _, s := range spans {
		ledger = append(ledger, stays.Update{Unit: s.Unit, From: s.From, To: s.Last(), Type: s.Type})
	}
	c, err := f.Compare(f.Context(), []string{"GFLX0001", "GFLX0002", "GFLX0003"}, ledger,
		stays.Range{From: first, To: first + 30})
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// TestCompare finds each day that is otherwise, and tells those whose change is under way.
func TestCompare(t *testing.T) {
	everywhere(t, func(f *fixture) {
		f.apply(4, update(7, "GFLX0001", 0, 3, stays.Booked, "staff"))
		span := func(from, to stays.Day, typ stays.Type) stays.Span {
			return stays.Span{Unit: "GFLX0001", Range: stays.Range{From: first + from, To: first + to}, Type: typ}
		}
		same := f.compare(span(0, 4, stays.Booked))
		if same.Units != 2 || same.Days != 60 || len(same.Differences) != 0 ||
			!slices.Equal(same.Unknown, []string{"GFLX0003"}) {
			f.Errorf("%+v", same)
		}
		other := f.compare(span(1, 3, stays.Booked), span(3, 5, stays.Unavailable))
		days := make([]string, 0, len(other.Differences))
		for _, d := range other.Differences {
			days = append(days, fmt.Sprint(d.Unit, " ", int(d.Day-first), " ", d.Ledger, " ", d.Table, " ", d.Older(4, 7),
				" ",
				d.Older(4, 8), " ", d.Older(4, 0)))
		}
		want := []string{
			"GFLX0001 0 available booked false true false", "GFLX0001 3 unavailable booked false true false",
			"GFLX0001 4 unavailable available true true false",
		}
		if !slices.Equal(days, want) {
			f.Errorf("%q, expected %q", days, want)
		}
		if d := other.Differences[0]; d.Newer(4, 7) || !d.Newer(4, 6) || !d.Newer(3, 9) || d.Newer(5, 1) {
			f.Errorf("%+v", d)
		}
	})
}

// TestAnyOrder: messages in any order, several times, at once and cut off, leave the table as the log says.
func TestAnyOrder(t *testing.T) {
	everywhere(t, func(f *fixture) {
		random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
		types := []stays.Type{stays.Booked, stays.Unavailable, stays.Available}
		const changes, days = 120, 25
		want := map[string]stays.Type{}
		all := make([]stays.Update, 0, changes)
		for n := range int64(changes) {
			unit, from := cottages[random.IntN(2)], stays.Day(random.IntN(days))
			u := update(n+1, unit, from, from+stays.Day(random.IntN(6)), types[random.IntN(3)], "staff")
			for d := range u.Range().Each() {
				want[fmt.Sprint(unit, d)] = u.Type
			}
			all = append(all, u)
		}
		messages := slices.Collect(slices.Chunk(all, 3))
		messages = append(messages, messages[:len(messages)/2]...)
		random.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		work := make(chan []stays.Update)
		done := make(chan error)
		const workers = 4
		for range workers {
			go func() { done <- f.work(work) }()
		}
		for _, m := range messages {
			work <- m
		}
		close(work)
		for range workers {
			if err := <-done; err != nil {
				f.Error(err)
			}
		}
		var spans []stays.Span
		for _, unit := range cottages {
			for d := first; d < first+30; d++ {
				if typ := want[fmt.Sprint(unit, d)]; typ != "" && typ != stays.Available {
					spans = append(spans, stays.Span{Unit: unit, Range: stays.Through(d, d), Type: typ})
				}
			}
		}
		if c := f.compare(spans...); len(c.Differences) > 0 {
			f.Errorf("%+v", c.Differences)
		}
	})
}

// work applies messages, each until it is applied; many a first try is cut off.
func (f *fixture) work(messages <-chan []stays.Update) error {
	for m := range messages {
		ctx, cancel := context.WithTimeout(f.Context(), time.Duration(rand.IntN(20))*time.Millisecond)
		_, err := f.Apply(ctx, 1, m, manner)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sqldb.ErrUnreachable) {
			return err
		}
		if _, err := f.Apply(f.Context(), 1, m, manner); err != nil {
			return err
		}
	}
	return nil
}

// TestLedgerBesideAWebsite: tables of a website in the ledger's database are not written unless site_dsn names it.
func TestLedgerBesideAWebsite(t *testing.T) {
	t.Parallel()
	db := server(t)
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), website); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Open(t.Context(), db, true); !errors.Is(err, site.ErrOthers) {
		t.Errorf("%v", err)
	}
}

// TestRowsWithoutType, which other programs have left, are read as rented and replaced.
func TestRowsWithoutType(t *testing.T) {
	t.Parallel()
	db := server(t)
	if _, err := db.Write.ExecContext(t.Context(), website+`
		ALTER TABLE reservation_proprio ALTER res_type DROP NOT NULL;
		INSERT INTO reservation_proprio VALUES (900, NULL, 1, NULL, '2027-07-01', '2027-07-01');`); err != nil {
		t.Fatal(err)
	}
	f := open(t, db, false)
	found := f.compare()
	if len(found.Differences) != 1 || found.Differences[0].Table != stays.Booked {
		t.Errorf("%+v", found.Differences)
	}
	f.apply(1, update(1, "GFLX0001", 0, 0, stays.Available, "staff"))
	f.want("GFLX0001", "")
}

// TestNotAWebsite: a database without the website's tables is refused with what it lacks, before anything is made
// there.
func TestNotAWebsite(t *testing.T) {
	t.Parallel()
	db := server(t)
	defer db.Close()
	if _, err := site.Open(t.Context(), db, false); !errors.Is(err, site.ErrTables) {
		t.Errorf("%v", err)
	}
	var n int
	err := db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_class WHERE relname = 'carillon_days'").Scan(&n)
	if err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// TestUses: what a calendar is used for is the website's too, and the date of its last activity never goes back.
func TestUses(t *testing.T) {
	today := stays.DayOf(now.In(paris))
	everywhere(t, func(f *fixture) {
		f.apply(1, update(1, "GFLX0001", 1, 2, stays.Booked, "owner:3"))
		read := func() string {
			var state, day string
			err := f.db.Read.QueryRowContext(f.Context(), "SELECT heb_calendrier_proprio, "+
				"CAST(heb_calendrier_proprio_date_maj AS text) FROM hebergement WHERE trim(heb_code_cgt) = 'GFLX0001'").Scan(
				&state, &day)
			if err != nil {
				f.Fatal(err)
			}
			return state + " " + day
		}
		for _, c := range []struct {
			use  site.Use
			want string
		}{
			{site.Use{Unit: "GFLX0001", State: stays.Off}, "non actif " + today.String()},
			{
				site.Use{Unit: "GFLX0001", State: stays.Active, Seen: now.AddDate(0, 0, 3)},
				"actif " + (today + 3).String(),
			},
			{
				site.Use{Unit: "GFLX0001", State: stays.Blocked, Seen: now.AddDate(0, 0, -9)},
				"bloque " + (today + 3).String(),
			},
			{site.Use{Unit: "GFLX9999", State: stays.Active}, "bloque " + (today + 3).String()},
		} {
			if err := f.Uses(f.Context(), []site.Use{c.use}, paris); err != nil {
				f.Fatal(err)
			}
			if got := read(); got != c.want {
				f.Errorf("%+v: %s, want %s", c.use, got, c.want)
			}
		}
	})
}
