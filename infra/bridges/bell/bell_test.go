package bell_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/bridges/bell"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/reference"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// withBell are the product's bridges and one more.
func withBell() []machine.Bridge { return append(bridges.All(), bell.New()) }

// TestABridgeIsAddedByOneValue: nothing else names it, and it is found wherever a bridge is.
func TestABridgeIsAddedByOneValue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := machinetest.Start(t, machine.Options{Bridges: withBell(), Data: dir, Only: []string{"bell"}})
	run := func(args ...string) string {
		t.Helper()
		out, err := machinetest.Run(t, withBell(), append(args, "--data", dir)...)
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	o.Eventually("it has rung", func() bool { return strings.Contains(run("bell", "status"), "1  ") })
	if out := run("doctor"); !strings.Contains(out, "bell settings") || !strings.Contains(out, "the bell Emmanuel") {
		t.Errorf("doctor:\n%s", out)
	}
	var said strings.Builder
	if o.Announce(&said); !strings.Contains(said.String(), "rings each hour") {
		t.Errorf("at the start:\n%s", &said)
	}
	if err := os.MkdirAll(filepath.Join(dir, "bell"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bell", "rope"), []byte("hemp"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, other := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
	run("backup", file)
	if out, err := machinetest.Run(t, withBell(), "restore", file, "--data", other); err != nil {
		t.Errorf("restore: %v\n%s", err, out)
	}
	if rope, err := os.ReadFile(filepath.Join(other, "bell", "rope")); string(rope) != "hemp" {
		t.Errorf("restored: %q, %v", rope, err)
	}
	if db, err := machine.Open(t.Context(), other); err != nil {
		t.Error(err)
	} else {
		defer db.Close()
		if doc, err := db.Bucket("bell-state").Get(t.Context(), "tower.json"); err != nil ||
			!strings.Contains(string(doc.Data), `"rung":1`) {
			t.Errorf("restored: %s, %v", doc.Data, err)
		}
	}
}

// TestABridgeIsNamedWhereItIsMissed, in the commands' help and errors, and in the reference.
func TestABridgeIsNamedWhereItIsMissed(t *testing.T) {
	t.Parallel()
	if out, err := machinetest.Run(t, withBell(), "up", "--help"); err != nil ||
		!strings.Contains(out, "rooms, campus, exports, stays, school, bell") || !strings.Contains(out, "bell.json") {
		t.Errorf("up --help: %v\n%s", err, out)
	}
	_, err := machinetest.Run(t, withBell(), "up", "--bridges", "bel", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "there are rooms, campus, exports, stays, school, bell") {
		t.Errorf("a mistyped name: %v", err)
	}
	folder := t.TempDir()
	if found := machine.Say(machine.ExamineFolder(t.Context(), withBell(), folder), ""); len(found) != 1 ||
		!strings.Contains(found[0].Do, "bell.json as docs/bell.md shows") {
		t.Errorf("an empty folder: %+v", found)
	}
	if err := os.WriteFile(filepath.Join(folder, "bell.json"), []byte(`{"name":""}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := machine.ExamineFolder(t.Context(), withBell(), folder); len(found) != 1 ||
		found[0].State != machine.FindingMissing {
		t.Errorf("a wrong file: %+v", found)
	}
	page, err := reference.Markdown("../../..", withBell())
	for _, want := range []string{"## `bell.json`", "`name` | required |", "bell.md", "rooms, campus, exports, stays, school, bell"} {
		if err != nil || !strings.Contains(string(page), want) {
			t.Errorf("the reference has no %q: %v", want, err)
		}
	}
}

// TestABridgeHasItsPage, with its link in the navigation, its line on the overview, and the console's frame.
func TestABridgeHasItsPage(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := machinetest.Start(t, machine.Options{Bridges: withBell(), Data: t.TempDir(), Only: []string{"bell"}})
	p := machinetest.Open(t, o)
	p.Do("opening", chromedp.Navigate(o.URL+"/"))
	p.Shows("#bridge-bell", "Bell")
	p.Shows("#bridge-bell", "The bell is up to date, as seen at ")
	p.Shows("#bridge-rooms", "Does not run here")
	p.Do("going over", chromedp.Click(chromedp.CSS(`nav a[href="bell.html"]`)))
	p.Shows(".rung", "Rung 1 time")
	p.Shows("h1", "Bell")
	p.Shows("nav a", "Overview|Bell")
}

// TestThePageShowsTheCode: what docs/add-a-bridge.md quotes is what the bell is made of.
func TestThePageShowsTheCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "add-a-bridge.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range []string{"bell.go", "bell_test.go", "texts_test.go", filepath.Join("..", "bridges.go")} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source...)
	}
	quoted := 0
	for i, block := range strings.Split(string(page), "```go\n") {
		if i == 0 {
			continue
		}
		code, _, _ := strings.Cut(block, "```")
		quoted++
		if !strings.Contains(string(all), code) {
			t.Errorf("this is not in the bell's folder:\n%s", code)
		}
	}
	if quoted < 5 {
		t.Errorf("%d quotations", quoted)
	}
}
