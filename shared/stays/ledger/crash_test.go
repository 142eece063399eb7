package ledger_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A re-run of this test program writes to the ledger in the file that killFile names until it is killed, and says what
// was acknowledged; killSeed is what its keys begin with.
const (
	killFile = "CARILLON_LEDGER_KILL_FILE"
	killSeed = "CARILLON_LEDGER_KILL_SEED"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(killFile); name != "" {
		writeUntilKilled(name, os.Getenv(killSeed))
	}
	os.Exit(m.Run())
}

func writeUntilKilled(name, seed string) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, name)
	if err != nil {
		panic(err)
	}
	l, err := ledger.Open(ctx, db, time.Now)
	if err != nil {
		panic(err)
	}
	var n atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				o := randomOrder()
				o.Key = fmt.Sprint(seed, "-", n.Add(1))
				if r, err := l.Change(ctx, o); err == nil {
					fmt.Fprintln(os.Stdout, r.Number, o.Key)
				}
			}
		})
	}
	wg.Wait()
}

// randomOrder is one of a few partners' for some days of a unit.
func randomOrder() ledger.Order {
	first := 1 + rand.IntN(300)
	o := ask(fmt.Sprint("p", rand.IntN(3)), july(first, first+rand.IntN(9)),
		[]stays.Type{stays.Booked, stays.Unavailable, stays.Available}[rand.IntN(3)])
	o.Unit, o.Overwrite = units[rand.IntN(len(units))], rand.IntN(3) == 0
	return o
}

// TestKilled: whatever is acknowledged is in the ledger after kill -9, which is whole.
func TestKilled(t *testing.T) {
	t.Parallel()
	times := 15
	if peers.Wanted() {
		times = 200
	}
	name := filepath.Join(t.TempDir(), "stays.db")
	db, err := sqlite.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	f := newFixture(t, db)
	acknowledged := map[int64]string{}
	for i := range times {
		written(t, name, strconv.Itoa(i), acknowledged)
	}
	if len(acknowledged) < times {
		t.Fatalf("%d changes in %d lives", len(acknowledged), times)
	}
	keys := map[int64]string{}
	rows(f, "SELECT number, key FROM changes", func(r sqldb.Row) error {
		var n int64
		var k string
		err := r.Scan(&n, &k)
		keys[n] = k
		return err
	})
	for n, k := range acknowledged {
		if keys[n] != k {
			t.Errorf("change %d is of %q, but %q was told so", n, keys[n], k)
		}
	}
	f.consistent()
}

// written lets a writer live for a moment, and notes what it was told.
func written(t *testing.T, name, seed string, acknowledged map[int64]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killFile+"="+name, killSeed+"="+seed)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); first = false {
		if first {
			time.AfterFunc(time.Duration(rand.IntN(30))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		number, key, whole := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil && whole && strings.HasPrefix(key, seed+"-") {
			acknowledged[n] = key
		}
	}
	_ = cmd.Wait()
}

// TestDatabaseRestarts: while PostgreSQL is stopped and started, in both ways, callers get errors that say so; with
// their keys they find out what became of their requests, and each is in the log once.
func TestDatabaseRestarts(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	f := newFixture(t, schema(t, server.DSN))
	f.Ledger, _ = ledger.Open(t.Context(), f.db, time.Now)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	var unreachable, n atomic.Int64
	var mu sync.Mutex
	acknowledged := map[string]int64{}
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				o := randomOrder()
				o.Overwrite, o.Key = true, fmt.Sprint("k", n.Add(1))
				r, err := f.Change(context.WithoutCancel(ctx), o)
				for ; errors.Is(err, sqldb.ErrUnreachable); r, err = f.Change(context.WithoutCancel(ctx), o) {
					unreachable.Add(1)
					time.Sleep(20 * time.Millisecond)
				}
				if err != nil {
					t.Errorf("a caller got: %v", err)
					return
				}
				mu.Lock()
				acknowledged[string(o.Origin)+" "+o.Key] = r.Number
				mu.Unlock()
			}
		})
	}
	for _, way := range []string{postgres.Fast, postgres.Immediate, postgres.Fast, postgres.Immediate} {
		time.Sleep(500 * time.Millisecond)
		before := unreachable.Load()
		if err := server.Down(way); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(time.Minute); unreachable.Load() == before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: nobody sees that the server is down", way)
			}
		}
		if err := server.Up(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(500 * time.Millisecond)
	stop()
	wg.Wait()
	if len(acknowledged) < 100 {
		t.Fatalf("%d changes: this shows nothing", len(acknowledged))
	}
	seen := 0
	rows(f, "SELECT number, actor || ' ' || key FROM changes", func(r sqldb.Row) error {
		var number int64
		var key string
		err := r.Scan(&number, &key)
		if seen++; acknowledged[key] != number {
			t.Errorf("change %d is of %q, which was told %d", number, key, acknowledged[key])
		}
		return err
	})
	if seen != len(acknowledged) {
		t.Errorf("%d changes in the log, %d were acknowledged", seen, len(acknowledged))
	}
	f.consistent()
}
