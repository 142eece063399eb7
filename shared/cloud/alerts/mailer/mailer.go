// Package mailer writes to people about a part's runs (package alerts has the rules), in their language. It links a
// mail client, which functions that send no e-mails do without.
package mailer

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// A Mailer sends e-mails about a part's runs.
type Mailer struct {
	Bridge string
	Unit   string          // what a part is called in logs, such as instance
	Part   string          // its name
	Box    *alerts.Mailbox // nil: no e-mails are sent
	Fault  error           // why the mailbox cannot be used
	Locale string
	Zone   *time.Location
	To     []string // instead of the mailbox's
	Texts  *faults.Catalogue
}

// Notify sends the e-mail that is due by a record of runs, from the texts mail.failed and mail.recovered. params are
// the bridge's own parameters. It reports whether an e-mail was sent. An e-mail that could not be sent is retried after
// the next run; if the process dies before a sent one is recorded, it is sent twice, with the same Message-ID.
func (m Mailer) Notify(ctx context.Context, record alerts.Record, fault *faults.Fault, params faults.Params) bool {
	id := strconv.FormatInt(record.Since.Unix(), 10)
	switch {
	case record.FailureDue():
		said := m.Texts.In(m.Locale, fault)
		all := faults.Params{
			"since":    record.Since.In(m.Zone).Format("02/01/2006 15:04 MST"),
			"failures": strconv.Itoa(record.Failures), "what": said.Detail, "do": said.Do,
		}
		maps.Copy(all, params)
		return m.Send(ctx, id+"-failed", "failed", all)
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
	err := m.send(ctx, id, name, params)
	if err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String(m.Unit, m.Part), slog.Any("error", err))
	}
	return err == nil
}

func (m Mailer) send(ctx context.Context, id, name string, params faults.Params) error {
	if m.Fault != nil {
		return m.Fault
	}
	subject, text := m.Texts.Mail(m.Locale, name, params)
	if subject == "" || text == "" {
		return fmt.Errorf("the texts of mail.%s lack a parameter", name)
	}
	email := alerts.Email{To: m.To, ID: m.Bridge + "-" + m.Part + "-" + id, Subject: subject, Text: text}
	return smtp.Send(ctx, m.Box, email)
}
