package pronote

import (
	"context"
	"net/url"

	"github.com/carillon-calendar/carillon/shared/school"
)

type account struct {
	Information struct {
		Code  text `json:"indicatifTel"`
		Phone text `json:"telephonePortable"`
	} `json:"Informations"`
	Calendar object[struct {
		List list[struct {
			Secret text `json:"paramICal"`
		}] `json:"liste"`
		Extra text `json:"paramSuppl"`
	}] `json:"iCal"`
}

func (c *Conn) account(ctx context.Context, tab int) (v account, err error) {
	err = c.call(ctx, "PageInfosPerso", tab, map[string]any{}, &v)
	return v, err
}

// Phone reads the mobile phone's number with its country, "+33600000000"; nil: none is known, or the school does not
// show it.
func (c *Conn) Phone(ctx context.Context) (*string, error) {
	if !c.Session.Has(TabAccount) {
		return nil, nil //nolint:nilnil // see above
	}
	got, err := c.account(ctx, TabAccount)
	if err != nil || got.Information.Phone == "" {
		return nil, err
	}
	phone := "+" + string(got.Information.Code) + string(got.Information.Phone)
	return &phone, nil
}

// Photo is the pupil's picture, as a file; false: there is none.
func (c *Conn) Photo() (school.File, bool) {
	if !c.Pupil.Photo {
		return school.File{}, false
	}
	return c.file(wireFile{element: element{N: text(c.Pupil.ID), L: "photo.jpg", G: school.FileStored}}), true
}

// Calendar reads the address of the timetable as iCalendar, which PRONOTE serves to whoever has it.
func (c *Conn) Calendar(ctx context.Context) (string, error) {
	got, err := c.account(ctx, TabTimetable)
	if err != nil {
		return "", err
	}
	if len(got.Calendar.V.List) == 0 || got.Calendar.V.List[0].Secret == "" {
		return "", ErrNotFound
	}
	address := c.Session.Root + "/ical/mesinformations.ics?icalsecurise=" +
		url.QueryEscape(string(got.Calendar.V.List[0].Secret)) + "&version=" + url.QueryEscape(c.Session.Version)
	if extra := string(got.Calendar.V.Extra); extra != "" {
		address += "&param=" + url.QueryEscape(extra)
	}
	return address, nil
}
