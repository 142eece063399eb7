package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

func (b *campusBridge) examine(ctx context.Context) []finding {
	found := examineCampus(ctx, b.config)
	statuses, err := b.statuses(ctx, "")
	if err != nil {
		return append(found, finding{"campus timetables", stateWarning, "their state cannot be read", "Look at the log for the reason."})
	}
	for _, s := range statuses {
		found = append(found, examineTimetable(s))
	}
	return found
}

// examineTimetable says how an instance's timetable stands: well only where both sides were seen to agree, and when.
func examineTimetable(s sync.Status) finding {
	read := "MonCampus read " + when(s.SeenAt, s.TimeZone) + age(s.SeenAt, s.Now)
	f := finding{"timetable of " + s.Instance, stateWarning, standingText(s) + "; " + read, ""}
	switch s.Standing {
	case sync.StandingFailed:
		return finding{"last run of " + s.Instance, stateWarning, s.Run.Fault.Detail + " " + read, s.Run.Fault.Do}
	case sync.StandingNever:
		f.Found, f.Do = standingText(s), "Run carillon campus sync --instance "+s.Instance+"."
	case sync.StandingStale:
		f.Do = "Runs are due hourly from 06:46 to 18:46, Paris time: see that the machine is on then, or run carillon campus sync --instance " + s.Instance + "."
	case sync.StandingPartial:
		f.Do = "See what and why with carillon campus status --instance " + s.Instance + "."
	case sync.StandingOK:
		f.State, f.Found = stateOK, "both sides agreed "+when(s.AgreedAt, s.TimeZone)+age(s.AgreedAt, s.Now)+"; "+read
	}
	return f
}

// examineCampus looks at each instance's school and calendar. It logs nobody in: wrong passwords lock accounts.
func examineCampus(ctx context.Context, bucket documents.Bucket) []finding {
	loader, err := campus.LoadSettings(bucket)
	if err != nil {
		return []finding{{"campus settings", stateMissing, err.Error(), "Report this: the program's own schema is not readable."}}
	}
	settings, err := loader.Get(ctx)
	if err != nil {
		return []finding{{"campus settings", stateMissing, err.Error(), "Write campus.json as docs/campus.md shows."}}
	}
	found := []finding{{"campus settings", stateOK, fmt.Sprintf("%d instances", len(settings.Instances)), ""}}
	if len(settings.Instances) == 0 {
		found[0].State, found[0].Do = stateMissing, "Add an instance to campus.json."
	}
	if settings.SMTP == nil {
		found = append(found, finding{"campus e-mails", stateWarning, "no smtp in campus.json", "Add smtp, or nobody is told when a timetable is no longer up to date."})
	}
	if settings.SMTPFault != nil {
		found = append(found, finding{"campus e-mails", stateMissing, settings.SMTPFault.Error(), "Set the environment variable, or write the secret into its file."})
	}
	for _, one := range settings.Instances {
		inst, _ := settings.Instance(one.Name)
		found = append(found, examineInstance(ctx, inst)...)
	}
	return found
}

func examineInstance(ctx context.Context, inst campus.Instance) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if inst.Fault != nil {
		return []finding{{"secrets of " + inst.Name, stateMissing, inst.Fault.Error(), "Set the environment variable, or write the secret into its file."}}
	}
	var found []finding
	if _, err := inst.Window(time.Now()); err != nil {
		found = append(found, finding{"dates of " + inst.Name, stateMissing, err.Error(), "Correct the dates in campus.json."})
	}
	check := "MonCampus of " + inst.Name
	school, err := wigor.New(inst)
	if err == nil {
		err = school.Reach(ctx)
	}
	if err != nil {
		found = append(found, finding{check, stateMissing, err.Error(), "Check this machine's way to the school, moncampus_cas_url and moncampus_host."})
	} else {
		found = append(found, finding{check, stateOK, "the login page answers; the password is tried by the first run", ""})
	}
	if inst.ECALCalendar == "" {
		return append(found, finding{"ECAL of " + inst.Name, stateOK, "none: feeds only", ""})
	}
	return append(found, examineECAL(ctx, inst))
}

func examineECAL(ctx context.Context, inst campus.Instance) finding {
	check := "ECAL of " + inst.Name
	name, err := ecal.New(inst).Calendar(ctx, inst.ECALCalendar)
	switch {
	case errors.Is(err, ecal.ErrRefused):
		return finding{check, stateMissing, err.Error(), "Copy the key and its secret from ECAL's portal (Developers, API Keys) into campus.json."}
	case errors.Is(err, ecal.ErrNotFound):
		return finding{check, stateMissing, err.Error(), "Copy the calendar's id from ECAL's portal (Manage Events, in the path at the top) into campus.json."}
	case err != nil:
		return finding{check, stateMissing, err.Error(), "Check this machine's way to ECAL."}
	default:
		return finding{check, stateOK, "calendar " + name, ""}
	}
}
