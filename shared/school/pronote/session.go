package pronote

import (
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/school"
)

// A Session is what a login leaves, with all that the calls after it need. It holds keys: whoever has it can go on.
type Session struct {
	Root     string            `json:"root"` // https://0123456a.index-education.net/pronote
	H        int64             `json:"h"`
	Space    int               `json:"space"`
	Key      []byte            `json:"key"`
	IV       []byte            `json:"iv"`
	Encrypt  bool              `json:"encrypt,omitempty"`
	Compress bool              `json:"compress,omitempty"`
	Mobile   bool              `json:"mobile,omitempty"`
	Cookies  map[string]string `json:"cookies"`
	Next     int               `json:"next"` // the order number of the first call after the login

	Version string   `json:"version"`
	Tabs    []int    `json:"tabs"`
	User    Person   `json:"user"`   // who logged in
	Pupils  []Person `json:"pupils"` // the pupil, or a parent's children
	Year    Year     `json:"year"`

	next []byte // the vector from the answer to FonctionParametres on
}

// A Person is one that a session is of.
type Person struct {
	ID            string   `json:"id"`
	Name          string   `json:"name"`
	Class         string   `json:"class,omitempty"`
	Establishment string   `json:"establishment,omitempty"`
	Photo         bool     `json:"photo,omitempty"`
	Delegate      []string `json:"delegate,omitempty"`
	Default       string   `json:"default,omitempty"` // id of the period of marks that is shown first
}

// A Year is what the school says of its year.
type Year struct {
	Monday  school.Date     `json:"monday"` // of week 1
	Last    school.Date     `json:"last"`   // day
	Periods []school.Period `json:"periods"`
	Starts  []string        `json:"starts"` // of places in a day, "08h00"
	Ends    []string        `json:"ends"`
	Places  int             `json:"places"` // of a day
}

func (s *Session) secret() secret { return secret{s.Key, s.IV} }

func (s *Session) agent() string {
	if s.Mobile {
		return mobileAgent
	}
	return browserAgent
}

// Parent reports whether it is a parent's session.
func (s *Session) Parent() bool { return s.Space == SpaceParent || s.Space == SpaceMobileParent }

// Has reports whether the school shows a tab to the account.
func (s *Session) Has(tab int) bool { return slices.Contains(s.Tabs, tab) }

// Week is the number of a day's week.
func (s *Session) Week(day school.Date) int {
	days := int(day.Midnight().Sub(s.Year.Monday.Time).Hours() / 24)
	if days < 0 {
		days -= 6 // rounds down
	}
	return 1 + days/7
}

// weeks are those of the school year from one day to another: PRONOTE has an error for others.
func (s *Session) weeks(from, to school.Date) (first, last int) {
	first, last = max(1, s.Week(from)), s.Week(to)
	if !s.Year.Last.IsZero() {
		last = min(last, s.Week(s.Year.Last))
	}
	return first, last
}

// Monday is the first day of a week.
func (s *Session) Monday(week int) school.Date {
	return school.Date{Time: s.Year.Monday.AddDate(0, 0, 7*(week-1))}
}

// oldest is the first version that is understood.
const oldest = "2025.1.3"

// Understood reports whether a version is one that this client speaks.
func Understood(version string) bool { return !versionLess(version, oldest) }

// versionLess compares versions such as 2025.1.3.
func versionLess(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return len(as) < len(bs)
}

// Tabs of a space: each page belongs to one.
const (
	TabNews        = 8
	TabMenus       = 10
	TabTimetable   = 16
	TabPresence    = 19
	TabAccount     = 49
	TabHomework    = 88
	TabMessages    = 131
	TabGrades      = 198
	TabEvaluations = 201
)
