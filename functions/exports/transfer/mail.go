package transfer

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// tell writes the e-mails that are due.
func (w *work) tell(ctx context.Context, settings *exports.Settings) {
	if settings.SMTP == nil {
		return
	}
	m := mailer.Mailer{
		Bridge: "exports", Unit: "source", Part: w.src.Name, Box: settings.SMTP, Fault: settings.SMTPFault,
		Locale: cmp.Or(settings.Locale, "fr"), Zone: w.src.Zone(), To: w.src.Notify, Texts: texts,
	}
	if err := w.tellQuarantine(ctx, m); err != nil {
		slog.ErrorContext(ctx, "files in the quarantine not reported by e-mail",
			slog.String("source", w.src.Name), slog.Any("error", err))
	}
	if m.Notify(ctx, w.s.State.Alert, w.t.Fault, faults.Params{"source": w.src.Name}) {
		w.s.Change(func(state *exports.State) { state.Alert.Tell() })
	}
}

// mostInMail is how many files an e-mail names.
const mostInMail = 20

// tellQuarantine writes once of each file that has come into the quarantine.
func (w *work) tellQuarantine(ctx context.Context, m mailer.Mailer) error {
	var untold []*entry
	var lines []string
	for id, mark := range w.known() {
		if mark.Place != exports.PlaceQuarantine || mark.State == exports.StateStaged || mark.Told {
			continue
		}
		e, err := w.entry(ctx, id)
		if err != nil {
			return err
		}
		untold = append(untold, e)
		if len(lines) < mostInMail {
			lines = append(lines, fmt.Sprintf("- %s\n  %s\n  carillon exports quarantine show %s\n", e.Blob,
				e.Report.Summary(m.Locale), e.ID))
		}
	}
	if len(untold) == 0 {
		return nil
	}
	params := faults.Params{"source": w.src.Name, "n": strconv.Itoa(len(untold)), "files": strings.Join(lines, "\n")}
	if !m.Send(ctx, "quarantine-"+untold[0].ID, "quarantine", params) {
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
