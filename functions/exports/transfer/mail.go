package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// tell writes the e-mails that are due.
func (w *work) tell(ctx context.Context, settings *exports.Settings) {
	if settings.SMTP == nil {
		return
	}
	mailer := runs.Mailer{
		Bridge: "exports", Part: w.src.Name, Box: settings.SMTP, BoxFault: settings.SMTPFault,
		Locale: settings.Locale, Zone: w.src.Zone(), To: w.src.Notify, Texts: texts,
	}
	if err := w.tellQuarantine(ctx, mailer); err != nil {
		slog.ErrorContext(ctx, "e-mail not recorded", slog.String("source", w.src.Name), slog.Any("error", err))
	}
	if mailer.Notify(ctx, w.s.State.Alert, w.t.Fault, faults.Params{"source": w.src.Name}) {
		w.s.Change(func(state *exports.State) { state.Alert.Tell() })
	}
}

// mostInMail is how many files an e-mail names.
const mostInMail = 20

// tellQuarantine writes once of each file that has come into the quarantine.
func (w *work) tellQuarantine(ctx context.Context, mailer runs.Mailer) error {
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
			lines = append(lines, fmt.Sprintf("- %s\n  %s\n  carillon exports quarantine show %s\n", e.Blob, e.Report.Summary(mailer.Language()), e.ID))
		}
	}
	if len(untold) == 0 {
		return nil
	}
	params := faults.Params{"source": w.src.Name, "n": strconv.Itoa(len(untold)), "files": strings.Join(lines, "\n")}
	if !mailer.Send(ctx, "quarantine-"+untold[0].ID, "quarantine", params) {
		return nil // the next run tries again
	}
	for _, e := range untold {
		e.ToldAt = w.f.Now().UTC()
		if err := w.put(ctx, e); err != nil {
			return err
		}
	}
	return nil
}
