package api

import (
	"bytes"
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

// fileMark stands in answers that are kept where the address of a file begins: it has the token in it.
const fileMark = "carillon-file:?"

// link is the address of a stored file, as it is kept.
func link(id, kind, name string) string {
	q := url.Values{"id": {id}, "name": {name}}
	if kind != "" {
		q.Set("kind", kind)
	}
	return fileMark + q.Encode()
}

// linked puts the addresses of files into an answer, for the caller's token.
func (c *call) linked(data []byte) []byte {
	address, _ := json.Marshal(c.base() + "/file?token=" + c.text + "&")
	return bytes.ReplaceAll(data, []byte(fileMark), address[1:len(address)-1])
}

// read answers from the cache, else from PRONOTE. A request that waits for the session's turn finds what the one before
// has read.
func read[T any](c *call, f *function, name string, age time.Duration,
	ask func(ctx context.Context, conn *pronote.Conn) (T, error),
) (value T, err error) {
	known := func() (string, bool) {
		r, _, _, gone := c.live.state()
		pupil, err := c.pupil(r.Session)
		key := name + "\x00" + pupil.ID
		v, ok := c.live.cache.get(key, f.Now())
		if err != nil || gone || !ok {
			return key, false
		}
		value, ok = v.(T)
		return key, ok
	}
	if _, ok := known(); ok {
		return value, nil
	}
	err = f.sessions.with(c, func(ctx context.Context, conn *pronote.Conn) error {
		key, ok := known()
		if ok {
			return nil
		}
		value, err = ask(ctx, conn)
		if err == nil && !conn.Partial {
			c.live.cache.put(key, value, f.Now(), age)
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

// periodNames are of the period that a request names, and that its token has chosen.
func (c *call) periodNames() []string { return []string{c.params.text("periodName"), c.token.Period} }

// period is the one that a request names, that was chosen, or that today is in.
func (f *function) period(c *call, conn *pronote.Conn) (school.Period, error) {
	all := periods(conn)
	for _, name := range c.periodNames() {
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
	r, _, _, _ := c.live.state()
	pupil, err := c.pupil(r.Session)
	if err != nil {
		return err
	}
	conn := &pronote.Conn{Session: r.Session, Pupil: pupil}
	wanted, _ := periods(conn).Named(c.params.text("periodName"))
	c.token, err = f.sessions.choose(c.Context(), v, hashOf(c.text), func(t *token) { t.Period = wanted.Name })
	if err != nil {
		return err
	}
	delete(c.params, "periodName")
	p, err := f.period(c, conn)
	if err != nil {
		return err
	}
	return c.json(map[string]any{"status": "ok", "period": p.Name})
}

func (f *function) user(c *call) error {
	user, err := read(c, f, fmt.Sprint("user ", c.periodNames()), otherAge, func(ctx context.Context,
		conn *pronote.Conn,
	) (school.User, error) {
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
	v, err := read(c, f, fmt.Sprint("grades ", c.periodNames()), otherAge,
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
	v, err := read(c, f, fmt.Sprint("evaluations ", c.periodNames()), otherAge,
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
	return read(c, f, fmt.Sprint("presence ", all, c.periodNames()), otherAge,
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
