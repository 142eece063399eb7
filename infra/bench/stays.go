package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/bookings"
	"github.com/carillon-calendar/carillon/infra/machine"
	pgserver "github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	staysledger "github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

const (
	staysCallers = 32
	staysUnits   = 1500
	staysNights  = 3
	staysTime    = 5 * time.Second
	staysDays    = 5_000_000 // day rows of the full ledger
)

// staysLedger measures bookings through HTTP by 32 callers on both databases, with an empty ledger and one of 5 million
// day rows, beside bare inserts by as many callers, and the reading of a month of all units.
func staysLedger(ctx context.Context) error { return onBoth(ctx, staysOn) }

// A place is where ledgers are kept: one sort of database, and a folder.
type place struct {
	name string
	dir  string
	open func(name string) (*sqldb.DB, error) // another, empty database
}

// onBoth runs a measurement on SQLite files and on a PostgreSQL server, each with a folder of its own.
func onBoth(ctx context.Context, measure func(context.Context, place) error) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	err = measure(ctx, place{"SQLite", dir, func(name string) (*sqldb.DB, error) {
		return sqlite.Open(ctx, filepath.Join(dir, name+".db"))
	}})
	if err != nil {
		return err
	}
	server, err := pgserver.Run()
	if err != nil {
		fmt.Println("PostgreSQL: not measured:", err)
		return nil
	}
	defer server.Remove()
	return measure(ctx, place{"PostgreSQL", dir, func(name string) (*sqldb.DB, error) {
		return postgresDatabase(ctx, server.DSN, name)
	}})
}

// postgresDatabase makes a database on a server.
func postgresDatabase(ctx context.Context, dsn, name string) (*sqldb.DB, error) {
	const connections = 16
	first, err := postgres.Open(dsn, 1)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	if _, err := first.Write.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	return postgres.Open(strings.Replace(dsn, "dbname=postgres", "dbname="+name, 1), connections)
}

// newStaysLedger makes the tables and the units of a ledger, and settings.
func newStaysLedger(ctx context.Context, db *sqldb.DB, dir string) (
	*staysledger.Ledger, *machine.DB, *config.Settings[stays.Settings], error,
) {
	if _, err := migrations.Run(ctx, db); err != nil {
		return nil, nil, nil, err
	}
	book, err := staysledger.Open(ctx, db, time.Now)
	if err != nil {
		return nil, nil, nil, err
	}
	units := make([]staysledger.Unit, staysUnits)
	for i := range units {
		units[i] = staysledger.Unit{Unit: staysUnit(i), Site: int64(i + 1), Listed: true}
	}
	state, err := machine.Open(ctx, dir)
	if err != nil {
		return nil, nil, nil, err
	}
	bucket := state.Bucket("config")
	_, err = bucket.Put(ctx, stays.SettingsFile, 0, []byte(`{"requests_per_minute": 100000000}`), nil)
	if err := errors.Join(err, book.PutUnits(ctx, units)); err != nil {
		return nil, nil, nil, err
	}
	settings, err := stays.LoadSettings(bucket)
	return book, state, settings, err
}

// A staysBench is a function with its ledger, and where the next booking goes.
type staysBench struct {
	db     *sqldb.DB
	server *httptest.Server
	next   atomic.Int64
	first  stays.Day
}

func staysOn(ctx context.Context, p place) error {
	var benches [2]*staysBench
	for i, name := range []string{"ledger_empty", "ledger_full"} {
		db, err := p.open(name)
		if err != nil {
			return err
		}
		defer db.Close()
		dir := filepath.Join(p.dir, p.name+"-"+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if benches[i], err = newStaysBench(ctx, db, dir); err != nil {
			return err
		}
		defer benches[i].server.Close()
	}
	empty, full := benches[0], benches[1]
	if err := full.fill(ctx); err != nil {
		return err
	}
	var times [3][]time.Duration
	const rounds = 3
	for range rounds { // in turns: the machine is not as quiet at all times
		for i, did := range [][]time.Duration{
			empty.during(ctx, empty.bareInsert(ctx)), empty.during(ctx, empty.book), full.during(ctx, full.book),
		} {
			times[i] = append(times[i], did...)
		}
	}
	read, err := full.readMonth(ctx)
	if err != nil {
		return err
	}
	for _, list := range times {
		slices.Sort(list)
	}
	rate := func(list []time.Duration) float64 { return float64(len(list)) / (rounds * staysTime.Seconds()) }
	bare, own, many := times[0], times[1], times[2]
	fmt.Printf("%s: %.0f bookings/s by %d callers, p99 %s; bare inserts %.0f/s, p99 %s; ratio of the p99 %.2f\n", p.name,
		rate(own), staysCallers, ms(at(own, .99)), rate(bare), ms(at(bare, .99)),
		float64(at(own, .99))/float64(at(bare, .99)))
	fmt.Printf("%s: with %d day rows %.0f bookings/s, p99 %s: %.2f of the empty ledger's time each\n",
		p.name, staysDays, rate(many), ms(at(many, .99)), rate(own)/rate(many))
	fmt.Printf("%s: a month of %d units with them, median %s, p90 %s\n", p.name, staysUnits,
		ms(at(read, .5)), ms(at(read, .9)))
	return nil
}

func newStaysBench(ctx context.Context, db *sqldb.DB, dir string) (*staysBench, error) {
	book, _, settings, err := newStaysLedger(ctx, db, dir)
	if err != nil {
		return nil, err
	}
	p := staysledger.Partner{
		Name: "channel", Rights: []string{staysledger.RightAdd, staysledger.RightView}, All: true,
		Conflicts: staysledger.ConflictsRefuse,
	}
	err = errors.Join(book.PutPartner(ctx, p),
		book.AddSecret(ctx, "channel", staysledger.Secret{ID: "1", Hash: secrets.Hash("key")}, time.Time{}))
	if err != nil {
		return nil, err
	}
	h := bookings.New(bookings.Config{Settings: settings, Ledger: book, Now: time.Now})
	return &staysBench{db: db, server: httptest.NewServer(h), first: stays.DayOf(time.Now()) + 2}, nil
}

func staysUnit(i int) string { return fmt.Sprintf("GFLX%04d", i) }

// during has callers do something again and again, and returns how long each time took.
func (b *staysBench) during(ctx context.Context, do func(*http.Client) error) (took []time.Duration) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	end := time.Now().Add(staysTime)
	for range staysCallers {
		wg.Go(func() {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			var own []time.Duration
			for time.Now().Before(end) && ctx.Err() == nil {
				began := time.Now()
				if err := do(client); err != nil {
					fmt.Fprintln(os.Stderr, err)
					break
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, own...)
		})
	}
	wg.Wait()
	return took
}

// staysStride takes the units out of their order, in which bookings do not come either: neighbours share a page.
const staysStride = 787

// book books the next free nights of a unit.
func (b *staysBench) book(client *http.Client) error {
	n := int(b.next.Add(1))
	day := b.first + stays.Day(n/staysUnits*staysNights)
	path := fmt.Sprintf("/stays/v1/units/%s/days?from=%s&to=%s",
		staysUnit(n*staysStride%staysUnits), day, day+staysNights-1)
	r, err := http.NewRequest(http.MethodPut, b.server.URL+path, strings.NewReader(`{"type":"booked"}`)) //nolint:noctx // the client ends
	if err != nil {
		return err
	}
	r.SetBasicAuth("channel", "key")
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil { // else its connection cannot be used again
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("PUT %s was answered %d", path, resp.StatusCode)
	}
	return nil
}

// bareInsert inserts one row in a transaction of its own: the least that an acknowledged write can be.
func (b *staysBench) bareInsert(ctx context.Context) func(*http.Client) error {
	_, _ = b.db.Write.ExecContext(ctx, "CREATE TABLE bare (id text PRIMARY KEY, at text)")
	var n atomic.Int64
	began := time.Now().UnixNano()
	return func(*http.Client) error {
		_, err := b.db.Write.ExecContext(ctx, "INSERT INTO bare VALUES ($1, $2)", fmt.Sprint(began, "-", n.Add(1)), "at")
		return err
	}
}

// fill holds the years before today, in stays of seven nights, straight into the tables.
func (b *staysBench) fill(ctx context.Context) error {
	const nights = 7
	perUnit := staysDays / staysUnits / nights
	hold := int64(1 << 40)
	for unit := range staysUnits {
		holds, days := make([][]any, 0, perUnit), make([][]any, 0, perUnit*nights)
		for n := range perUnit {
			hold++
			from := b.first - stays.Day((n+1)*nights)
			holds = append(holds, []any{
				hold, staysUnit(unit), from, from + nights, stays.Booked, "partner:portal", "", "", 0, sqldb.At(time.Now()), false,
			})
			for d := range stays.Day(nights) {
				days = append(days, []any{staysUnit(unit), from + d, hold})
			}
		}
		err := b.db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO holds SELECT * FROM "+b.db.Rows(1, "hold bigint", "unit text",
				"from_day date", "to_day date", "type text", "origin text", "ref text", "note text", "change bigint",
				"at timestamptz", "long boolean")+" AS r", sqldb.JSON(holds))
			if err == nil {
				_, err = tx.ExecContext(ctx, "INSERT INTO days SELECT * FROM "+
					b.db.Rows(1, "unit text", "day date", "hold bigint")+" AS r", sqldb.JSON(days))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	// what filling them at once leaves to be done is not the bookings'
	settle := map[string][]string{
		"sqlite":   {"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"},
		"postgres": {"VACUUM (ANALYZE)", "CHECKPOINT"},
	}
	for _, statement := range settle[b.db.Name] {
		if _, err := b.db.Write.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// readMonth reads a month of all units, as a portal does to show what is free.
func (b *staysBench) readMonth(ctx context.Context) (took []time.Duration, err error) {
	from := b.first - 400
	for range 50 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet,
			fmt.Sprintf("%s/stays/v1/availability?from=%s&to=%s&limit=2000",
				b.server.URL, from, from+30), nil)
		if err != nil {
			return nil, err
		}
		r.SetBasicAuth("channel", "key")
		began := time.Now()
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		took = append(took, time.Since(began))
		if err != nil || resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("availability was answered %d: %w", resp.StatusCode, err)
		}
	}
	slices.Sort(took)
	return took, nil
}
