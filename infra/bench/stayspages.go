package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/feeds"
	"github.com/carillon-calendar/carillon/functions/stays/owners"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
	"github.com/carillon-calendar/carillon/shared/stays"
	staysledger "github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

const (
	pagesAsked = 2000
	pagesOwned = 5 // cottages of the owner
)

// staysPages measures the owners' pages and the public ones with 1,500 units, each half taken.
func staysPages(ctx context.Context) error { return onBoth(ctx, pagesOn) }

func pagesOn(ctx context.Context, p place) error {
	db, err := p.open("pages")
	if err != nil {
		return err
	}
	defer db.Close()
	dir := filepath.Join(p.dir, p.name+"-pages")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	book, _, settings, err := newStaysLedger(ctx, db, dir)
	if err != nil {
		return err
	}
	if err := fillPages(ctx, book); err != nil {
		return err
	}
	key := strings.Repeat("k", seal.MinKey)
	mux := http.NewServeMux()
	mux.Handle("/", owners.New(owners.Config{
		Settings: settings, Ledger: book, Now: time.Now, Key: key, Address: "http://127.0.0.1",
	}))
	mux.Handle("/calendars/", feeds.New(feeds.Config{Settings: settings, Ledger: book, Now: time.Now}))
	server := httptest.NewServer(mux)
	defer server.Close()
	client, err := ownersClient(ctx, book, server.URL, key)
	if err != nil {
		return err
	}
	for _, page := range []struct{ name, path string }{
		{"a month", "/owners/units/" + staysUnit(1)},
		{"the days of an open page", "/owners/units/" + staysUnit(1) + "?part=1"},
		{fmt.Sprint("strips of ", pagesOwned), "/owners/"},
		{"a year to print", "/owners/units/" + staysUnit(1) + "/print"},
		{"a public month", "/calendars/" + staysUnit(1)},
	} {
		if err := p.page(client, server.URL, page.name, page.path); err != nil {
			return err
		}
	}
	return nil
}

// fillPages gives an owner some cottages, and holds every second week of all units for a year.
func fillPages(ctx context.Context, book *staysledger.Ledger) error {
	units, err := book.Units(ctx, nil)
	if err != nil {
		return err
	}
	for i := range units {
		units[i].Published = true
		if i > 0 && i <= pagesOwned {
			units[i].Owner = 1
		}
	}
	err = errors.Join(book.PutOwners(ctx, []staysledger.Owner{{ID: 1, Name: "A. Lambert", Language: "fr", Active: true}}),
		book.PutUnits(ctx, units))
	if err != nil {
		return err
	}
	const weeks, week = 26, 7
	first := stays.DayOf(time.Now()) - 30
	for _, u := range units {
		for n := range stays.Day(weeks) {
			r := stays.Request{
				Unit: u.Unit, Range: stays.Range{From: first + 2*week*n, To: first + 2*week*n + week}, Type: stays.Booked,
				Origin: "partner:channel", Ref: fmt.Sprint("R-", n),
			}
			if _, err := book.Change(ctx, staysledger.Order{Request: r}); err != nil {
				return err
			}
		}
	}
	return nil
}

// ownersClient is a browser in which the owner is signed in.
func ownersClient(ctx context.Context, book *staysledger.Ledger, address, key string) (*http.Client, error) {
	keys, err := seal.New("carillon stays", key)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	err = book.AddLink(ctx, staysledger.Link{
		ID: "bench", Kind: staysledger.LinkStaff, Owner: 1, At: now, Ends: now.Add(time.Hour),
	})
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Jar: jar}
	resp, err := client.PostForm(address+"/owners/link", //nolint:noctx // the client ends
		url.Values{"token": {secrets.LinkToken(keys, "bench")}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("signing in was answered %d", resp.StatusCode)
	}
	return client, nil
}

// page asks for a page again and again, and weighs it with its style and script.
func (p place) page(client *http.Client, address, name, path string) error {
	var took []time.Duration
	weight := 0
	for n := range pagesAsked {
		if strings.HasPrefix(path, "/calendars") && n == 200 { // one client's limit
			break
		}
		began := time.Now()
		size, err := fetched(client, address+path)
		if err != nil {
			return err
		}
		took, weight = append(took, time.Since(began)), size
	}
	for _, asset := range []string{"/owners/assets/owners.css", "/owners/assets/owners.js"} {
		size, err := fetched(client, address+asset)
		if err != nil {
			return err
		}
		weight += size
	}
	slices.Sort(took)
	fmt.Printf("%s: %s: median %s, p99 %s; with style and script %d kB\n", p.name, name, ms(at(took, .5)),
		ms(at(took, .99)), weight/1000)
	return nil
}

func fetched(client *http.Client, address string) (size int, err error) {
	resp, err := client.Get(address) //nolint:noctx // the client ends
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s was answered %d", address, resp.StatusCode)
	}
	return int(n), err
}
