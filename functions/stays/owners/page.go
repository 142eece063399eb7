package owners

import (
	"net/http"
	"net/url"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A page is what every template gets.
type page struct {
	Lang    string
	Title   string // id of a text
	Heading string // instead of the title, where it is not a text of ours
	Text    string // id of a text
	Name    string // the owner's; "" where nobody is signed in
	Unit    *ledger.Unit
	Units   []ledger.Unit
	Said    *said
	Body    any

	Languages []string
	Here      string // the page's address
}

// said is what was done, or why it was not.
type said struct {
	Text      string
	Refused   bool
	Undo      int64 // number of the change that can be taken back
	Conflicts []conflict
	Replaces  string // the numbers of their changes
	Confirm   int64  // number of the change that is taken back only when it is said once more
}

// saidAfter is what a page says where a parameter of its address is set: it was gone on to after a change.
func (v *visit) saidAfter(param, id string) *said {
	if v.URL.Query().Get(param) == "" {
		return nil
	}
	return &said{Text: v.say(id, nil)}
}

// A conflict is days of somebody else.
type conflict struct {
	Text   string `json:"text"`
	Change int64  `json:"change"`
}

// page is the frame of a page for the owner.
func (v *visit) page(title string) *page {
	p := &page{Lang: v.dates.Lang, Title: title, Name: v.owner.Name, Here: v.URL.RequestURI()}
	for _, u := range v.units {
		if u.Published {
			p.Units = append(p.Units, u)
		}
	}
	return p
}

// Path is the address of a cottage's page.
func (*page) Path(u ledger.Unit, more string) string { return unitPath(u.Unit) + more }

func unitPath(unit string) string { return "/owners/units/" + url.PathEscape(unit) }

// send answers with a page.
func (f *function) send(w http.ResponseWriter, status int, name string, p *page) error {
	p.Languages = texts.Languages()
	text, err := frame.Text(name+".html", p.Lang, p)
	if err != nil {
		return err
	}
	return pages.Send(w, status, p.Lang, text)
}

// back goes on to another page.
func back(w http.ResponseWriter, path string) error {
	w.Header().Set("Location", path)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Part is the frame of a part of a page.
func (p *page) Part(body any) *page {
	part := *p
	part.Body = body
	return &part
}
