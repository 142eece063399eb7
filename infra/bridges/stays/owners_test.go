package stays

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
)

// An ownersPage is a browser on the owners' pages.
type ownersPage struct {
	machinetest.Page

	r *running
}

// enter signs a browser in as the sample's owner 1 in English, from the dashboard.
func (r *running) enter(t *testing.T) ownersPage {
	t.Helper()
	p := ownersPage{machinetest.Open(t, r.With(t)), r}
	p.Do("opening the dashboard", chromedp.Navigate(r.URL+"/stays.html"))
	p.Shows(".owners tbody", "A. Lambert")
	p.Press("entering", ".owners tbody button")
	p.Becomes("the owner's cottages",
		`location.pathname === "/owners/" && document.querySelectorAll("#grid th[scope=row]").length === 3`)
	if err := r.b.ledger.SetLanguage(t.Context(), 1, "en"); err != nil {
		t.Fatal(err)
	}
	return p
}

// next is a day of a month that the sample's stays do not reach.
func (r *running) next(t *testing.T, n int) stays.Day {
	t.Helper()
	zone, err := time.LoadLocation(machine.SampleZone)
	if err != nil {
		t.Fatal(err)
	}
	first := almanac.Add(stays.DayOf(r.Clock.Now().In(zone)), 8)
	return first + stays.Day(n-1)
}

// month opens a month of a cottage.
func (p ownersPage) month(unit string) {
	p.T.Helper()
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`) // else the page asks before it goes
	p.Do("opening the month", chromedp.Navigate(p.r.URL+"/owners/units/"+unit+"?month="+p.r.next(p.T, 1).String()[:7]))
	p.Becomes("the script is there", `document.querySelector("#grid a[tabindex='0']") !== null`)
}

// middle is the middle of a day's cell.
func (p ownersPage) middle(unit string, n int) (x, y float64) {
	p.T.Helper()
	at := p.JS(fmt.Sprintf(
		`(() => { const a = document.querySelector('a[data-unit="%s"][data-day="%s"]');
		a.scrollIntoView({block: "center", inline: "center"});
		const b = a.getBoundingClientRect(); return JSON.stringify([b.left + b.width / 2, b.top + b.height / 2]); })()`,
		unit, p.r.next(p.T, n)))
	var point [2]float64
	if err := json.Unmarshal([]byte(at), &point); err != nil {
		p.T.Fatal(err)
	}
	return point[0], point[1]
}

// drag presses the mouse on a day, moves it to another, and releases it.
func (p ownersPage) drag(unit string, from, to int) {
	p.T.Helper()
	p.hover(unit, from, to)
	x, y := p.middle(unit, to)
	p.Do("releasing", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.Button("left")))
}

// hover is a drag that is not released yet.
func (p ownersPage) hover(unit string, from, to int) {
	p.T.Helper()
	x, y := p.middle(unit, from)
	p.Do("pressing", chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, chromedp.Button("left"),
		chromedp.ClickCount(1)))
	x, y = p.middle(unit, to)
	p.Do("moving", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y, chromedp.Button("left")))
}

// chosen waits until days are chosen, as 5-11.
func (p ownersPage) chosen(want string) {
	p.T.Helper()
	p.Becomes("chosen "+want,
		`(() => { const days = [...document.querySelectorAll("td.chosen a")].map((a) => Number(a.dataset.day.slice(8)));
		return days[0] + "-" + days[days.length - 1] === "`+want+`" && days.length === days[days.length - 1] - days[0] +
			1; })()`)
}

// press clicks what a selector finds.
func (p ownersPage) press(selector string) {
	p.T.Helper()
	p.Do("pressing "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// held waits until a unit's days of the month are as 5-11 booked owner:1.
func (p ownersPage) held(unit, want string) {
	p.T.Helper()
	month := almanac.MonthOf(p.r.next(p.T, 1))
	text := func() string {
		holds, err := p.r.b.ledger.Holds(p.T.Context(), unit, month)
		if err != nil {
			p.T.Fatal(err)
		}
		lines := make([]string, len(holds))
		for i, h := range holds {
			lines[i] = fmt.Sprintf("%d-%d %s %s", h.From-month.From+1, h.Last()-month.From+1, h.Type, h.Origin)
		}
		return strings.Join(lines, ", ")
	}
	p.Eventually(unit+" is "+want+"; it is "+text(), func() bool { return text() == want })
}

// partner has the partner channel book days by the SOAP service.
func (p ownersPage) partner(unit string, from, to int) {
	p.T.Helper()
	body := fmt.Sprintf(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>`+
		`<b:addBookingRequest xmlns:b="http://affinitic.be/booking"><cgtId>%s</cgtId><startDate>%s</startDate>`+
		`<endDate>%s</endDate><bookingType>booked</bookingType></b:addBookingRequest></e:Body></e:Envelope>`,
		unit, p.r.next(p.T, from), p.r.next(p.T, to))
	r, err := http.NewRequestWithContext(p.T.Context(), http.MethodPost, p.r.URL+"/calendar", strings.NewReader(body))
	if err != nil {
		p.T.Fatal(err)
	}
	r.SetBasicAuth("channel", "channel-key")
	r.Header.Set("Content-Type", "text/xml")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.T.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p.T.Fatalf("the booking was answered %d", resp.StatusCode)
	}
}

// TestOwnersWalk is the seed's: an owner enters, clicks a week, and it is in the reservation table (rule 22); a partner
// books, and the week is marked on the owner's page within five seconds.
func TestOwnersWalk(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	p := r.enter(t)
	const unit = "GFLX0001"
	p.month(unit)
	p.drag(unit, 5, 11)
	p.chosen("5-11")
	p.press("#days button.booked")
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "5-11 booked owner:1")
	p.Eventually("the week is in the reservation table", func() bool {
		var n int
		err := r.b.db.Read.QueryRowContext(t.Context(), "SELECT count(*) FROM reservation_proprio r JOIN hebergement h ON "+
			"h.heb_pk = r.heb_fk WHERE h.heb_code_cgt = $1 AND r.res_type = 'loue' AND r.pro_fk = 1 AND r.res_date >= $2 "+
			"AND r.res_date < $3", unit, r.next(t, 5).String(), r.next(t, 12).String()).Scan(&n)
		return err == nil && n == 7
	})
	began := time.Now()
	p.partner(unit, 20, 23)
	p.Becomes("the partner's week is marked", `document.querySelectorAll("td.theirs").length === 4`)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it is marked after %s", took)
	}
	p.Shows(".holds", "partner channel")
	p.press("#said button") // undo
	p.Shows("#said", "It is undone")
	p.held(unit, "20-23 booked partner:channel")
}

// TestGestures: each way to choose days, and each way in which it can go wrong.
func TestGestures(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	p := r.enter(t)
	for name, gesture := range map[string]func(ownersPage){
		"GFLX0001": mouse, "GFLX0002": keyboard, "GFLX0003": taps,
	} {
		p.month(name)
		gesture(p)
	}
	refusal(p)
	notes(p)
	conflict(p)
	offline(p)
	strips(p)
	withoutScript(p)
}

func mouse(p ownersPage) {
	const unit = "GFLX0001"
	p.drag(unit, 9, 5) // backwards
	p.chosen("5-9")
	p.press("#days .clear button")
	p.Becomes("nothing is chosen", `document.querySelectorAll("td.chosen").length === 0`)
	p.Do("a low window", chromedp.EmulateViewport(1280, 500))
	for _, n := range []int{12, 14} { // the first and the last
		x, y := p.middle(unit, n)
		at := p.JS(`scrollY`)
		p.Do("clicking", chromedp.MouseClickXY(x, y))
		p.Becomes("nothing moves beside the form", `scrollY === `+at)
	}
	p.Do("a desk again", chromedp.EmulateViewport(1280, 900))
	p.chosen("12-14")
	p.Do("a note", chromedp.SendKeys(chromedp.CSS("#days [name=note]"), "<i>family</i>"))
	p.press("#days button.unavailable")
	p.Shows("#said", "Not available. Saved.")
	p.Shows(".holds q", "<i>family</i>")
	p.held(unit, "12-14 unavailable owner:1")
	p.drag(unit, 13, 13)
	p.press("#days button.free")
	p.held(unit, "12-12 unavailable owner:1, 14-14 unavailable owner:1")
}

// refusal: what is refused is shown as it was, though nothing has changed meanwhile.
func refusal(p ownersPage) {
	const unit = "GFLX0001"
	p.month(unit)
	p.Becomes("days of its own", `document.querySelectorAll("td.booked").length === 0`)
	p.drag(unit, 20, 21)
	p.JS(`document.querySelector("#days [name=note]").removeAttribute("maxlength") || ` +
		`(document.querySelector("#days [name=note]").value = "x".repeat(201))`)
	p.press("#days button.booked")
	p.Shows(".refusal", "The note is too long")
	p.Becomes("it is as it was", `document.querySelectorAll("td.booked, td.saving").length === 0`)
	p.held(unit, "12-12 unavailable owner:1, 14-14 unavailable owner:1")
}

func keyboard(p ownersPage) {
	const unit = "GFLX0002"
	p.Do("focus", chromedp.Focus(chromedp.CSS(fmt.Sprintf(`#grid a[data-day="%s"]`, p.r.next(p.T, 3)))))
	p.Do("moving", chromedp.KeyEvent(kb.ArrowRight))
	for range 2 {
		p.Do("choosing", chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)))
	}
	p.Do("a week on", chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)))
	p.chosen("4-13")
	p.Do("giving up", chromedp.KeyEvent(kb.Escape))
	p.Becomes("nothing is chosen", `document.querySelectorAll("td.chosen").length === 0`)
	p.Becomes("the focus is in the month", `document.activeElement.dataset.day !== undefined`)
	p.Do("choosing", chromedp.KeyEvent(kb.ArrowRight, chromedp.KeyModifiers(chromedp.ModifierShift)),
		chromedp.KeyEvent(kb.Enter))
	p.Becomes("the focus is on what they are", `document.activeElement.value === "booked"`)
	p.Becomes("nothing is saved by the key that confirms", `document.querySelectorAll("td.chosen").length === 2 && `+
		`document.getElementById("said").hidden`)
	p.Do("rented", chromedp.KeyEvent(kb.Enter))
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "4-5 booked owner:1")
}

func taps(p ownersPage) {
	const unit = "GFLX0003"
	p.Do("a phone", chromedp.EmulateViewport(360, 740, chromedp.EmulateTouch))
	p.month(unit)
	for _, n := range []int{6, 8} {
		x, y := p.middle(unit, n)
		p.Do("tapping", chromedp.TapXY(x, y))
	}
	p.chosen("6-8")
	p.press("#days button.booked")
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "6-8 booked owner:1")
	p.Do("a small one", chromedp.EmulateViewport(320, 568, chromedp.EmulateTouch))
	for _, n := range []int{27, 30} { // of the last week: the form must not lie over them
		x, y := p.middle(unit, n)
		p.Do("tapping", chromedp.TapXY(x, y))
		p.Becomes("the day is to be seen", fmt.Sprintf(`(() => { const a = document.querySelector('a[data-day="%s"]');
			const b = a.getBoundingClientRect();
			return a.contains(document.elementFromPoint(b.left + b.width / 2, b.bottom - 2)); })()`, p.r.next(p.T, n)))
	}
	p.chosen("27-30")
	p.press("#days .clear button")
	p.Do("a desk again", chromedp.EmulateViewport(1280, 900))
}

// conflict: a partner books in the middle of a drag.
func conflict(p ownersPage) {
	const unit = "GFLX0002"
	p.month(unit)
	p.hover(unit, 18, 20)
	p.partner(unit, 19, 22)
	time.Sleep(4 * time.Second) // the page asks meanwhile
	p.chosen("18-20")
	x, y := p.middle(unit, 20)
	p.Do("releasing", chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, chromedp.Button("left")))
	p.press("#days button.booked")
	p.Shows(".refusal", "partner channel")
	p.Becomes("it is as it was",
		`document.querySelectorAll("td.theirs").length === 4 && document.querySelectorAll("td.saving").length === 0`)
	p.held(unit, "4-5 booked owner:1, 19-22 booked partner:channel")
	p.press(".refusal button") // take them all the same
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "4-5 booked owner:1, 18-20 booked owner:1, 21-22 booked partner:channel")
}

// network has the browser lose its connection, or get it back.
func (p ownersPage) network(offline bool) {
	p.T.Helper()
	p.Do("the network", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		if _, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, tab, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{
				Offline: offline, DownloadThroughput: -1, UploadThroughput: -1,
			}},
		})
		return err
	}))
}

// offline: a change waits for the connection, and is made once.
func offline(p ownersPage) {
	const unit = "GFLX0003"
	p.month(unit)
	p.network(true)
	p.drag(unit, 20, 22)
	p.press("#days button.booked")
	p.Shows("#said", "No connection.")
	p.Becomes("it is shown as it will be", `document.querySelectorAll("td.booked.saving").length === 3`)
	p.Shows(".stale", "No connection since")
	p.held(unit, "6-8 booked owner:1")
	p.network(false)
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "6-8 booked owner:1, 20-22 booked owner:1")
	p.Becomes("all is shown again", `document.querySelectorAll(".stale, td.saving").length === 0`)
}

// strips: the same gestures over all cottages (rule 29), and two browsers that see each other's changes.
func strips(p ownersPage) {
	const unit = "GFLX0002"
	p.Do("all cottages", chromedp.Navigate(p.r.URL+"/owners/?from="+p.r.next(p.T, 1).String()))
	p.Becomes("the script is there", `document.querySelector("#grid a[tabindex='0']") !== null`)
	other := p.r.enter(p.T)
	other.month(unit)
	p.drag(unit, 26, 28)
	p.chosen("26-28")
	p.Shows("#days .unitname", "Le Moulin")
	p.press("#days button.unavailable")
	p.Shows("#said", "Not available. Saved.")
	other.Becomes("the other browser shows it", `document.querySelectorAll("td.unavailable").length === 3`)
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`)
	stripsByKeyboard(p)
	stripsByTouch(p)
	p.Do("next week", chromedp.Click(chromedp.CSS("a[rel=next]")))
	p.Becomes("it is a week later", `document.querySelector("#grid").dataset.from === "`+p.r.next(p.T, 8).String()+`"`)
}

func stripsByKeyboard(p ownersPage) {
	p.Do("focus", chromedp.Focus(chromedp.CSS(fmt.Sprintf(`tr[data-unit="GFLX0001"] a[data-day="%s"]`,
		p.r.next(p.T, 30)))))
	p.Do("the cottage below", chromedp.KeyEvent(kb.ArrowDown),
		chromedp.KeyEvent(kb.ArrowLeft, chromedp.KeyModifiers(chromedp.ModifierShift)))
	p.chosen("29-30")
	p.Shows("#days .unitname", "Le Moulin")
	p.Do("another cottage has none of them",
		chromedp.KeyEvent(kb.ArrowDown, chromedp.KeyModifiers(chromedp.ModifierShift)))
	p.Becomes("the focus is there", `document.activeElement.dataset.unit === "GFLX0003"`)
	p.chosen("29-30")
	p.Do("back, and confirming", chromedp.KeyEvent(kb.ArrowUp), chromedp.KeyEvent(kb.Enter))
	p.Becomes("the focus is on what they are", `document.activeElement.value === "booked"`)
	p.Do("rented", chromedp.KeyEvent(kb.Enter))
	p.Shows("#said", "Le Moulin")
	p.held("GFLX0002", "4-5 booked owner:1, 18-20 booked owner:1, 21-22 booked partner:channel, "+
		"26-28 unavailable owner:1, 29-30 booked owner:1")
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`)
}

func stripsByTouch(p ownersPage) {
	p.Do("a phone", chromedp.EmulateViewport(360, 740, chromedp.EmulateTouch))
	for _, n := range []int{25, 23} { // the last one first
		x, y := p.middle("GFLX0003", n)
		p.Do("tapping", chromedp.TapXY(x, y))
	}
	p.chosen("23-25")
	p.press("#days button.unavailable")
	p.Shows("#said", "Not available. Saved.")
	p.held("GFLX0003", "6-8 booked owner:1, 20-22 booked owner:1, 23-25 unavailable owner:1")
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`)
	p.Do("a desk again", chromedp.EmulateViewport(1280, 900))
}

// notes: the note of a hold comes into the form with its days, and goes with them; Enter in it does not say what the
// days are.
func notes(p ownersPage) {
	const unit = "GFLX0001"
	p.month(unit)
	p.press(`.holds a[data-note="<i>family</i>"]`)
	p.Becomes("its note is in the form", `document.querySelector("#days [name=note]").value === "<i>family</i>"`)
	p.drag(unit, 24, 25)
	p.Becomes("it is not for other days", `document.querySelector("#days [name=note]").value === ""`)
	p.Do("a note", chromedp.SendKeys(chromedp.CSS("#days [name=note]"), "roof"), chromedp.KeyEvent(kb.Enter))
	p.Becomes("it asks what the days are", `document.activeElement.value === "booked" && `+
		`document.getElementById("said").hidden`)
	p.press("#days button.unavailable")
	p.Shows("#said", "Not available. Saved.")
	p.held(unit, "12-12 unavailable owner:1, 14-14 unavailable owner:1, 24-25 unavailable owner:1")
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`)
}

// withoutScript: links choose the days, and a form sends them.
func withoutScript(p ownersPage) {
	const unit = "GFLX0003"
	p.Becomes("all is saved", `document.querySelectorAll("td.saving").length === 0`)
	p.Do("no script", chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate(p.r.URL+"/owners/units/"+unit+"?month="+p.r.next(p.T, 1).String()[:7]))
	for _, n := range []int{10, 12} {
		p.Do("choosing", chromedp.Click(chromedp.CSS(fmt.Sprintf(`#grid a[data-day="%s"]`, p.r.next(p.T, n)))))
	}
	p.Do("rented", chromedp.Click(chromedp.CSS("#days button.booked")))
	p.Shows("#said", "Rented. Saved.")
	p.held(unit, "6-8 booked owner:1, 10-12 booked owner:1, 20-22 booked owner:1, 23-25 unavailable owner:1")
	p.partner(unit, 14, 14)
	p.Do("again", chromedp.Navigate(p.r.URL+"/owners/units/"+unit+"?from="+p.r.next(p.T, 13).String()+"&to="+
		p.r.next(p.T, 15).String()), chromedp.Click(chromedp.CSS("#days button.unavailable")))
	p.Shows("#said.refused", "partner channel")
	p.Do("all the same", chromedp.Click(chromedp.CSS("#days .take button")))
	p.Shows("#said", "Not available. Saved.")
	p.Do("undoing", chromedp.Click(chromedp.CSS("#said button")))
	p.held(unit, "6-8 booked owner:1, 10-12 booked owner:1, 14-14 booked partner:channel, 20-22 booked owner:1, "+
		"23-25 unavailable owner:1")
}

// TestOwnersPagesAreAccessible runs axe over each page, light and dark, on a desk and on the narrowest phone.
func TestOwnersPagesAreAccessible(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	p := r.enter(t)
	p.partner("GFLX0001", 3, 5)
	from, to := r.next(t, 10), r.next(t, 12)
	if err := r.b.ledger.SetRules(t.Context(), "GFLX0001", []stays.Rule{{
		Range:   stays.Through(from, to),
		MinStay: 2,
	}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/owners/", "/owners/units/GFLX0001?from=" + from.String() + "&to=" + to.String(), "/owners/history",
		"/owners/state",
		"/owners/units/GFLX0001/rules", "/owners/units/GFLX0001/print", "/owners/link?token=x", "/owners/signin",
		"/calendars/GFLX0001?lang=en", "/calendars/owners/1?lang=en&months=6", "/calendars/NONE0001?lang=en",
	} {
		p.Do("opening "+path, chromedp.Navigate(r.URL+path))
		p.LoadAxe()
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1280, 320} {
				p.Do("the form", chromedp.EmulateViewport(width, 900), machinetest.Prefers(scheme))
				p.Becomes("no sideways scrolling of "+path+": "+p.JS(`document.documentElement.scrollWidth`),
					`document.documentElement.scrollWidth <= innerWidth`)
				for _, found := range p.Axe() {
					t.Errorf("%s %s %d: %s", path, scheme, width, found)
				}
			}
		}
	}
}

// TestOwnersCommands: an operator enters an owner, makes a link that lets in once, and blocks a calendar.
func TestOwnersCommands(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	r := start(t, machine.Options{Data: data})
	if out := must(t, "stays", "owners", "--data", data); !strings.Contains(out, "A. Lambert") ||
		!strings.Contains(out, "GFLX0001 (active)") {
		t.Error(out)
	}
	must(t, "stays", "owners", "add", "7", "--name", "N. Nouveau", "--email", "new@example.org", "--data", data)
	must(t, "stays", "owners", "add", "7", "--language", "fr", "--data", data)
	owner, err := r.b.ledger.Owner(t.Context(), 7)
	if err != nil || owner.Name != "N. Nouveau" || owner.Language != "fr" || !owner.Active {
		t.Errorf("%+v, %v", owner, err)
	}
	link, _, _ := strings.Cut(must(t, "stays", "owners", "link", "7", "--data", data), "\n")
	resp, err := http.Get(strings.TrimSpace(link))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("the link was answered %d", resp.StatusCode)
	}
	must(t, "stays", "units", "state", "GFLX0001", "blocked", "--data", data)
	if out := must(t, "stays", "units", "--data", data); !strings.Contains(out, "blocked") {
		t.Error(out)
	}
	for _, args := range [][]string{
		{"owners", "link", "99"}, {"owners", "link", "x"}, {"units", "state", "GFLX0001", "x"}, {
			"owners", "add", "0",
			"--name", "x",
		},
	} {
		if out, err := run(t, append(append([]string{"stays"}, args...), "--data", data)...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
	r.Eventually("the website's table has it", func() bool {
		var state string
		err := r.b.db.Read.QueryRowContext(t.Context(),
			"SELECT heb_calendrier_proprio FROM hebergement WHERE heb_code_cgt = "+
				"'GFLX0001'").Scan(&state)
		return err == nil && state == "bloque"
	})
}

// TestLinkByMail: an owner asks for a link, gets it by e-mail within seconds, and is in.
func TestLinkByMail(t *testing.T) {
	t.Parallel()
	mail := mailtest.Start(t)
	settings, data := folder(t, map[string]any{
		"smtp": mail.Settings("office@example.org"), "locale": "fr", "owners_address": "http://gites.example.org",
	}), t.TempDir()
	r := start(t, machine.Options{Data: data, Folder: settings})
	must(t, "stays", "owners", "add", "7", "--name", "N. Nouveau", "--email", "new@example.org", "--data", data)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	ask := func(path string, form url.Values) string {
		t.Helper()
		resp, err := client.PostForm(r.URL+path, form)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s: %d %s %v", path, resp.StatusCode, text, err)
		}
		return string(text)
	}
	ask("/owners/signin", url.Values{"email": {"NEW@example.org"}})
	r.Eventually("the e-mail is there", func() bool { return len(mail.Mails()) == 1 })
	link := regexp.MustCompile(`http://\S+/owners/link\?token=(\S+)`).FindStringSubmatch(mail.Mails()[0])
	if link == nil || !strings.HasPrefix(link[0], "http://gites.example.org/owners/") ||
		!strings.Contains(mail.Mails()[0], "N. Nouveau") {
		t.Fatalf("%q", mail.Mails())
	}
	token, err := url.QueryUnescape(link[1])
	if err != nil {
		t.Fatal(err)
	}
	if text := ask("/owners/link", url.Values{"token": {token}}); !strings.Contains(text, "N. Nouveau") {
		t.Errorf("the owner is not in: %s", text)
	}
}

// TestPublicContract: what the public and the association's page get is as docs/openapi.yaml says.
func TestPublicContract(t *testing.T) {
	t.Parallel()
	openapi3filter.RegisterBodyDecoder("text/x-json", func(
		body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn,
	) (v any, err error) {
		return v, json.NewDecoder(body).Decode(&v)
	})
	r := start(t, machine.Options{Data: t.TempDir()})
	from, to := r.ahead(1, 40)
	for path, want := range map[string]int{
		"/calendars/v1/availability?from=" + from + "&to=" + to:                            200,
		"/calendars/v1/availability?from=" + from + "&to=" + to + "&unit=GFLX0001&limit=1": 200,
		"/calendars/v1/availability?from=" + to + "&to=" + from:                            400,
		"/calendars/v1/search?arrival=" + from + "&departure=" + to + "&guests=2":          200,
		"/calendars/v1/search?arrival=" + from:                                             400,
		"/selectedDays?hebPk=100&year=2030&month=1&range=12":                               200,
		"/selectedDays?hebPk=100":                                                          401,
		"/selectedDays?hebPk=999&year=2030&month=1&range=12":                               404,
	} {
		if code, v := r.Call(http.MethodGet, path, "", nil); code != want {
			t.Errorf("%s: %d %v", path, code, v)
		}
	}
	if code, v := r.Call(http.MethodPost, "/addRange", "", map[string]string{}); code != http.StatusUnauthorized {
		t.Errorf("addRange: %d %v", code, v)
	}
}
