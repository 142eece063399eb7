package wigor

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// An item is a lesson as GET /Home/Get answers it, with only the fields that matter here.
type item struct {
	Course  int64  `json:"NoCours"`
	Comment string `json:"Commentaire"`
	Subject string `json:"Matiere"`
	Title   string `json:"Title"`
	Rooms   string `json:"Salles"`
	Teacher string `json:"NomProf"`
	Group   string `json:"LibelleGroupe"`
	Mode    string `json:"CoursMixteInfoBulle"`
	// MonCampus has both spellings, side by side.
	TeamsURL      string `json:"TeamsURL"`
	OtherTeamsURL string `json:"TeamsUrl"`
	Start         string `json:"Start"`
	End           string `json:"End"`
	AllDay        bool   `json:"IsAllDay"`
}

// rowsOf reads the answer of Home/Get, Kendo's DataSourceResult, and whether it is whole.
func rowsOf(p *page, err error) ([]json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	if !p.isJSON() {
		return nil, fmt.Errorf("%w: the answer is not JSON", ErrIncomplete)
	}
	var answer struct {
		Data   *[]json.RawMessage
		Total  *int
		Errors json.RawMessage
	}
	if err := json.Unmarshal(p.body, &answer); err != nil || answer.Data == nil {
		return nil, fmt.Errorf("%w: the answer has no list of lessons", ErrIncomplete)
	}
	if len(answer.Errors) > 0 && string(answer.Errors) != "null" {
		return nil, fmt.Errorf("%w: it reports an error of its own", ErrIncomplete)
	}
	if answer.Total == nil || *answer.Total != len(*answer.Data) {
		return nil, fmt.Errorf("%w: it does not have as many lessons as it says", ErrIncomplete)
	}
	return *answer.Data, nil
}

// Read turns the rows of an answer into classes. One bad row is put aside; it does not stop the others.
func Read(rows []json.RawMessage, inst campus.Instance) campus.Reading {
	classes := make([]campus.Class, 0, len(rows))
	var unreadable []campus.Unreadable
	for _, raw := range rows {
		class, err := read(raw, inst)
		if err != nil {
			unreadable = append(unreadable, campus.Unreadable{Course: class.Course, Why: err.Error()})
			continue
		}
		classes = append(classes, class)
	}
	return campus.NewReading(classes, unreadable)
}

// read returns a class with its number alone, if it has one, where the row cannot be read.
func read(raw json.RawMessage, inst campus.Instance) (campus.Class, error) {
	var i item
	if err := json.Unmarshal(raw, &i); err != nil {
		var number struct {
			Course int64 `json:"NoCours"`
		}
		_ = json.Unmarshal(raw, &number) // 0 says that it has none
		return campus.Class{Course: number.Course}, errors.New("a field has another type than before")
	}
	return i.class(inst)
}

func (i item) class(inst campus.Instance) (campus.Class, error) {
	c := campus.Class{Course: i.Course, AllDay: i.AllDay, Teacher: campus.Tidy(i.Teacher)}
	if c.Course == 0 {
		return c, errors.New("it has no NoCours")
	}
	var err error
	if c.Start, err = instant(i.Start, inst.Clock, inst.Zone()); err != nil {
		return c, fmt.Errorf("its Start: %w", err)
	}
	if c.End, err = instant(i.End, inst.Clock, inst.Zone()); err != nil {
		return c, fmt.Errorf("its End: %w", err)
	}
	if c.End.Before(c.Start) || c.End.Equal(c.Start) && !c.AllDay {
		return c, errors.New("it ends before it begins")
	}
	c.Title = title(i)
	c.Mode, c.Room = mode(i.Mode), room(i.Rooms, i.Mode)
	if group := campus.Tidy(cmp.Or(i.Group, i.Title)); group != c.Title {
		c.Group = group
	}
	if subject := named(i.Subject); subject != c.Title {
		c.Subject = subject
	}
	c.Links = links(inst.Host, i.OtherTeamsURL, i.TeamsURL)
	return c, nil
}

// wallClockInUTC returns the instant of a class that MonCampus says begins or ends at t.
func wallClockInUTC(t time.Time, zone *time.Location) time.Time {
	u := t.UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), 0, zone).UTC()
}

// kendoDate is a date of Kendo's older form, milliseconds since 1970 in UTC.
var kendoDate = regexp.MustCompile(`^/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/$`)

// instant reads a time of MonCampus's. One without an offset is refused: its clock is unknown.
func instant(text, clock string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if m := kendoDate.FindStringSubmatch(text); m != nil {
		var ms int64
		ms, err = strconv.ParseInt(m[1], 10, 64)
		t = time.UnixMilli(ms)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is not a time with an offset", text)
	}
	if clock == campus.ClockOffset {
		return t.UTC(), nil
	}
	return wallClockInUTC(t, zone), nil
}
