package soap_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"github.com/carillon-calendar/carillon/shared/stays/soap"
)

// FuzzRead: whatever is sent, it is a request or a fault of the caller's, never an error of ours.
func FuzzRead(f *testing.F) {
	for _, body := range []string{
		`<b:getBookingsRequest xmlns:b="http://affinitic.be/booking"><minDate>2027-07-01</minDate><maxDate>2027-07-02Z</maxDate><cgtId>A</cgtId></b:getBookingsRequest>`,
		`<addBookingRequest xmlns="http://affinitic.be/booking"><cgtId>&#65;</cgtId><startDate>2027-07-01+01:00</startDate></addBookingRequest>`,
		`<x/>`, `<![CDATA[<a>]]>`, `<!-- a -->`,
	} {
		f.Add(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><h/></s:Header><s:Body>` + body +
			`</s:Body></s:Envelope>`)
	}
	f.Add("\ufeff<a>")
	f.Add(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>`)
	f.Fuzz(func(t *testing.T, body string) {
		req, err := soap.Read(strings.NewReader(body))
		var fault *soap.Fault
		if err != nil && !errors.As(err, &fault) || err == nil && req == nil {
			t.Errorf("%v, %v", req, err)
		}
	})
}

// TestEncodings: a byte order mark, and the encodings that XML names.
func TestEncodings(t *testing.T) {
	t.Parallel()
	text := func(declaration string) string {
		return declaration + `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
			`<cancelBookingRequest xmlns="http://affinitic.be/booking"><cgtId>GÎTE0001</cgtId>` +
			`<startDate>2027-07-01</startDate><endDate>2027-07-02</endDate></cancelBookingRequest></s:Body></s:Envelope>`
	}
	wide := func(order binary.AppendByteOrder, s string) string {
		var data []byte
		for _, unit := range utf16.Encode([]rune(s)) {
			data = order.AppendUint16(data, unit)
		}
		return string(data)
	}
	latin, err := charmap.ISO8859_1.NewEncoder().String(text(`<?xml version="1.0" encoding="ISO-8859-1"?>`))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"UTF-8":       text(""),
		"with a mark": "\ufeff" + text(`<?xml version="1.0" encoding="utf-8"?>`),
		"UTF-16LE":    wide(binary.LittleEndian, "\ufeff"+text(`<?xml version="1.0" encoding="UTF-16"?>`)),
		"UTF-16BE":    wide(binary.BigEndian, "\ufeff"+text(`<?xml version="1.0" encoding="utf-16"?>`)),
		"undeclared":  wide(binary.BigEndian, "\ufeff"+text("")),
		"Latin-1":     latin,
	} {
		req, err := soap.Read(strings.NewReader(body))
		if got, ok := req.(soap.CancelBooking); err != nil || !ok || got.Unit != "GÎTE0001" {
			t.Errorf("%s: %+v, %v", name, req, err)
		}
	}
}

// TestQualifiedChildren: clients whose tools qualify the elements are understood too.
func TestQualifiedChildren(t *testing.T) {
	t.Parallel()
	req, err := soap.Read(strings.NewReader(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<getNotificationsRequest xmlns="http://affinitic.be/booking"><minNotificationId> 7 </minNotificationId></getNotificationsRequest>` +
		`</s:Body></s:Envelope>`))
	if got, ok := req.(soap.GetNotifications); err != nil || !ok || got.Min != 7 {
		t.Errorf("%+v, %v", req, err)
	}
}
