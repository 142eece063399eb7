// Package smtp hands e-mails to a mail server. It is apart from the rules, so that a function which
// only reads what they keep links no mail client.
package smtp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
)

// timeout bounds a conversation with the mail server.
const timeout = 20 * time.Second

// Send hands the e-mail to the mail server. Errors name no address and no password.
func Send(ctx context.Context, m *alerts.Mailbox, e alerts.Email) error {
	msg := mail.NewMsg()
	to := e.To
	if len(to) == 0 {
		to = m.To
	}
	if msg.From(m.From) != nil || msg.To(to...) != nil {
		return errors.New("the sender's or a recipient's e-mail address in the settings is not valid")
	}
	msg.Subject(e.Subject)
	msg.SetMessageIDWithValue(strings.ReplaceAll(names.Object(e.ID), " ", "%20") + "@carillon")
	msg.SetDate()
	msg.SetBodyString(mail.TypeTextPlain, e.Text)
	client, err := mail.NewClient(m.Host, options(m)...)
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

func options(m *alerts.Mailbox) []mail.Option {
	port, auth := cmp.Or(m.Port, mail.DefaultPortTLS), mail.SMTPAuthAutoDiscover
	options := []mail.Option{mail.WithTimeout(timeout)}
	switch m.Security {
	case alerts.SecurityTLS:
		port = cmp.Or(m.Port, mail.DefaultPortSSL)
		options = append(options, mail.WithSSL())
	case alerts.SecurityNone:
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
