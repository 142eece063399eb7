package campus

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

func (b *bridge) examine(ctx context.Context) []machine.Finding {
	found := examineCampus(ctx, b.Config())
	statuses, err := b.statuses(ctx, "")
	if err != nil {
		return append(found, doctor.Warning("timetables.unreadable", nil))
	}
	for _, s := range statuses {
		found = append(found, examineTimetable(s))
	}
	return found
}

// examineTimetable says how an instance's timetable stands: well only where both sides were seen to agree, and when.
func examineTimetable(s sync.Status) machine.Finding {
	said := func(lang string) faults.Params {
		p := faults.Params{"read": readText(lang, s)}
		switch s.Standing {
		case sync.StandingFailed:
			fault := sync.FaultIn(lang, s.Run.Fault)
			p["what"], p["advice"] = fault.Detail, fault.Do
		case sync.StandingPartial:
			p["apart"] = cmp.Or(exceptions(lang, *s.Run), texts.Text(lang, "unseen", nil))
		case sync.StandingOK:
			p["agreed"] = agoText(lang, "agreed", s.AgreedAt, s)
		}
		return p
	}
	switch s.Standing {
	case sync.StandingFailed:
		return doctor.Warning("run.failed", faults.Params{"instance": s.Instance, "fault": s.Run.Fault.Code}).Saying(said)
	case sync.StandingNever:
		return doctor.Warning("timetable.never", faults.Params{"instance": s.Instance})
	case sync.StandingStale:
		return doctor.Warning("timetable.stale", faults.Params{"instance": s.Instance}).Saying(said)
	case sync.StandingPartial:
		return doctor.Warning("timetable.apart", faults.Params{"instance": s.Instance}).Saying(said)
	case sync.StandingOK:
		return doctor.OK("timetable.agreed", faults.Params{"instance": s.Instance}).Saying(said)
	default:
		return doctor.Warning("timetable.busy", faults.Params{"instance": s.Instance}).Saying(said)
	}
}

// readText says when MonCampus was read.
func readText(lang string, s sync.Status) string {
	if s.SeenAt.IsZero() {
		return texts.Text(lang, "never_read", nil)
	}
	return agoText(lang, "read", s.SeenAt, s)
}

// agoText is a text of an instant, on the instance's clock, and of how long ago it was.
func agoText(lang, id string, at time.Time, s sync.Status) string {
	return texts.Text(lang, id, faults.Params{"at": cli.When(at, s.TimeZone), "ago": machine.Ago(lang, at, s.Now)})
}

// examineCampus looks at each instance's school and calendar. It logs nobody in: wrong passwords lock accounts.
func examineCampus(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, found := machine.ReadSettings(ctx, bucket, campus.LoadSettings, doctor)
	if found != nil {
		return found
	}
	if n := len(settings.Instances); n > 0 {
		found = append(found, doctor.OK("settings.instances", faults.Params{"n": strconv.Itoa(n)}))
	} else {
		found = append(found, doctor.Missing("settings.none", nil))
	}
	if settings.SMTP == nil {
		found = append(found, doctor.Warning("emails.no_smtp", nil))
	}
	if settings.SMTPFault != nil {
		found = append(found, doctor.Missing("secrets.unset",
			faults.Params{"name": campus.SettingsFile, "error": settings.SMTPFault.Error()}))
	}
	for _, one := range settings.Instances {
		inst, _ := settings.Instance(one.Name)
		found = append(found, examineInstance(ctx, inst)...)
	}
	return found
}

func examineInstance(ctx context.Context, inst campus.Instance) (found []machine.Finding) {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if inst.Fault != nil {
		return []machine.Finding{
			doctor.Missing("secrets.unset", faults.Params{"name": inst.Name, "error": inst.Fault.Error()}),
		}
	}
	if _, err := inst.Window(time.Now()); err != nil {
		found = append(found, doctor.Missing("dates.wrong", faults.Params{"instance": inst.Name, "error": err.Error()}))
	}
	school, err := wigor.New(inst)
	if err == nil {
		err = school.Reach(ctx)
	}
	if err != nil {
		found = append(found, doctor.Missing("moncampus.no_answer",
			faults.Params{"instance": inst.Name, "error": err.Error()}))
	} else {
		found = append(found, doctor.OK("moncampus.answers", faults.Params{"instance": inst.Name}))
	}
	return append(found, examineECAL(ctx, inst))
}

func examineECAL(ctx context.Context, inst campus.Instance) machine.Finding {
	if inst.ECALCalendar == "" {
		return doctor.OK("ecal.none", faults.Params{"instance": inst.Name})
	}
	name, err := ecal.New(inst).Calendar(ctx, inst.ECALCalendar)
	switch {
	case errors.Is(err, ecal.ErrRefused):
		return doctor.Missing("ecal.refused", faults.Params{"instance": inst.Name, "error": err.Error()})
	case errors.Is(err, ecal.ErrNotFound):
		return doctor.Missing("ecal.no_calendar", faults.Params{"instance": inst.Name, "error": err.Error()})
	case err != nil:
		return doctor.Missing("ecal.no_answer", faults.Params{"instance": inst.Name, "error": err.Error()})
	default:
		return doctor.OK("ecal.calendar", faults.Params{"instance": inst.Name, "calendar": name})
	}
}
