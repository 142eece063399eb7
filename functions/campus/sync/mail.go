package sync

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
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
	words := letters[locale]
	email := alerts.Email{To: inst.NotifyOverride, ID: "campus-" + inst.Name + "-" + strconv.FormatInt(record.Since.Unix(), 10)}
	if record.FailureDue() {
		means, held := meanings[s.State.Run.Fault.Code], campus.NeedConsent(s.State.Held)
		email.ID, email.Subject = email.ID+"-failed", fmt.Sprintf(words.failed, inst.Name)
		email.Text = fmt.Sprintf(words.failedText, inst.Name, record.Since.In(inst.Zone()).Format("02/01/2006 15:04 MST"), record.Failures,
			fill(means.what[locale], inst.Name, held), fill(means.do[locale], inst.Name, held))
	} else {
		email.ID, email.Subject = email.ID+"-recovered", fmt.Sprintf(words.recovered, inst.Name)
		email.Text = fmt.Sprintf(words.recoveredText, inst.Name, s.State.Run.Classes)
	}
	if err := smtp.Send(ctx, settings.SMTP, email); err != nil {
		slog.ErrorContext(ctx, "e-mail not sent", slog.String("instance", inst.Name), slog.Any("error", err))
		return
	}
	s.Change(func(state *campus.State) { state.Alert.Tell() })
}

// A letter is a language's e-mails.
type letter struct{ failed, failedText, recovered, recoveredText string }

var letters = map[string]letter{
	"fr": {
		failed:        "Carillon : l’emploi du temps de %s n’est plus à jour",
		failedText:    "Bonjour,\n\nL’emploi du temps de %s n’a pas pu être mis à jour depuis le %s (%d passages de suite).\n\n%s\n\nQue faire ?\n%s\n\nVous recevrez un autre message quand tout fonctionnera de nouveau.\n\nCarillon\n",
		recovered:     "Carillon : l’emploi du temps de %s est de nouveau à jour",
		recoveredText: "Bonjour,\n\nL’emploi du temps de %s est de nouveau à jour : %d cours lus.\n\nCarillon\n",
	},
	"en": {
		failed:        "Carillon: the timetable of %s is no longer up to date",
		failedText:    "Hello,\n\nThe timetable of %s could not be brought up to date since %s (%d runs in a row).\n\n%s\n\nWhat to do:\n%s\n\nYou will get another message when all works again.\n\nCarillon\n",
		recovered:     "Carillon: the timetable of %s is up to date again",
		recoveredText: "Hello,\n\nThe timetable of %s is up to date again: %d classes read.\n\nCarillon\n",
	},
}
