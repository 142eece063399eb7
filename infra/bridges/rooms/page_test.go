package rooms

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

func TestDashboard(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := newOffice(t, t.TempDir(), 1)
	ctx := machinetest.Browser(t, "en")
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
		got, err := chromedp.Run(ctx,
			chromedp.Evaluate[string](`document.querySelector('`+room+selector+`')?.textContent ?? ''`))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	shows := func(selector, want string) {
		t.Helper()
		o.Eventually(selector+" says "+want+", not "+text(selector), func() bool { return text(selector) == want })
	}
	run("opening", chromedp.Navigate(o.URL+"/rooms.html"))
	shows(".current", "Free all day")
	machinetest.Page{Running: o.Running, Ctx: ctx}.Settle()
	// A title is a text, whatever is in it.
	run("adding", chromedp.SendKeys(chromedp.CSS(room+".title"), `<b onclick="x">Tea</b>`),
		chromedp.Click(chromedp.CSS(room+".add button")))
	shows(".current", `<b onclick="x">Tea</b>`)
	shows(".meetings li span", `<b onclick="x">Tea</b>`)
	o.Eventually("the message is shown", func() bool {
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
	o.Eventually("the fault is listed", func() bool {
		return strings.Contains(fault(), `"status":429`) && len(o.b.demo.google.Faults.List()) == 1
	})
	run("ending it", chromedp.Click(chromedp.CSS("#faults li button")))
	o.Eventually("the fault has ended", func() bool {
		return fault() == "" && len(o.b.demo.google.Faults.List()) == 0
	})
	was := text(".meetings time")
	run("moving", chromedp.Click(chromedp.CSS(room+".meetings li button")))
	o.Eventually("the meeting has moved", func() bool { return text(".meetings time") != was })
	// twice: it began up to a quarter of an hour ago
	run("moving on", chromedp.Click(chromedp.CSS(room+".meetings li button")))
	shows(".state", "Free")
}

// quarter is the quarter of an hour that a booking of now counts from; it waits where another one is near.
func quarter() time.Time {
	const half = rooms.Slot / 2
	if until := half - time.Since(time.Now().Truncate(rooms.Slot)); until > 0 && until < 30*time.Second {
		time.Sleep(until)
	}
	return time.Now().Add(half).Truncate(rooms.Slot)
}

// TestEveryActionIsAnsweredWhereItWasMade: beside the control, with room and times; the focus stays, and what was
// typed.
func TestEveryActionIsAnsweredWhereItWasMade(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := newOffice(t, t.TempDir(), 1)
	p := machinetest.Open(t, o.Running)
	const quiet, red = `article[data-room="quiet_room"] `, `article[data-room="red_room"] `
	next := quarter().Add(20 * time.Minute)
	o.Add("quiet_room", "Later", next, next.Add(time.Hour))
	p.Do("opening", chromedp.Navigate(o.URL+"/rooms.html"))
	p.Shows(quiet+".meetings", "Later")
	p.Settle()

	p.Press("booking more than is free", quiet+".book")
	p.Shows(quiet+".answer", "quiet_room: Only ")
	p.Press("booking what is free", quiet+".answer button")
	p.Shows(quiet+".answer", "quiet_room: Booked ")
	p.Becomes("the answer says when",
		`/Booked \d\d:\d\d–`+next.Add(-5*time.Minute).In(mustZone(t)).Format("15:04")+`/.test(document.querySelector('`+quiet+
			`.answer').textContent)`)
	p.Becomes("the focus is on the answer", `document.activeElement === document.querySelector('`+quiet+`.answer')`)
	p.Shows(quiet+".state", "Busy")
	p.Becomes("a busy room cannot be booked",
		`document.querySelector('`+quiet+`.book').getAttribute('aria-disabled') === 'true'`)
	p.Press("booking it all the same", quiet+".book")
	p.Shows(quiet+".answer", "quiet_room: The room is busy")

	was := p.Text(red + ".meetings time")
	p.Press("moving", red+".meetings li:last-child button")
	p.Shows(red+".answer", "moved to ")
	p.Becomes("the focus stays on +15",
		`document.activeElement.textContent === '+15' && document.activeElement.closest('article').dataset.room === 'red_room'`)
	o.Eventually("it has moved", func() bool { return p.Text(red+".meetings time") != was })
	was = p.Text(red + ".meetings span")
	p.Press("deleting", red+".meetings li:last-child button:last-child")
	p.Shows(red+".answer", "deleted.")
	o.Eventually("it is gone", func() bool { return p.Text(red+".meetings span") != was })
	p.Becomes("the focus is on Undo", `document.activeElement.textContent === 'Undo'`)
	p.Do("undoing", chromedp.KeyEvent(kb.Enter))
	o.Eventually("it is there again", func() bool { return p.Text(red+".meetings span") == was })

	o.Fault(roomstest.Google, faults.Fault{Status: 503, Method: "POST", Path: "calendars/red_room@.*/events$"})
	p.Do("adding while Google fails", chromedp.SendKeys(chromedp.CSS(red+".title"), "Thesis"), chromedp.KeyEvent(kb.Enter))
	p.Shows(red+".answer", "red_room: That did not work")
	if got := p.JS(`document.querySelector('` + red + `.title').value`); got != "Thesis" {
		t.Errorf("after a failure the title is %q", got)
	}
	o.Clear(roomstest.Google)
	p.Do("adding again", chromedp.KeyEvent(kb.Enter))
	p.Shows(red+".answer", "red_room: “Thesis” added, ")
	p.Becomes("the title is empty for the next one",
		`document.querySelector('`+red+`.title').value === '' && document.activeElement.className === 'title'`)

	p.Press("reading now", red+".list")
	p.Shows(red+".answer", "red_room: Calendar read at ")
}

// TestUnknownIsNeverFreeOnThePage: a door is coloured only while its room is known; without Carillon none is, and no
// button acts.
func TestUnknownIsNeverFreeOnThePage(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	var away atomic.Bool
	o := newOfficeWith(t, Options{}, machine.Options{Data: t.TempDir(), Wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if away.Load() && !strings.HasPrefix(r.URL.Path, "/healthz") {
				panic(http.ErrAbortHandler)
			}
			h.ServeHTTP(w, r)
		})
	}})
	const blue, quiet = `article[data-room="blue_room"] `, `article[data-room="quiet_room"] `
	o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.Forget("blue_room")
	p := machinetest.Open(t, o.Running)
	p.Do("opening", chromedp.Navigate(o.URL+"/rooms.html"))
	p.Shows(quiet+".current", "Free all day")
	p.Shows(blue+".state", "Not known")
	p.Shows(blue+".current", "Never read")
	colour := func(room string) string { return p.JS(`document.querySelector('` + room + `.door').className`) }
	if got := colour(blue); got != "door unknown" {
		t.Errorf("the door of a room that was never read is %q", got)
	}
	p.Press("booking a room that is not known", blue+".book")
	p.Shows(blue+".answer", "It is not known whether the room is free")
	if got := colour(quiet); got != "door" {
		t.Errorf("the door of a free room is %q", got)
	}
	away.Store(true)
	p.Shows("#message", "Carillon does not answer.")
	p.Shows(quiet+".current", "Not known since ")
	if got := colour(quiet); got != "door unknown" {
		t.Errorf("without Carillon a door is %q", got)
	}
	p.Becomes("no button acts",
		`[...document.querySelectorAll('main button, #faults button')].every((b) => b.getAttribute('aria-disabled') === 'true')`)
	away.Store(false)
	p.Shows(quiet+".current", "Free all day")
	p.Becomes("buttons act again", `document.querySelector('`+quiet+`.book').getAttribute('aria-disabled') === null`)
	p.Becomes("but not those of the unknown room",
		`document.querySelector('`+blue+`.book').getAttribute('aria-disabled') === 'true'`)
	o.Clear(roomstest.Google)
	p.Press("reading now", blue+".list")
	p.Shows(blue+".answer", "blue_room: Calendar read at ")
	p.Becomes("the room is known", `!document.querySelector('`+blue+`.door').classList.contains('unknown')`)
}

// TestOverviewSaysWellOnlyOfWhatWasSeen: a bridge that has read nothing is not well, and nothing is "as of now".
func TestOverviewSaysWellOnlyOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	state := func() map[string]machine.Part {
		resp, err := http.Get(o.URL + "/dashboard/overview")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var got struct {
			Bridges []struct{ Parts []machine.Part }
		}
		if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		all := map[string]machine.Part{}
		for _, part := range got.Bridges[0].Parts {
			all[part.Name] = part
		}
		return all
	}
	o.Eventually("the room is well", func() bool {
		return state()["quiet_room"].State == machine.PartOK && !state()["quiet_room"].SeenAt.IsZero()
	})
	o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/quiet_room@"})
	o.Refresh()
	o.Eventually("the room has a fault", func() bool { return state()["quiet_room"].State == machine.PartFault })
	o.Forget("quiet_room")
	if got := state()["quiet_room"]; got.State != machine.PartUnknown || !got.SeenAt.IsZero() {
		t.Errorf("a room that was never read is %+v", got)
	}
}

// TestKeyboardPassesOverRooms: one stop to the content, one for each room that a person does not want.
func TestKeyboardPassesOverRooms(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := newOffice(t, t.TempDir(), 1)
	p := machinetest.Page{Running: o.Running, Ctx: machinetest.Browser(t, "en-GB")}
	p.Do("opening", chromedp.Navigate(o.URL+"/rooms.html"))
	p.Shows(`article[data-room="quiet_room"] .current`, "Free all day")
	p.Do("the first stop", chromedp.KeyEvent(kb.Tab))
	p.Becomes("it leads to the content", `document.activeElement.getAttribute('href') === '#main'`)
	p.Do("to the content", chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	p.Becomes("the first room's link over it", `document.activeElement.textContent === 'Skip to green_room'`)
	p.Do("over it", chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	p.Becomes("the second room's", `document.activeElement.textContent === 'Skip to red_room'`)
	// en-GB: the day before the month
	if got, day := p.Text("#clock"), time.Now().In(mustZone(t)).Format("2 January 2006"); !strings.Contains(got, day) {
		t.Errorf("the clock says %q, want %s", got, day)
	}
}
