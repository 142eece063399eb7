package sync

import (
	"context"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

// tell writes the e-mail that is due.
func (f function) tell(ctx context.Context, settings *campus.Settings, inst campus.Instance, s *session) {
	mailer := runs.Mailer{
		Bridge: "campus", Part: inst.Name, Box: settings.SMTP, BoxFault: settings.SMTPFault,
		Locale: settings.Locale, Zone: inst.Zone(), To: inst.NotifyOverride, Texts: texts,
	}
	params := faults.Params{"instance": inst.Name, "classes": strconv.Itoa(s.State.Run.Classes)}
	if mailer.Notify(ctx, s.State.Alert, s.State.Run.Fault, params) {
		s.Change(func(state *campus.State) { state.Alert.Tell() })
	}
}
