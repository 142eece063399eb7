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
			lines = append(lines, fmt.Sprintf("- %s\n  %s\n  carillon exports quarantine show %s\n", e.Blob, reasonOf(e.Report), e.ID))
		}
	}
	if len(untold) == 0 {
		return nil
	}
	words := letters[cmp.Or(settings.Locale, "fr")]
	text := fmt.Sprintf(words.quarantineText, w.src.Name, len(untold), strings.Join(lines, "\n"))
	if err := w.send(ctx, settings, "quarantine-"+untold[0].ID, fmt.Sprintf(words.quarantine, w.src.Name), text); err != nil {
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
	words, id := letters[locale], strconv.FormatInt(record.Since.Unix(), 10)
	var err error
	switch {
	case record.FailureDue():
		f := translated(w.t.Fault, w.src, locale)
		err = w.send(ctx, settings, id+"-failed", fmt.Sprintf(words.failed, w.src.Name),
			fmt.Sprintf(words.failedText, w.src.Name, record.Since.In(w.src.Zone()).Format("02/01/2006 15:04 MST"), record.Failures, f.Detail, f.Do))
	case record.RecoveryDue():
		err = w.send(ctx, settings, id+"-recovered", fmt.Sprintf(words.recovered, w.src.Name), fmt.Sprintf(words.recoveredText, w.src.Name))
	default:
		return nil
	}
	if err == nil {
		w.s.Change(func(state *exports.State) { state.Alert.Tell() })
	}
	return err
}

// A letter is a language's e-mails.
type letter struct{ failed, failedText, recovered, recoveredText, quarantine, quarantineText string }

var letters = map[string]letter{ //nolint:gochecknoglobals // constants
	"fr": {
		failed:         "Carillon : les exports de %s n’arrivent plus",
		failedText:     "Bonjour,\n\nLes exports de %s n’ont pas pu être transférés depuis le %s (%d passages de suite).\n\n%s\n\nQue faire ?\n%s\n\nRien n’est perdu : les fichiers restent chez Cegid. Vous recevrez un autre message quand tout fonctionnera de nouveau.\n\nCarillon\n",
		recovered:      "Carillon : les exports de %s arrivent de nouveau",
		recoveredText:  "Bonjour,\n\nLes exports de %s sont de nouveau transférés.\n\nCarillon\n",
		quarantine:     "Carillon : un fichier de %s est en quarantaine", //nolint:misspell // French
		quarantineText: "Bonjour,\n\nDes fichiers de %s (%d) n’ont pas passé le contrôle. L’importateur ne les voit pas.\n\n%s\nQue faire ?\nFaites corriger la requête chez Cegid et relancez-la : le nouveau fichier sera contrôlé et transmis. Si le fichier est bon malgré tout : carillon exports quarantine release ID\n\nCarillon\n",
	},
	"en": {
		failed:         "Carillon: the exports of %s no longer arrive",
		failedText:     "Hello,\n\nThe exports of %s could not be brought over since %s (%d runs in a row).\n\n%s\n\nWhat to do:\n%s\n\nNothing is lost: the files stay with Cegid. You will get another message when all works again.\n\nCarillon\n",
		recovered:      "Carillon: the exports of %s arrive again",
		recoveredText:  "Hello,\n\nThe exports of %s are brought over again.\n\nCarillon\n",
		quarantine:     "Carillon: a file of %s is in the quarantine",
		quarantineText: "Hello,\n\nFiles of %s (%d) did not pass the check. The importer does not see them.\n\n%s\nWhat to do:\nHave the query corrected at Cegid and run it again: the new file will be checked and handed on. If the file is good all the same: carillon exports quarantine release ID\n\nCarillon\n",
	},
}
