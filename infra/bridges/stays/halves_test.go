package stays

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/infra/sim/rabbit"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	pgdb "github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// Sizes of the test of both halves.
const (
	halvesBookings = 2000
	halvesPartners = 16
	halvesUnits    = 60
	halvesKills    = 10
)

// A halves is Carillon as each half of the old system, in processes of their own: partners call one, which sends what
// changes to a broker; the other takes it from there and writes the website's table.
type halves struct {
	*testing.T

	program string
	broker  *rabbit.Server
	server  *postgres.Server
	website string // DSN
	url     string // of the partners' service
}

// A process is a running half.
type process struct {
	*exec.Cmd

	log *bytes.Buffer
}

func (h *halves) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// start starts a half on a data folder.
func (h *halves) start(settings, data, listen string) *process {
	h.Helper()
	p := &process{exec.Command(h.program, "up", "--bridges", "stays", "--config", settings, "--data", data, "--listen",
		listen, "--operator-listen", "127.0.0.1:0"), new(bytes.Buffer)}
	p.Stdout, p.Stderr = p.log, p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	h.must(p.Start())
	return p
}

func (p *process) kill() {
	_ = p.Process.Kill()
	_ = p.Wait()
}

// port is an address that is free.
func (h *halves) port() string {
	h.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	defer l.Close()
	return l.Addr().String()
}

// fill makes the ledger of the partners' half, and the website.
func (h *halves) fill() *sqldb.DB {
	h.Helper()
	ctx := h.Context()
	db, err := pgdb.Open(h.server.DSN, 4)
	h.must(err)
	h.Cleanup(func() { _ = db.Close() })
	_, err = migrations.Run(ctx, db)
	h.must(err)
	book, err := ledger.Open(ctx, db, time.Now)
	h.must(err)
	units := make([]ledger.Unit, halvesUnits)
	for i := range units {
		units[i] = ledger.Unit{Unit: unitID(i), Listed: true}
	}
	h.must(book.PutUnits(ctx, units))
	for i := range halvesPartners {
		name := "p" + strconv.Itoa(i)
		h.must(book.PutPartner(ctx, ledger.Partner{
			Name: name, Rights: []string{ledger.RightAdd, ledger.RightView}, All: true, Conflicts: ledger.ConflictsRefuse,
		}))
		h.must(book.AddSecret(ctx, name, ledger.Secret{ID: secrets.ID(), Hash: secrets.Hash(name + "-key")}, time.Time{}))
	}
	h.website = website(h.T, h.server.DSN)
	site, err := pgdb.Open(h.website, 1)
	h.must(err)
	defer site.Close()
	_, err = site.Write.ExecContext(ctx, "DELETE FROM reservation_proprio")
	h.must(err)
	for i := range halvesUnits {
		_, err = site.Write.ExecContext(ctx,
			"INSERT INTO hebergement (heb_pk, heb_code_cgt) VALUES ($1, $2)", 1000+i, unitID(i))
		h.must(err)
	}
	return db
}

// book has a partner book days, again until it is told what became of it; it reports whether it has them. A caller may
// be told to try again while the ledger's database restarts, and never because of the broker.
func (h *halves) book(partner, key string, unit int, days stays.Range) (bool, error) {
	path := fmt.Sprintf("%s/stays/v1/units/%s/days?from=%s&to=%s", h.url, unitID(unit), days.From, days.Last())
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-time.After(50 * time.Millisecond) {
		r, err := http.NewRequestWithContext(h.Context(), http.MethodPut, path, strings.NewReader(`{"type":"booked"}`))
		if err != nil {
			return false, err
		}
		r.SetBasicAuth(partner, partner+"-key")
		r.Header.Set("Idempotency-Key", key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false, err
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusOK:
			return true, nil
		case http.StatusConflict:
			return false, nil
		case http.StatusServiceUnavailable:
			if !strings.Contains(string(text), "ledger") && !strings.Contains(string(text), "not known") {
				return false, fmt.Errorf("503: %s", text)
			}
		default:
			return false, fmt.Errorf("%d: %s", resp.StatusCode, text)
		}
	}
	return false, errors.New("no answer in a minute")
}

// TestBothHalves: two thousand bookings by sixteen partners while the broker is restarted, in order and as a crash, and
// takes nothing for a while, the database is restarted, and the half that writes the table is killed ten times. Each
// acknowledged booking is in the ledger and in the table, once.
func TestBothHalves(t *testing.T) {
	peers.Need(t)
	h := &halves{T: t, broker: rabbit.Start(t), server: postgres.Start(t), program: filepath.Join(t.TempDir(), "carillon")}
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.program,
		"../../carillon").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
	db := h.fill()
	at := map[string]any{"host": "127.0.0.1", "port": h.broker.Port, "user": rabbit.User, "password": rabbit.Password}
	service := folder(t, map[string]any{
		"database": h.server.DSN, "replaces": "service", "broker": at, "requests_per_minute": 1_000_000,
	})
	siteSettings, siteData := folder(t, map[string]any{"site_dsn": h.website, "replaces": "site", "broker": at}),
		t.TempDir()
	listen := h.port()
	h.url = "http://" + listen
	partners := h.start(service, t.TempDir(), listen)
	defer partners.kill()
	h.up()
	siteHalf := h.start(siteSettings, siteData, h.port())
	defer func() { siteHalf.kill() }()

	var done atomic.Int32
	booked := make([]map[string]string, halvesPartners) // key: unit and days
	var callers sync.WaitGroup
	for i := range halvesPartners {
		booked[i] = map[string]string{}
		callers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for n := range halvesBookings / halvesPartners {
				unit := random.IntN(halvesUnits)
				from := stays.DayOf(time.Now()) + 2 + stays.Day(random.IntN(900))
				days := stays.Range{From: from, To: from + 1 + stays.Day(random.IntN(4))}
				key := fmt.Sprint("k", n)
				for range 1 + n%2 { // every other one is sent twice
					ok, err := h.book("p"+strconv.Itoa(i), key, unit, days)
					if err != nil {
						t.Errorf("p%d %s: %v", i, key, err)
						return
					}
					if ok {
						booked[i][key] = fmt.Sprint(unitID(unit), " ", days)
					}
				}
				done.Add(1)
			}
		})
	}
	// after waits until so much of the bookings is made, in hundredths.
	after := func(share int32) {
		for done.Load()*100 < share*halvesBookings && !t.Failed() {
			<-time.After(20 * time.Millisecond)
		}
	}
	for i := range halvesKills {
		after(int32(5 + 9*i))
		switch i {
		case 1:
			h.must(h.broker.Down(syscall.SIGTERM))
			h.must(h.broker.Up())
		case 3:
			h.must(h.broker.Down(syscall.SIGKILL))
			h.must(h.broker.Up())
		case 5:
			_, err := h.broker.Ctl("set_vm_memory_high_watermark", "0.000001")
			h.must(err)
		case 6:
			h.must(h.server.Down(postgres.Fast))
			h.must(h.server.Up())
		case 8:
			_, err := h.broker.Ctl("set_vm_memory_high_watermark", "0.4")
			h.must(err)
		}
		siteHalf.kill()
		siteHalf = h.start(siteSettings, siteData, h.port())
	}
	callers.Wait()
	h.settled(db, booked)
	if t.Failed() {
		t.Logf("the partners' half said:\n%s", tail(partners.log))
		t.Logf("the site's half said:\n%s", tail(siteHalf.log))
	}
}

func tail(b *bytes.Buffer) string {
	const most = 6000
	text := b.String()
	return text[max(0, len(text)-most):]
}

// up waits until the partners' service answers.
func (h *halves) up() {
	h.Helper()
	for end := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(h.url, "http://"), time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			h.Fatal("the partners' half does not come up")
		}
	}
}

// settled waits until the table is as the ledger has it, and checks what was acknowledged.
func (h *halves) settled(db *sqldb.DB, booked []map[string]string) {
	h.Helper()
	site, err := pgdb.Open(h.website, 2)
	h.must(err)
	defer site.Close()
	const ledgerDays = "SELECT unit || ' ' || CAST(day AS text) FROM days ORDER BY 1"
	const tableDays = "SELECT trim(heb_code_cgt) || ' ' || CAST(CAST(res_date AS date) AS text) FROM " +
		"reservation_proprio JOIN hebergement ON heb_pk = heb_fk ORDER BY 1"
	var ledgerHas, tableHas string
	for end := time.Now().Add(2 * time.Minute); ; <-time.After(200 * time.Millisecond) {
		if ledgerHas, err = all(h.Context(), db, ledgerDays); err == nil {
			tableHas, err = all(h.Context(), site, tableDays)
		}
		if err == nil && ledgerHas == tableHas {
			break
		}
		if time.Now().After(end) {
			h.Fatalf("the table has %d days, the ledger %d: %v", strings.Count(tableHas, "\n"),
				strings.Count(ledgerHas, "\n"), err)
		}
	}
	made, err := all(h.Context(), db, "SELECT actor || ' ' || key || ' ' || unit || ' ' || CAST(from_day AS text) || "+
		"' to ' || CAST(to_day AS text) FROM changes ORDER BY 1")
	h.must(err)
	n := 0
	for i, list := range booked {
		for key := range list {
			if n++; strings.Count(made, fmt.Sprintf("partner:p%d %s ", i, key)) != 1 {
				h.Errorf("p%d %s, which was acknowledged, is not one change", i, key)
			}
		}
	}
	if n < halvesBookings/4 || n != strings.Count(made, "\n") {
		h.Errorf("%d bookings were acknowledged, the ledger has %d", n, strings.Count(made, "\n"))
	}
}

// all are the rows of a query of one text.
func all(ctx context.Context, db *sqldb.DB, query string) (string, error) {
	var b strings.Builder
	rows, err := db.Read.QueryContext(ctx, query)
	err = db.Each(rows, err, func(r sqldb.Row) error {
		var text string
		err := r.Scan(&text)
		fmt.Fprintln(&b, text)
		return err
	})
	return b.String(), err
}
