package feeds

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// palettes are the colours that a page may ask for. They are fixed: a page of others brings no style in.
var palettes = []string{"auto", "light", "dark", "green", "blue", "contrast"}

// lengths are how many months a page may show.
var lengths = []int{1, 6, 12}

// A reader is how a page is to be shown.
type reader struct {
	*http.Request

	settings *stays.Settings
	dates    *almanac.Locale
	palette  string
	months   int
	first    stays.Day // of the first month
	today    stays.Day
}

// A calendar is a page.
type calendar struct {
	Lang, Palette string
	Title         string
	Text          string // id of a text, instead of calendars
	Before, After string
	Units         []unitCalendar
}

type unitCalendar struct {
	Name    string // "" where the page is of one cottage
	Updated string
	Months  []month
}

type month struct {
	Name  string
	Week  []almanac.Weekday
	Weeks [][]cell
}

type cell struct {
	Number       int
	Class, Label string
}

// page serves pages, and says on them what is wrong.
func (f *function) page(h func(http.ResponseWriter, *reader) error) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		settings, err := f.enter(w, r)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Security-Policy", pages.Policy("frame-ancestors "+settings.Frames()))
		v := f.reader(r, settings)
		err = request.Unavailable(h(w, v))
		p, ok := errors.AsType[*web.Problem](err)
		if !ok {
			return err
		}
		web.LogFailure(r, p.Status, err)
		c := &calendar{Text: "none"}
		if p.Status >= http.StatusInternalServerError {
			c.Text = "fault"
		}
		w.Header().Set("Cache-Control", "no-store")
		return f.send(w, v, p.Status, c)
	}
}

func (f *function) reader(r *http.Request, settings *stays.Settings) *reader {
	q := r.URL.Query()
	lang := q.Get("lang")
	if !slices.Contains(texts.Languages(), lang) {
		lang = pages.Language(r, texts.Languages()...)
	}
	v := &reader{
		Request: r, settings: settings, dates: almanac.In(lang), palette: palettes[0], months: lengths[0],
		today: stays.DayOf(f.Now().In(settings.Zone())),
	}
	if palette := q.Get("palette"); slices.Contains(palettes, palette) {
		v.palette = palette
	}
	if n, err := strconv.Atoi(q.Get("months")); err == nil && slices.Contains(lengths, n) {
		v.months = n
	}
	v.first = almanac.MonthOf(v.today).From
	if day, err := stays.ParseDay(q.Get("from") + "-01"); err == nil {
		const most = 10 * 366
		v.first = min(max(day, v.first), almanac.MonthOf(v.today+most).From) // what is over is nobody's business
	}
	return v
}

// at is the page's address with another first month.
func (v *reader) at(first stays.Day) string {
	q := url.Values{"lang": {v.dates.Lang}, "months": {strconv.Itoa(v.months)}, "from": {first.String()[:7]}}
	if v.palette != palettes[0] {
		q.Set("palette", v.palette)
	}
	return "?" + q.Encode()
}

var errNone = web.NewProblem(http.StatusNotFound, "No calendar is shown here.", nil)

// unitPage shows a cottage's calendar.
func (f *function) unitPage(w http.ResponseWriter, v *reader) error {
	units, err := f.shown(v.Context())
	if err != nil {
		return err
	}
	i := slices.IndexFunc(units, func(u ledger.Unit) bool { return u.Unit == v.PathValue("unit") })
	if i < 0 {
		return errNone
	}
	return f.show(w, v, units[i].Called(), units[i:i+1])
}

// ownerPage shows the calendars of all cottages of an owner.
func (f *function) ownerPage(w http.ResponseWriter, v *reader) error {
	id, err := strconv.ParseInt(v.PathValue("owner"), 10, 64)
	if err != nil || id < 1 {
		return errNone
	}
	units, err := f.shown(v.Context())
	if err != nil {
		return err
	}
	units = slices.DeleteFunc(units, func(u ledger.Unit) bool { return u.Owner != id })
	if len(units) == 0 {
		return errNone
	}
	return f.show(w, v, texts.Text(v.dates.Lang, "title", nil), units)
}

func (f *function) show(w http.ResponseWriter, v *reader, title string, units []ledger.Unit) error {
	c := &calendar{Title: title, After: v.at(almanac.Add(v.first, v.months))}
	if v.first > v.today {
		c.Before = v.at(almanac.Add(v.first, -v.months))
	}
	ids := make([]string, len(units))
	for i, u := range units {
		ids[i] = u.Unit
	}
	seen, err := f.Ledger.Seen(v.Context(), ids, v.settings.PartnersUpdate())
	if err != nil {
		return err
	}
	shown := stays.Range{From: v.first, To: almanac.Add(v.first, v.months)}
	taken := map[string][]stays.Span{}
	for s, err := range f.Ledger.Spans(v.Context(), ids, shown) {
		if err != nil {
			return err
		}
		taken[s.Unit] = append(taken[s.Unit], s)
	}
	for _, u := range units {
		one := unitCalendar{}
		if len(units) > 1 {
			one.Name = u.Called()
		}
		if t, ok := seen[u.Unit]; ok {
			one.Updated = v.dates.Date(stays.DayOf(t.In(v.settings.Zone())))
		}
		for n := range v.months {
			one.Months = append(one.Months, v.month(almanac.MonthOf(almanac.Add(v.first, n)), taken[u.Unit]))
		}
		c.Units = append(c.Units, one)
	}
	return f.send(w, v, http.StatusOK, c)
}

// month is a month of a cottage: whether each day is free, and nothing more.
func (v *reader) month(days stays.Range, taken []stays.Span) month {
	first := almanac.FirstDay(v.Header.Get("Accept-Language"))
	m := month{Name: v.dates.Month(days.From), Week: v.dates.Week(first)}
	state := map[bool]string{
		true: texts.Text(v.dates.Lang, "taken", nil), false: texts.Text(v.dates.Lang, "free", nil),
	}
	for _, week := range almanac.Weeks(days, first) {
		cells := make([]cell, 0, week.Days())
		for d := range week.Each() {
			if d < days.From || d >= days.To {
				cells = append(cells, cell{Class: "out"})
				continue
			}
			busy := slices.ContainsFunc(taken, func(s stays.Span) bool { return s.From <= d && d < s.To })
			c := cell{Number: d.Time().Day(), Class: "free", Label: texts.Text(v.dates.Lang, "cell", map[string]string{
				"date": v.dates.Full(d), "state": state[busy],
			})}
			if busy {
				c.Class = "taken"
			}
			if d < v.today {
				c = cell{Number: c.Number, Class: "past", Label: v.dates.Full(d)}
			}
			cells = append(cells, c)
		}
		m.Weeks = append(m.Weeks, cells)
	}
	return m
}

// send answers with a page and an ETag over it.
func (f *function) send(w http.ResponseWriter, v *reader, status int, c *calendar) error {
	c.Lang, c.Palette = v.dates.Lang, v.palette
	if c.Title == "" {
		c.Title = texts.Text(c.Lang, "title", nil)
	}
	text, err := frame.Text("calendar.html", c.Lang, c)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept-Language")
	if status == http.StatusOK {
		w.Header().Set("Cache-Control", cached)
		if web.Unchanged(w, v.Request, []byte(text)) {
			return nil
		}
	}
	return pages.Send(w, status, c.Lang, text)
}

// oldUnit leads from gites.calendar's address of a cottage's calendar to its page.
func (f *function) oldUnit(w http.ResponseWriter, v *reader) error {
	pk, err := strconv.ParseInt(v.URL.Query().Get("pk"), 10, 64)
	if err != nil || pk < 1 {
		return errNone
	}
	units, err := f.shown(v.Context())
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.Site == pk {
			return moved(w, "/calendars/"+url.PathEscape(u.Unit)+"?lang=fr")
		}
	}
	return errNone
}

// oldOwner does the same for an owner's calendars.
func (f *function) oldOwner(w http.ResponseWriter, v *reader) error {
	pk, err := strconv.ParseInt(v.URL.Query().Get("pk"), 10, 64)
	if err != nil || pk < 1 {
		return errNone
	}
	return moved(w, "/calendars/owners/"+strconv.FormatInt(pk, 10)+"?lang=fr")
}

func moved(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", path)
	w.Header().Set("Cache-Control", cached)
	w.WriteHeader(http.StatusFound)
	return nil
}
