package bridges_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// start starts bridges, with the console.
func start(t *testing.T, o machine.Options) roomstest.Office {
	t.Helper()
	o.Bridges = bridges.All()
	return roomstest.Office{Running: machinetest.Start(t, o)}
}

// TestOverviewPage: which bridges run and how they are, what doctor found and when, dead letters, the last log lines.
func TestOverviewPage(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"rooms", "campus"}, Attempts: 1})
	o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.Forget("blue_room")
	p := machinetest.Open(t, o.Running)
	p.Do("opening", chromedp.Navigate(o.URL+"/"))
	p.Shows("#bridge-rooms", "7 of 8 rooms up to date, as seen at ")
	p.Shows("#bridge-rooms li", "blue_room never seen")
	p.Shows("#bridge-campus", "All 2 timetables are up to date, as seen at ")
	p.Shows("#bridge-exports", "Does not run here")
	p.Shows(".doctor", "Looked at ")
	p.Shows(".findings", "calendar of blue_room")
	o.Eventually("the log's last lines are shown", func() bool { // those of other machines of this process are among them
		o.Refresh()
		time.Sleep(time.Second)
		return strings.Contains(p.Text(".loglines"), "room listed")
	})
	p.Shows(".dead", "None: no message has run out of attempts.")
	o.Clear(roomstest.Google)
	o.Refresh()
	p.Shows("#bridge-rooms", "All 8 rooms are up to date, as seen at ")
	p.Press("checking", ".doctor button")
	p.Shows(".doctor .answer", "The check has begun.")
	o.Eventually("doctor has looked again", func() bool {
		return !strings.Contains(p.Text(".findings"), "blue_room") && strings.HasPrefix(p.Text(".doctor .when"), "Looked at ")
	})
	if err := o.Queue.Publish(t.Context(), rooms.TopicRefresh, messages.Message{Data: []byte("{")}); err != nil {
		t.Fatal(err)
	}
	p.Shows(".dead li", "rooms-refresh")
	p.Press("sending it again", ".dead li button")
	p.Shows(".dead .answer", "Sent again.")
	if title := p.JS("document.title"); title != "Overview – Carillon" {
		t.Errorf("the page's title is %q", title)
	}
	p.Do("a page whose bridge does not run", chromedp.Navigate(o.URL+"/exports.html"))
	p.Becomes("it gives way to the overview", `location.pathname === '/'`)
}

// TestPagesAreAccessible runs axe over every page: light and dark, on a desk and on a narrow phone, which needs no
// sideways scrolling.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	peers.Dir(t)
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"rooms", "campus", "exports", "stays"}})
	p := machinetest.Open(t, o.Running)
	o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
	o.Forget("blue_room")
	for name, ready := range map[string]string{
		"":             `document.querySelector('.findings li')`,
		"rooms.html":   `document.querySelectorAll('.door.unknown').length === 1 && document.querySelector('#faults li')`,
		"campus.html":  `document.querySelector('.calendar li time')`,
		"exports.html": `document.querySelector('.held small') || /Node/.test(document.querySelector('.result')?.textContent)`,
		"stays.html":   `document.querySelector('.owners tbody tr')`,
	} {
		p.Do("opening "+name, chromedp.Navigate(o.URL+"/"+name))
		p.Becomes(name+" is whole", `Boolean(`+ready+`)`)
		if name == "rooms.html" {
			p.Press("an answer", `article[data-room="blue_room"] .book`)
		}
		p.Do("opening what is closed",
			chromedp.Evaluate[chromedp.Void](`document.querySelectorAll('details').forEach((d) => { d.open = true; })`))
		p.LoadAxe()
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 320} {
				p.Do("the form", chromedp.EmulateViewport(width, 900), machinetest.Prefers(scheme))
				p.Becomes("no sideways scrolling: "+p.JS(`document.documentElement.scrollWidth`),
					`document.documentElement.scrollWidth <= innerWidth`)
				for _, found := range p.Axe() {
					t.Errorf("/%s %s %d: %s", name, scheme, width, found)
				}
			}
		}
	}
}

// TestPageOfABridgeThatDoesNotRun leads to the overview, and no link leads to it.
func TestPageOfABridgeThatDoesNotRun(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"campus"}})
	p := machinetest.Open(t, o.Running)
	p.Do("opening the rooms", chromedp.Navigate(o.URL+"/rooms.html"))
	p.Shows("#bridge-campus", "All 2 timetables are up to date")
	p.Shows("#bridge-rooms", "Does not run here")
	p.Becomes("no link to the rooms", `document.querySelector('nav a[href="rooms.html"]') === null`)
}

func TestCampusPage(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"rooms", "campus"}})
	p := machinetest.Open(t, o.Running)
	const lea = `article[data-instance="lea"] `
	p.Do("opening the rooms", chromedp.Navigate(o.URL+"/rooms.html"))
	p.Shows("nav a", "Overview|Rooms|Campus")
	p.Do("going over", chromedp.Click(chromedp.CSS(`nav a[href="campus.html"]`)))
	p.Shows(lea+".state", "Up to date")
	p.Shows(lea+".result", "both agree")
	p.Settle()
	// A title is a text, whatever is in it.
	p.Do("adding", chromedp.SendKeys(chromedp.CSS(lea+".title"), `<b onclick="x">Grand oral</b>`),
		chromedp.Click(chromedp.CSS(lea+".add button")))
	p.Shows(lea+".school li.differs span", `<b onclick="x">Grand oral</b>`)
	p.Do("synchronising", chromedp.Click(chromedp.CSS(lea+".sync")))
	p.Shows(lea+".calendar li span", `<b onclick="x">Grand oral</b>`)
	p.Shows(lea+".changes", "created")
	o.Eventually("both sides agree", func() bool { return p.Text(lea+".differs") == "" })
	p.Do("a fault", chromedp.Click(chromedp.CSS("#faults summary")), chromedp.Click(chromedp.CSS("#faults form button")))
	p.Shows("#faults li", `"kind":"partial"`)
	p.Do("with it", chromedp.Click(chromedp.CSS(lea+".sync")))
	p.Shows(lea+".result", "20 held back")
	p.Shows(lea+".exceptions", "20 × more vanished at once than is deleted without your consent")
	if text := p.Text(lea + ".result"); strings.Contains(text, "both agree") ||
		!strings.Contains(text, "they do not agree: held back: 20") || !strings.Contains(text, "last seen to agree at ") {
		t.Errorf("with 20 held back the page says %q", text)
	}
	p.Shows(lea+"footer", "MonCampus read just now (")
}
