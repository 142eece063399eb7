package sync

import (
	"cmp"
	"context"
	"log/slog"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// tell writes the e-mail that is due. One that could not be sent is tried again after the next run; one that was sent and
// not recorded, because the process died in between, comes twice with the same Message-ID.
func (f function) tell(ctx context.Context, settings *campus.Settings, inst campus.Instance, s *session) {
	record := s.State.Alert
	if settings.SMTP == nil || !record.FailureDue() && !record.RecoveryDue() {
		return
	}
	if settings.SMTPFault != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("instance", inst.Name), slog.Any("error", settings.SMTPFault))
		return
	}
	locale := cmp.Or(settings.Locale, "fr")
	email := alerts.Email{To: inst.NotifyOverride, ID: "campus-" + inst.Name + "-" + strconv.FormatInt(record.Since.Unix(), 10)}
	if record.FailureDue() {
		fault := texts.In(locale, s.State.Run.Fault)
		email.ID += "-failed"
		email.Subject, email.Text = texts.Mail(locale, "failed", faults.Params{
			"instance": inst.Name, "since": record.Since.In(inst.Zone()).Format("02/01/2006 15:04 MST"),
			"failures": strconv.Itoa(record.Failures), "what": fault.Detail, "do": fault.Do,
		})
	} else {
		email.ID += "-recovered"
		email.Subject, email.Text = texts.Mail(locale, "recovered", faults.Params{
			"instance": inst.Name, "classes": strconv.Itoa(s.State.Run.Classes),
		})
	}
	if err := smtp.Send(ctx, settings.SMTP, email); err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("instance", inst.Name), slog.Any("error", err))
		return
	}
	s.Change(func(state *campus.State) { state.Alert.Tell() })
}
