package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// becomes waits until an expression is true.
func (p page) becomes(what, expression string) {
	p.o.t.Helper()
	focus := p.js(`document.activeElement?.outerHTML.slice(0, 160) ?? 'nothing'`)
	p.o.eventually(what+"; focus on "+focus, func() bool { return p.js(expression) == "true" })
}

// press focuses a control as a keyboard does, and presses Enter on it.
func (p page) press(what, selector string) {
	p.o.t.Helper()
	p.do(what, chromedp.Focus(chromedp.CSS(selector)), chromedp.KeyEvent(kb.Enter))
}

// quarter is the quarter of an hour that a booking of now counts from; it waits where another one is near.
func quarter() time.Time {
	const half = rooms.Slot / 2
	if until := half - time.Since(time.Now().Truncate(rooms.Slot)); until > 0 && until < 30*time.Second {
		time.Sleep(until)
	}
	return time.Now().Add(half).Truncate(rooms.Slot)
}

// TestEveryActionIsAnsweredWhereItWasMade: beside the control, with room and times; the focus stays, and what was typed.
func TestEveryActionIsAnsweredWhereItWasMade(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	p := openPage(t, o)
	const quiet, red = `article[data-room="quiet_room"] `, `article[data-room="red_room"] `
	next := quarter().Add(20 * time.Minute)
	o.add("quiet_room", "Later", next, next.Add(time.Hour))
	p.do("opening", chromedp.Navigate(o.s.url+"/rooms.html"))
	p.shows(quiet+".meetings", "Later")
	settled(p.ctx, o)

	p.press("booking more than is free", quiet+".book")
	p.shows(quiet+".answer", "quiet_room: Only ")
	p.press("booking what is free", quiet+".answer button")
	p.shows(quiet+".answer", "quiet_room: Booked ")
	p.becomes("the answer says when", `/Booked \d\d:\d\d–`+next.Add(-5*time.Minute).In(mustZone(t)).Format("15:04")+`/.test(document.querySelector('`+quiet+`.answer').textContent)`)
	p.becomes("the focus is on the answer", `document.activeElement === document.querySelector('`+quiet+`.answer')`)
	p.shows(quiet+".state", "Busy")
	p.becomes("a busy room cannot be booked", `document.querySelector('`+quiet+`.book').getAttribute('aria-disabled') === 'true'`)
	p.press("booking it all the same", quiet+".book")
	p.shows(quiet+".answer", "quiet_room: The room is busy")

	was := p.text(red + ".meetings time")
	p.press("moving", red+".meetings li:last-child button")
	p.shows(red+".answer", "moved to ")
	p.becomes("the focus stays on +15", `document.activeElement.textContent === '+15' && document.activeElement.closest('article').dataset.room === 'red_room'`)
	o.eventually("it has moved", func() bool { return p.text(red+".meetings time") != was })
	was = p.text(red + ".meetings span")
	p.press("deleting", red+".meetings li:last-child button:last-child")
	p.shows(red+".answer", "deleted.")
	o.eventually("it is gone", func() bool { return p.text(red+".meetings span") != was })
	p.becomes("the focus is on Undo", `document.activeElement.textContent === 'Undo'`)
	p.do("undoing", chromedp.KeyEvent(kb.Enter))
	o.eventually("it is there again", func() bool { return p.text(red+".meetings span") == was })

	o.fault(simGoogle, faults.Fault{Status: 503, Method: "POST", Path: "calendars/red_room@.*/events$"})
	p.do("adding while Google fails", chromedp.SendKeys(chromedp.CSS(red+".title"), "Thesis"), chromedp.KeyEvent(kb.Enter))
	p.shows(red+".answer", "red_room: That did not work")
	if got := p.js(`document.querySelector('` + red + `.title').value`); got != "Thesis" {
		t.Errorf("after a failure the title is %q", got)
	}
	o.s.rooms.demo.google.Faults.Clear("")
	p.do("adding again", chromedp.KeyEvent(kb.Enter))
	p.shows(red+".answer", "red_room: “Thesis” added, ")
	p.becomes("the title is empty for the next one", `document.querySelector('`+red+`.title').value === '' && document.activeElement.className === 'title'`)

	p.press("reading now", red+".list")
	p.shows(red+".answer", "red_room: Calendar read at ")
}

// TestUnknownIsNeverFreeOnThePage: a door is coloured only while its room is known; without Carillon none is, and no button acts.
func TestUnknownIsNeverFreeOnThePage(t *testing.T) {
	t.Parallel()
	var away atomic.Bool
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away.Load() && !strings.HasPrefix(r.URL.Path, "/healthz") {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}})
	const blue, quiet = `article[data-room="blue_room"] `, `article[data-room="quiet_room"] `
	o.fault(simGoogle, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.forget("blue_room")
	p := openPage(t, o)
	p.do("opening", chromedp.Navigate(o.s.url+"/rooms.html"))
	p.shows(quiet+".current", "Free all day")
	p.shows(blue+".state", "Not known")
	p.shows(blue+".current", "Never read")
	colour := func(room string) string { return p.js(`document.querySelector('` + room + `.door').className`) }
	if got := colour(blue); got != "door unknown" {
		t.Errorf("the door of a room that was never read is %q", got)
	}
	p.press("booking a room that is not known", blue+".book")
	p.shows(blue+".answer", "It is not known whether the room is free")
	if got := colour(quiet); got != "door" {
		t.Errorf("the door of a free room is %q", got)
	}
	away.Store(true)
	p.shows("#message", "Carillon does not answer.")
	p.shows(quiet+".current", "Not known since ")
	if got := colour(quiet); got != "door unknown" {
		t.Errorf("without Carillon a door is %q", got)
	}
	p.becomes("no button acts", `[...document.querySelectorAll('main button, #faults button')].every((b) => b.getAttribute('aria-disabled') === 'true')`)
	away.Store(false)
	p.shows(quiet+".current", "Free all day")
	p.becomes("buttons act again", `document.querySelector('`+quiet+`.book').getAttribute('aria-disabled') === null`)
	p.becomes("but not those of the unknown room", `document.querySelector('`+blue+`.book').getAttribute('aria-disabled') === 'true'`)
	o.s.rooms.demo.google.Faults.Clear("")
	p.press("reading now", blue+".list")
	p.shows(blue+".answer", "blue_room: Calendar read at ")
	p.becomes("the room is known", `!document.querySelector('`+blue+`.door').classList.contains('unknown')`)
}

// forget removes all that is known of a room whose calendar can no longer be read, also what earlier messages still
// bring.
func (o *office) forget(room string) {
	o.t.Helper()
	quiet := 0
	o.eventually(room+" is forgotten", func() bool {
		snapshot, generation, err := documents.Load[rooms.Snapshot](o.t.Context(), o.s.rooms.state, rooms.SnapshotName(room))
		if err == nil && !snapshot.FetchedAt.IsZero() {
			_ = o.s.rooms.state.Delete(o.t.Context(), rooms.SnapshotName(room), generation)
			quiet = -1
		}
		counts := o.s.queue.Counts(o.t.Context())
		if counts["rooms-status-events"].Waiting+counts["rooms-refresh"].Waiting+counts["rooms-watch"].Waiting > 0 {
			quiet = -1
		}
		quiet++
		return quiet > 10
	})
}

// TestOverviewPage: which bridges run and how they are, what doctor found and when, dead letters, the last log lines.
func TestOverviewPage(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, only: []string{"rooms", "campus"}, attempts: 1})
	o.fault(simGoogle, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.forget("blue_room")
	p := openPage(t, o)
	p.do("opening", chromedp.Navigate(o.s.url+"/"))
	p.shows("#bridge-rooms", "7 of 8 rooms up to date, as seen at ")
	p.shows("#bridge-rooms li", "blue_room never seen")
	p.shows("#bridge-campus", "All 2 timetables are up to date, as seen at ")
	p.shows("#bridge-exports", "Does not run here")
	p.shows(".doctor", "Looked at ")
	p.shows(".findings", "calendar of blue_room")
	p.shows(".loglines", "room listed")
	p.shows(".dead", "None: no message has run out of attempts.")
	o.s.rooms.demo.google.Faults.Clear("")
	o.refresh()
	p.shows("#bridge-rooms", "All 8 rooms are up to date, as seen at ")
	p.press("checking", ".doctor button")
	p.shows(".doctor .answer", "The check has begun.")
	o.eventually("doctor has looked again", func() bool {
		return !strings.Contains(p.text(".findings"), "blue_room") && strings.HasPrefix(p.text(".doctor .when"), "Looked at ")
	})
	if err := o.s.queue.Publish(t.Context(), rooms.TopicRefresh, messages.Message{Data: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	p.shows(".dead li", "rooms-refresh")
	p.press("sending it again", ".dead li button")
	p.shows(".dead .answer", "Sent again.")
	if title := p.js("document.title"); title != "Overview – Carillon" {
		t.Errorf("the page's title is %q", title)
	}
	p.do("a page whose bridge does not run", chromedp.Navigate(o.s.url+"/exports.html"))
	p.becomes("it gives way to the overview", `location.pathname === '/'`)
}

// TestOverviewSaysWellOnlyOfWhatWasSeen: a bridge that has read nothing is not well, and nothing is "as of now".
func TestOverviewSaysWellOnlyOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	state := func() (all map[string]partView) {
		w := bufferedAnswer{header: http.Header{}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.s.url+"/dashboard/overview", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.s.overview(&w, r); err != nil {
			t.Fatal(err)
		}
		var got struct{ Bridges []bridgeView }
		if err := json.Unmarshal(w.body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		all = map[string]partView{}
		for _, part := range got.Bridges[0].Parts {
			all[part.Name] = part
		}
		return all
	}
	o.eventually("the room is well", func() bool {
		room := state()["quiet_room"]
		return room.State == partOK && !room.SeenAt.IsZero()
	})
	o.fault(simGoogle, faults.Fault{Status: 404, Path: "calendars/quiet_room@"})
	o.refresh()
	o.eventually("the room has a fault", func() bool { return state()["quiet_room"].State == partFault })
	o.forget("quiet_room")
	if got := state()["quiet_room"]; got.State != partUnknown || !got.SeenAt.IsZero() {
		t.Errorf("a room that was never read is %+v", got)
	}
}

// TestKeyboardPassesOverRooms: one stop to the content, one for each room that a person does not want.
func TestKeyboardPassesOverRooms(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	p := page{o, browserIn(t, "en-GB")}
	p.do("opening", chromedp.Navigate(o.s.url+"/rooms.html"))
	p.shows(`article[data-room="quiet_room"] .current`, "Free all day")
	p.do("the first stop", chromedp.KeyEvent(kb.Tab))
	p.becomes("it leads to the content", `document.activeElement.getAttribute('href') === '#rooms'`)
	p.do("to the content", chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	p.becomes("the first room's link over it", `document.activeElement.textContent === 'Skip to green_room'`)
	p.do("over it", chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	p.becomes("the second room's", `document.activeElement.textContent === 'Skip to red_room'`)
	if got, day := p.text("#clock"), time.Now().In(mustZone(t)).Format("2 January 2006"); !strings.Contains(got, day) { // en-GB: the day before the month
		t.Errorf("the clock says %q, want %s", got, day)
	}
}

// TestPagesAreAccessible runs axe over every page: light and dark, on a desk and on a narrow phone, which needs no sideways scrolling.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	axe, err := os.ReadFile(filepath.Join(peers.Dir(t), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, only: []string{"rooms", "campus", "exports"}})
	p := openPage(t, o)
	o.fault(simGoogle, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.forget("blue_room")
	for name, ready := range map[string]string{
		"": `document.querySelector('.findings li')`, "rooms.html": `document.querySelectorAll('.door.unknown').length === 1 && document.querySelector('#faults li')`,
		"campus.html": `document.querySelector('.calendar li time')`, "exports.html": `document.querySelector('.held small') || /Node/.test(document.querySelector('.result')?.textContent)`,
	} {
		p.do("opening "+name, chromedp.Navigate(o.s.url+"/"+name))
		p.becomes(name+" is whole", `Boolean(`+ready+`)`)
		if name == "rooms.html" {
			p.press("an answer", `article[data-room="blue_room"] .book`)
		}
		p.do("opening what is closed", chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('details').forEach((d) => { d.open = true; })`))
		p.do("axe", chromedp.Evaluate[chromedp.Void](string(axe)+`;0`))
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 320} {
				p.do("the form", chromedp.EmulateViewport(width, 900), prefers(scheme))
				p.becomes("no sideways scrolling: "+p.js(`document.documentElement.scrollWidth`), `document.documentElement.scrollWidth <= innerWidth`)
				for _, found := range p.axe() {
					t.Errorf("/%s %s %d: %s", name, scheme, width, found)
				}
			}
		}
	}
}

func prefers(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
		return err
	})
}

// axe returns what axe finds on the page, one line each.
func (p page) axe() (found []string) {
	p.o.t.Helper()
	p.do("running axe", chromedp.Evaluate[chromedp.Void](`window.axeFound = undefined; axe.run(document, { rules: { 'target-size': { enabled: true } } }).then((r) => {
		window.axeFound = JSON.stringify(r.violations.map((v) => v.id + ' (' + v.impact + '): ' + v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary).join(' | ')));
	}, (error) => { window.axeFound = JSON.stringify([String(error)]); }); 0`))
	p.becomes("axe is done", `window.axeFound !== undefined`)
	if err := json.Unmarshal([]byte(p.js(`window.axeFound`)), &found); err != nil {
		p.o.t.Fatal(err)
	}
	return found
}
