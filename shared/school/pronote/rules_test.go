package pronote

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/school"
)

// year is one of twenty places a day, of half an hour each from eight on.
func year() Year {
	y := Year{Places: 20}
	for place := range 21 {
		at := time.Date(0, 1, 1, 8, 30*place, 0, 0, time.UTC)
		y.Starts = append(y.Starts, at.Format("15h04"))
		y.Ends = append(y.Ends, at.Add(30*time.Minute).Format("15h04"))
	}
	return y
}

// TestLessons of each kind: when they end, who gives them, and what an outing has in place of contents.
func TestLessons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ wire, want string }{
		{
			`{"N":"1","place":24,"duree":2,"DateDuCours":{"_T":7,"V":"30/11/2026 10:00:00"},"ListeContenus":{"_T":24,"V":[` +
				`{"G":16,"N":"s","L":"MATHS","estServiceGroupe":true},{"G":3,"L":"M. A"},` +
				`{"G":17,"L":"12"},{"G":2,"L":"4A"},{"G":34,"L":"x"}]}}`,
			`2026-11-30 10:00 to 11:00 MATHS [M. A] [12] [4A] [] <nil>`,
		},
		{
			`{"N":"1","DateDuCours":"30/11/2026 10:00:00","DateDuCoursFin":"30/11/2026 10:45:00","listeVisios":[` +
				`{"url":{"_T":23,"V":"https://a"}},{"url":"https://b"},{"url":{}}]}`,
			`2026-11-30 10:00 to 10:45  [] [] [] [https://a https://b] <nil>`,
		},
		{
			`{"N":"1","estSortiePedagogique":true,"motif":"Musée","accompagnateurs":["M. B"],"strRess":"4A, 4B",` +
				`"DateDuCours":"30/11/2026 10:00:00","place":24,"duree":12}`,
			`2026-11-30 10:00 to 16:00  [M. B] [] [4A, 4B] [] Musée`,
		},
		{
			`{"N":"1","DateDuCours":"30/11/2026 10:00:00","place":-5,"duree":1}`,
			`2026-11-30 10:00 to 10:00  [] [] [] [] <nil>`,
		},
	} {
		var w wireLesson
		if err := json.Unmarshal([]byte(c.wire), &w); err != nil {
			t.Fatal(err)
		}
		l := w.lesson(year())
		memo := "<nil>"
		if l.Memo != nil {
			memo = *l.Memo
		}
		got := l.Start.Format("2006-01-02 15:04") + " to " + l.End.Format("15:04") + " " + l.Subject.Name + " " +
			text2(l.Teachers) + " " + text2(l.Rooms) + " " + text2(l.Groups) + " " + text2(l.Virtual) + " " + memo
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.wire, got, c.want)
		}
	}
}

func text2(list []string) string {
	return "[" + strings.Join(list, " ") + "]"
}

// TestPunishments have the hour of the lesson that they were given in, and durations in seconds where they are numbers.
func TestPunishments(t *testing.T) {
	t.Parallel()
	c := &Conn{Session: &Session{Year: year()}, Link: func(string, string, string) string { return "" }}
	for _, one := range []struct{ wire, date, duration string }{
		{`{"G":41,"dateDemande":"30/11/2026","placeDemande":24,"duree":60}`, "2026-11-30 10:00", "3600"},
		{`{"G":41,"dateDemande":"30/11/2026","placeDemande":24,"horsCours":true,"duree":"NaN"}`, "2026-11-30 00:00", "null"},
		{`{"G":41,"dateDemande":"30/11/2026","duree":"1e308"}`, "2026-11-30 00:00", "null"},
		{`{"G":41,"dateDemande":"30/11/2026","duree":"Inf"}`, "2026-11-30 00:00", "null"},
	} {
		var w wirePresence
		if err := json.Unmarshal([]byte(one.wire), &w); err != nil {
			t.Fatal(err)
		}
		p := c.punishment(w)
		duration, err := json.Marshal(p.Duration)
		if err != nil || p.Date.Format("2006-01-02 15:04") != one.date || string(duration) != one.duration {
			t.Errorf("%s: %s, %s, %v", one.wire, p.Date, duration, err)
		}
	}
}

// TestLinks that a browser would run are not passed on as they are.
func TestLinks(t *testing.T) {
	t.Parallel()
	c := &Conn{Link: func(string, string, string) string { return "ours" }}
	for url, want := range map[string]string{
		"https://example.org/x": "https://example.org/x", "example.org/x": "http://example.org/x",
		"javascript://x/%0aalert(1)": "http://x/%0aalert(1)", "data:text/html,x": "http://data:text/html,x",
		"HTTPS://example.org": "HTTPS://example.org",
	} {
		if got := c.file(wireFile{element: element{G: school.FileLink}, URL: text(url)}).URL; got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

// TestVersions: what is understood.
func TestVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"2025.1.3": true, "2025.1.2": false, "2025.2.0": true, "2024.3.9": false,
		"2026.2.7": true, "2025.1": false, "": false,
	} {
		if Understood(version) != want {
			t.Errorf("%s", version)
		}
	}
}
