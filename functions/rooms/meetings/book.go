package meetings

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/googleapis/gax-go/v2"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

// request is the body of POST /meetings.
type request struct {
	ClientID string   `json:"client_id"`
	RoomName string   `json:"room_name"`
	Duration duration `json:"duration_mins"` // minutes, as a number or a string; default 60
	Fit      bool     `json:"fit"`           // shorten rather than refuse
}

const (
	defaultMins = 60
	maxMins     = 480
)

// duration is a whole number of minutes.
type duration int

// UnmarshalJSON takes 30, 30.0 and "30": displays in the field send each. null is the default.
func (d *duration) UnmarshalJSON(data []byte) error {
	text := string(data)
	if text == "null" {
		return nil
	}
	var mins float64
	var err error
	if unquoted := ""; json.Unmarshal(data, &unquoted) == nil {
		var whole uint64
		whole, err = strconv.ParseUint(strings.Trim(unquoted, " "), 10, 16)
		mins = float64(whole)
	} else {
		mins, err = strconv.ParseFloat(text, 64)
	}
	if err != nil || mins < 1 || mins > maxMins || mins != math.Trunc(mins) {
		return web.NewProblem(http.StatusBadRequest,
			fmt.Sprintf("duration_mins must be a whole number of minutes from 1 to %d.", maxMins), nil)
	}
	*d = duration(mins)
	return nil
}

func (d duration) time() time.Duration { return time.Duration(d) * time.Minute }

// bookedMeeting is the answer to POST /meetings.
type bookedMeeting struct {
	RoomName string `json:"room_name"`
	meeting

	DurationMins int `json:"duration_mins"`
}

func (f *function) post(w http.ResponseWriter, r *http.Request) error {
	secret := web.Bearer(r)
	if secret == "" {
		return web.NewProblem(http.StatusUnauthorized, "Give the Arduino client_id, and its secret as the bearer token.", nil)
	}
	body := request{Duration: defaultMins}
	if err := web.DecodeKnown(w, r, &body); err != nil {
		return err
	}
	_, room, err := f.room(r.Context(), body.ClientID, secret, body.RoomName)
	if err != nil {
		return err
	}
	m, err := f.book(r.Context(), room, r.Header.Get("Idempotency-Key"), body)
	if err != nil {
		return failed(err)
	}
	w.Header().Set("Location",
		"/meetings/"+m.ID+"?"+url.Values{"client_id": {body.ClientID}, "room_name": {room.Name}}.Encode())
	return web.WriteJSON(w, http.StatusCreated, bookedMeeting{room.Name, m, int(m.End.Sub(m.Start).Minutes())})
}

// failed tells what a person must mend, else to try again.
func failed(err error) error {
	problem, told := errors.AsType[*web.Problem](err)
	reason, permanent := googlecal.Permanent(err)
	switch {
	case told:
		return problem
	case permanent:
		return web.NewProblem(http.StatusServiceUnavailable, rooms.Advice(reason), err)
	default:
		return web.Unavailable(err)
	}
}

// book makes the meeting under a claim, so that no other display gets as far.
func (f *function) book(ctx context.Context, room rooms.Room, key string, body request) (meeting, error) {
	id := eventID(room.Name, key)
	switch m, found, err := f.claim(ctx, room, key, id, body); {
	case found:
		return m, err
	case errors.Is(err, bookings.ErrClaimed):
		if m, found, err := f.earlier(ctx, room, key, id, body); found || err != nil {
			return m, err
		}
		return meeting{}, busy(0, "Somebody is booking this room at this moment.")
	case errors.Is(err, bookings.ErrRepeated):
		return meeting{}, web.NewProblem(http.StatusServiceUnavailable,
			"The first request with this Idempotency-Key has not ended; try again in a minute.", nil)
	case errors.Is(err, bookings.ErrUnsettled):
		return meeting{}, web.NewProblem(http.StatusServiceUnavailable,
			"Google Calendar did not answer to the last booking, and it may yet be made; try again in half a minute.", err)
	case err != nil:
		return meeting{}, err
	}
	m, outcome, err := f.underClaim(ctx, room, key, id, body)
	if cerr := f.desk.Close(context.WithoutCancel(ctx), room, id, outcome); cerr != nil {
		slog.WarnContext(ctx, "claim not released, its lease will end it", slog.String("room", room.Name),
			slog.Any("error", cerr))
	}
	f.forget(room.Name)
	return m, err
}

const (
	repeatWait = 15 * time.Second // a display waits no longer
	repeatPoll = 200 * time.Millisecond
	// repeatLook is after how long the calendar is asked for what the twin has made, in case that died. A booking takes
	// less.
	repeatLook = 3 * time.Second
)

// claim takes the room; a request whose twin with the same key is at work waits for it, to answer as it did. found says
// that the twin's meeting stands, whether or not the twin is still there, and whether or not Google had answered it.
func (f *function) claim(
	ctx context.Context, room rooms.Room, key, id string, body request,
) (m meeting, found bool, err error) {
	for waited := time.Duration(0); waited < repeatWait; waited += repeatPoll {
		err = f.desk.Take(ctx, room, id, f.Now())
		repeated := errors.Is(err, bookings.ErrRepeated)
		if key != "" && errors.Is(err, bookings.ErrUnsettled) || repeated && waited > 0 && waited%repeatLook == 0 {
			if stands, err := bookings.Stands(ctx, f.Calendar, room, id, f.Now()); err == nil && stands {
				return f.earlier(ctx, room, key, id, body)
			}
		}
		if !repeated {
			return m, false, err
		}
		if err := gax.Sleep(ctx, repeatPoll); err != nil {
			return m, false, err
		}
	}
	return m, false, err
}

// underClaim answers the meeting that was booked with the key, else books one.
func (f *function) underClaim(
	ctx context.Context, room rooms.Room, key, id string, body request,
) (meeting, bookings.Outcome, error) {
	switch m, found, err := f.earlier(ctx, room, key, id, body); {
	case err != nil:
		return m, bookings.Absent, err
	case found:
		return m, bookings.Standing, nil
	}
	return f.insert(ctx, room, id, body)
}

// earlier returns the meeting that a request with the same key made, if a key was given.
func (f *function) earlier(ctx context.Context, room rooms.Room, key, id string, body request) (meeting, bool, error) {
	if key == "" {
		return meeting{}, false, nil
	}
	e, err := f.Calendar.Get(ctx, room.CalendarID, id)
	if googlecal.NotFound(err) {
		return meeting{}, false, nil
	}
	if err != nil {
		return meeting{}, false, err
	}
	span, ok := e.Interval(room.Zone)
	switch {
	case e.Cancelled() || !ok:
		return meeting{}, true, web.NewProblem(http.StatusConflict,
			"The meeting that was booked with this Idempotency-Key has been deleted; use a new key.", nil)
	case e.Request != "" && e.Request != body.fingerprint():
		return meeting{}, true, web.NewProblem(http.StatusUnprocessableEntity,
			"This Idempotency-Key was used for another booking; use a new key for each.", nil)
	}
	return meeting{ID: id, Title: e.Summary, Start: span.Start, End: span.End, Booked: true}, true, nil
}

// fingerprint is what of a request must be the same when it is repeated with its key.
func (r request) fingerprint() string { return fmt.Sprintf("%d %t", r.Duration, r.Fit) }

// insert looks, books, and looks again: against a person's event that came between, ours yields. Whatever a listing
// found is published: a display that is refused shows why.
func (f *function) insert(
	ctx context.Context, room rooms.Room, id string, body request,
) (m meeting, outcome bookings.Outcome, err error) {
	began := f.Now()
	before, err := f.Calendar.Coming(ctx, room)
	if err != nil {
		return meeting{}, bookings.Absent, err
	}
	room = room.In(before.TimeZone)
	plan := room.PlanBooking(before.Events, began, body.Duration.time(), body.Fit)
	if !plan.Fits {
		f.publish(ctx, before)
		return meeting{}, bookings.Absent, busy(plan.Available, "The room is not free for that long.")
	}
	title := room.BookedTitle()
	err = f.Calendar.Insert(ctx, room.CalendarID, googlecal.Booking{
		Interval: plan.Interval, ID: id, Title: title, Room: room.Name, Request: body.fingerprint(),
	})
	if err != nil && !googlecal.Duplicate(err) {
		if outcome := f.inserted(ctx, room, id, err); outcome != bookings.Unverified {
			return meeting{}, outcome, err
		}
	}
	after, err := f.Calendar.Coming(ctx, room)
	if err != nil {
		return meeting{}, bookings.Unverified, err
	}
	if _, taken := room.Conflict(after.Events, id, plan.Interval); taken {
		if err := f.Calendar.Delete(ctx, room.CalendarID, id); err != nil {
			return meeting{}, bookings.Unverified, err
		}
		after.Events = slices.DeleteFunc(after.Events, func(e calendar.Event) bool { return e.ID == id })
		f.publish(ctx, after)
		left := room.PlanBooking(after.Events, began, body.Duration.time(), false).Available
		return meeting{}, bookings.Absent, busy(left, "Somebody else took the room at this moment.")
	}
	f.publish(ctx, after)
	slog.InfoContext(ctx, "room booked", slog.String("room", room.Name), slog.Time("start", plan.Start),
		slog.Time("end", plan.End),
		slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
	return meeting{ID: id, Title: title, Start: plan.Start, End: plan.End, Booked: true}, bookings.Standing, nil
}

// inserted finds out what became of an insertion that failed: it may have been made all the same.
func (f *function) inserted(ctx context.Context, room rooms.Room, id string, cause error) bookings.Outcome {
	if _, refused := googlecal.Permanent(cause); refused {
		return bookings.Absent
	}
	e, err := f.Calendar.Get(googlecal.Once(ctx), room.CalendarID, id)
	switch {
	case err != nil && !googlecal.NotFound(err):
		return bookings.Unanswered
	case err == nil && !e.Cancelled():
		return bookings.Unverified
	case googlecal.Answered(cause):
		return bookings.Absent
	default:
		return bookings.Unanswered
	}
}

// publish tells displays what a booking has read. Where that fails, Google's push tells them.
func (f *function) publish(ctx context.Context, msg rooms.EventsMessage) {
	msg.Why = rooms.WhyBooking
	if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicEvents, msg, nil); err != nil {
		slog.WarnContext(ctx, "what the booking read is not published",
			slog.String("room", msg.RoomName), slog.Any("error", err))
	}
}

func busy(available time.Duration, detail string) error {
	p := web.NewProblem(http.StatusConflict, detail, nil)
	p.Type = web.ProblemType + "room-busy"
	p.Extra = map[string]any{"available_mins": int(available.Minutes())}
	return p
}

// eventID is a Calendar event id (base32hex, reference/events): the same for the same key, else random.
func eventID(room, key string) string {
	var sum [sha256.Size]byte
	if key != "" {
		sum = sha256.Sum256([]byte(room + "\n" + key))
	} else {
		_, _ = rand.Read(sum[:]) // it never fails (crypto/rand)
	}
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20]))
}

// delete removes a meeting that was booked at this room's display, and no other.
func (f *function) delete(w http.ResponseWriter, r *http.Request) error {
	body := struct {
		ClientID string `json:"client_id"`
		RoomName string `json:"room_name"`
	}{r.URL.Query().Get("client_id"), r.URL.Query().Get("room_name")}
	if err := web.DecodeIfAny(w, r, &body); err != nil {
		return err
	}
	ctx := r.Context()
	_, room, err := f.room(ctx, body.ClientID, web.Bearer(r), body.RoomName)
	if err != nil {
		return err
	}
	if err := f.remove(ctx, room, r.PathValue("id")); err != nil {
		return failed(err)
	}
	f.forget(room.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// booked returns a meeting that was booked at this room's display.
func (f *function) booked(ctx context.Context, room rooms.Room, id string) (calendar.Event, error) {
	e, err := f.Calendar.Get(ctx, room.CalendarID, id)
	if reason, permanent := googlecal.Permanent(err); googlecal.NotFound(err) || permanent && reason == "invalid" ||
		err == nil && e.Booking != room.Name {
		return e, web.NewProblem(http.StatusNotFound, "No meeting booked at this room's display has this id.", err)
	}
	return e, err
}

// getBooked answers the meeting that a 201's Location leads to.
func (f *function) getBooked(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	_, room, err := f.room(r.Context(), query.Get("client_id"), web.Bearer(r), query.Get("room_name"))
	if err != nil {
		return err
	}
	e, err := f.booked(r.Context(), room, r.PathValue("id"))
	if err != nil {
		return failed(err)
	}
	span, ok := e.Interval(room.Zone)
	if e.Cancelled() || !ok {
		return web.NewProblem(http.StatusNotFound, "The meeting has been deleted.", nil)
	}
	w.Header().Set("Cache-Control", "no-store")
	m := meeting{ID: e.ID, Title: e.Summary, Start: span.Start, End: span.End, Booked: true}
	return web.WriteJSON(w, http.StatusOK, bookedMeeting{room.Name, m, int(m.End.Sub(m.Start).Minutes())})
}

func (f *function) remove(ctx context.Context, room rooms.Room, id string) error {
	e, err := f.booked(ctx, room, id)
	if err != nil || e.Cancelled() {
		return err
	}
	if err := f.Calendar.Delete(ctx, room.CalendarID, id); err != nil {
		return err
	}
	slog.InfoContext(ctx, "booking deleted", slog.String("room", room.Name), slog.String("why", "display"))
	coming, err := f.Calendar.Coming(ctx, room)
	if err != nil { // the meeting is gone, and Google's push will tell the display
		slog.WarnContext(ctx, "deleted, but not listed", slog.String("room", room.Name), slog.Any("error", err))
		return nil
	}
	f.publish(ctx, coming)
	return nil
}
