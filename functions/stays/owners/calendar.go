package owners

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// stripDays is how many days a strip shows.
const stripDays = 35

// A calendar is a month of one cottage, or strips of days of several.
type calendar struct {
	From    stays.Day // the month's first day, or the strips'
	Heading string
	Before  string // addresses
	After   string
	Today   string
	Updated string // when it was last updated; "" in strips
	State   string // id of a text, where the calendar is not shown to everybody

	Grid *grid
	Form *form // in strips without an address: the script gives it that of the cottage
}

// A grid is what changes while one looks on.
type grid struct {
	Heads  []head
	Rows   []row
	Months bool // rows are weeks of a month, not cottages
	Holds  []holdLine
}

// A head is a column's.
type head struct {
	Text, Full string
	Class      string
}

// A row is a week, or a cottage.
type row struct {
	Unit  *ledger.Unit // of strips
	Cells []cell
	Note  string // text id
}

// A cell is a day of a cottage.
type cell struct {
	Day    stays.Day
	Number int
	Unit   string
	Class  string
	Label  string
	Href   string // chooses the day without the script
	Open   bool   // it may be chosen
	Held   bool
}

// A holdLine says who holds days.
type holdLine struct {
	Days, Type, Who, Since, Ref, Note string
	Class                             string
	Href                              string
	From, To                          stays.Day
}

// A form is the chosen days.
type form struct {
	Action   string
	From, To string // as they were typed
	Type     stays.Type
	Note     string
	Key      string // by which a form that is sent twice is known
	Month    stays.Day
}

// month shows a month of a cottage; part=1 asks for its days alone.
func (f *function) month(w http.ResponseWriter, v *visit) error {
	u, err := v.unit(v.PathValue("unit"))
	if err != nil {
		return err
	}
	q := v.URL.Query()
	chosen, form := v.chosen(q.Get("from"), q.Get("to"))
	first := monthOf(q.Get("month"), chosen, v.today)
	g, err := f.readMonth(v, u, first, chosen)
	if err != nil {
		return err
	}
	if q.Get("part") != "" {
		return v.part(w, g)
	}
	done, err := f.done(v, q.Get("done"))
	if err != nil {
		return err
	}
	if done == nil {
		done = v.saidAfter("undone", "undone")
	}
	form.Month, form.Action = first, unitPath(u.Unit)+"/days"
	for _, h := range g.Holds {
		if h.From.String() == form.From && h.To.String() == form.To {
			form.Note = h.Note
		}
	}
	return f.showMonth(w, v, http.StatusOK, u, g, form, done)
}

// showMonth answers with the page of a month.
func (f *function) showMonth(
	w http.ResponseWriter, v *visit, status int, u ledger.Unit, g *grid, form *form, said *said,
) error {
	p := v.page("nav.month")
	p.Unit, p.Heading, p.Said = &u, u.Called(), said
	at := func(day stays.Day) string { return unitPath(u.Unit) + "?month=" + day.String()[:7] }
	c := &calendar{
		From: form.Month, Heading: v.dates.Month(form.Month), Grid: g, Form: form,
		Before: at(almanac.Add(form.Month, -1)), After: at(almanac.Add(form.Month, 1)), Today: at(v.today),
	}
	p.Here = at(form.Month)
	seen, err := f.Ledger.Seen(v.Context(), []string{u.Unit}, v.settings.PartnersUpdate())
	if err != nil {
		return err
	}
	if t, ok := seen[u.Unit]; ok {
		c.Updated = v.at(t)
	}
	c.State = stateNote(u)
	p.Body = c
	return f.send(w, status, "month", p)
}

// chosen reads the days that were chosen. The last one may be missing.
func (v *visit) chosen(from, to string) (stays.Range, *form) {
	form := &form{From: from, To: to, Key: rand.Text()}
	first, err := stays.ParseDay(from)
	if err != nil {
		form.From = ""
		return stays.Range{}, form
	}
	last, err := stays.ParseDay(to)
	if err != nil {
		form.To = ""
		last = first
	}
	days := stays.Through(min(first, last), max(first, last))
	form.From = days.From.String()
	if form.To != "" {
		form.To = days.Last().String()
	}
	return days, form
}

// monthOf is the first day of a month that is named as YYYY-MM, else of the chosen days, else of today.
func monthOf(text string, chosen stays.Range, today stays.Day) stays.Day {
	if day, err := stays.ParseDay(text + "-01"); err == nil {
		return day
	}
	if chosen.Days() > 0 {
		return almanac.MonthOf(chosen.From).From
	}
	return almanac.MonthOf(today).From
}

// readMonth is the grid of a month, with what the ledger has of it.
func (f *function) readMonth(v *visit, u ledger.Unit, first stays.Day, chosen stays.Range) (*grid, error) {
	weeks := almanac.Weeks(almanac.MonthOf(first), v.firstDay())
	holds, err := f.Ledger.Holds(v.Context(), u.Unit, stays.Range{From: weeks[0].From, To: weeks[len(weeks)-1].To})
	return v.monthGrid(u, holds, first, chosen), err
}

// monthGrid is the grid of a month, of holds that have its days.
func (v *visit) monthGrid(u ledger.Unit, holds []stays.Hold, first stays.Day, chosen stays.Range) *grid {
	month := almanac.MonthOf(first)
	weeks := almanac.Weeks(month, v.firstDay())
	g := &grid{Months: true}
	for _, d := range v.dates.Week(v.firstDay()) {
		g.Heads = append(g.Heads, head{Text: d.Initials, Full: d.Name})
	}
	path := unitPath(u.Unit)
	for _, week := range weeks {
		g.Rows = append(g.Rows, row{Cells: v.cells(u.Unit, holds, week, chosen, func(day stays.Day) string {
			return path + "?month=" + first.String()[:7] + choose(chosen, day)
		})})
		for i := range g.Rows[len(g.Rows)-1].Cells {
			c := &g.Rows[len(g.Rows)-1].Cells[i]
			if c.Day < month.From || c.Day >= month.To {
				c.Class += " out"
			}
		}
	}
	for _, h := range holds {
		if h.Overlaps(month) {
			g.Holds = append(g.Holds, v.line(h, path+"?month="+first.String()[:7]))
		}
	}
	return g
}

// choose is what a day's link adds to the address: the first of the chosen days, and then the last.
func choose(chosen stays.Range, day stays.Day) string {
	if chosen.Days() != 1 {
		return "&from=" + day.String() + "#days"
	}
	return "&from=" + chosen.From.String() + "&to=" + day.String() + "#days"
}

// cells are the days of a range of a cottage.
func (v *visit) cells(
	unit string, holds []stays.Hold, days, chosen stays.Range, href func(stays.Day) string,
) []cell {
	list := make([]cell, 0, days.Days())
	for d := range days.Each() {
		c := cell{
			Day: d, Number: d.Time().Day(), Unit: unit, Class: "free", Href: href(d),
			Open: d >= v.today-stays.DaysBack,
		}
		params := map[string]string{"date": v.dates.Full(d), "type": v.say("types.available", nil)}
		text := "cell.free"
		i := slices.IndexFunc(holds, func(h stays.Hold) bool { return h.From <= d && d < h.To })
		if i >= 0 {
			h := holds[i]
			c.Held = true
			text, params["type"], params["who"] = "cell.held", v.say("types."+string(h.Type), nil), v.by(h.Origin)
			c.Class = string(h.Type)
			if h.Origin != v.origin() {
				c.Class += " theirs"
			}
		}
		c.Label = v.say(text, params)
		switch {
		case d == v.today:
			c.Class += " today"
		case d < v.today:
			c.Class += " past"
		}
		if chosen.From <= d && d < chosen.To {
			c.Class += " chosen"
		}
		list = append(list, c)
	}
	return list
}

// line says who holds days.
func (v *visit) line(h stays.Hold, path string) holdLine {
	l := holdLine{
		Days: v.dates.Days(h.Range), Type: v.say("types."+string(h.Type), nil), Who: v.by(h.Origin),
		Note:  v.note(h.Note, h.Origin),
		Since: v.say("hold.since", map[string]string{"at": v.at(h.At)}), Class: string(h.Type), From: h.From, To: h.Last(),
		Href: path + "&from=" + h.From.String() + "&to=" + h.Last().String() + "#days",
	}
	if h.Ref != "" {
		l.Ref = v.say("hold.ref", map[string]string{"ref": h.Ref})
	}
	return l
}

// stateNote is what is said of a cottage whose calendar is not shown to everybody.
func stateNote(u ledger.Unit) string {
	if u.Uses() == stays.Active {
		return ""
	}
	return "state." + string(u.Uses())
}

// strips shows all cottages; part=1 asks for their days alone.
func (f *function) strips(w http.ResponseWriter, v *visit) error {
	q := v.URL.Query()
	first, err := stays.ParseDay(q.Get("from"))
	if err != nil {
		first = almanac.WeekOf(v.today, v.firstDay())
	}
	g, err := f.stripsGrid(v, stays.Range{From: first, To: first + stripDays})
	if err != nil {
		return err
	}
	if q.Get("part") != "" {
		return v.part(w, g)
	}
	const week = 7
	at := func(day stays.Day) string { return "/owners/?from=" + day.String() }
	p := v.page("nav.all")
	p.Here = at(first)
	p.Body = &calendar{
		From: first, Heading: v.dates.Days(stays.Range{From: first, To: first + stripDays}), Grid: g,
		Before: at(first - week),
		After:  at(first + week), Today: "/owners/", Form: &form{Key: rand.Text(), Month: first},
	}
	if len(v.units) == 0 {
		p.Text = "no_units"
	}
	return f.send(w, http.StatusOK, "strips", p)
}

func (f *function) stripsGrid(v *visit, days stays.Range) (*grid, error) {
	g := &grid{}
	for d := range days.Each() {
		h := head{Text: strconv.Itoa(d.Time().Day()), Full: v.dates.Full(d)}
		if day := d.Time().Weekday(); day == time.Saturday || day == time.Sunday {
			h.Class = "weekend"
		}
		if d == v.today {
			h.Class += " today"
		}
		g.Heads = append(g.Heads, h)
	}
	for _, u := range v.units {
		r := row{Unit: &u}
		if !u.Published {
			r.Note = "unpublished"
			g.Rows = append(g.Rows, r)
			continue
		}
		holds, err := f.Ledger.Holds(v.Context(), u.Unit, days)
		if err != nil {
			return nil, err
		}
		r.Note = stateNote(u)
		r.Cells = v.cells(u.Unit, holds, days, stays.Range{}, func(day stays.Day) string {
			return strings.TrimPrefix(unitPath(u.Unit), "/owners/") + "?from=" + day.String() // there are hundreds of them
		})
		g.Rows = append(g.Rows, r)
	}
	return g, nil
}

// part answers with a grid alone, for a page that is open. It has an ETag: most of the time nothing has changed.
func (v *visit) part(w http.ResponseWriter, g *grid) error {
	p := v.page("")
	p.Body = g
	text, err := frame.Text("grid", v.dates.Lang, p)
	if err != nil {
		return err
	}
	if web.Unchanged(w, v.Request, []byte(text)) {
		return nil
	}
	return pages.Send(w, http.StatusOK, v.dates.Lang, text)
}
