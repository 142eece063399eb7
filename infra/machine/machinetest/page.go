package machinetest

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// A Page is a browser's tab, on the pages of a machine.
type Page struct {
	*Running

	Ctx context.Context //nolint:containedctx // the tab's
}

// Open opens Chromium for a reader of English; make test installs it.
func Open(t *testing.T, r *Running) Page {
	t.Helper()
	return Page{r, Browser(t, "en")}
}

// Browser opens Chromium for a reader of a language.
func Browser(t *testing.T, lang string) context.Context {
	t.Helper()
	peers.Need(t)
	var path string
	for _, name := range []string{"google-chrome", "chromium-browser", "chromium"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
		}
	}
	if path == "" {
		t.Fatal("Chromium is not installed")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang), chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*Patience)
	t.Cleanup(cancel)
	return ctx
}

// Do does something on the page.
func (p Page) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	if err := chromedp.Do(p.Ctx, actions...); err != nil {
		p.T.Fatalf("%s: %v", what, err)
	}
}

// Text is what the elements of a selector say.
func (p Page) Text(selector string) string {
	p.T.Helper()
	return p.JS(`[...document.querySelectorAll('` + selector + `')].map((n) => n.textContent).join('|')`)
}

// JS is the value of an expression on the page, as text; "" where the page gives way to another one meanwhile.
func (p Page) JS(expression string) string {
	p.T.Helper()
	got, err := chromedp.Run(p.Ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil && !strings.Contains(err.Error(), "Inspected target navigated") {
		p.T.Fatalf("%s: %v", expression, err)
	}
	return got
}

// Shows waits until the elements of a selector say something.
func (p Page) Shows(selector, want string) {
	p.T.Helper()
	p.Eventually(selector+" shows "+want, func() bool { return strings.Contains(p.Text(selector), want) })
}

// Becomes waits until an expression is true.
func (p Page) Becomes(what, expression string) {
	p.T.Helper()
	focus := p.JS(`document.activeElement?.outerHTML.slice(0, 160) ?? 'nothing'`)
	p.Eventually(what+"; focus on "+focus, func() bool { return p.JS(expression) == "true" })
}

// Press focuses a control as a keyboard does, and presses Enter on it.
func (p Page) Press(what, selector string) {
	p.T.Helper()
	p.Do(what, chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(kb.Enter))
}

// LoadAxe puts axe-core on the page, which the npm packages have.
func (p Page) LoadAxe() {
	p.T.Helper()
	axe, err := os.ReadFile(filepath.Join(peers.Dir(p.T), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.T.Fatal(err)
	}
	p.Do("axe", chromedp.Evaluate[chromedp.Void](string(axe)+`;0`))
}

// Prefers sets the colour scheme that a reader prefers.
func Prefers(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	})
}

// Axe returns what axe finds on the page, one line each.
func (p Page) Axe() (found []string) {
	p.T.Helper()
	p.Do("running axe", chromedp.Evaluate[chromedp.Void](`window.axeFound = undefined;
		axe.run(document, { rules: { 'target-size': { enabled: true } } }).then((r) => {
			window.axeFound = JSON.stringify(r.violations.map((v) => v.id + ' (' + v.impact + '): ' +
				v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')));
		}, (error) => { window.axeFound = JSON.stringify([String(error)]); }); 0`))
	p.Becomes("axe is done", `window.axeFound !== undefined`)
	if err := json.Unmarshal([]byte(p.JS(`window.axeFound`)), &found); err != nil {
		p.T.Fatal(err)
	}
	return found
}

// Settle waits until the page is whole and lies still for two of its refreshes: a click on what moves misses.
func (p Page) Settle() {
	p.T.Helper()
	const positions = `document.getElementById('faults').hidden ? '' :
		[...document.querySelectorAll('button')].map((b) => Math.round(b.getBoundingClientRect().top)).join()`
	last, still := "", 0
	p.Eventually("the page lies still", func() bool {
		time.Sleep(300 * time.Millisecond)
		at := p.JS(positions)
		if at != last || at == "" {
			last, still = at, 0
			return false
		}
		still++
		return still > 4
	})
}
