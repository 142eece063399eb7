package rooms

import (
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// Fields are a display's variables, as texts for people in the room's language and zone.
type Fields struct {
	BusyNow       int    `json:"busynow"` // 1 busy or unknown, 0 free
	CurEvMtg      string `json:"curevmtg"`
	CurEvStart    string `json:"curevstart"`
	CurEvEnd      string `json:"curevend"`
	CurEvTm       string `json:"curevtm"`
	CurOrganizer  string `json:"curevorganizer"`
	CurEvID       string `json:"curevid"`
	NextEvMtg     string `json:"nextevmtg"`
	NextEvStart   string `json:"nextevstart"`
	NextEvEnd     string `json:"nextevend"`
	NextEvTm      string `json:"nextevtm"`
	NextOrganizer string `json:"nextevorganizer"`
	NextEvID      string `json:"nextevid"`
}

// A Variable is one variable of a display.
type Variable struct {
	Name string
	// Alias is another name under which existing Things have it.
	Alias string
	// Optional variables are served where a Thing has them.
	Optional bool
	// Rank is its importance, 0 first: the colour of every door, then what is on, then what comes.
	Rank  int
	Value func(Fields) any
}

// Number reports whether the variable is a number, and not a text.
func (v Variable) Number() bool { return v.Name == "busynow" }

// Variables lists a display's variables in the order of their importance: the colour of the door, then the current
// texts, then the next.
var Variables = []Variable{
	{"busynow", "", false, 0, func(f Fields) any { return f.BusyNow }},
	{"curevmtg", "curevmsg", false, 1, func(f Fields) any { return short(f.CurEvMtg) }},
	{"curevstart", "", false, 1, func(f Fields) any { return f.CurEvStart }},
	{"curevend", "", false, 1, func(f Fields) any { return f.CurEvEnd }},
	{"curevtm", "", false, 1, func(f Fields) any { return f.CurEvTm }},
	{"curevorganizer", "", true, 1, func(f Fields) any { return short(f.CurOrganizer) }},
	{"curevid", "", true, 1, func(f Fields) any { return f.CurEvID }},
	{"nextevmtg", "nextevmsg", false, 2, func(f Fields) any { return short(f.NextEvMtg) }},
	{"nextevstart", "", false, 2, func(f Fields) any { return f.NextEvStart }},
	{"nextevend", "", false, 2, func(f Fields) any { return f.NextEvEnd }},
	{"nextevtm", "", false, 2, func(f Fields) any { return f.NextEvTm }},
	{"nextevorganizer", "", true, 2, func(f Fields) any { return short(f.NextOrganizer) }},
	{"nextevid", "", true, 2, func(f Fields) any { return f.NextEvID }},
}

// FieldsAt returns the display's texts at an instant.
func (r Room) FieldsAt(events []calendar.Event, at time.Time) Fields {
	return r.Fields(r.StatusAt(events, at))
}

// Fields returns the texts of a status.
func (r Room) Fields(s Status) Fields {
	w := wordsOf(r.Locale)
	if s.Unknown { // busy is what does no harm at a door: nobody walks into a meeting
		return Fields{BusyNow: 1, CurEvMtg: r.noData(s)}
	}
	midnight := calendar.NextMidnight(s.At, r.Zone)
	f := Fields{CurEvMtg: w.text("freeAllDay")}
	switch {
	case s.Current != nil:
		f.BusyNow = 1
		f.CurEvMtg, f.CurOrganizer, f.CurEvID = s.Current.Title, s.Current.Organizer, shortID(s.Current.ID)
		f.CurEvStart, f.CurEvEnd, f.CurEvTm = r.times(*s.Current, midnight)
	case s.Next != nil && s.Next.Start.Before(midnight):
		f.CurEvMtg = w.at("freeUntil", clock(s.Next.Start, r.Zone))
	}
	if s.Next != nil {
		f.NextEvMtg, f.NextOrganizer, f.NextEvID = s.Next.Title, s.Next.Organizer, shortID(s.Next.ID)
		f.NextEvStart, f.NextEvEnd, f.NextEvTm = r.times(*s.Next, midnight)
	}
	return f
}

// noData says since when nothing is known: a time of today, else a date.
func (r Room) noData(s Status) string {
	w := wordsOf(r.Locale)
	switch {
	case s.ReadAt.IsZero():
		return w.text("noData")
	case calendar.DayStart(s.ReadAt, r.Zone).Equal(calendar.DayStart(s.At, r.Zone)):
		return w.at("noDataSince", clock(s.ReadAt, r.Zone))
	default:
		return w.at("noDataSince", w.date(s.ReadAt.In(r.Zone)))
	}
}

// times writes a meeting's start, end and span: clock times within today and over a night, the day before them on
// another day, dates over several days, and on the last of those when it ends. midnight ends today.
func (r Room) times(m Meeting, midnight time.Time) (start, end, span string) {
	w := wordsOf(r.Locale)
	from, last := m.Start.In(r.Zone), m.End.Add(-time.Nanosecond).In(r.Zone)
	today := m.Start.Before(midnight)
	switch {
	case !sameDay(from, last) && (m.AllDay || m.End.Sub(m.Start) >= 24*time.Hour):
		start, end = w.date(from), w.date(last)
		if !m.AllDay && !m.End.After(midnight) {
			end = clock(m.End, r.Zone)
			return start, end, w.at("until", end)
		}
		return start, end, start + "-" + end
	case m.AllDay && today:
		return clock(m.Start, r.Zone), clock(m.End, r.Zone), w.text("allDay")
	case m.AllDay:
		return w.date(from), w.date(last), w.day(from) + " " + w.text("allDay")
	case today:
		start, end = clock(m.Start, r.Zone), clock(m.End, r.Zone)
		return start, end, start + "-" + end
	default:
		end = clock(m.End, r.Zone)
		return from.Format("2006-01-02 15:04"), end, w.day(from) + " " + clock(m.Start, r.Zone) + "-" + end
	}
}

func sameDay(a, b time.Time) bool { return a.YearDay() == b.YearDay() && a.Year() == b.Year() }

func clock(t time.Time, loc *time.Location) string { return t.In(loc).Format("15:04") }
