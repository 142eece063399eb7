package school

import (
	"context"
	"strings"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/school"
)

// doctor makes findings of codes.
var doctor = machine.Doctor{Texts: texts}

// examine is what doctor finds in the running bridge.
func (b *bridge) examine(ctx context.Context) []machine.Finding {
	return examineFolder(ctx, b.Config())
}

// examineFolder looks at the settings. No school is asked.
func examineFolder(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, found := machine.ReadSettings(ctx, bucket, school.LoadSettings, doctor)
	if found != nil {
		return found
	}
	found = append(found, doctor.OK("settings.read", nil))
	switch {
	case settings.KeyFault != nil:
		found = append(found, doctor.Missing("key.unset", faults.Params{"error": settings.KeyFault.Error()}))
	case settings.Key == "":
		found = append(found, doctor.OK("key.made", nil))
	default:
		found = append(found, doctor.OK("key.own", nil))
	}
	hosts := strings.Join(settings.AllowedHosts, ", ")
	if hosts == "" {
		return append(found, doctor.Warning("servers.none", nil))
	}
	return append(found, doctor.OK("servers.allowed", faults.Params{"hosts": hosts}))
}
