package sync

import (
	"cmp"
	"context"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// tell writes the e-mail that is due.
func (f function) tell(ctx context.Context, settings *campus.Settings, inst campus.Instance, s *session) {
	m := mailer.Mailer{
		Bridge: "campus", Unit: "instance", Part: inst.Name, Box: settings.SMTP, Fault: settings.SMTPFault,
		Locale: cmp.Or(settings.Locale, "fr"), Zone: inst.Zone(), To: inst.NotifyOverride, Texts: texts,
	}
	params := faults.Params{"instance": inst.Name, "classes": strconv.Itoa(s.State.Run.Classes)}
	if m.Notify(ctx, s.State.Alert, s.State.Run.Fault, params) {
		s.Change(func(state *campus.State) { state.Alert.Tell() })
	}
}
