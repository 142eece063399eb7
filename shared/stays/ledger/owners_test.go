package ledger_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// TestOwners: owners and their units, sign-in links, and what calendars are used for, on both databases.
func TestOwners(t *testing.T) {
	each(t, map[string]func(*fixture){
		"owners": ownersAndUnits, "links": links, "states": states, "adopted": adoptedStates, "seen": seen,
	})
}

// own gives the units 1 and 2 to the owner 1, and 3 to 2.
func (f *fixture) own() {
	f.Helper()
	ctx := f.Context()
	f.must(f.PutOwners(ctx, []ledger.Owner{
		{ID: 1, Name: "A", Email: "A@Example.org", Language: "fr", Active: true},
		{ID: 2, Name: "B", Email: "b@example.org", Language: "nl"},
	}))
	list, err := f.Units(ctx, nil)
	f.must(err)
	for i := range list {
		list[i].Owner, list[i].Site = int64(1+i/2), int64(100+i)
	}
	f.must(f.PutUnits(ctx, list))
}

func unitNames(list []ledger.Unit, err error) string {
	if err != nil {
		return err.Error()
	}
	names := make([]string, len(list))
	for i, u := range list {
		names[i] = u.Unit
	}
	return strings.Join(names, " ")
}

func ownersAndUnits(f *fixture) {
	ctx := f.Context()
	f.own()
	f.equal("of the owner", unitNames(f.UnitsOf(ctx, 1)), "GFLX0001 GFLX0002")
	f.equal("of nobody", unitNames(f.UnitsOf(ctx, 9)), "")
	f.equal("by its number", unitNames(f.UnitsOnSite(ctx, 102)), "GFLX0003")
	f.equal("offered: the second owner is not active", unitNames(f.Offered(ctx)), "GFLX0001 GFLX0002")
	found, err := f.OwnersByEmail(ctx, "a@example.ORG")
	f.must(err)
	f.equal("by address", words(len(found), found[0].ID), "1 1")
	found, err = f.OwnersByEmail(ctx, "b@example.org")
	f.must(err)
	f.equal("who is not active has no address", strconv.Itoa(len(found)), "0")
	f.must(f.EndSessions(ctx, 1))
	f.must(f.SetLanguage(ctx, 1, "de"))
	f.must(f.PutOwners(ctx, []ledger.Owner{{ID: 1, Name: "A2", Email: "a@example.org", Language: "de", Active: true}}))
	o, err := f.Owner(ctx, 1)
	f.must(err)
	f.equal("sessions stay ended when the owner is changed", words(o.Epoch, o.Name, o.Language), "2 A2 de")
	f.must(f.PutOwners(ctx, []ledger.Owner{{ID: 1, Name: "A2"}}))
	f.must(f.PutOwners(ctx, []ledger.Owner{{ID: 1, Name: "A2", Active: true}}))
	o, err = f.Owner(ctx, 1)
	f.must(err)
	f.equal("who was taken out and is back must sign in again", strconv.FormatInt(o.Epoch, 10), "4")
	if _, err := f.Owner(ctx, 9); !errors.Is(err, ledger.ErrNoOwner) {
		f.Errorf("an unknown owner: %v", err)
	}
}

func links(f *fixture) {
	ctx := f.Context()
	f.own()
	link := func(id string, owner int64) ledger.Link {
		return ledger.Link{
			ID: id, Kind: ledger.LinkMail, Owner: owner, Asked: "digest", At: f.now, Ends: f.now.Add(15 * time.Minute),
		}
	}
	add := func(l ledger.Link) error { return f.AskLink(ctx, l, f.now.Add(-time.Hour), 2) }
	f.must(add(link("one", 1)))
	f.must(add(link("unknown", 0)))
	if err := add(link("third", 1)); !errors.Is(err, ledger.ErrTooManyLinks) {
		f.Errorf("the third of two: %v", err)
	}
	other := link("one", 1)
	other.Asked = "another"
	if err := add(other); !errors.Is(err, ledger.ErrNoLink) {
		f.Errorf("an id that is there: %v", err)
	}
	unsent, err := f.Unsent(ctx, f.now)
	f.must(err)
	f.equal("to be mailed, to those who are known", words(len(unsent), unsent[0].ID), "1 one")
	f.must(f.SentLink(ctx, "one", f.now))
	unsent, err = f.Unsent(ctx, f.now)
	f.must(err)
	f.equal("mailed", strconv.Itoa(len(unsent)), "0")
	for range 2 { // looking does not use it up
		found, err := f.Link(ctx, "one", f.now)
		f.must(err)
		f.equal("whose", strconv.FormatInt(found.Owner, 10), "1")
	}
	if _, err := f.Link(ctx, "unknown", f.now); !errors.Is(err, ledger.ErrNoLink) {
		f.Errorf("nobody's: %v", err)
	}
	f.must(f.UseLink(ctx, "one", f.now))
	for name, err := range map[string]error{
		"twice": f.UseLink(ctx, "one", f.now), "not there": f.UseLink(ctx, "x", f.now),
		"too late": f.UseLink(ctx, "unknown", f.now.Add(15*time.Minute)),
	} {
		if !errors.Is(err, ledger.ErrNoLink) {
			f.Errorf("%s: %v", name, err)
		}
	}
	f.must(f.ForgetLinks(ctx, f.now.Add(time.Hour)))
	f.must(add(link("one", 1)))
}

func states(f *fixture) {
	ctx := f.Context()
	f.own()
	owner := stays.OriginOf(stays.KindOwner, "1")
	two := []string{"GFLX0001", "GFLX0002"}
	set := func(state stays.State, by stays.Origin) error {
		f.now = f.now.Add(time.Hour)
		return f.SetState(ctx, two, state, by)
	}
	history := func() string {
		list, err := f.States(ctx, two[:1])
		f.must(err)
		lines := make([]string, len(list))
		for i, c := range list {
			lines[i] = fmt.Sprint(c.Was, ">", c.State, " ", c.Actor)
			if !c.Until.IsZero() {
				lines[i] += fmt.Sprint(" ", c.Until.Sub(c.At))
			}
		}
		return strings.Join(lines, ", ")
	}
	f.must(set(stays.Active, owner))
	f.equal("the same again is no line", history(), "")
	f.must(set(stays.Off, owner))
	f.must(set(stays.Search, owner))
	f.equal("history", history(), "off>search owner:1, active>off owner:1 1h0m0s")
	f.must(set(stays.Blocked, stays.Staff))
	if err := set(stays.Active, owner); !errors.Is(err, ledger.ErrBlocked) {
		f.Errorf("what staff has blocked: %v", err)
	}
	f.must(set(stays.Active, stays.Staff))
	f.must(set(stays.Blocked, "activity"))
	if err := set(stays.Blocked, owner); !errors.Is(err, ledger.ErrBlocked) {
		f.Errorf("an owner blocks: %v", err)
	}
	f.must(set(stays.Active, owner))
	f.must(set(stays.Blocked, "activity"))
	f.must(set(stays.Blocked, stays.Staff)) // what is blocked already, the association blocks too
	if err := set(stays.Active, owner); !errors.Is(err, ledger.ErrBlocked) {
		f.Errorf("what staff has blocked after another: %v", err)
	}
	f.must(set(stays.Active, stays.Staff))
	found, err := f.Units(ctx, two)
	f.must(err)
	f.equal("state", string(found[0].State), "active")
	if err := f.SetState(ctx, []string{"GFLX0001", "GFLX9999"}, stays.Off, owner); !errors.Is(err, ledger.ErrNoUnit) {
		f.Errorf("an unknown unit: %v", err)
	}
	found, err = f.Units(ctx, two)
	f.must(err)
	f.equal("nothing of what is refused", string(found[0].State), "active")
	f.must(f.PutUnits(ctx, found))
	found, err = f.Units(ctx, two)
	f.must(err)
	f.equal("entering it again", string(found[0].State), "active")
}

func adoptedStates(f *fixture) {
	ctx := f.Context()
	f.own()
	f.must(f.SetState(ctx, []string{"GFLX0001"}, stays.Off, stays.Staff))
	f.must(f.AdoptStates(ctx, map[string]stays.State{"GFLX0001": stays.Active, "GFLX0002": stays.Blocked}))
	found, err := f.Units(ctx, nil)
	f.must(err)
	f.equal("what is said here stays", words(found[0].State, found[1].State, found[2].State == "", found[2].Uses()),
		"off blocked true active")
}

func seen(f *fixture) {
	ctx := f.Context()
	f.own()
	at := func(partners bool) string {
		found, err := f.Seen(ctx, units, partners)
		f.must(err)
		var lines []string
		for _, u := range units {
			if t, ok := found[u]; ok {
				lines = append(lines, u[7:]+" "+t.Format("15:04"))
			}
		}
		return strings.Join(lines, ", ")
	}
	f.equal("nobody", at(true), "")
	book := func(unit string, n int, origin stays.Origin) {
		f.now = f.now.Add(time.Minute)
		_, err := f.Change(ctx, ledger.Order{Request: stays.Request{
			Unit: unit, Range: stays.Through(day(n), day(n)), Type: stays.Booked, Origin: origin,
		}})
		f.must(err)
	}
	book("GFLX0001", 1, "owner:1")
	book("GFLX0001", 2, "partner:a")
	book("GFLX0002", 3, "partner:a")
	book("GFLX0003", 4, "website")
	f.equal("owners", at(false), "1 12:01, 3 12:04")
	f.equal("and partners", at(true), "1 12:02, 2 12:03, 3 12:04")
	f.now = f.now.Add(time.Minute)
	f.must(f.SetState(ctx, []string{"GFLX0002"}, stays.Active, "owner:1"))
	f.equal("a state is activity", at(false), "1 12:01, 2 12:05, 3 12:04")
}

// equal compares texts.
func (f *fixture) equal(what, got, want string) {
	f.Helper()
	if got != want {
		f.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// words are values with spaces between them.
func words(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }
