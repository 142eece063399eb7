// Package soap is the wire form of the old partner service, as its clients know it: SOAP 1.1 (w3.org/TR/SOAP), document
// and literal, four operations that share one SOAPAction and are told apart by the body's element. The elements below
// it are unqualified; in answers their order is fixed.
package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/carillon-calendar/carillon/shared/stays"
)

// Namespaces and the SOAPAction of all operations.
const (
	Namespace = "http://affinitic.be/booking"
	Envelope  = "http://schemas.xmlsoap.org/soap/envelope/"
	Action    = "http://affinitic.be/booking/Operation"
)

// ContentType of answers (SOAP 1.1, section 6).
const ContentType = "text/xml; charset=utf-8"

// Bounds of a request.
const (
	MaxBody = 256 << 10 // bytes: a thousand ids and their tags fit in
	MaxIDs  = 1000
	depth   = 12 // elements in one another
)

// A Request is what a body asks for: one of the four types below.
type Request any

// AddBooking sets days.
type AddBooking struct {
	Unit       string
	Start, End stays.Day // the first and the last day
	Type       string    // "" where the element is missing
}

// CancelBooking is AddBooking with the type available.
type CancelBooking struct {
	Unit       string
	Start, End stays.Day
}

// GetBookings asks for the days of some units, or with none of all.
type GetBookings struct {
	Min, Max stays.Day
	Units    []string
}

// GetNotifications asks for changes by their numbers, both in it.
type GetNotifications struct {
	Min int64
	Max int64 // 0: no bound
}

// A Fault is an answer that says what is wrong (SOAP 1.1, section 4.4).
type Fault struct {
	Code string // Client, Server, VersionMismatch or MustUnderstand
	Text string
	Err  error // for the log
}

func (f *Fault) Error() string {
	if f.Err == nil {
		return f.Text
	}
	return f.Text + ": " + f.Err.Error()
}

func (f *Fault) Unwrap() error { return f.Err }

// Client is a fault of the caller's.
func Client(format string, args ...any) *Fault {
	return &Fault{Code: "Client", Text: fmt.Sprintf(format, args...)}
}

// Read reads a request. The error is a [*Fault], or the reader's own.
func Read(r io.Reader) (Request, error) {
	p := parser{dec: xml.NewDecoder(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))}
	p.dec.CharsetReader = decode
	body, err := p.body()
	if err != nil {
		return nil, p.fault(err)
	}
	fields, err := p.fields()
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return nil, p.fault(err)
	}
	f := form{operation: body.Local, fields: fields}
	return f.request()
}

// decode reads an encoding that a request declares. UTF-16 has a byte order mark (XML 1.0, section 4.3.3), by which it
// was read already.
func decode(label string, input io.Reader) (io.Reader, error) {
	if strings.HasPrefix(strings.ToLower(label), "utf-16") {
		return input, nil
	}
	return charset.NewReaderLabel(label, input)
}

// A parser walks through a request's elements.
type parser struct {
	dec  *xml.Decoder
	deep int
}

// fault makes the decoder's errors faults; the reader's own stay.
func (p *parser) fault(err error) error {
	var f *Fault
	var syntax *xml.SyntaxError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &Fault{Code: "Client", Text: "the request is not well-formed XML", Err: err}
	case strings.HasPrefix(err.Error(), "xml: "):
		return &Fault{Code: "Client", Text: "the request is not XML 1.0 in an encoding that is known", Err: err}
	}
	return err
}

// next is the next token that means something. Documents with a DOCTYPE are refused: SOAP forbids it (section 3), and
// entities could make a small request large.
func (p *parser) next() (xml.Token, error) {
	for {
		t, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if p.deep++; p.deep > depth {
				return nil, Client("the request has too many elements in one another")
			}
			return t, nil
		case xml.EndElement:
			p.deep--
			return t, nil
		case xml.CharData:
			return t, nil
		case xml.Directive:
			return nil, Client("the request has a DOCTYPE, which SOAP forbids")
		}
	}
}

// element is the next element at this place, or false at the end of the one around it.
func (p *parser) element() (e xml.StartElement, ok bool, err error) {
	for {
		t, err := p.next()
		if err != nil {
			return e, false, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return t, true, nil
		case xml.EndElement:
			return e, false, nil
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return e, false, Client("the request has text where an element belongs")
			}
		}
	}
}

// body goes to the element in the envelope's body, past the header.
func (p *parser) body() (xml.Name, error) {
	e, ok, err := p.element()
	switch {
	case err != nil:
		return e.Name, err
	case !ok || e.Name.Local != "Envelope":
		return e.Name, Client("the request is not a SOAP envelope")
	case e.Name.Space != Envelope:
		return e.Name, &Fault{Code: "VersionMismatch", Text: "the envelope is not one of SOAP 1.1"}
	}
	for {
		e, ok, err = p.element()
		if err != nil {
			return e.Name, err
		}
		if !ok {
			return e.Name, Client("the envelope has no body")
		}
		if e.Name.Space == Envelope && e.Name.Local == "Body" {
			break
		}
		if err := p.header(e); err != nil {
			return e.Name, err
		}
	}
	e, ok, err = p.element()
	if err == nil && (!ok || e.Name.Space != Namespace) {
		err = Client("the body has no element of the namespace %s", Namespace)
	}
	return e.Name, err
}

// header passes over what stands before the body; none of it is known here.
func (p *parser) header(e xml.StartElement) error {
	for level := 0; ; {
		for _, a := range e.Attr {
			if a.Name.Space == Envelope && a.Name.Local == "mustUnderstand" && a.Value == "1" {
				return &Fault{Code: "MustUnderstand", Text: "a header that must be understood is not"}
			}
		}
		t, err := p.next()
		if err != nil {
			return err
		}
		e = xml.StartElement{}
		switch t := t.(type) {
		case xml.StartElement:
			e = t
			level++
		case xml.EndElement:
			if level--; level < 0 {
				return nil
			}
		}
	}
}

// A field is an element of the operation, with its text.
type field struct{ name, text string }

// fields reads the operation's elements.
func (p *parser) fields() (list []field, err error) {
	for {
		e, ok, err := p.element()
		if err != nil || !ok {
			return list, err
		}
		text, err := p.text()
		if err != nil {
			return nil, err
		}
		list = append(list, field{e.Name.Local, text})
	}
}

func (p *parser) text() (string, error) {
	var b strings.Builder
	for {
		t, err := p.next()
		if err != nil {
			return "", err
		}
		switch t := t.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return strings.TrimSpace(b.String()), nil
		default:
			return "", Client("an element has others where text belongs")
		}
	}
}

// end reads on to the end of the request.
func (p *parser) end() error {
	for {
		t, err := p.next()
		if errors.Is(err, io.EOF) && p.deep == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := t.(xml.StartElement); ok {
			return Client("the body has a second element, %s", e.Name.Local)
		}
	}
}

// A form is an operation's elements, taken one by one. The first fault stays.
type form struct {
	operation string
	fields    []field
	fault     error
}

func (f *form) request() (Request, error) {
	var r Request
	switch f.operation {
	case "addBookingRequest":
		r = AddBooking{f.one("cgtId"), f.day("startDate"), f.day("endDate"), f.maybe("bookingType")}
	case "cancelBookingRequest":
		r = CancelBooking{f.one("cgtId"), f.day("startDate"), f.day("endDate")}
	case "getBookingsRequest":
		r = GetBookings{f.day("minDate"), f.day("maxDate"), f.all("cgtId")}
	case "getNotificationsRequest":
		r = GetNotifications{f.number(f.one("minNotificationId")), f.number(f.maybe("maxNotificationId"))}
	default:
		return nil, Client("there is no operation %.60s", f.operation)
	}
	if f.fault == nil && len(f.fields) > 0 {
		f.fault = Client("%s does not have the element %.60s here", f.operation, f.fields[0].name)
	}
	return r, f.fault
}

// all takes the texts of all elements of a name.
func (f *form) all(name string) (texts []string) {
	left := f.fields[:0:0]
	for _, e := range f.fields {
		if e.name == name {
			texts = append(texts, e.text)
		} else {
			left = append(left, e)
		}
	}
	f.fields = left
	return texts
}

// maybe takes an element that may be missing.
func (f *form) maybe(name string) string {
	texts := f.all(name)
	if len(texts) > 1 && f.fault == nil {
		f.fault = Client("%s has %s more than once", f.operation, name)
	}
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// one takes an element that must be there.
func (f *form) one(name string) string {
	text := f.maybe(name)
	if text == "" && f.fault == nil {
		f.fault = Client("%s lacks %s", f.operation, name)
	}
	return text
}

// zone is what may stand after a date (w3.org/TR/xmlschema-2, 3.2.9). The old service read it over, and so do we: a day
// is a day, wherever its caller is.
var zone = regexp.MustCompile(`^(Z|[+-][0-9]{2}:[0-9]{2})?$`)

func (f *form) day(name string) stays.Day {
	text := f.one(name)
	if f.fault != nil {
		return 0
	}
	const length = len("2035-01-01")
	if len(text) >= length && zone.MatchString(text[length:]) {
		if day, err := stays.ParseDay(text[:length]); err == nil {
			return day
		}
	}
	f.fault = Client("%s is not a date: %.40q; it must be YYYY-MM-DD", name, text)
	return 0
}

func (f *form) number(text string) int64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && f.fault == nil {
		f.fault = Client("a notification id is not a number: %.40q", text)
	}
	return n
}
