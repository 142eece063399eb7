package campus

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// A Class is a lesson of a timetable. Its texts are in French, as people read them.
type Class struct {
	// ID is stable: it stays when the class moves. It is made of the course's number.
	ID string `json:"id"`
	// Course is MonCampus's number of the lesson (NoCours) as last read.
	Course int64 `json:"course"`
	// Also are further numbers under which MonCampus lists the same lesson, ascending.
	Also    []int64   `json:"also,omitempty"`
	Start   time.Time `json:"start"` // UTC
	End     time.Time `json:"end"`
	AllDay  bool      `json:"all_day,omitempty"` // the dates of Start and End in the campus's zone, both included
	Title   string    `json:"title"`
	Room    string    `json:"room,omitempty"`
	Teacher string    `json:"teacher,omitempty"`
	Group   string    `json:"group,omitempty"`
	Subject string    `json:"subject,omitempty"` // where the title is another text
	Mode    string    `json:"mode,omitempty"`
	Links   []Link    `json:"links,omitempty"` // Teams, sorted by URL

	// Sequence grows with each change (RFC 5545, 3.8.7.4): it is made of the time of the last one, Changed, so that
	// it also grows when a class comes back, or the state was lost.
	Sequence int       `json:"sequence,omitempty"`
	Changed  time.Time `json:"changed,omitzero"`
	// Stray says that only an event in ECAL is known of the class: it is shown nowhere, and deleted there by the rules.
	Stray bool `json:"stray,omitempty"`
	// Missing counts the complete readings in a row that did not have the class, since MissingSince.
	Missing      int       `json:"missing,omitempty"`
	MissingSince time.Time `json:"missing_since,omitzero"`
}

// A Link is a meeting that a class can be followed in.
type Link struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// Details is the text below a class's title: a line each for what is known.
func (c Class) Details() string {
	var lines []string
	for _, line := range [][2]string{
		{"Intervenant", c.Teacher}, {"Matière", c.Subject}, {"Groupe", c.Group}, {"Modalité", c.Mode},
	} {
		if line[1] != "" {
			lines = append(lines, line[0]+" : "+line[1])
		}
	}
	return strings.Join(lines, "\n")
}

// same reports whether both say the same to a person; links are compared apart.
func (c Class) same(o Class) bool {
	return c.Start.Equal(o.Start) && c.End.Equal(o.End) && c.AllDay == o.AllDay && c.Title == o.Title &&
		c.Room == o.Room && c.Teacher == o.Teacher && c.Group == o.Group && c.Subject == o.Subject && c.Mode == o.Mode
}

// byStart sorts classes as a timetable shows them.
func byStart(a, b Class) int {
	return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID), cmp.Compare(a.Course, b.Course),
		a.End.Compare(b.End), strings.Compare(a.Title, b.Title), strings.Compare(a.Group, b.Group),
		strings.Compare(a.Room, b.Room))
}

// digest is a short name of a text's contents.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}
