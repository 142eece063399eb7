package bookings

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/soap"
)

// mostDays is how long a range may be that the SOAP service writes: what REST may, and a year of the past.
const mostDays = (stays.YearsAhead + 1) * 366

// wsdl answers with the service's description.
func (f *function) wsdl(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "/calendar" && !strings.EqualFold(strings.TrimSuffix(r.URL.RawQuery, "="), "wsdl") {
		w.Header().Set("Allow", http.MethodPost)
		return web.NewProblem(http.StatusMethodNotAllowed,
			"This is a SOAP service: POST to it, as /calendar?wsdl describes.", nil)
	}
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	address := settings.Address
	if address == "" {
		scheme := "http"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		address = scheme + "://" + r.Host
	}
	w.Header().Set("Content-Type", soap.ContentType)
	_ = soap.WriteWSDL(w, address+"/calendar") // the client is gone if this fails
	return nil
}

// soap serves the four operations. Every fault has the form that SOAP gives it.
func (f *function) soap(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w}
	err := f.operation(a, r) //nolint:contextcheck // the call has the request's
	switch {
	case err == nil:
	case a.begun:
		slog.ErrorContext(r.Context(), "SOAP answer broken off", slog.Any("error", err))
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	default:
		f.fault(w, r, unreachable(w, r, err))
	}
}

// An answer knows whether it has been begun.
type answer struct {
	http.ResponseWriter

	begun bool
}

func (a *answer) Write(p []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.Header().Set("Content-Type", soap.ContentType)
	}
	return a.ResponseWriter.Write(p)
}

// fault writes an error as a fault. The HTTP status is 500 (SOAP 1.1, section 6.2), but for what any HTTP client knows.
func (f *function) fault(w http.ResponseWriter, r *http.Request, err error) {
	status, fault := http.StatusInternalServerError, (*soap.Fault)(nil)
	var p *web.Problem
	switch {
	case errors.As(err, &fault):
		slog.WarnContext(r.Context(), "SOAP request refused", slog.Any("error", err))
	case errors.As(err, &p):
		status, fault = p.Status, soap.Client("%s", p.Detail)
		if p.Status >= http.StatusInternalServerError {
			fault.Code = "Server"
		}
		slog.WarnContext(r.Context(), "SOAP request failed", slog.Any("error", err))
	default:
		fault = &soap.Fault{Code: "Server", Text: "the service has failed"}
		slog.ErrorContext(r.Context(), "SOAP request failed", slog.Any("error", err))
	}
	w.Header().Set("Content-Type", soap.ContentType)
	w.WriteHeader(status)
	_ = soap.WriteFault(w, fault) // the client is gone if this fails
}

// operation reads a request and does what it asks for.
func (f *function) operation(w *answer, r *http.Request) error {
	c, err := f.enter(w, r, "")
	if err != nil {
		return err
	}
	req, err := soap.Read(http.MaxBytesReader(w, r.Body, soap.MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return web.NewProblem(http.StatusRequestEntityTooLarge, "the request is too large", err)
	}
	if err != nil {
		return err
	}
	right := ledger.RightView
	switch req.(type) {
	case soap.AddBooking, soap.CancelBooking:
		right = ledger.RightAdd
	}
	if !c.partner.May(right) {
		return web.NewProblem(http.StatusForbidden, "you do not have the right "+right, nil)
	}
	switch req := req.(type) {
	case soap.AddBooking:
		return f.addBooking(w, c, req)
	case soap.CancelBooking:
		return f.book(w, c, "cancelBooking", req.Unit, req.Start, req.End, stays.Available)
	case soap.GetBookings:
		return f.getBookings(w, c, req)
	case soap.GetNotifications:
		return f.getNotifications(w, c, req)
	}
	return errors.New("an operation that is read but not served")
}

var errOrder = soap.Client("the first date is after the last one")

func (f *function) addBooking(w *answer, c call, req soap.AddBooking) error {
	typ := stays.Type(req.Type)
	if typ == "" && c.settings.SOAP.MissingType != stays.Faults {
		typ = stays.Booked // as the documentation of the old service said, and its own client sent
	}
	return f.book(w, c, "addBooking", req.Unit, req.Start, req.End, typ)
}

// book changes days. Faults are looked for in the old service's order.
func (f *function) book(w *answer, c call, operation, unit string, first, last stays.Day, typ stays.Type) error {
	days := stays.Through(first, last)
	switch {
	case last < first:
		return errOrder
	case !typ.Known():
		return soap.Client("there is no bookingType %.40q: it must be booked, unavailable or available", typ)
	case !c.partner.Has(unit):
		return soap.Client("there is no cottage %.40q", unit)
	}
	if err := f.soapWindow(c, days); err != nil {
		return soap.Client("%s", err)
	}
	o := f.order(c, unit, days, typ)
	o.Adopt = c.partner.All && stays.IsCode(unit)
	result, err := f.Ledger.Change(c.Context(), o)
	var conflict *stays.Conflict
	switch {
	case errors.Is(err, ledger.ErrNoUnit):
		return soap.Client("there is no cottage %.40q", unit)
	case errors.As(err, &conflict):
		return soap.Client("%s", conflict)
	case err != nil:
		return err
	}
	f.overwritten(c.Context(), c, result)
	a := soap.Begin(w, operation, false)
	a.Number(result.Number)
	return a.End()
}

// soapWindow is the days that may be written: by default also those that are long past.
func (f *function) soapWindow(c call, days stays.Range) error {
	today := f.today(c.settings)
	if c.settings.SOAP.Past != stays.Refuse {
		if days.Days() > mostDays {
			return soap.Client("more than %d days at once", mostDays)
		}
		days.From = max(days.From, today)
		days.To = max(days.To, days.From+1)
	}
	return stays.CheckWindow(days, today)
}

func (f *function) getBookings(w *answer, c call, req soap.GetBookings) error {
	switch {
	case req.Max < req.Min:
		return errOrder
	case len(req.Units) > soap.MaxIDs:
		return soap.Client("more than %d cgtId", soap.MaxIDs)
	}
	days := stays.Through(req.Min, req.Max)
	parts, err := f.parts(c, c.visible(req.Units), days)
	if err != nil {
		return err
	}
	// Nothing is written before the first part is there: until then a fault can be answered.
	a := (*soap.Answer)(nil)
	for _, units := range parts {
		spans, err := f.spans(c, units, days)
		if err != nil {
			return err
		}
		if a == nil {
			a = f.begin(w, c, "getBookings")
		}
		for _, s := range spans {
			a.Booking(s)
		}
	}
	return a.End()
}

// Bounds of what is read at once for an answer.
const (
	daysAtOnce  = 400 // of all units
	unitsAtOnce = 200 // of more days
)

// parts are the units of an answer in parts. Each part is read whole before it is written, so that a slow reader does
// not hold a database connection. A part of nil is all units.
func (f *function) parts(c call, units []string, days stays.Range) ([][]string, error) {
	if days.Days() <= daysAtOnce {
		return [][]string{units}, nil
	}
	if units == nil {
		all, err := f.Ledger.Units(c.Context(), nil)
		if err != nil {
			return nil, err
		}
		for _, u := range all {
			units = append(units, u.Unit)
		}
	}
	units = slices.Clone(units)
	slices.Sort(units)
	parts := slices.Collect(slices.Chunk(slices.Compact(units), unitsAtOnce))
	if parts == nil {
		parts = [][]string{{}}
	}
	return parts, nil
}

func (f *function) spans(c call, units []string, days stays.Range) (list []stays.Span, err error) {
	for s, err := range f.Ledger.Spans(c.Context(), units, days) {
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (f *function) begin(w *answer, c call, operation string) *soap.Answer {
	return soap.Begin(w, operation, c.settings.SOAP.Dates == stays.Zulu)
}

// visible are those of some units, or with none of all, that are the partner's; nil are all.
func (c call) visible(units []string) []string {
	if len(units) == 0 {
		if c.partner.All {
			return nil
		}
		return append([]string{}, c.partner.Units...)
	}
	visible := []string{}
	for _, unit := range units {
		if c.partner.Has(unit) {
			visible = append(visible, unit)
		}
	}
	return visible
}

// notifications are read in parts, so that many need no memory.
const notificationsAtOnce = 1000

func (f *function) getNotifications(w *answer, c call, req soap.GetNotifications) error {
	head, err := f.Ledger.Head(c.Context())
	switch {
	case err != nil:
		return err
	case req.Max != 0 && req.Min > req.Max:
		return soap.Client("minNotificationId is above maxNotificationId")
	case req.Min < 0 || req.Max < 0 || req.Min == 0 && c.settings.SOAP.Zero == stays.Refuse:
		return soap.Client("a notification id is below 1")
	case c.settings.SOAP.BeyondLast == stays.Faults && max(req.Min, req.Max) > head.Number:
		return soap.Client("a notification id is above the newest, %d", head.Number)
	}
	a := (*soap.Answer)(nil)
	q := ledger.Query{After: req.Min - 1, Through: req.Max, Units: c.visible(nil), Limit: notificationsAtOnce}
	for {
		changes, err := f.Ledger.Changes(c.Context(), q)
		if err != nil {
			return err
		}
		if a == nil {
			a = f.begin(w, c, "getNotifications")
		}
		for _, change := range changes {
			a.Notification(change)
			q.After = change.Number
		}
		if len(changes) < notificationsAtOnce {
			return a.End()
		}
	}
}
