package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// apiVersion is that of the API whose answers these are.
const apiVersion = "3.3.4"

// ents are the sign-ins that clients let people choose from.
//
//go:embed ents.json
var ents json.RawMessage

// infos answers without PRONOTE.
func (f *function) infos(c *call) error {
	return c.json(map[string]any{
		"status": "ok", "message": "server is running", "version": apiVersion, "ent_list": ents,
	})
}

// errNoChild is a child that is not the parent's.
var errNoChild = errors.New("the parameter child is none of this account's children: /user lists them")

// pupilOf finds a child by its id, or by its name.
func pupilOf(s *pronote.Session, child string) (pronote.Person, bool) {
	for _, p := range s.Pupils {
		if child == p.ID || child == p.Name {
			return p, true
		}
	}
	return pronote.Person{}, false
}

// pupil is whom a request is about: the child that it names, the one that was chosen, or the first.
func (c *call) pupil() (pronote.Person, error) {
	l := c.live
	if name := c.params.text("child"); name != "" {
		if p, ok := pupilOf(l.record.Session, name); ok {
			return p, nil
		}
		return pronote.Person{}, errParams{"child": errNoChild.Error()}
	}
	if p, ok := pupilOf(l.record.Session, l.choices.Child); ok {
		return p, nil
	}
	return l.record.Session.Pupils[0], nil
}

// base is the public address of the API.
func (c *call) base() string {
	if c.settings.Address != "" {
		return strings.TrimSuffix(c.settings.Address, "/")
	}
	scheme := "http"
	if c.TLS != nil || c.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + c.Host + c.prefix
}

// link is our address of a stored file.
func (c *call) link(id, kind, name string) string {
	q := url.Values{"token": {c.token}, "id": {id}, "name": {name}}
	if kind != "" {
		q.Set("kind", kind)
	}
	return c.base() + "/file?" + q.Encode()
}

// read answers from the cache, else from PRONOTE. Who waits for the session's turn finds what the one before has read.
func read[T any](c *call, f *function, name string, age time.Duration,
	ask func(ctx context.Context, conn *pronote.Conn) (T, error),
) (value T, err error) {
	name = name + "\x00" + c.params.text("child") + "\x00" + c.token + "\x00" + c.base()
	if v, ok := c.live.cache.get(name, f.Now()); ok {
		return v.(T), nil //nolint:forcetypeassert,errcheck // put below
	}
	err = f.sessions.with(c, func(ctx context.Context, conn *pronote.Conn) error {
		if v, ok := c.live.cache.get(name, f.Now()); ok {
			value = v.(T) //nolint:forcetypeassert,errcheck // put below
			return nil
		}
		value, err = ask(ctx, conn)
		if err == nil {
			c.live.cache.put(name, value, f.Now(), age)
		}
		return err
	})
	return value, err
}

// periods are a pupil's.
func periods(conn *pronote.Conn) school.Periods {
	return school.Periods{All: conn.Session.Year.Periods, Default: conn.Pupil.Default}
}

// errNoPeriod is a school without periods.
var errNoPeriod = errors.New("the school has no periods yet")

// period is the one that a request names, that was chosen, or that today is in.
func (f *function) period(c *call, conn *pronote.Conn) (school.Period, error) {
	all := periods(conn)
	for _, name := range []string{c.params.text("periodName"), c.live.choices.Period} {
		if p, ok := all.Named(name); ok {
			return p, nil
		}
	}
	p, ok := all.Current(school.DayOf(f.Now(), c.settings.Zone()))
	if !ok {
		return p, &refusal{
			http.StatusNotFound,
			map[string]any{"status": "error", "message": errNoPeriod.Error()},
			errNoPeriod,
		}
	}
	return p, nil
}

// changePeriod chooses the period whose marks are shown. A name that is none is the current period's again.
func (f *function) changePeriod(c *call) error {
	if err := c.params.require("periodName"); err != nil {
		return err
	}
	v, err := f.vault(c.settings)
	if err != nil {
		return err
	}
	l := c.live
	if err := l.turn.take(c.Context()); err != nil {
		return err
	}
	defer l.turn.give()
	pupil, err := c.pupil()
	if err != nil {
		return err
	}
	conn := &pronote.Conn{Session: l.record.Session, Pupil: pupil}
	want := choice{Child: l.choices.Child}
	if p, ok := periods(conn).Named(c.params.text("periodName")); ok {
		want.Period = p.Name
	}
	if err := f.sessions.choose(c.Context(), v, l, want); err != nil {
		return err
	}
	l.cache.clear()
	delete(c.params, "periodName")
	p, err := f.period(c, conn)
	if err != nil {
		return err
	}
	return c.json(map[string]any{"status": "ok", "period": p.Name})
}

func (f *function) user(c *call) error {
	user, err := read(c, f, "user", otherAge, func(ctx context.Context, conn *pronote.Conn) (school.User, error) {
		phone, err := conn.Phone(ctx)
		if err != nil {
			return school.User{}, err
		}
		p, s := conn.Pupil, conn.Session
		u := school.User{
			Name: p.Name, Class: p.Class, Establishment: p.Establishment, Phone: phone, Delegate: p.Delegate,
			Periods: []school.Period{}, Children: []school.Child{},
		}
		if photo, ok := conn.Photo(); ok {
			u.Picture = &photo.URL
		}
		current, err := f.period(c, conn)
		if err != nil && len(s.Year.Periods) > 0 {
			return u, err
		}
		for _, period := range s.Year.Periods {
			period.Actual = period.ID == current.ID
			u.Periods = append(u.Periods, period)
		}
		if s.Parent() {
			for _, child := range s.Pupils {
				u.Children = append(u.Children, school.Child{
					ID: child.ID, Name: child.Name, Class: child.Class, Establishment: child.Establishment,
				})
			}
		}
		return u, nil
	})
	if err != nil {
		return err
	}
	return c.json(user)
}

func (f *function) timetable(c *call) error {
	days, err := c.params.days("dateString")
	if err != nil {
		return err
	}
	day := days[0]
	monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	week, err := read(c, f, "timetable "+monday.Format(time.DateOnly), timetableAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Lesson, error) {
			return conn.Timetable(ctx, day)
		})
	if err != nil {
		return err
	}
	lessons := []school.Lesson{}
	for _, l := range week {
		if l.Start.Midnight().Equal(day.Time) {
			lessons = append(lessons, l)
		}
	}
	return c.json(lessons)
}

func (f *function) homework(c *call) error {
	from, to, err := c.params.span()
	if err != nil {
		return err
	}
	list, err := read(c, f, fmt.Sprint("homework ", from.Unix(), to.Unix()), otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Homework, error) {
			return conn.Homework(ctx, from, to)
		})
	if err != nil {
		return err
	}
	return c.json(list)
}

func (f *function) grades(c *call) error {
	v, err := read(c, f, "grades "+c.params.text("periodName"), otherAge,
		func(ctx context.Context, conn *pronote.Conn) (school.Grades, error) {
			p, err := f.period(c, conn)
			if err != nil {
				return school.Grades{}, err
			}
			return conn.Grades(ctx, p)
		})
	if err != nil {
		return err
	}
	return c.json(v)
}

func (f *function) evaluations(c *call) error {
	v, err := read(c, f, "evaluations "+c.params.text("periodName"), otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Evaluation, error) {
			p, err := f.period(c, conn)
			if err != nil {
				return nil, err
			}
			return conn.Evaluations(ctx, p)
		})
	if err != nil {
		return err
	}
	return c.json(v)
}

// presence reads the current period, or with allPeriods, which is the default, all of its kind.
func (f *function) presence(c *call) (v pronote.Presence, err error) {
	all := c.params.flag("allPeriods", true)
	return read(c, f, fmt.Sprint("presence ", all, c.params.text("periodName")), otherAge,
		func(ctx context.Context, conn *pronote.Conn) (pronote.Presence, error) {
			p, err := f.period(c, conn)
			if err != nil {
				return v, err
			}
			wanted := []school.Period{p}
			if all {
				wanted = periods(conn).Like(p)
			}
			v := pronote.Presence{
				Absences: []school.Absence{}, Delays: []school.Delay{}, Punishments: []school.Punishment{},
			}
			for _, period := range wanted {
				one, err := conn.Presence(ctx, period)
				if err != nil {
					return v, err
				}
				v.Absences = append(v.Absences, one.Absences...)
				v.Delays = append(v.Delays, one.Delays...)
				v.Punishments = append(v.Punishments, one.Punishments...)
			}
			return v, nil
		})
}

func (f *function) absences(c *call) error {
	v, err := f.presence(c)
	if err != nil {
		return err
	}
	return c.json(v.Absences)
}

func (f *function) delays(c *call) error {
	v, err := f.presence(c)
	if err != nil {
		return err
	}
	return c.json(v.Delays)
}

func (f *function) punishments(c *call) error {
	v, err := f.presence(c)
	if err != nil {
		return err
	}
	return c.json(v.Punishments)
}

func (f *function) news(c *call) error {
	v, err := read(c, f, "news", otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.News, error) { return conn.News(ctx) })
	if err != nil {
		return err
	}
	return c.json(v)
}

func (f *function) discussions(c *call) error {
	v, err := read(c, f, "discussions", otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Discussion, error) {
			return conn.Discussions(ctx)
		})
	if err != nil {
		return err
	}
	return c.json(v)
}

func (f *function) recipients(c *call) error {
	v, err := f.readRecipients(c)
	if err != nil {
		return err
	}
	return c.json(v)
}

func (f *function) readRecipients(c *call) ([]school.Recipient, error) {
	return read(c, f, "recipients", otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Recipient, error) { return conn.Recipients(ctx) })
}

func (f *function) menu(c *call) error {
	from, to, err := c.params.span()
	if err != nil {
		return err
	}
	const mostMenus = 70 // days: a call for each week
	if to.Sub(from.Time).Hours() > mostMenus*24 {
		return errParams{"dateTo": fmt.Sprintf("It must be at most %d days after dateFrom", mostMenus)}
	}
	v, err := read(c, f, fmt.Sprint("menu ", from.Unix(), to.Unix()), otherAge,
		func(ctx context.Context, conn *pronote.Conn) ([]school.Menu, error) { return conn.Menus(ctx, from, to) })
	if err != nil {
		return err
	}
	return c.json(v)
}

func (f *function) ical(c *call) error {
	v, err := read(c, f, "ical", otherAge,
		func(ctx context.Context, conn *pronote.Conn) (string, error) { return conn.Calendar(ctx) })
	if err != nil {
		return err
	}
	return c.json(v)
}
