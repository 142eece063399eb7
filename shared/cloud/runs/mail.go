package runs

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// A Mailer sends e-mails about a part's runs.
type Mailer struct {
	Bridge, Part string
	Box          *alerts.Mailbox // nil: no e-mails are sent
	BoxFault     error           // why the mailbox cannot be used
	Locale       string          // default fr
	Zone         *time.Location
	To           []string // instead of the box's
	Texts        *faults.Catalogue
}

// Language is that of the e-mails.
func (m Mailer) Language() string {
	if m.Locale == "" {
		return "fr"
	}
	return m.Locale
}

// Notify sends the e-mail that is due by a record of runs, from the texts mail.failed and mail.recovered. params are the
// bridge's own parameters. It reports whether an e-mail was sent. An e-mail that could not be sent is retried after the
// next run; if the process dies before a sent one is recorded, it is sent twice, with the same Message-ID.
func (m Mailer) Notify(ctx context.Context, record alerts.Record, fault *faults.Fault, params faults.Params) bool {
	id := strconv.FormatInt(record.Since.Unix(), 10)
	switch {
	case record.FailureDue():
		said := m.Texts.In(m.Language(), fault)
		params["since"] = record.Since.In(m.Zone).Format("02/01/2006 15:04 MST")
		params["failures"], params["what"], params["do"] = strconv.Itoa(record.Failures), said.Detail, said.Do
		return m.Send(ctx, id+"-failed", "failed", params)
	case record.RecoveryDue():
		return m.Send(ctx, id+"-recovered", "recovered", params)
	default:
		return false
	}
}

// Send sends the e-mail of the texts mail.NAME, and reports whether it was sent. id identifies what it reports.
func (m Mailer) Send(ctx context.Context, id, name string, params faults.Params) bool {
	if m.Box == nil {
		return false
	}
	err := m.BoxFault
	if err == nil {
		subject, text := m.Texts.Mail(m.Language(), name, params)
		email := alerts.Email{To: m.To, ID: m.Bridge + "-" + m.Part + "-" + id, Subject: subject, Text: text}
		err = smtp.Send(ctx, m.Box, email)
	}
	if err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("part", m.Part), slog.Any("error", err))
	}
	return err == nil
}
