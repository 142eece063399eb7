package pronote

import (
	"fmt"
	"time"
)

const schoolName = "COLLÈGE DE DÉMONSTRATION"

// pupil is a child of the school.
type pupil struct {
	key, name, class string
	seed             int  // chooses among subjects and values: children differ
	full             bool // has one of every unusual case
	photo            bool
	phone, mail      string
	delegate         bool
}

// subject is one that is taught.
type subject struct{ key, name, teacher, room, colour string }

var subjects = []subject{
	{"fra", "FRANÇAIS", "Mme PROF A.", "101", "#2338BB"},
	{"mat", "MATHÉMATIQUES", "M. PROF B.", "102", "#FF8040"},
	{"his", "HISTOIRE-GÉOGRAPHIE", "Mme PROF C.", "103", "#2BD5F3"},
	{"ang", "ANGLAIS LV1", "M. PROF D.", "104", "#E0E5A4"},
	{"svt", "SCIENCES VIE & TERRE", "Mme PROF E.", "Labo 1", "#12A012"},
	{"phy", "PHYSIQUE-CHIMIE", "M. PROF F.", "Labo 2", "#C04BD3"},
	{"esp", "ESPAGNOL LV2", "Mme PROF G.", "105", "#F7B500"},
	{"eps", "ÉDUCATION PHYSIQUE", "M. PROF H.", "Gymnase", "#7A7A7A"},
}

// of returns the subject of a number for a pupil.
func (p *pupil) of(i int) subject { return subjects[(i+p.seed)%len(subjects)] }

// staff are the adults besides teachers.
var staff = []struct{ key, name, role, mail string }{
	{"cpe", "Mme VIESCOLAIRE A.", "CPE", "vie-scolaire@example.org"},
	{"dir", "M. DIRECTION B.", "Principal", ""},
}

var (
	allTabs = []obj{
		{"G": 7},
		{"G": 16},
		{"G": 61, "Onglet": []obj{{"G": 89}, {"G": 88}, {"G": 275}, {"G": 250}}},
		{"G": 5, "Onglet": []obj{{"G": 37}, {"G": 19}}},
		{"G": 3, "Onglet": []obj{{"G": 198}, {"G": 12}, {"G": 13}, {"G": 41}}},
		{"G": 55, "Onglet": []obj{{"G": 201}, {"G": 100}}},
		{"G": 2, "Onglet": []obj{{"G": 131}, {"G": 8}, {"G": 284}, {"G": 9}, {"G": 10}}},
		{"G": 6, "Onglet": []obj{{"G": 49}, {"G": 148}}},
	}
	fewTabs = []obj{{"G": 7}, {"G": 16}, {"G": 6, "Onglet": []obj{{"G": 49}}}}
)

// accounts returns those of the school. Their passwords are their names at first.
func accounts(now time.Time) map[string]*account {
	one := &pupil{
		key: "1", name: "ÉLÈVE Un", class: "4D", full: true, photo: true, phone: "600000001", mail: "eleve.un@example.org",
		delegate: true,
	}
	two := &pupil{key: "2", name: "ÉLÈVE Deux", class: "5B", seed: 3, photo: true, phone: "600000002"}
	three := &pupil{key: "3", name: "ÉLÈVE Trois", class: "3A", seed: 5, full: true}
	four := &pupil{key: "4", name: "ÉLÈVE Quatre", class: "6C", full: true}
	five := &pupil{key: "5", name: "ÉLÈVE Cinq", class: "2A", seed: 1, full: true, photo: true, phone: "600000005"}
	six := &pupil{key: "6", name: "ÉLÈVE Six", class: "4D", seed: 2}
	seven := &pupil{key: "7", name: "ÉLÈVE Sept", class: "4D", seed: 4}
	all := map[string]*account{}
	for _, a := range []*account{
		{login: "eleve", name: one.name, pupils: []*pupil{one}, tabs: allTabs},
		{login: "parent", name: "Mme PARENT Une", parent: true, pupils: []*pupil{two, three}, tabs: allTabs},
		{login: "sansphoto", name: four.name, pupils: []*pupil{four}, tabs: allTabs},
		{login: "double", name: five.name, pin: "1234", pupils: []*pupil{five}, tabs: allTabs},
		{login: "bloque", name: six.name, blocked: true, pupils: []*pupil{six}, tabs: allTabs},
		{login: "vide", name: seven.name, pupils: []*pupil{seven}, tabs: fewTabs},
	} {
		a.Password, a.Threads = a.login, firstThreads(a, now)
		all[a.login] = a
	}
	return all
}

// year is a school year, from September to July.
type year struct {
	first, last, monday time.Time // monday is the first of week 1
	periods             []period
}

// period is a part of a school year. Its G is one in General and another in a tab's list.
type period struct {
	key, name   string
	g, tabG, no int
	first, last time.Time
}

// yearOf returns the school year of a day; August belongs to the next.
func yearOf(now time.Time) year {
	y := now.Year()
	if now.Month() < time.August {
		y--
	}
	at := func(year int, m time.Month, d int) time.Time {
		return time.Date(year, m, d, 0, 0, 0, 0, now.Location())
	}
	out := year{first: at(y, 9, 1), last: at(y+1, 7, 4)}
	out.monday = out.first.AddDate(0, 0, -(int(out.first.Weekday())+6)%7)
	end := func(m time.Month) time.Time { return at(y+1, m+1, 0) }
	out.periods = []period{
		{"t1", "Trimestre 1", 1, 2, 0, out.first, at(y, 11, 30)},
		{"t2", "Trimestre 2", 1, 2, 1, at(y, 12, 1), end(2)},
		{"t3", "Trimestre 3", 1, 2, 2, at(y+1, 3, 1), out.last},
		{"s1", "Semestre 1", 2, 2, 3, out.first, end(1)},       //nolint:misspell // French
		{"s2", "Semestre 2", 2, 2, 4, at(y+1, 2, 1), out.last}, //nolint:misspell // French
		{"an", "Année continue", 3, 3, 5, out.first, out.last},
		{"hp", "Hors période", 0, 4, 6, out.first, out.last},
	}
	return out
}

// clamp moves a day into the year.
func (y year) clamp(t time.Time) time.Time {
	switch {
	case t.Before(y.first):
		return y.first
	case t.After(y.last):
		return y.last
	}
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// week is the number of a day's week: the first Monday's is 1.
func (y year) week(t time.Time) int { return 1 + int(t.Sub(y.monday).Hours()+2)/(7*24) }

// trimesters are the periods that tabs offer.
func (y year) trimesters() []period { return append(y.periods[:3:3], y.periods[6]) }

// current is the trimester of a day.
func (y year) current(t time.Time) period {
	for _, p := range y.periods[:2] {
		if !y.clamp(t).After(p.last) {
			return p
		}
	}
	return y.periods[2]
}

// past returns n days within what has passed of a period, at most its last day.
func (p period) past(n int, now time.Time) []time.Time {
	last := p.last
	if now.Before(last) {
		last = now
	}
	days := int(last.Sub(p.first).Hours()+2) / 24
	if last.Before(p.first) || n == 0 {
		return nil
	}
	found := make([]time.Time, n)
	for i := range found {
		found[i] = p.first.AddDate(0, 0, days*(i+1)/n)
		for days > 7 && (found[i].Weekday() == time.Sunday || found[i].Weekday() == time.Saturday) {
			found[i] = found[i].AddDate(0, 0, -1)
		}
		if found[i].Before(p.first) {
			found[i] = p.first
		}
	}
	return found
}

// Hours: half hours from 8 to 18.
const (
	placesPerDay = 20
	firstHour    = 8
)

func hour(place int) string { return fmt.Sprintf("%02dh%02d", firstHour+place/2, place%2*30) }

// at is the time of a place of a day.
func at(day time.Time, place int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), firstHour+place/2, place%2*30, 0, 0, day.Location())
}

// hours lists places by their first or last minute; the last entry repeats the end of the day, as schools have it.
func hours(ends bool) []obj {
	all := make([]obj, 0, placesPerDay+1)
	for place := range placesPerDay + 1 {
		label := hour(place)
		if ends {
			label = hour(min(place+1, placesPerDay))
		}
		one := obj{"G": place, "L": label}
		if place%2 == 1 != ends {
			one["A"] = false
		}
		all = append(all, one)
	}
	return all
}

// unmarked are hours without the mark of those that begin no lesson.
func unmarked(hours []obj) []obj {
	for _, one := range hours {
		delete(one, "A")
	}
	return hours
}
