package stays

import "time"

// TopicNotifications carries what is delivered to the website's table, from stays/relay to stays/reservations.
const TopicNotifications = "stays_notifications"

// TopicBroker carries messages of the broker that could not be read, on their way to the dead letters.
const TopicBroker = "stays_broker"

// KindBroker is the kind of its messages.
const KindBroker = "broker"

// A Notification is accepted changes, in the order of their numbers. It may come again, and after later ones.
type Notification struct {
	Version int      `json:"version"` // 1
	Ledger  string   `json:"ledger"`
	Epoch   int64    `json:"epoch"` // a higher one's numbers are all later
	Changes []Update `json:"changes"`
}

// NotificationVersion is the version that this code writes and reads.
const NotificationVersion = 1

// An Update is what an accepted change did to a unit: both ends are in it. Several may have one number, where a ledger
// is sent as it is.
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

// UpdateOf is what a change did.
func UpdateOf(c Change) Update {
	return Update{c.Number, c.Unit, c.From, c.Last(), c.Type, c.Origin, c.Actor, c.At}
}

// Range is the days of an update.
func (u Update) Range() Range { return Through(u.From, u.To) }
