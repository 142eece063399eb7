package bookings_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

const ns1 = ` xmlns:ns1="http://affinitic.be/booking">`

// fault is a client's fault as it is written.
func fault(text string) string {
	return "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>" + text + "</faultstring></SOAP-ENV:Fault>"
}

// wire is a booking or notification in an answer, its elements in their order.
func wire(kind string, values ...string) string {
	names := []string{"cgtId", "startDate", "endDate", "bookingType"}
	if kind == "notifications" {
		names = slices.Insert(names, 1, "notificationId")
	}
	var b strings.Builder
	for i, name := range names {
		b.WriteString(tags(name, values[i]))
	}
	return "<" + kind + ">" + b.String() + "</" + kind + ">"
}

// A soapCall is a call with the answer that it must get, byte by byte.
type soapCall struct {
	name      string
	who       string // default channel
	operation string
	children  string
	status    int // default 200
	want      string
	wantPart  string // a part of the answer instead
}

func number(operation string, n int) string {
	return fmt.Sprintf("<ns1:%sResponse%s<notificationId>%d</notificationId></ns1:%sResponse>",
		operation, ns1, n, operation)
}

func (f *fixture) calls(list []soapCall) {
	f.Helper()
	for _, c := range list {
		who, status := c.who, c.status
		if who == "" {
			who = channel
		}
		if status == 0 {
			status = http.StatusOK
		}
		code, got := f.soap(who, c.operation+"Request", c.children)
		if code != status || c.want != "" && got != c.want || !strings.Contains(got, c.wantPart) {
			f.Errorf("%s: %d %s\nwant %d %s%s", c.name, code, got, status, c.want, c.wantPart)
		}
	}
}

func days(unit, first, last string) string {
	return tags("cgtId", unit, "startDate", first, "endDate", last)
}

// TestSOAPAnswers: the four operations as the old service's clients know them, byte by byte (domain rules 1 to 11).
func TestSOAPAnswers(t *testing.T) {
	f := newFixture(t, `{}`)
	booked := tags("bookingType", "booked")
	f.calls([]soapCall{
		{
			name: "one day", operation: "addBooking", children: days("GFLX0001", "2027-07-03", "2027-07-03") + booked,
			want: number("addBooking", 1),
		},
		{
			name: "the same again is a notification too", operation: "addBooking",
			children: days("GFLX0001", "2027-07-03", "2027-07-03") + booked, want: number("addBooking", 2),
		},
		{
			name: "the next days", operation: "addBooking", children: days("GFLX0001", "2027-07-04", "2027-07-10") + booked,
			want: number("addBooking", 3),
		},
		{
			name: "closed", operation: "addBooking",
			children: days("GFLX0002", "2027-07-01", "2027-07-02") + tags("bookingType", "unavailable"),
			want:     number("addBooking", 4),
		},
		{
			name: "a part is freed", operation: "cancelBooking", children: days("GFLX0001", "2027-07-06", "2027-07-07"),
			want: number("cancelBooking", 5),
		},
		{
			name: "nothing is freed", operation: "cancelBooking", children: days("GFLX0003", "2027-07-06", "2027-07-07"),
			want: number("cancelBooking", 6),
		},
		{
			name: "available frees", operation: "addBooking",
			children: days("GFLX0001", "2027-07-10", "2027-07-10") + tags("bookingType", "available"),
			want:     number("addBooking", 7),
		},
		{
			name: "bookings, merged and clipped, of all", operation: "getBookings",
			children: tags("minDate", "2027-07-02", "maxDate", "2027-07-08"),
			want: "<ns1:getBookingsResponse" + ns1 +
				wire("bookings", "GFLX0001", "2027-07-03", "2027-07-05", "booked") +
				wire("bookings", "GFLX0001", "2027-07-08", "2027-07-08", "booked") +
				wire("bookings", "GFLX0002", "2027-07-02", "2027-07-02", "unavailable") +
				"</ns1:getBookingsResponse>",
		},
		{
			name: "of some", operation: "getBookings",
			children: tags("minDate", "2027-07-01", "maxDate", "2027-07-31", "cgtId", "GFLX0002", "cgtId",
				"GFLX0003", "cgtId", "unheard-of"),
			want: "<ns1:getBookingsResponse" + ns1 +
				wire("bookings", "GFLX0002", "2027-07-01", "2027-07-02", "unavailable") +
				"</ns1:getBookingsResponse>",
		},
		{
			name: "of none", operation: "getBookings", children: tags("minDate", "2026-07-01", "maxDate", "2026-07-31"),
			want: "<ns1:getBookingsResponse" + ns1 + "</ns1:getBookingsResponse>",
		},
		{
			name: "notifications", operation: "getNotifications",
			children: tags("minNotificationId", "4", "maxNotificationId", "5"),
			want: "<ns1:getNotificationsResponse" + ns1 +
				wire("notifications", "GFLX0002", "4", "2027-07-01", "2027-07-02", "unavailable") +
				wire("notifications", "GFLX0001", "5", "2027-07-06", "2027-07-07", "available") +
				"</ns1:getNotificationsResponse>",
		},
		{
			name: "from one on", operation: "getNotifications", children: tags("minNotificationId", "7"),
			wantPart: "<notificationId>7</notificationId>",
		},
		{
			name: "a bound of 0 is none", operation: "getNotifications",
			children: tags("minNotificationId", "7", "maxNotificationId", "0"), wantPart: "<notificationId>7</notificationId>",
		},
	})
}

// TestSOAPFaults: faults have the meanings of before, and are looked for in the order of before (rule 11).
func TestSOAPFaults(t *testing.T) {
	f := newFixture(t, `{}`)
	f.add(channel, "GFLX0001", "2027-07-01", "2027-07-07", "booked")
	many := tags("minDate", "2027-07-01", "maxDate", "2027-07-31") + strings.Repeat("<cgtId>GFLX0001</cgtId>", 1001)
	const failed = http.StatusInternalServerError
	f.calls([]soapCall{
		{
			name: "order before type", operation: "addBooking",
			children: days("GFLX0001", "2027-07-02", "2027-07-01") + tags("bookingType", "?"), status: failed,
			want: fault("the first date is after the last one"),
		},
		{
			name: "type", operation: "addBooking",
			children: days("GFLX0001", "2027-07-01", "2027-07-01") + tags("bookingType", "rented&amp;"), status: failed,
			want: fault("there is no bookingType &#34;rented&amp;&#34;: it must be booked, unavailable or available"),
		},
		{
			name: "order", operation: "cancelBooking", children: days("GFLX0001", "2027-07-02", "2027-07-01"), status: failed,
			want: fault("the first date is after the last one"),
		},
		{
			name: "order before many", operation: "getBookings", children: strings.Replace(many, "2027-07-31", "2027-06-30", 1),
			status: failed, want: fault("the first date is after the last one"),
		},
		{name: "many", operation: "getBookings", children: many, status: failed, want: fault("more than 1000 cgtId")},
		{
			name: "no more than many", operation: "getBookings",
			children: strings.Replace(many, "<cgtId>GFLX0001</cgtId>", "", 1), wantPart: "GFLX0001",
		},
		{
			name: "min above max before below 1", operation: "getNotifications",
			children: tags("minNotificationId", "-1", "maxNotificationId", "-2"), status: failed,
			want: fault("minNotificationId is above maxNotificationId"),
		},
		{
			name: "below 1", operation: "getNotifications", children: tags("minNotificationId", "-1"), status: failed,
			want: fault("a notification id is below 1"),
		},
		{
			name: "no number", operation: "getNotifications", children: tags("minNotificationId", "one"), status: failed,
			want: fault("a notification id is not a number: &#34;one&#34;"),
		},
		{
			name: "no date", operation: "cancelBooking", children: days("GFLX0001", "2027-02-30", "2027-07-01"), status: failed,
			want: fault("startDate is not a date: &#34;2027-02-30&#34;; it must be YYYY-MM-DD"),
		},
		{
			name: "lacking", operation: "cancelBooking", children: tags("cgtId", "GFLX0001", "startDate", "2027-07-01"),
			status: failed, want: fault("cancelBookingRequest lacks endDate"),
		},
		{
			name: "unknown", operation: "cancelBooking",
			children: days("GFLX0001", "2027-07-01", "2027-07-01") + tags("guest", "x"), status: failed,
			want: fault("cancelBookingRequest does not have the element guest here"),
		},
		{
			name: "twice", operation: "cancelBooking",
			children: days("GFLX0001", "2027-07-01", "2027-07-01") + tags("endDate", "2027-07-05"), status: failed,
			want: fault("cancelBookingRequest has endDate more than once"),
		},
		{
			name: "no operation", operation: "dropTables", status: failed,
			want: fault("there is no operation dropTablesRequest"),
		},
		{
			name: "held by another", who: portal, operation: "addBooking",
			children: days("GFLX0001", "2027-07-07", "2027-07-09") + tags("bookingType", "booked"), status: failed,
			want: fault("these days are held by another: 2027-07-07 (booked)"),
		},
		{
			name: "freed by another", who: portal, operation: "cancelBooking",
			children: days("GFLX0001", "2027-06-01", "2027-07-02"), status: failed,
			want: fault("these days are held by another: 2027-07-01 to 2027-07-02 (booked)"),
		},
		{
			name: "another's unit", who: single, operation: "cancelBooking",
			children: days("GFLX0002", "2027-07-01", "2027-07-02"), status: failed,
			want: fault("there is no cottage &#34;GFLX0002&#34;"),
		},
		{
			name: "no unit's name", operation: "cancelBooking", children: days("cottage", "2027-07-01", "2027-07-02"),
			status: failed, want: fault("there is no cottage &#34;cottage&#34;"),
		},
		{
			name: "no right", who: viewer, operation: "cancelBooking", children: days("GFLX0001", "2027-07-01", "2027-07-02"),
			status: http.StatusForbidden, want: fault("you do not have the right add"),
		},
		{
			name: "no partner", who: "channel:wrong", operation: "cancelBooking",
			children: days("GFLX0001", "2027-07-01", "2027-07-02"), status: http.StatusUnauthorized,
			wantPart: "<faultcode>SOAP-ENV:Client</faultcode>",
		},
	})
	if got := f.log(); got != "1 GFLX0001 2027-07-01 to 2027-07-07 booked channel" {
		t.Errorf("the log is\n%s", got)
	}
}

// TestOddBehaviours: what the old service did oddly (the [Q] of section 1.1), as it is decided in docs/stays.md. The
// old service fails each of these.
func TestOddBehaviours(t *testing.T) {
	t.Parallel()
	const failed = http.StatusInternalServerError
	one := days("GFLX0001", "2027-07-03", "2027-07-05")
	booked := tags("bookingType", "booked")
	none := "<ns1:getNotificationsResponse" + ns1 + "</ns1:getNotificationsResponse>"
	t.Run("02_a_partner_changes_only_its_cottages", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{
			{name: "its own", who: single, operation: "addBooking", children: one + booked, want: number("addBooking", 1)},
			{
				name: "another", who: single, operation: "addBooking",
				children: days("GFLX0002", "2027-07-03", "2027-07-05") + booked, status: failed, wantPart: "no cottage",
			},
			{
				name: "it sees its own", who: single, operation: "getBookings",
				children: tags("minDate", "2027-07-01", "maxDate", "2027-07-31"), wantPart: "GFLX0001",
			},
		})
		f.add(channel, "GFLX0002", "2027-07-03", "2027-07-05", "booked")
		f.calls([]soapCall{
			{
				name: "no other", who: single, operation: "getBookings",
				children: tags("minDate", "2027-07-01", "maxDate", "2027-07-31", "cgtId", "GFLX0002"),
				want:     "<ns1:getBookingsResponse" + ns1 + "</ns1:getBookingsResponse>",
			},
			{
				name: "nor its notifications", who: single, operation: "getNotifications",
				children: tags("minNotificationId", "2"), want: none,
			},
		})
	})
	t.Run("03_an_unknown_code_is_a_unit_that_status_shows", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{
			{
				name: "a code", operation: "addBooking", children: days("GFLX9999", "2027-07-03", "2027-07-05") + booked,
				want: number("addBooking", 1),
			},
			{
				name: "no code", operation: "addBooking", children: days("X", "2027-07-03", "2027-07-05") + booked,
				status: failed, wantPart: "no cottage",
			},
			{
				name: "not for all", who: single, operation: "addBooking",
				children: days("GFLX9998", "2027-07-03", "2027-07-05") + booked, status: failed, wantPart: "no cottage",
			},
		})
		units, err := f.ledger.Units(t.Context(), []string{"GFLX9999", "X", "GFLX9998"})
		if f.must(err); len(units) != 1 || units[0].Listed {
			t.Errorf("units %+v", units)
		}
	})
	t.Run("05_a_missing_type_is_booked", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{{name: "booked", operation: "addBooking", children: one, want: number("addBooking", 1)}})
		if got := f.log(); !strings.HasSuffix(got, "booked channel") {
			t.Error(got)
		}
	})
	t.Run("05_or_the_fault_of_before", func(t *testing.T) {
		f := newFixture(t, `{"soap": {"missing_type": "fault"}}`)
		f.calls([]soapCall{{name: "fault", operation: "addBooking", children: one, status: failed, wantPart: "bookingType"}})
	})
	t.Run("11_last_plus_one_is_an_empty_list", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{
			{name: "no change at all", operation: "getNotifications", children: tags("minNotificationId", "1"), want: none},
		})
		f.add(channel, "GFLX0001", "2027-07-03", "2027-07-05", "booked")
		f.calls([]soapCall{
			{name: "beyond", operation: "getNotifications", children: tags("minNotificationId", "2"), want: none},
			{
				name: "through beyond", operation: "getNotifications",
				children: tags("minNotificationId", "1", "maxNotificationId", "9"), wantPart: "<notificationId>1<",
			},
		})
	})
	t.Run("11_or_the_fault_of_before", func(t *testing.T) {
		f := newFixture(t, `{"soap": {"beyond_last": "fault", "zero": "refuse"}}`)
		f.add(channel, "GFLX0001", "2027-07-03", "2027-07-05", "booked")
		f.calls([]soapCall{
			{
				name: "beyond", operation: "getNotifications", children: tags("minNotificationId", "2"), status: failed,
				want: fault("a notification id is above the newest, 1"),
			},
			{
				name: "through beyond", operation: "getNotifications",
				children: tags("minNotificationId", "1", "maxNotificationId", "2"), status: failed,
				want: fault("a notification id is above the newest, 1"),
			},
			{
				name: "zero", operation: "getNotifications", children: tags("minNotificationId", "0"), status: failed,
				want: fault("a notification id is below 1"),
			},
			{
				name: "all there are", operation: "getNotifications",
				children: tags("minNotificationId", "1", "maxNotificationId", "1"), wantPart: "<notificationId>1<",
			},
		})
	})
	t.Run("11_zero_is_let_through", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{
			{name: "zero", operation: "getNotifications", children: tags("minNotificationId", "0"), want: none},
		})
	})
	t.Run("12_past_dates", func(t *testing.T) {
		f := newFixture(t, `{}`)
		past := days("GFLX0001", "2026-01-01", "2026-01-03") + booked
		f.calls([]soapCall{{name: "accepted", operation: "addBooking", children: past, want: number("addBooking", 1)}})
		g := &fixture{T: t}
		t.Run("refused", func(t *testing.T) {
			g = newFixture(t, `{"soap": {"past": "refuse"}}`)
			g.calls([]soapCall{
				{
					name: "refused", operation: "addBooking", children: past, status: failed,
					want: fault("days before 2027-01-30 can no longer be changed"),
				},
				{
					name: "a month ago", operation: "addBooking", children: days("GFLX0001", "2027-01-30", "2027-02-03") + booked,
					want: number("addBooking", 1),
				},
			})
		})
	})
	t.Run("15_the_length_of_a_range_is_bounded", func(t *testing.T) {
		f := newFixture(t, `{}`)
		f.calls([]soapCall{
			{
				name: "for ever", operation: "addBooking", children: days("GFLX0001", "1900-01-01", "9999-12-31") + booked,
				status: failed, wantPart: "at once",
			},
			{
				name: "far ahead", operation: "addBooking", children: days("GFLX0001", "2030-03-01", "2030-03-03") + booked,
				status: failed, want: fault("days after 2030-03-02 cannot be changed yet"),
			},
			{
				name: "readings of any window", operation: "getBookings",
				children: tags("minDate", "1900-01-01", "maxDate", "9999-12-31"),
				want:     "<ns1:getBookingsResponse" + ns1 + "</ns1:getBookingsResponse>",
			},
		})
	})
	t.Run("overwriting_as_before_is_reported", func(t *testing.T) {
		f := newFixture(t, `{}`)
		p, err := f.ledger.Partner(t.Context(), "portal")
		f.must(err)
		p.Conflicts = ledger.ConflictsOverwrite
		f.must(f.ledger.PutPartner(t.Context(), p))
		f.add(channel, "GFLX0001", "2027-07-01", "2027-07-07", "booked")
		f.add(portal, "GFLX0001", "2027-07-05", "2027-07-09", "unavailable")
		notices, err := f.ledger.Notices(t.Context())
		if f.must(err); len(notices) != 1 || notices[0].Change != 2 || len(notices[0].Holds) != 1 ||
			notices[0].Holds[0].Origin != "partner:channel" {
			t.Errorf("%+v", notices)
		}
	})
}

// TestDates: the three forms of a date are the same day, whatever their zone, and answers may end in Z.
func TestDates(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"2027-07-03", "2027-07-03Z", "2027-07-03+01:00", "2027-07-03-11:00", " 2027-07-03 "} {
		t.Run(form, func(t *testing.T) {
			f := newFixture(t, `{"soap": {"dates": "zulu"}}`)
			f.add(channel, "GFLX0001", form, form, "booked")
			f.calls([]soapCall{
				{
					name: "bookings", operation: "getBookings", children: tags("minDate", form, "maxDate", form),
					wantPart: "<startDate>2027-07-03Z</startDate><endDate>2027-07-03Z</endDate>",
				},
				{
					name: "notifications", operation: "getNotifications", children: tags("minNotificationId", "1"),
					wantPart: "<startDate>2027-07-03Z</startDate>",
				},
			})
		})
	}
}

// TestHostileXML: what is no request is refused, quickly and in SOAP's own words.
func TestHostileXML(t *testing.T) {
	f := newFixture(t, `{}`)
	operation := element("getNotificationsRequest", tags("minNotificationId", "1"))
	entity := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>`
	for name, c := range map[string]struct{ body, want string }{
		"nothing": {"", "not well-formed"},
		"text":    {"hello", "text where an element belongs"},
		"html":    {"<html/>", "not a SOAP envelope"},
		"half":    {strings.TrimSuffix(envelope(operation), "</s:Envelope>"), "not well-formed"},
		"an entity": {
			entity + envelope(element("getNotificationsRequest", "<minNotificationId>&b;</minNotificationId>")), "DOCTYPE",
		},
		"no entity": {
			envelope(element("getNotificationsRequest", "<minNotificationId>&b;</minNotificationId>")), "not well-formed",
		},
		"SOAP 1.2": {
			strings.ReplaceAll(envelope(operation), "schemas.xmlsoap.org/soap/envelope/", "www.w3.org/2003/05/soap-envelope"),
			"VersionMismatch",
		},
		"XML 1.1": {strings.Replace(envelope(operation), `version="1.0"`, `version="1.1"`, 1), "not XML 1.0"},
		"an encoding": {
			strings.Replace(envelope(operation), `version="1.0"`, `version="1.0" encoding="klingon"`, 1), "encoding",
		},
		"two operations": {envelope(operation + operation), "second element"},
		"no namespace": {
			envelope(`<getNotificationsRequest><minNotificationId>1</minNotificationId></getNotificationsRequest>`),
			"no element of the namespace",
		},
		"deep": {
			strings.Replace(envelope(operation), "<s:Body>",
				"<s:Header>"+strings.Repeat("<a>", 20)+strings.Repeat("</a>", 20)+"</s:Header><s:Body>", 1), "in one another",
		},
		"must understand": {
			strings.Replace(envelope(operation), "<s:Body>", `<s:Header><h s:mustUnderstand="1"/></s:Header><s:Body>`, 1),
			"MustUnderstand",
		},
	} {
		w := f.send(channel, http.MethodPost, "/calendar", c.body)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := f.send(channel, http.MethodPost, "/calendar",
		envelope(strings.Repeat(" ", 300<<10))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large one: %d %s", w.Code, w.Body)
	}
	latin := strings.Replace(envelope(element("cancelBookingRequest", days("\xe9", "2027-07-01", "2027-07-01"))),
		`version="1.0"`, `version="1.0" encoding="ISO-8859-1"`, 1)
	if w := f.send(channel, http.MethodPost, "/calendar", latin); !strings.Contains(w.Body.String(),
		"no cottage &#34;é&#34;") {
		t.Errorf("another encoding: %d %s", w.Code, w.Body)
	}
	header := strings.Replace(envelope(operation), "<s:Body>", `<s:Header><h><i/>x</h></s:Header><s:Body>`, 1)
	if w := f.send(channel, http.MethodPost, "/calendar", header); w.Code != http.StatusOK {
		t.Errorf("with a header: %d %s", w.Code, w.Body)
	}
}

// TestWSDL: the description is XML 1.0, at both paths, with the address that it was asked at, or the settings'.
func TestWSDL(t *testing.T) {
	f := newFixture(t, `{}`)
	if w := f.send("", http.MethodGet, "/calendar", ""); w.Code != http.StatusMethodNotAllowed ||
		w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/calendar?wsdl", "/calendar?WSDL=", "/++resource++booking.wsdl"} {
		w := f.send("", http.MethodGet, path, "")
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Body.String(), `<?xml version="1.0" encoding="UTF-8"?>`) ||
			!strings.Contains(w.Body.String(), `<soap:address location="https://stays.example.org/calendar"/>`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	t.Run("settings", func(t *testing.T) {
		f := newFixture(t, `{"address": "https://reservations.example.org/a&b"}`)
		if w := f.send("", http.MethodGet, "/calendar?wsdl", ""); !strings.Contains(w.Body.String(),
			`<soap:address location="https://reservations.example.org/a&amp;b/calendar"/>`) {
			t.Error(w.Body)
		}
	})
}
