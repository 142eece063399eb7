package stays

import "time"

// TopicNotifications carries changes to the website's table, from stays/relay to stays/reservations.
const TopicNotifications = "stays_notifications"

// TopicBroker carries messages of the broker that cannot be applied, on their way to the dead letters.
const TopicBroker = "stays_broker"

// KindBroker is the kind of its messages.
const KindBroker = "broker"

// A Notification is accepted changes, in the order of their numbers. It may be redelivered, also after later ones.
type Notification struct {
	Version int      `json:"version"` // 1
	Ledger  string   `json:"ledger"`
	Epoch   int64    `json:"epoch"` // a higher one's numbers are all later
	Changes []Update `json:"changes"`
}

// NotificationVersion is the version that this code writes and reads.
const NotificationVersion = 1

// An Update is the effect of an accepted change on a unit, both ends included. The updates of a snapshot have one
// number.
type Update struct {
	Number int64     `json:"seq"`
	Unit   string    `json:"unit"`
	From   Day       `json:"from"`
	To     Day       `json:"to"`
	Type   Type      `json:"type"`
	Origin Origin    `json:"origin,omitempty"`
	Actor  Origin    `json:"actor,omitempty"`
	At     time.Time `json:"at"`
}

// UpdateOf is the effect of a change.
func UpdateOf(c Change) Update {
	return Update{c.Number, c.Unit, c.From, c.Last(), c.Type, c.Origin, c.Actor, c.At}
}

// Range is the days of an update.
func (u Update) Range() Range { return Through(u.From, u.To) }
