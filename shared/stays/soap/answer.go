package soap

import (
	"bufio"
	"encoding/xml"
	"io"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/stays"
)

// An Answer writes an answer, element by element, so that a long one needs no memory.
type Answer struct {
	w    *bufio.Writer
	zulu bool
	name string
}

const (
	head = xml.Header + `<SOAP-ENV:Envelope xmlns:SOAP-ENV="` + Envelope + `"><SOAP-ENV:Body>`
	foot = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`
)

// Begin begins the answer to an operation. With zulu dates end in Z, as the old service's did with most versions of its
// library.
func Begin(w io.Writer, operation string, zulu bool) *Answer {
	a := &Answer{bufio.NewWriter(w), zulu, operation + "Response"}
	_, _ = a.w.WriteString(head + `<ns1:` + a.name + ` xmlns:ns1="` + Namespace + `">`)
	return a
}

// Number writes the id that addBooking and cancelBooking answer.
func (a *Answer) Number(n int64) { a.element("notificationId", strconv.FormatInt(n, 10)) }

// Booking writes a run of days of one type.
func (a *Answer) Booking(s stays.Span) {
	_, _ = a.w.WriteString("<bookings>")
	a.element("cgtId", s.Unit)
	a.days(s.Range)
	a.element("bookingType", string(s.Type))
	_, _ = a.w.WriteString("</bookings>")
}

// Notification writes a change.
func (a *Answer) Notification(c stays.Change) {
	_, _ = a.w.WriteString("<notifications>")
	a.element("cgtId", c.Unit)
	a.element("notificationId", strconv.FormatInt(c.Number, 10))
	a.days(c.Range)
	a.element("bookingType", string(c.Type))
	_, _ = a.w.WriteString("</notifications>")
}

func (a *Answer) days(r stays.Range) {
	end := ""
	if a.zulu {
		end = "Z"
	}
	a.element("startDate", r.From.String()+end)
	a.element("endDate", r.Last().String()+end)
}

func (a *Answer) element(name, text string) {
	_, _ = a.w.WriteString("<" + name + ">")
	_ = xml.EscapeText(a.w, []byte(text))
	_, _ = a.w.WriteString("</" + name + ">")
}

// End ends the answer.
func (a *Answer) End() error {
	_, _ = a.w.WriteString("</ns1:" + a.name + ">" + foot)
	return a.w.Flush()
}

// WriteFault writes a fault.
func WriteFault(w io.Writer, f *Fault) error {
	a := &Answer{w: bufio.NewWriter(w)}
	_, _ = a.w.WriteString(head + "<SOAP-ENV:Fault>")
	a.element("faultcode", "SOAP-ENV:"+f.Code)
	a.element("faultstring", f.Text)
	_, _ = a.w.WriteString("</SOAP-ENV:Fault>" + foot)
	return a.w.Flush()
}
