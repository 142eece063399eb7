package campus

import (
	"fmt"
	"slices"
	"strconv"
)

// numbers are all under which MonCampus lists the lesson.
func (c Class) numbers() []int64 { return append([]int64{c.Course}, c.Also...) }

// A lessonKey is what makes two rows of a reading one lesson.
type lessonKey struct {
	start, end                  int64
	allDay                      bool
	title, room, teacher, group string
}

// onePerLesson joins the rows that say the same under several numbers. The lowest number stands for the lesson, so
// that the order of the rows makes no difference; the links are those of all rows.
func onePerLesson(classes []Class) []Class {
	at := map[lessonKey]int{}
	var joined []Class
	for _, c := range classes { // by start, then by number
		key := lessonKey{c.Start.Unix(), c.End.Unix(), c.AllDay, c.Title, c.Room, c.Teacher, c.Group}
		i, twice := at[key]
		if !twice {
			at[key] = len(joined)
			joined = append(joined, c)
			continue
		}
		first := &joined[i]
		first.Links = joinLinks(first.Links, c.Links)
		if !slices.Contains(first.numbers(), c.Course) {
			first.Also = append(first.Also, c.Course)
		}
	}
	return joined
}

// alike reports whether two lessons are one to a person, whatever their numbers and their groups' names.
func alike(a, b Class) bool {
	if a.Stray || b.Stray { // only its event is known
		return a.Start.Equal(b.Start) && a.Title == b.Title
	}
	return a.Title == b.Title && sameSlot(a, b)
}

// sameSlot reports whether two lessons have the same time, room and teacher.
func sameSlot(a, b Class) bool {
	return a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.AllDay == b.AllDay &&
		a.Room == b.Room && a.Teacher == b.Teacher
}

// placed reports whether only one lesson can be in a class's slot: its teacher is known, or its room is a place.
func placed(c Class) bool { return c.Teacher != "" || c.Room != "" && c.Room != Remote }

// A matcher finds which of the known classes the lessons of a reading are.
type matcher struct {
	step     Step
	read     []Class // what was read; those that were found have an ID
	byNumber map[int64][]Class
	byStart  map[int64][]Class
	listed   map[int64]int   // how many lessons of the reading have a number; unreadable ones count
	used     map[string]bool // IDs of the reading
	taken    map[string]bool // IDs of known classes
}

// identify gives each class that was read the ID under which it is known, by the surest rule first. A number
// identifies a lesson, with its start where several lessons share the number. MonCampus also recreates lessons under
// another number: one that vanished and one that appeared are the same when they are alike, or begin at the same time
// with the same title, or have the same time, room and teacher.
func (s Step) identify(known []Class, r Reading) []Class {
	m := s.matcher(known, r)
	sameStart := func(k, c Class) bool { return k.Start.Equal(c.Start) }
	m.match(m.numbered, func(k, c Class) bool { return sameStart(k, c) && k.same(c) })
	m.match(m.numbered, sameStart)
	m.match(m.starting, func(k, c Class) bool { return alike(k, c) && k.Group == c.Group })
	m.match(m.starting, alike)
	m.match(m.numbered, func(k, c Class) bool { return k.Title == c.Title && m.moved(k) })
	for _, more := range []func(k, c Class) bool{
		func(k, c Class) bool { return k.Group == c.Group },
		func(k, c Class) bool { return k.Room == c.Room || k.Teacher == c.Teacher },
		func(Class, Class) bool { return true },
	} {
		m.match(m.starting, func(k, c Class) bool { return k.Title == c.Title && m.vanished(k) && more(k, c) })
	}
	m.match(m.numbered, func(k, _ Class) bool { return m.moved(k) })
	m.match(m.starting, func(k, c Class) bool { return m.vanished(k) && sameSlot(k, c) && placed(c) })
	m.name()
	return m.read
}

func (s Step) matcher(known []Class, r Reading) *matcher {
	m := &matcher{
		step: s, read: slices.Clone(r.Classes), byNumber: map[int64][]Class{}, byStart: map[int64][]Class{},
		listed: r.numbers(), used: map[string]bool{}, taken: map[string]bool{},
	}
	for _, k := range known {
		if k.Course == 0 { // what the program before Carillon left is known by its event alone
			continue
		}
		m.taken[k.ID] = true
		m.byStart[k.Start.Unix()] = append(m.byStart[k.Start.Unix()], k)
		for _, number := range k.numbers() {
			m.byNumber[number] = append(m.byNumber[number], k)
		}
	}
	return m
}

// numbers counts the lessons of each number in a reading.
func (r Reading) numbers() map[int64]int {
	count := map[int64]int{}
	for _, c := range r.Classes {
		for _, number := range c.numbers() {
			count[number]++
		}
	}
	for _, u := range r.Unreadable {
		count[u.Course]++
	}
	return count
}

// match gives the classes without an ID that of the first candidate which fits and is not taken yet.
func (m *matcher) match(candidates func(Class) []Class, fits func(known, read Class) bool) {
	for i, c := range m.read {
		if c.ID != "" {
			continue
		}
		for _, k := range candidates(c) {
			if !m.used[k.ID] && fits(k, c) {
				m.read[i].ID, m.used[k.ID] = k.ID, true
				break
			}
		}
	}
}

// numbered are the known classes that share a number with c.
func (m *matcher) numbered(c Class) []Class {
	var all []Class
	for _, number := range c.numbers() {
		all = append(all, m.byNumber[number]...)
	}
	return all
}

// starting are the known classes that begin when c does.
func (m *matcher) starting(c Class) []Class { return m.byStart[c.Start.Unix()] }

// vanished reports whether no lesson of the reading has a number of the class.
func (m *matcher) vanished(k Class) bool { return missing(k, m.listed) }

func missing(k Class, listed map[int64]int) bool {
	return !slices.ContainsFunc(k.numbers(), func(number int64) bool { return listed[number] > 0 })
}

// moved reports whether a class may have moved to another time. One that is past did not move into another of its
// number's lessons, unless it is the only one, and was looked for.
func (m *matcher) moved(k Class) bool {
	if k.Start.After(m.step.Now) {
		return true
	}
	several := func(number int64) bool { return len(m.byNumber[number]) > 1 || m.listed[number] > 1 }
	return !slices.ContainsFunc(k.numbers(), several) && m.step.Window.Contains(k.Start)
}

// name makes an ID for each class that is new.
func (m *matcher) name() {
	free := func(id string) bool { return !m.used[id] && !m.taken[id] }
	for i, c := range m.read {
		if c.ID != "" {
			continue
		}
		id := "wigor-" + strconv.FormatInt(c.Course, 10)
		if m.listed[c.Course] > 1 || !free(id) {
			id += "-" + c.Start.UTC().Format("20060102T1504")
		}
		for n, plain := 2, id; !free(id); n++ {
			id = fmt.Sprintf("%s-%d", plain, n)
		}
		m.read[i].ID, m.used[id] = id, true
	}
}

// A shown is a reading, asked about the classes that were not read.
type shown struct {
	byStart map[int64][]Class // the reading
	was     map[string]Class  // what was known, by ID
	listed  map[int64]int
}

func newShown(known, read []Class, r Reading) shown {
	s := shown{map[int64][]Class{}, map[string]Class{}, r.numbers()}
	for _, c := range read {
		s.byStart[c.Start.Unix()] = append(s.byStart[c.Start.Unix()], c)
	}
	for _, c := range known {
		s.was[c.ID] = c
	}
	return s
}

// replaces reports whether a class need not be kept for safety: its lesson is shown as another class, or it vanished
// and a lesson came to its time.
func (s shown) replaces(gone Class) bool {
	return gone.Course != 0 && slices.ContainsFunc(s.byStart[gone.Start.Unix()], func(c Class) bool {
		if alike(gone, c) || sameSlot(gone, c) && placed(c) {
			return true
		}
		before, known := s.was[c.ID]
		came := !known || !before.Start.Equal(c.Start) || !slices.Contains(before.numbers(), c.Course)
		return came && missing(gone, s.listed) && (gone.Title == c.Title || gone.End.Equal(c.End))
	})
}
