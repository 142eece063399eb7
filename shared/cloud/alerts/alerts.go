// Package alerts writes to a person when scheduled work fails again and again:
// one e-mail after the second failure in a row, and one when it works again.
package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	"github.com/wneessen/go-mail"
)

// failuresToTell is how many runs in a row fail before somebody is written to: one failure is often the neighbour's short one.
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

// How the connection to the mail server is secured.
const (
	securityTLS  = "tls"
	securityNone = "none"
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
	if ip := net.ParseIP(m.Host); m.Security == securityNone && m.Password != "" && m.Host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("at \"/smtp/security\": found none, expected starttls or tls, or the password would be sent in the clear")
	}
	return nil
}

// An Email is plain text to people. ID is the same for the same fact, so that a repeat is known as one.
type Email struct {
	ID, Subject, Text string
	To                []string // default the mailbox's
}

// timeout bounds a conversation with the mail server.
const timeout = 20 * time.Second

// Send hands the e-mail to the mail server. Errors name no address and no password.
func (m *Mailbox) Send(ctx context.Context, e Email) error {
	msg := mail.NewMsg()
	to := e.To
	if len(to) == 0 {
		to = m.To
	}
	if msg.From(m.From) != nil || msg.To(to...) != nil {
		return errors.New("the sender's or a receiver's e-mail address in the settings is none")
	}
	msg.Subject(e.Subject)
	msg.SetMessageIDWithValue(e.ID + "@carillon")
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, e.Text)
	client, err := mail.NewClient(m.Host, m.options()...)
	if err != nil {
		return fmt.Errorf("reading the mail server's settings: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return fmt.Errorf("the mail server %s did not take the e-mail: %w", m.Host, reason(err))
	}
	return nil
}

// reason is what a person can act on: the library's own text holds the receivers' addresses.
func reason(err error) error {
	if sent, ok := errors.AsType[*mail.SendError](err); ok {
		return errors.New(sent.Reason.String())
	}
	if network, ok := errors.AsType[*net.OpError](err); ok {
		return network
	}
	if refused, ok := errors.AsType[*textproto.Error](err); ok {
		return fmt.Errorf("it answered %d", refused.Code)
	}
	return errors.New("the connection could not be made, secured or authenticated")
}

func (m *Mailbox) options() []mail.Option {
	port, auth := cmp.Or(m.Port, mail.DefaultPortTLS), mail.SMTPAuthAutoDiscover
	options := []mail.Option{mail.WithTimeout(timeout)}
	switch m.Security {
	case securityTLS:
		port = cmp.Or(m.Port, mail.DefaultPortSSL)
		options = append(options, mail.WithSSL())
	case securityNone:
		auth = mail.SMTPAuthPlainNoEnc
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.Username != "" {
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(m.Username), mail.WithPassword(m.Password))
	}
	return append(options, mail.WithPort(port))
}
