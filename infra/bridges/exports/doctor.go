package exports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

func (b *bridge) examine(ctx context.Context) []machine.Finding {
	look := examineContainer
	if b.demo != nil {
		if need := b.demo.needs(); need != nil {
			look = func(_ context.Context, src exports.Source) machine.Finding {
				said := func(lang string) faults.Params { return faults.Params{"need": need.in(lang)} }
				return doctor.Warning("container.no_store",
					faults.Params{"source": src.Name, "need": need.id}).Saying(said)
			}
		}
	}
	saved, err := documents.LoadIfAny[exports.Providers](ctx, b.state, exports.ProvidersName)
	found := examineExports(ctx, b.Config(), saved, look)
	if err != nil {
		found = append(found, doctor.Warning("providers.unreadable", faults.Params{"error": err.Error()}))
	}
	statuses, err := b.statuses(ctx, "")
	if err != nil {
		return append(found, doctor.Warning("runs.unreadable", faults.Params{"error": err.Error()}))
	}
	for _, s := range statuses {
		found = append(found, examineRuns(s))
		if s.Quarantine > 0 {
			found = append(found, doctor.Warning("quarantine.files",
				faults.Params{"source": s.Source, "n": strconv.Itoa(s.Quarantine)}))
		}
	}
	return found
}

// examineFolder is doctor before anything runs.
func examineFolder(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	return examineExports(ctx, bucket, exports.Providers{}, examineContainer)
}

// examineRuns says how the last run went, and when.
func examineRuns(s transfer.Status) machine.Finding {
	if len(s.Runs) == 0 {
		return doctor.Warning("run.never", faults.Params{"source": s.Source})
	}
	last := s.Runs[0]
	at := cli.When(last.Ended, s.TimeZone)
	switch {
	case last.Fault != nil:
		said := func(lang string) faults.Params {
			fault := transfer.FaultIn(lang, last.Fault)
			return faults.Params{"what": fault.Detail, "advice": fault.Do}
		}
		return doctor.Warning("run.failed",
			faults.Params{"source": s.Source, "at": at, "fault": last.Fault.Code}).Saying(said)
	case s.Overdue:
		return doctor.Warning("run.stale", faults.Params{"source": s.Source, "at": at})
	case last.Left > 0:
		return doctor.Warning("run.left", faults.Params{"source": s.Source, "at": at, "n": strconv.Itoa(last.Left)})
	default:
		return doctor.OK("run.ended", faults.Params{"source": s.Source, "at": at})
	}
}

// examineExports looks at each source's destination, and lets container look at its container. saved are the providers
// that were found.
func examineExports(
	ctx context.Context, bucket documents.Bucket, saved exports.Providers,
	container func(context.Context, exports.Source) machine.Finding,
) []machine.Finding {
	settings, found := machine.ReadSettings(ctx, bucket, exports.LoadSettings, doctor)
	if found != nil {
		return found
	}
	if n := len(settings.Sources); n > 0 {
		found = append(found, doctor.OK("settings.sources", faults.Params{"n": strconv.Itoa(n)}))
	} else {
		found = append(found, doctor.Missing("settings.none", nil))
	}
	if settings.SMTP == nil {
		found = append(found, doctor.Warning("emails.no_smtp", nil))
	}
	for _, fault := range []error{settings.SMTPFault, settings.KeyFault} {
		if fault != nil {
			found = append(found, doctor.Missing("secrets.unset",
				faults.Params{"name": exports.SettingsFile, "error": fault.Error()}))
		}
	}
	for _, one := range settings.Sources {
		src, _ := settings.Source(one.Name)
		found = append(found, examineSource(ctx, src, saved, container)...)
	}
	return found
}

// expiresSoon is when a SAS address's end is worth a warning.
const expiresSoon = 6 * time.Hour

func examineSource(
	ctx context.Context, src exports.Source, saved exports.Providers,
	container func(context.Context, exports.Source) machine.Finding,
) []machine.Finding {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if src.Fault != nil {
		return []machine.Finding{
			doctor.Missing("secrets.unset", faults.Params{"name": src.Name, "error": src.Fault.Error()}),
		}
	}
	found := []machine.Finding{examineDestination(ctx, src)}
	found = append(found, container(ctx, src))
	if _, err := saved.Of(src); err != nil && src.Mode == exports.ModeAPI {
		found = append(found, doctor.Warning("queries.no_provider",
			faults.Params{"source": src.Name, "error": cmp.Or(src.ProviderFault, err).Error()}))
	}
	return found
}

func examineDestination(ctx context.Context, src exports.Source) machine.Finding {
	if src.Destination == "" {
		return doctor.OK("destination.data", faults.Params{"source": src.Name})
	}
	store, err := namedFolder(src)
	if err == nil {
		err = store.Check(ctx)
	}
	if err != nil {
		return doctor.Missing("destination.unusable", faults.Params{"source": src.Name, "error": err.Error()})
	}
	return doctor.OK("destination.writable", faults.Params{"source": src.Name})
}

// examineContainer lists the container and reads the beginning of a blob: whether it may be read only that shows.
func examineContainer(ctx context.Context, src exports.Source) machine.Finding {
	container := azure.New(cegid.Access(src), src.ForeignStore())
	tried, err := look(ctx, container)
	sas := container.SAS()
	_, never := src.Keep()
	switch {
	case errors.Is(err, cegid.ErrExpired):
		return doctor.Missing("container.expired", faults.Params{"source": src.Name, "error": err.Error()})
	case errors.Is(err, azure.ErrNotYet):
		return doctor.Missing("container.not_yet", faults.Params{"source": src.Name, "error": err.Error()})
	case errors.Is(err, cegid.ErrRefused), errors.Is(err, cegid.ErrSubscription):
		return doctor.Missing("container.key_refused", faults.Params{"source": src.Name, "error": err.Error()})
	case err == nil && !sas.Allows('r'):
		return doctor.Missing("container.no_read", faults.Params{"source": src.Name})
	case errors.Is(err, azure.ErrRefused):
		return doctor.Missing("container.refused", faults.Params{"source": src.Name, "error": err.Error()})
	case err != nil:
		return doctor.Missing("container.no_answer", faults.Params{"source": src.Name, "error": err.Error()})
	case !sas.Allows('d') && !never:
		return doctor.Warning("container.no_delete", faults.Params{"source": src.Name})
	case src.Mode == exports.ModeSASURL && !sas.Expires.IsZero() && time.Until(sas.Expires) < expiresSoon:
		return doctor.Warning("container.expires",
			faults.Params{"source": src.Name, "at": calendar.Written(sas.Expires, src.Zone())})
	case !tried:
		return doctor.OK("container.untried", faults.Params{"source": src.Name})
	default:
		return doctor.OK("container.read", faults.Params{"source": src.Name})
	}
}

// look tries what a run does first, and reports whether there was a blob that reading could be tried with.
func look(ctx context.Context, container *azure.Container) (tried bool, _ error) {
	for b, err := range container.List(ctx) {
		if err != nil {
			return false, err
		}
		if b.Size == 0 {
			continue
		}
		if !container.SAS().Allows('r') {
			return false, nil
		}
		body, _, err := container.Open(ctx, b)
		if errors.Is(err, azure.ErrUnreadable) || errors.Is(err, azure.ErrGone) || errors.Is(err, azure.ErrChanged) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("it can be listed; reading a blob: %w", err)
		}
		return true, body.Close()
	}
	return false, nil
}
