package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/sim/rabbit"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/broker/pickle"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// An outbox keeps what is published.
type outbox struct {
	mu      sync.Mutex
	kept    map[string][]messages.Message // by topic
	refused int                           // so many more messages
}

// refuse makes the next messages fail.
func (o *outbox) refuse(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.refused = n
}

func (o *outbox) Publish(_ context.Context, topic string, m messages.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refused > 0 {
		o.refused--
		return errors.New("refused")
	}
	if o.kept == nil {
		o.kept = map[string][]messages.Message{}
	}
	o.kept[topic] = append(o.kept[topic], m)
	return nil
}

// take returns what was published to a topic, and forgets it.
func (o *outbox) take(topic string) []messages.Message {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.kept[topic]
	delete(o.kept, topic)
	return list
}

// run has the relay look at the log.
func (f *fixture) run() {
	f.Helper()
	if code := f.deliver(messages.Message{}); code != http.StatusNoContent {
		f.Fatalf("the run answers %d", code)
	}
}

// deliver hands the relay a message.
func (f *fixture) deliver(m messages.Message) int {
	f.Helper()
	d := messages.Delivery{Subscription: "projects/p/subscriptions/s"}
	d.Message.ID, d.Message.Data, d.Message.Attributes = "1", m.Data, m.Attributes
	d.Message.PublishTime = time.Now()
	body, err := json.Marshal(d)
	f.must(err)
	return f.send(http.MethodPost, "/", string(body), nil)
}

// A neighbour is the old half at the broker.
type neighbour struct {
	*testing.T

	ch *amqp.Channel
}

func newNeighbour(t *testing.T, s *rabbit.Server) neighbour {
	t.Helper()
	conn, err := amqp.DialConfig("amqp://127.0.0.1:"+strconv.Itoa(s.Port), amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: rabbit.User, Password: rabbit.Password}}, Vhost: rabbit.VHost,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return neighbour{t, ch}
}

func (n neighbour) put(h broker.Half, contentType string, body []byte) {
	n.Helper()
	err := n.ch.PublishWithContext(n.Context(), h.Exchange, h.Key, true, false, amqp.Publishing{
		ContentType: contentType, DeliveryMode: amqp.Persistent, Body: body,
	})
	if err != nil {
		n.Fatal(err)
	}
	n.waitFor(h, func(messages int) bool { return messages > 0 })
}

// waitFor waits until a half's queue is as it should be: what is published is there a moment later.
func (n neighbour) waitFor(h broker.Half, ok func(messages int) bool) {
	n.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		q, err := n.ch.QueueDeclarePassive(h.Queue, true, false, false, false, nil)
		if err != nil {
			n.Fatal(err)
		}
		if ok(q.Messages) {
			return
		}
		if time.Now().After(end) {
			n.Fatalf("%s has %d messages", h.Queue, q.Messages)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// get takes the next message of a half's queue.
func (n neighbour) get(h broker.Half) amqp.Delivery {
	n.Helper()
	d, ok, err := n.ch.Get(h.Queue, true)
	if err != nil || !ok {
		n.Fatalf("%s: %v, %v", h.Queue, ok, err)
	}
	return d
}

func settingsOf(s *rabbit.Server, replaces string) map[string]any {
	return map[string]any{"replaces": replaces, "broker": map[string]any{
		"host": "127.0.0.1", "port": s.Port, "user": rabbit.User, "password": rabbit.Password,
	}}
}

const python = "application/x-python-serialize"

// golden is a message of the old site, as Python 2's cPickle wrote it: the 3rd to the 5th of July 2027 of GFLX0001, in
// protocol 0.
func golden(selection string) []byte {
	return pickle.SiteToService("12", "GFLX0001", july(3), july(5), selection)
}

func july(day int) pickle.Date { return pickle.Date{Year: 2027, Month: time.July, Day: day} }

// TestOldHalves runs beside each half of the old system at a real broker, as the cloud does it: each run opens, sends,
// takes what came, and closes.
//
//nolint:tparallel // the halves' queues are those of one server
func TestOldHalves(t *testing.T) {
	t.Parallel()
	server := rabbit.Start(t)
	day := stays.Date(2027, time.July, 3)
	t.Run("the service", func(t *testing.T) { //nolint:paralleltest // see above
		// Carillon is the service; the old site is there
		f := newFixture(t, settingsOf(server, stays.ReplacesService))
		f.run() // from here on the other half is sent what changes
		f.take()
		f.run()
		n := newNeighbour(t, server)
		for i, want := range []pickle.Dict{
			{"notf_id": int64(1), "start_date": july(3), "end_date": july(5)},
			{"notf_id": int64(2), "start_date": july(4), "end_date": july(4)},
		} {
			d := n.get(broker.Service)
			read, err := pickle.Read(d.Body)
			if err != nil || d.ContentType != python || d.DeliveryMode != amqp.Persistent || read["booking_type"] != "booked" ||
				read["cgt_id"] != "GFLX0001" {
				t.Errorf("message %d: %v %s %d %v", i, read, d.ContentType, d.DeliveryMode, err)
			}
			for key, value := range want {
				if read[key] != value {
					t.Errorf("message %d has %s %v, expected %v", i, key, read[key], value)
				}
			}
		}
		if got := f.outbox.take(stays.TopicNotifications); len(got) > 0 {
			t.Errorf("the old site writes its table itself, and %d messages were sent to ours", len(got))
		}

		n.put(broker.Website, python, golden("indisp")) // over what partners hold: the site shows it already
		f.run()
		holds, err := f.ledger.Holds(t.Context(), "GFLX0001", stays.Range{From: day, To: day + 3})
		if err != nil || len(holds) != 1 || holds[0].Origin != stays.Website || holds[0].Type != stays.Unavailable ||
			holds[0].Days() != 3 {
			t.Errorf("%v, %v", holds, err)
		}
		notices, err := f.ledger.Notices(t.Context())
		if err != nil || len(notices) != 2 || len(notices[1].Holds) != 3 {
			t.Errorf("who lost days is told: %+v, %v", notices, err)
		}
		n.waitFor(broker.Service, func(messages int) bool { return messages == 0 }) // its author is not sent it

		f.mustUndo(3)
		f.run()
		n.waitFor(broker.Service, func(messages int) bool { return messages == 3 }) // who undoes it is another
		_, err = n.ch.QueuePurge(broker.Service.Queue, false)
		f.must(err)
	})
	t.Run("the site", func(t *testing.T) { //nolint:paralleltest // see above
		// Carillon is the site; the old service is there
		f := newFixture(t, settingsOf(server, stays.ReplacesSite))
		f.run()
		n := newNeighbour(t, server)
		body := pickle.ServiceToSite("unavailable", "GFLX0777", july(3), july(5), 41)
		n.put(broker.Service, python, body)
		n.put(broker.Service, python, body) // it comes twice
		f.run()
		changes, err := f.ledger.Changes(t.Context(), ledger.Query{})
		if err != nil || len(changes) != 1 || changes[0].Unit != "GFLX0777" || changes[0].Origin != stays.Service ||
			changes[0].Type != stays.Unavailable {
			t.Errorf("%+v, %v", changes, err)
		}
		f.take()
		f.run()
		if got := f.outbox.take(stays.TopicNotifications); len(got) == 0 {
			t.Error("our table is not sent anything")
		}
		d := n.get(broker.Website)
		read, err := pickle.Read(d.Body)
		if err != nil || read["typeOfSelection"] != "loue" || read["cgtId"] != "GFLX0001" {
			t.Errorf("%v, %v", read, err)
		}
		_, err = n.ch.QueuePurge(broker.Website.Queue, false)
		f.must(err)
	})
	t.Run("both", func(t *testing.T) { //nolint:paralleltest // see above; what they have left is taken, nothing is sent
		f := newFixture(t, settingsOf(server, stays.ReplacesBoth))
		n := newNeighbour(t, server)
		n.put(broker.Website, python, golden("loue"))
		n.put(broker.Service, "application/json", []byte(
			`{"version":1,"seq":9,"unit":"GFLX0001","from":"2027-08-01","to":"2027-08-02","type":"booked"}`))
		n.put(broker.Service, python, []byte("cos\nsystem\n(S'true'\ntR."))
		n.put(broker.Service, "text/plain", []byte("hello"))
		f.run()
		for _, h := range []broker.Half{broker.Website, broker.Service} {
			n.waitFor(h, func(messages int) bool { return messages == 0 })
		}
		changes, err := f.ledger.Changes(t.Context(), ledger.Query{})
		if err != nil || len(changes) != 2 {
			t.Errorf("%+v, %v", changes, err)
		}
		dead := f.outbox.take(stays.TopicBroker)
		if len(dead) != 2 {
			t.Fatalf("%d messages that cannot be read are kept", len(dead))
		}
		var kept relay.BrokerMessage
		f.must(json.Unmarshal(dead[0].Data, &kept))
		if string(kept.Body) != "cos\nsystem\n(S'true'\ntR." || kept.Queue != broker.Service.Queue {
			t.Errorf("%+v", kept)
		}
		if code := f.deliver(dead[0]); code != http.StatusBadRequest { // until it is a dead letter
			t.Errorf("it is answered %d", code)
		}
	})
	t.Run("the same days again", func(t *testing.T) { //nolint:paralleltest // see above
		f := newFixture(t, settingsOf(server, stays.ReplacesService))
		f.run()
		n := newNeighbour(t, server)
		changes := func() int {
			list, err := f.ledger.Changes(t.Context(), ledger.Query{})
			f.must(err)
			return len(list)
		}
		for range 2 { // a redelivery changes nothing
			n.put(broker.Website, python, golden("loue"))
			f.run()
		}
		if got := changes(); got != 1 {
			t.Errorf("%d changes after a redelivery", got)
		}
		_, err := f.ledger.Change(t.Context(), ledger.Order{Request: stays.Request{
			Unit: "GFLX0001", Range: stays.Range{From: day, To: day + 3}, Type: stays.Available, Origin: stays.Staff,
			Overwrite: true,
		}})
		f.must(err)
		n.put(broker.Website, python, golden("loue")) // the site books the freed days again, with the same bytes
		f.run()
		holds, err := f.ledger.Holds(t.Context(), "GFLX0001", stays.Range{From: day, To: day + 3})
		if err != nil || len(holds) != 1 {
			t.Errorf("a booking of freed days is lost: %v, %v", holds, err)
		}
		_, err = n.ch.QueuePurge(broker.Service.Queue, false)
		f.must(err)
	})
	t.Run("an older change", func(t *testing.T) { //nolint:paralleltest // see above
		f := newFixture(t, settingsOf(server, stays.ReplacesService))
		f.run()
		n := newNeighbour(t, server)
		f.send(http.MethodPost, "/destinations/broker/pause", "{}", nil)
		f.bookAs("channel", day)   // the site closes this day later
		f.bookAs("channel", day+9) // and not this one
		n.put(broker.Website, python, golden("indisp"))
		f.run()
		f.send(http.MethodPost, "/destinations/broker/resume", "{}", nil)
		f.run()
		read, err := pickle.Read(n.get(broker.Service).Body)
		if err != nil || read["start_date"] != july(12) {
			t.Errorf("the site is sent %v, %v", read, err)
		}
		n.waitFor(broker.Service, func(messages int) bool { return messages == 0 })
	})
	t.Run("a code that cannot be kept", func(t *testing.T) { //nolint:paralleltest // see above
		f := newFixture(t, settingsOf(server, stays.ReplacesSite))
		n := newNeighbour(t, server)
		const form = `{"version":1,"seq":%d,"unit":"%s","from":"2027-08-01","to":"2027-08-02","type":"booked"}`
		for i, unit := range []string{`A\u0000B`, "no code", "GFLX0001"} {
			n.put(broker.Service, "application/json", fmt.Appendf(nil, form, i+1, unit))
		}
		f.run()
		changes, err := f.ledger.Changes(t.Context(), ledger.Query{})
		if err != nil || len(changes) != 1 || changes[0].Unit != "GFLX0001" {
			t.Errorf("%+v, %v", changes, err)
		}
		if dead := f.outbox.take(stays.TopicBroker); len(dead) != 2 {
			t.Errorf("%d messages go to the dead letters", len(dead))
		}
		if code := f.send(http.MethodPost, "/destinations/queue/pause", "{}", nil); code != http.StatusNotFound ||
			f.destination(relay.SourceBroker).Paused {
			t.Errorf("the queue is no destination: %d, %+v", code, f.destination(relay.SourceBroker))
		}
	})
	t.Run("faults", func(t *testing.T) { //nolint:paralleltest // see above
		n := newNeighbour(t, server)
		if _, err := n.ch.QueueDelete(broker.Service.Queue, false, false, false); err != nil {
			t.Fatal(err)
		}
		if _, err := n.ch.QueueDeclare(broker.Service.Queue, true, false, false, false,
			amqp.Table{"x-max-length": int32(5)}); err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			change map[string]any
			code   string
		}{
			"another argument": {nil, broker.Declared},
			"password":         {map[string]any{"password": "wrong"}, broker.Refused},
			"vhost":            {map[string]any{"vhost": "/other"}, broker.NoVHost},
			"away":             {map[string]any{"port": 1}, broker.Unreachable},
		} {
			settings := settingsOf(server, stays.ReplacesService)
			maps.Copy(settings["broker"].(map[string]any), test.change) //nolint:forcetypeassert // made above
			f := newFixture(t, settings)
			f.run()
			f.take()
			f.run()
			d := f.destination(relay.DestinationBroker)
			if d.Code != test.code || d.Failing == nil || d.Lag != 2 {
				t.Errorf("%s: %+v, expected %s", name, d, test.code)
			}
		}
	})
}

func (f *fixture) mustUndo(number int64) {
	f.Helper()
	if code := f.send(http.MethodPost, fmt.Sprintf("/changes/%d/undo", number), "{}", nil); code != http.StatusOK {
		f.Fatalf("undo: %d", code)
	}
}

// destination is how a destination is by the status.
func (f *fixture) destination(name string) relay.Destination {
	f.Helper()
	var s relay.Status
	f.send(http.MethodGet, "/status", "", &s)
	for _, d := range s.Destinations {
		if d.Name == name {
			return d
		}
	}
	f.Fatalf("there is no destination %s in %+v", name, s.Destinations)
	return relay.Destination{}
}
