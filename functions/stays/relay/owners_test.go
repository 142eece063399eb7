package relay_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

const linkKey = "a key of thirty-two characters and more"

// asked is a link that owner 1 has asked for.
func (f *fixture) asked(id string) {
	f.Helper()
	f.must(f.ledger.AddLink(f.Context(), ledger.Link{
		ID: id, Kind: ledger.LinkMail, Owner: 1, At: f.now, Ends: f.now.Add(15 * time.Minute),
	}))
}

// TestLinksAreMailed: once, in the owner's language, soon; while the mail server refuses they wait, until they end.
func TestLinksAreMailed(t *testing.T) {
	t.Parallel()
	mail := mailtest.Start(t)
	f := newFixture(t, map[string]any{
		"smtp": mail.Settings("office@example.org"), "key": linkKey, "owners_address": "https://gites.example.org/",
	})
	mail.Refuse(true)
	f.asked("first")
	f.minute()
	mail.Want(t, 0)
	mail.Refuse(false)
	f.deliver(messages.Message{}) // as after a change, not only each minute
	f.minute()
	text := mail.Want(t, 1)[0]
	keys, err := seal.New("carillon stays", linkKey)
	f.must(err)
	for _, want := range []string{
		"To: <owner@example.org>", "Bonjour A.", "https://gites.example.org/owners/link?token=" + secrets.LinkToken(keys,
			"first"),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the e-mail lacks %q:\n%s", want, text)
		}
	}
	mail.Refuse(true)
	f.asked("second")
	f.minute()
	f.now = f.now.Add(15 * time.Minute)
	mail.Refuse(false)
	f.minute()
	mail.Want(t, 1) // it has ended: nobody could use it
}

// TestLettersAndLinks: without a mailbox the e-mails are shown, and an operator can make a link.
func TestLettersAndLinks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{"key": linkKey, "owners_address": "https://gites.example.org"})
	f.asked("first")
	var letters []relay.Letter
	f.send(http.MethodGet, "/letters", "", &letters)
	if len(letters) != 1 || letters[0].To != "owner@example.org" || !strings.Contains(letters[0].Text,
		"/owners/link?token=") {
		t.Errorf("%+v", letters)
	}
	if code := f.send(http.MethodPost, "/owners/1/link", "{}", nil); code != http.StatusConflict {
		t.Errorf("a link for an owner who is not active: %d", code)
	}
	var owner relay.Owner
	f.send(http.MethodPut, "/owners/1", `{"name":"A.","email":"owner@example.org","language":"de","active":true}`, &owner)
	var made relay.MadeLink
	if code := f.send(http.MethodPost, "/owners/1/link", "{}", &made); code != http.StatusOK {
		t.Errorf("a link: %d", code)
	}
	keys, err := seal.New("carillon stays", linkKey)
	f.must(err)
	id := secrets.LinkID(keys, strings.TrimPrefix(made.Link, "https://gites.example.org/owners/link?token="))
	if link, err := f.ledger.Link(t.Context(), id, f.now); err != nil || link.Owner != 1 ||
		link.Ends.Sub(f.now).Round(time.Second) != 24*time.Hour {
		t.Errorf("%+v, %v", link, err)
	}
	for path, want := range map[string]int{"/owners/9/link": 404, "/owners/x/link": 404} {
		if code := f.send(http.MethodPost, path, "{}", nil); code != want {
			t.Errorf("%s: %d", path, code)
		}
	}
	for body, want := range map[string]int{
		`{"name":""}`: 400, `{"name":"A","language":"xx"}`: 400, `{"name":"B","active":true}`: 200,
	} {
		if code := f.send(http.MethodPut, "/owners/2", body, nil); code != want {
			t.Errorf("%s: %d", body, code)
		}
	}
	none := newFixture(t, map[string]any{})
	none.must(none.ledger.PutOwners(t.Context(), []ledger.Owner{{ID: 1, Name: "A", Active: true}}))
	if code := none.send(http.MethodPost, "/owners/1/link", "{}", nil); code != http.StatusConflict {
		t.Errorf("a link without a key: %d", code)
	}
}

// TestOwnersOfOperators: who they are, when they were last active, and what was taken of which nobody was told.
func TestOwnersOfOperators(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	f.take()
	var list []relay.KnownOwner
	f.send(http.MethodGet, "/owners", "", &list)
	if len(list) != 1 || len(list[0].Units) != 1 || list[0].Units[0].Conflicts != 1 || list[0].LastSeen == nil ||
		list[0].Units[0].State != stays.Active {
		t.Errorf("%+v", list)
	}
	for body, want := range map[string]int{`{"state":"blocked"}`: 200, `{"state":"x"}`: 400} {
		if code := f.send(http.MethodPost, "/units/GFLX0001/state", body, nil); code != want {
			t.Errorf("%s: %d", body, code)
		}
	}
	if code := f.send(http.MethodPost, "/units/GFLX9999/state", `{"state":"off"}`, nil); code != http.StatusNotFound {
		t.Errorf("an unknown unit: %d", code)
	}
	log, err := f.ledger.States(t.Context(), []string{"GFLX0001"})
	f.must(err)
	if len(log) != 1 || log[0].Actor != stays.Staff || log[0].State != stays.Blocked {
		t.Errorf("%+v", log)
	}
}

// TestStatesArePassedOn: a state reaches the website's writer at once, once, and with the next minute where that fails.
func TestStatesArePassedOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, map[string]any{})
	woken := 0
	f.ledger.Wake = func(context.Context) error { woken++; return nil }
	looks := func() (n int) {
		for _, m := range f.outbox.take(stays.TopicNotifications) {
			if m.Attributes["kind"] == messages.KindAll {
				n++
			}
		}
		return n
	}
	f.deliver(messages.Message{})
	if n := looks(); n != 0 {
		t.Errorf("nothing was set, and it looks %d times", n)
	}
	f.must(f.ledger.SetState(t.Context(), []string{"GFLX0001"}, stays.Search, "owner:1"))
	f.deliver(messages.Message{})
	f.deliver(messages.Message{})
	if n := looks(); n != 1 || woken != 1 {
		t.Errorf("woken %d times, it looks %d times", woken, n)
	}
	f.must(f.ledger.SetState(t.Context(), []string{"GFLX0001"}, stays.Off, "owner:1"))
	f.outbox.refuse(1)
	f.deliver(messages.Message{})
	f.minute()
	if looks() == 0 {
		t.Error("what could not be passed on is forgotten")
	}
}
