package exports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

func (b *bridge) examine(ctx context.Context) []machine.Finding {
	look := examineContainer
	if b.demo != nil && b.demo.needs() != "" {
		look = func(_ context.Context, src exports.Source) machine.Finding {
			return machine.Warning("container of "+src.Name, b.demo.needs(), "")
		}
	}
	saved, err := documents.LoadIfAny[exports.Providers](ctx, b.state, exports.ProvidersName)
	found := examineExports(ctx, b.Config(), saved, look)
	if err != nil {
		found = append(found, machine.Warning("queries", err.Error(), "Look at the disk of the data folder."))
	}
	statuses, err := b.statuses(ctx, "")
	if err != nil {
		return append(found, machine.Warning("exports runs", "how the last runs went is unknown: "+err.Error(),
			"Look at the settings and at the disk of the data folder."))
	}
	for _, s := range statuses {
		found = append(found, examineRuns(s))
		if s.Quarantine > 0 {
			found = append(found, machine.Warning("quarantine of "+s.Source, fmt.Sprintf("%d files", s.Quarantine),
				"Look at them: carillon exports quarantine list"))
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
	check := "last run of " + s.Source
	if len(s.Runs) == 0 {
		return machine.Warning(check, "it has not run yet", "Let it run: carillon exports transfer --source "+s.Source)
	}
	last := s.Runs[0]
	at := "at " + cli.When(last.Ended, s.TimeZone)
	switch {
	case last.Fault != nil:
		return machine.Warning(check, at+": "+last.Fault.Detail, last.Fault.Do)
	case s.Overdue:
		return machine.Warning(check, at+", which is long ago: what is at the source now is unknown",
			"Let it run: carillon exports transfer --source "+s.Source)
	case last.Left > 0:
		found := fmt.Sprintf("%s: %d files were left at the source", at, last.Left)
		return machine.Warning(check, found, "See which and why: carillon exports status --source "+s.Source)
	default:
		return machine.OK(check, at)
	}
}

// examineExports looks at each source's destination, and lets container look at its container. saved are the providers
// that were found.
func examineExports(
	ctx context.Context, bucket documents.Bucket, saved exports.Providers,
	container func(context.Context, exports.Source) machine.Finding,
) []machine.Finding {
	settings, fault := machine.ReadSettings(ctx, bucket, exports.LoadSettings, "exports settings",
		"Write exports.json as docs/exports.md shows.")
	if fault != nil {
		return fault
	}
	found := []machine.Finding{machine.OK("exports settings", fmt.Sprintf("%d sources", len(settings.Sources)))}
	if len(settings.Sources) == 0 {
		found[0].State, found[0].Do = machine.FindingMissing, "Add a source to exports.json."
	}
	if settings.SMTP == nil {
		found = append(found, machine.Warning("exports e-mails", "no smtp in exports.json",
			"Add smtp, or nobody is told of the quarantine and of runs that fail."))
	}
	for _, fault := range []error{settings.SMTPFault, settings.KeyFault} {
		if fault != nil {
			found = append(found, machine.Missing("exports secrets", fault.Error(),
				"Set the environment variable, or write the secret into its file."))
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
			machine.Missing("secrets of "+src.Name, src.Fault.Error(),
				"Set the environment variable, or write the secret into its file."),
		}
	}
	found := []machine.Finding{examineDestination(ctx, src)}
	found = append(found, container(ctx, src))
	if _, err := saved.Of(src); err != nil && src.Mode == exports.ModeAPI {
		found = append(found, machine.Warning("queries of "+src.Name, cmp.Or(src.ProviderFault, err).Error(),
			"Find it: carillon exports discover --save"))
	}
	return found
}

func examineDestination(ctx context.Context, src exports.Source) machine.Finding {
	check := "destination of " + src.Name
	if src.Destination == "" {
		return machine.OK(check, "exports/"+src.Name+" in the data folder")
	}
	store, err := namedFolder(src)
	if err == nil {
		err = store.Check(ctx)
	}
	if err != nil {
		return machine.Missing(check, err.Error(), "Make the folder, mount its drive, or correct dossier_de_destination.")
	}
	return machine.OK(check, "can be written to")
}

// examineContainer lists the container and reads the beginning of a blob: whether it may be read only that shows.
func examineContainer(ctx context.Context, src exports.Source) machine.Finding {
	check := "container of " + src.Name
	container := azure.New(cegid.Access(src), src.ForeignStore())
	seen, err := look(ctx, container)
	sas := container.SAS()
	_, never := src.Keep()
	switch {
	case errors.Is(err, cegid.ErrExpired):
		return machine.Missing(check, err.Error(), "Make a new SAS address in Cegid's portal and put it into sas_url.")
	case errors.Is(err, azure.ErrNotYet):
		return machine.Missing(check, err.Error(),
			"Set the clock of this machine; if it is right, wait, or make a new address.")
	case errors.Is(err, cegid.ErrRefused), errors.Is(err, cegid.ErrSubscription):
		return machine.Missing(check, err.Error(),
			"Copy the key's id and secret, the tenant id and the subscription key from Cegid's portals into exports.json.")
	case err == nil && !sas.Allows('r'):
		return machine.Missing(check, "it can be listed, but the access does not include reading",
			"Make an address with the rights to list, read and delete.")
	case errors.Is(err, azure.ErrRefused):
		return machine.Missing(check, err.Error(), "Make an address with the rights to list, read and delete.")
	case err != nil:
		return machine.Missing(check, err.Error(), "Check this machine's way to Cegid and to Azure.")
	case !sas.Allows('d') && !never:
		return machine.Warning(check, "the access does not include deleting",
			"Files are handed on and stay at the source; ask for an address with that right, or set delete to never.")
	case src.Mode == exports.ModeSASURL && !sas.Expires.IsZero() && time.Until(sas.Expires) < expiresSoon:
		return machine.Warning(check, "the SAS address ends at "+calendar.Written(sas.Expires, src.Zone()),
			"Make a new one before, or set mode api.")
	default:
		return machine.OK(check, seen)
	}
}

// look tries what a run does first, and says what was seen.
func look(ctx context.Context, container *azure.Container) (string, error) {
	for b, err := range container.List(ctx) {
		if err != nil {
			return "", err
		}
		if b.Size == 0 {
			continue
		}
		if !container.SAS().Allows('r') {
			return "", nil
		}
		body, _, err := container.Open(ctx, b)
		if errors.Is(err, azure.ErrUnreadable) || errors.Is(err, azure.ErrGone) || errors.Is(err, azure.ErrChanged) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("it can be listed; reading a blob: %w", err)
		}
		return "can be listed and read", body.Close()
	}
	return "can be listed; it has no blob now that reading could be tried with", nil
}
