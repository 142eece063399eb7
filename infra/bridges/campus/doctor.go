package campus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

func (b *bridge) examine(ctx context.Context) []machine.Finding {
	found := examineCampus(ctx, b.Config())
	statuses, err := b.statuses(ctx, "")
	if err != nil {
		return append(found, machine.Warning("campus timetables", "their state cannot be read",
			"Look at the log for the reason."))
	}
	for _, s := range statuses {
		found = append(found, examineTimetable(s))
	}
	return found
}

// examineTimetable says how an instance's timetable stands: well only where both sides were seen to agree, and when.
func examineTimetable(s sync.Status) machine.Finding {
	read := "MonCampus read " + cli.When(s.SeenAt, s.TimeZone) + cli.Age(s.SeenAt, s.Now)
	f := machine.Warning("timetable of "+s.Instance, standingText(s)+"; "+read, "")
	switch s.Standing {
	case sync.StandingFailed:
		return machine.Warning("last run of "+s.Instance, s.Run.Fault.Detail+" "+read, s.Run.Fault.Do)
	case sync.StandingNever:
		f.Found, f.Do = standingText(s), "Run carillon campus sync --instance "+s.Instance+"."
	case sync.StandingStale:
		f.Do = "Runs are due hourly from 06:46 to 18:46, Paris time: see that the machine is on then, or run carillon " +
			"campus sync --instance " + s.Instance + "."
	case sync.StandingPartial:
		f.Do = "See what and why with carillon campus status --instance " + s.Instance + "."
	case sync.StandingOK:
		f.State, f.Found = machine.FindingOK,
			"both sides agreed "+cli.When(s.AgreedAt, s.TimeZone)+cli.Age(s.AgreedAt, s.Now)+"; "+read
	}
	return f
}

// examineCampus looks at each instance's school and calendar. It logs nobody in: wrong passwords lock accounts.
func examineCampus(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, fault := machine.ReadSettings(ctx, bucket, campus.LoadSettings, "campus settings",
		"Write campus.json as docs/campus.md shows.")
	if fault != nil {
		return fault
	}
	found := []machine.Finding{machine.OK("campus settings", fmt.Sprintf("%d instances", len(settings.Instances)))}
	if len(settings.Instances) == 0 {
		found[0].State, found[0].Do = machine.FindingMissing, "Add an instance to campus.json."
	}
	if settings.SMTP == nil {
		found = append(found, machine.Warning("campus e-mails", "no smtp in campus.json",
			"Add smtp, or nobody is told when a timetable is no longer up to date."))
	}
	if settings.SMTPFault != nil {
		found = append(found, machine.Missing("campus e-mails", settings.SMTPFault.Error(),
			"Set the environment variable, or write the secret into its file."))
	}
	for _, one := range settings.Instances {
		inst, _ := settings.Instance(one.Name)
		found = append(found, examineInstance(ctx, inst)...)
	}
	return found
}

func examineInstance(ctx context.Context, inst campus.Instance) []machine.Finding {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if inst.Fault != nil {
		return []machine.Finding{
			machine.Missing("secrets of "+inst.Name, inst.Fault.Error(),
				"Set the environment variable, or write the secret into its file."),
		}
	}
	var found []machine.Finding
	if _, err := inst.Window(time.Now()); err != nil {
		found = append(found, machine.Missing("dates of "+inst.Name, err.Error(), "Correct the dates in campus.json."))
	}
	check := "MonCampus of " + inst.Name
	school, err := wigor.New(inst)
	if err == nil {
		err = school.Reach(ctx)
	}
	if err != nil {
		found = append(found, machine.Missing(check, err.Error(),
			"Check this machine's way to the school, moncampus_cas_url and moncampus_host."))
	} else {
		found = append(found, machine.OK(check, "the login page answers; the password is tried by the first run"))
	}
	if inst.ECALCalendar == "" {
		return append(found, machine.OK("ECAL of "+inst.Name, "none: feeds only"))
	}
	return append(found, examineECAL(ctx, inst))
}

func examineECAL(ctx context.Context, inst campus.Instance) machine.Finding {
	check := "ECAL of " + inst.Name
	name, err := ecal.New(inst).Calendar(ctx, inst.ECALCalendar)
	switch {
	case errors.Is(err, ecal.ErrRefused):
		return machine.Missing(check, err.Error(),
			"Copy the key and its secret from ECAL's portal (Developers, API Keys) into campus.json.")
	case errors.Is(err, ecal.ErrNotFound):
		return machine.Missing(check, err.Error(),
			"Copy the calendar's id from ECAL's portal (Manage Events, in the path at the top) into campus.json.")
	case err != nil:
		return machine.Missing(check, err.Error(), "Check this machine's way to ECAL.")
	default:
		return machine.OK(check, "calendar "+name)
	}
}
