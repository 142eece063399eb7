package soap_test

import (
	"errors"
	"strings"
	"testing"

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
