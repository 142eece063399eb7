package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker/pickle"
)

// A Half is a half of the old system, as the one that a message comes from.
type Half struct {
	Origin stays.Origin // whose days its changes are

	Exchange string
	Key      string
	Queue    string
}

// The halves, with where each puts its messages, as the old programs declare it.
var (
	Service = Half{stays.Service, "booking.update", "gdw", "booking.update.fromwalhebcalendar"}
	Website = Half{stays.Website, "booking.update.gdw", "import", "booking.update.gdw"}
)

// Other is the half that receives a half's messages.
func (h Half) Other() Half {
	if h == Service {
		return Website
	}
	return Service
}

// Content types of messages.
const (
	pickled  = pickle.ContentType
	jsonType = "application/json"
)

// mostDays bounds the range of a message.
const mostDays = 4 * 366

// A Message is a change as it goes over the broker.
type Message struct {
	Unit   string // its code; "" where only Site is known
	Site   int64  // the cottage's number on the website; 0
	Range  stays.Range
	Type   stays.Type
	Number int64 // of the change, or the old service's notification; 0: it has none
}

// ErrUnreadable is that a message is none of those that are known. It says nothing of its content.
var ErrUnreadable = errors.New("the message cannot be read")

// A body is a message as JSON.
type body struct {
	Version int        `json:"version"` // 1
	Number  int64      `json:"seq"`
	Unit    string     `json:"unit"`
	Site    int64      `json:"site,omitempty"`
	From    stays.Day  `json:"from"`
	To      stays.Day  `json:"to"`
	Type    stays.Type `json:"type"`
}

const version = 1

// selections are the website's names of types.
var selections = map[string]stays.Type{"loue": stays.Booked, "indisp": stays.Unavailable, "libre": stays.Available}

// Encode writes a message of a half, as the old programs do or as JSON.
func (h Half) Encode(m Message, asPickle bool) (data []byte, contentType string) {
	if !asPickle {
		data, _ = json.Marshal(body{version, m.Number, m.Unit, m.Site, m.Range.From, m.Range.Last(), m.Type})
		return data, jsonType
	}
	first, last := date(m.Range.From), date(m.Range.Last())
	if h == Service {
		return pickle.ServiceToSite(string(m.Type), m.Unit, first, last, m.Number), pickled
	}
	selection := ""
	for name, t := range selections {
		if t == m.Type {
			selection = name
		}
	}
	return pickle.SiteToService(strconv.FormatInt(m.Site, 10), m.Unit, first, last, selection), pickled
}

func date(d stays.Day) pickle.Date {
	y, m, day := d.Time().Date()
	return pickle.Date{Year: y, Month: m, Day: day}
}

// Decode reads a message of a half. The error is [ErrUnreadable].
func (h Half) Decode(data []byte, contentType string) (m Message, err error) {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.TrimSpace(kind) {
	case jsonType:
		m, err = fromJSON(data)
	case pickled:
		m, err = h.fromPickle(data)
	default:
		err = fmt.Errorf("content type %.40q", contentType)
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return m, nil
}

const mostUnit = 200

func (m Message) check() error {
	switch {
	case m.Range.Days() < 1 || m.Range.Days() > mostDays:
		return errors.New("its range has no days, or too many")
	case m.Unit == "" && m.Site == 0:
		return errors.New("it names no cottage")
	case len(m.Unit) > mostUnit, !utf8.ValidString(m.Unit),
		strings.ContainsFunc(m.Unit, func(r rune) bool { return !unicode.IsPrint(r) }):
		return errors.New("its cottage has a code that is too long or not printable")
	case !m.Type.Known():
		return errors.New("its type is not known")
	}
	return nil
}

func fromJSON(data []byte) (Message, error) {
	var b body
	if err := json.Unmarshal(data, &b); err != nil {
		return Message{}, errors.New("not the JSON that is expected")
	}
	if b.Version != version {
		return Message{}, fmt.Errorf("version %d", b.Version)
	}
	return Message{b.Unit, b.Site, stays.Through(b.From, b.To), b.Type, b.Number}, nil
}

func (h Half) fromPickle(data []byte) (m Message, err error) {
	d, err := pickle.Read(data)
	if err != nil {
		return m, err
	}
	r := reader{dict: d}
	if h == Service {
		m = Message{Unit: r.text("cgt_id"), Range: r.days("start_date", "end_date"), Number: r.number("notf_id")}
		switch text := r.text("booking_type"); text {
		case string(stays.Unavailable), string(stays.Available):
			m.Type = stays.Type(text)
		default: // as the old consumer
			m.Type = stays.Booked
		}
		return m, r.err
	}
	m = Message{Unit: r.unit(), Site: r.number("hebPk"), Range: r.days("start", "end")}
	m.Type = selections[r.text("typeOfSelection")]
	return m, r.err
}

// A reader takes values out of a dict; its error is the first one that is not there.
type reader struct {
	dict pickle.Dict
	err  error
}

func (r *reader) fail(key string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s is not there, or of another type", key)
	}
}

func (r *reader) text(key string) string {
	s, ok := r.dict[key].(string)
	if !ok {
		r.fail(key)
	}
	return strings.TrimSpace(s)
}

// number reads a number, or its digits.
func (r *reader) number(key string) int64 {
	switch v := r.dict[key].(type) {
	case int64:
		return v
	case string:
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
			return n
		}
	}
	r.fail(key)
	return 0
}

// unit reads the cottage's code, which has two names and may be missing.
func (r *reader) unit() string {
	for _, key := range []string{"cgtId", "cgt_id"} {
		if _, there := r.dict[key]; there {
			return r.text(key)
		}
	}
	return ""
}

func (r *reader) days(from, to string) stays.Range {
	return stays.Through(r.day(from), r.day(to))
}

const firstYear = 1900

func (r *reader) day(key string) stays.Day {
	d, ok := r.dict[key].(pickle.Date)
	if !ok || d.Year < firstYear {
		r.fail(key)
		return 0
	}
	return stays.Date(d.Year, d.Month, d.Day)
}
