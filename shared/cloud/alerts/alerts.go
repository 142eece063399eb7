// Package alerts writes to a person when scheduled work fails again and again:
// one e-mail after the second failure in a row, and one when it works again. These are
// the rules and the settings; alerts/smtp sends.
package alerts

import (
	"errors"
	"net"
	"time"
)

// failuresToTell is how many runs in a row fail before somebody is written to: one failure is often the neighbour's
// short one.
const failuresToTell = 2

// A Record counts the failures of one piece of work; it is kept with that work's state.
type Record struct {
	Failures int       `json:"failures,omitempty"` // in a row
	Since    time.Time `json:"since,omitzero"`     // the first of them
	Told     bool      `json:"told,omitempty"`     // somebody has been written to
}

// Count takes a run's outcome.
func (r *Record) Count(failed bool, now time.Time) {
	if !failed {
		r.Failures = 0
		return
	}
	if r.Failures == 0 && !r.Told {
		r.Since = now
	}
	r.Failures++
}

// FailureDue reports whether the e-mail about a failure is to be sent; then call Tell.
func (r *Record) FailureDue() bool { return r.Failures >= failuresToTell && !r.Told }

// RecoveryDue reports whether the e-mail that all works again is to be sent; then call Tell.
func (r *Record) RecoveryDue() bool { return r.Failures == 0 && r.Told }

// Tell records that the e-mail that was due has been sent.
func (r *Record) Tell() {
	if r.Failures == 0 {
		*r = Record{}
		return
	}
	r.Told = true
}

// How the connection to the mail server is secured; by default with STARTTLS.
const (
	SecurityTLS  = "tls"
	SecurityNone = "none"
)

// A Mailbox is where e-mails go out.
type Mailbox struct {
	Host     string   `json:"host"`
	Port     int      `json:"port"`     // default 587, with tls 465
	Security string   `json:"security"` // starttls (default), tls or none
	Username string   `json:"username"`
	Password string   `json:"password"`
	From     string   `json:"from"`
	To       []string `json:"to"`
}

// Validate refuses a password that would leave this machine unsecured.
func (m *Mailbox) Validate() error {
	if ip := net.ParseIP(m.Host); m.Security == SecurityNone && m.Password != "" && m.Host != "localhost" &&
		(ip == nil || !ip.IsLoopback()) {
		return errors.New("at \"/smtp/security\": found none, expected starttls or tls, or the password would be sent in " +
			"the clear")
	}
	return nil
}

// An Email is plain text to people. ID is the same for the same fact, so that a repeat is known as one.
type Email struct {
	ID, Subject, Text string
	To                []string // default the mailbox's
}
