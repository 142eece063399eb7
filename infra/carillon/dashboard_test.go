package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser opens Chromium; make test installs it.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browserIn(t, "en")
}

// browserIn opens it for a reader of a language.
func browserIn(t *testing.T, lang string) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"google-chrome", "chromium-browser", "chromium"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
		}
	}
	if path == "" {
		t.Fatal("chromium is not installed; make test installs it")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang), chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*patience)
	t.Cleanup(cancel)
	return ctx
}

// settled waits until the page is whole and lies still for two of its refreshes: a click on what moves misses.
func settled(ctx context.Context, o *office) {
	o.t.Helper()
	last, still := "", 0
	o.eventually("the page lies still", func() bool {
		time.Sleep(300 * time.Millisecond)
		at, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById('faults').hidden ? '' : [...document.querySelectorAll('button')].map((b) => Math.round(b.getBoundingClientRect().top)).join()`))
		if err != nil {
			o.t.Fatal(err)
		}
		if at != last || at == "" {
			last, still = at, 0
			return false
		}
		still++
		return still > 4
	})
}

// A page is a browser's tab.
type page struct {
	o   *office
	ctx context.Context //nolint:containedctx // the tab's
}

func openPage(t *testing.T, o *office) page {
	t.Helper()
	return page{o, browser(t)}
}

// do does something on the page.
func (p page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.o.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.o.t.Fatalf("%s: %v", what, err)
	}
}

// text is what the elements of a selector say.
func (p page) text(selector string) string {
	p.o.t.Helper()
	return p.js(`[...document.querySelectorAll('` + selector + `')].map((n) => n.textContent).join('|')`)
}

// js is the value of an expression on the page, as text; "" where the page gives way to another one meanwhile.
func (p page) js(expression string) string {
	p.o.t.Helper()
	got, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`String(`+expression+`)`))
	if err != nil && !strings.Contains(err.Error(), "Inspected target navigated") {
		p.o.t.Fatalf("%s: %v", expression, err)
	}
	return got
}

// shows waits until they say something.
func (p page) shows(selector, want string) {
	p.o.t.Helper()
	p.o.eventually(selector+" shows "+want, func() bool { return strings.Contains(p.text(selector), want) })
}

// mustZone is the sample office's.
func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(demoZone)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestDashboard(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	ctx := browser(t)
	const room = `article[data-room="quiet_room"] `
	run := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		for try := 1; ; try++ {
			err := chromedp.Do(ctx, actions...)
			if err == nil {
				return
			}
			// The list may be drawn anew between finding a button and clicking it.
			if try == 3 || !strings.Contains(err.Error(), "Could not find node") {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	text := func(selector string) string {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector('`+room+selector+`')?.textContent ?? ''`))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	shows := func(selector, want string) {
		t.Helper()
		o.eventually(selector+" says "+want+", not "+text(selector), func() bool { return text(selector) == want })
	}
	run("opening", chromedp.Navigate(o.s.url+"/rooms.html"))
	shows(".current", "Free all day")
	settled(ctx, o)
	// A title is a text, whatever is in it.
	run("adding", chromedp.SendKeys(chromedp.CSS(room+".title"), `<b onclick="x">Tea</b>`), chromedp.Click(chromedp.CSS(room+".add button")))
	shows(".current", `<b onclick="x">Tea</b>`)
	shows(".meetings li span", `<b onclick="x">Tea</b>`)
	o.eventually("the message is shown", func() bool {
		return strings.HasSuffix(text(".log li"), "roomcalendar_events · 1 events")
	})
	run("deleting", chromedp.Click(chromedp.CSS(room+".meetings li button:last-of-type")))
	shows(".current", "Free all day")
	run("booking", chromedp.Click(chromedp.CSS(room+".book")))
	shows(".state", "Busy")
	shows(".current", "Booked at the door")
	fault := func() string {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector('#faults li')?.textContent ?? ''`))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	run("a fault", chromedp.Click(chromedp.CSS("#faults summary")), chromedp.Click(chromedp.CSS("#faults form button")))
	o.eventually("the fault is listed", func() bool {
		return strings.Contains(fault(), `"status":429`) && len(o.s.rooms.demo.google.Faults.List()) == 1
	})
	run("ending it", chromedp.Click(chromedp.CSS("#faults li button")))
	o.eventually("the fault has ended", func() bool {
		return fault() == "" && len(o.s.rooms.demo.google.Faults.List()) == 0
	})
	was := text(".meetings time")
	run("moving", chromedp.Click(chromedp.CSS(room+".meetings li button")))
	o.eventually("the meeting has moved", func() bool { return text(".meetings time") != was })
	run("moving on", chromedp.Click(chromedp.CSS(room+".meetings li button"))) // twice: it began up to a quarter of an hour ago
	shows(".state", "Free")
}
