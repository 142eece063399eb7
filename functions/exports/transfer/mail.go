package transfer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// tell writes the e-mails that are due. One that could not be sent is tried again after the next run; one that was sent and
// not recorded, because the process died in between, comes twice with the same Message-ID.
func (w *work) tell(ctx context.Context, settings *exports.Settings) {
	if settings.SMTP == nil {
		return
	}
	if err := w.tellQuarantine(ctx, settings); err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("source", w.src.Name), slog.Any("error", err))
	}
	if err := w.tellRuns(ctx, settings); err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("source", w.src.Name), slog.Any("error", err))
	}
}

func (w *work) send(ctx context.Context, settings *exports.Settings, id, subject, text string) error {
	if settings.SMTPFault != nil {
		return settings.SMTPFault
	}
	return smtp.Send(ctx, settings.SMTP, alerts.Email{To: w.src.Notify, ID: "exports-" + w.src.Name + "-" + id, Subject: subject, Text: text})
}

// mostInMail is how many files an e-mail names.
const mostInMail = 20

// tellQuarantine writes once of each file that has come into the quarantine.
func (w *work) tellQuarantine(ctx context.Context, settings *exports.Settings) error {
	locale := cmp.Or(settings.Locale, "fr")
	var untold []*entry
	var lines []string
	for id, m := range w.known() {
		if m.Place != exports.PlaceQuarantine || m.State == exports.StateStaged || m.Told {
			continue
		}
		e, err := w.entry(ctx, id)
		if err != nil {
			return err
		}
		untold = append(untold, e)
		if len(lines) < mostInMail {
			lines = append(lines, fmt.Sprintf("- %s\n  %s\n  carillon exports quarantine show %s\n", e.Blob, e.Report.Summary(locale), e.ID))
		}
	}
	if len(untold) == 0 {
		return nil
	}
	subject, text := texts.Mail(locale, "quarantine", faults.Params{
		"source": w.src.Name, "n": strconv.Itoa(len(untold)), "files": strings.Join(lines, "\n"),
	})
	if err := w.send(ctx, settings, "quarantine-"+untold[0].ID, subject, text); err != nil {
		return err
	}
	for _, e := range untold {
		e.ToldAt = w.f.Now().UTC()
		if err := w.put(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// tellRuns writes once when runs fail again and again, and once when they work again.
func (w *work) tellRuns(ctx context.Context, settings *exports.Settings) error {
	record, locale := w.s.State.Alert, cmp.Or(settings.Locale, "fr")
	id, params := strconv.FormatInt(record.Since.Unix(), 10), faults.Params{"source": w.src.Name}
	var err error
	switch {
	case record.FailureDue():
		f := texts.In(locale, w.t.Fault)
		params["since"] = record.Since.In(w.src.Zone()).Format("02/01/2006 15:04 MST")
		params["failures"], params["what"], params["do"] = strconv.Itoa(record.Failures), f.Detail, f.Do
		subject, text := texts.Mail(locale, "failed", params)
		err = w.send(ctx, settings, id+"-failed", subject, text)
	case record.RecoveryDue():
		subject, text := texts.Mail(locale, "recovered", params)
		err = w.send(ctx, settings, id+"-recovered", subject, text)
	default:
		return nil
	}
	if err == nil {
		w.s.Change(func(state *exports.State) { state.Alert.Tell() })
	}
	return err
}
