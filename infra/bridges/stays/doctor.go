package stays

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/cloudsql"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/site"
)

// doctor makes findings of codes.
var doctor = machine.Doctor{Texts: texts}

// examine is what doctor finds in the running bridge.
func (b *bridge) examine(ctx context.Context) []machine.Finding {
	found := examineFolder(ctx, b.Config())
	if b.Sample { // it writes to nobody
		found = slices.DeleteFunc(found, func(f machine.Finding) bool { return f.Code == "emails.no_smtp" })
	}
	var s relay.Status
	if err := machine.Ask(ctx, b.relay, "/status", &s); err != nil {
		return append(found, doctor.Missing("ledger.unreadable", faults.Params{"error": err.Error()}))
	}
	found = append(found, doctor.OK("ledger.kept", faults.Params{
		"units": strconv.Itoa(s.Units), "partners": strconv.Itoa(s.Partners), "changes": strconv.FormatInt(s.Number, 10),
	}))
	if len(s.Unlisted) > 0 {
		found = append(found, doctor.Warning("units.unlisted", faults.Params{"units": strings.Join(s.Unlisted, ", ")}))
	}
	for _, d := range s.Destinations {
		if d.Failing != nil && !d.Paused {
			found = append(found, doctor.Warning("delivery.failing", faults.Params{
				"destination": nameOf(d), "n": strconv.FormatInt(d.Lag, 10), "error": d.Error,
			}))
		}
	}
	for _, m := range s.Missing {
		found = append(found, doctor.Warning("website.missing", faults.Params{
			"unit": m.Unit, "n": strconv.Itoa(m.Changes),
		}))
	}
	if n := len(s.Untold); n > 0 {
		found = append(found, doctor.Warning("overwritten.untold", faults.Params{"n": strconv.Itoa(n)}))
	}
	return found
}

// examineFolder looks at the settings and, where they name a server, at its database.
func examineFolder(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, found := machine.ReadSettings(ctx, bucket, stays.LoadSettings, doctor)
	if found != nil {
		return found
	}
	found = append(found, doctor.OK("settings.read", nil), examineDatabase(ctx, settings))
	found = append(found, examineOutside(ctx, settings)...)
	switch {
	case settings.SMTP == nil:
		found = append(found, doctor.Warning("emails.no_smtp", nil))
	case settings.SMTPFault != nil:
		found = append(found, doctor.Missing("secrets.unset",
			faults.Params{"name": stays.SettingsFile, "error": settings.SMTPFault.Error()}))
	case settings.Owners == "": // links would lead nowhere
		found = append(found, doctor.Warning("owners.no_address", nil))
	}
	for _, fault := range []error{settings.KeyFault, settings.EntryFault} {
		if fault != nil {
			found = append(found, doctor.Missing("secrets.unset",
				faults.Params{"name": stays.SettingsFile, "error": fault.Error()}))
		}
	}
	return found
}

func examineDatabase(ctx context.Context, settings *stays.Settings) machine.Finding {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if settings.DatabaseFault != nil {
		return doctor.Missing("secrets.unset",
			faults.Params{"name": stays.SettingsFile, "error": settings.DatabaseFault.Error()})
	}
	if settings.Database == "" {
		return doctor.OK("database.file", faults.Params{"file": databaseFile})
	}
	db, err := cloudsql.Open(settings.Database, 1)
	if err != nil {
		return doctor.Missing("database.address", faults.Params{"error": err.Error()})
	}
	defer db.Close()
	version, minCode, err := ledger.Schema(ctx, db)
	switch {
	case err != nil:
		return doctor.Missing("database.no_answer", faults.Params{"error": plain(err)})
	case minCode > ledger.Version:
		return doctor.Missing("database.newer", faults.Params{"version": strconv.Itoa(version)})
	case version < ledger.Version:
		return doctor.Warning("database.older", faults.Params{"version": strconv.Itoa(version)})
	}
	return doctor.OK("database.server", faults.Params{"version": strconv.Itoa(version)})
}

// examineOutside looks at the website's database and at the broker, where the settings name them.
func examineOutside(ctx context.Context, settings *stays.Settings) (found []machine.Finding) {
	if settings.SiteDSN != "" || settings.SiteFault != nil {
		found = append(found, examineSite(ctx, settings))
	}
	b := settings.Broker
	if b == nil {
		return found
	}
	err := settings.BrokerFault
	if err == nil {
		err = broker.Check(*b, broker.Service, broker.Website)
	}
	at, vhost, user := b.Address()+" "+b.VirtualHost(), b.VirtualHost(), cmp.Or(b.User, "guest")
	if err == nil {
		return append(found, doctor.OK("broker.there", faults.Params{"broker": at}))
	}
	switch broker.CodeOf(err) {
	case broker.Refused:
		return append(found, doctor.Missing("broker.refused", faults.Params{"broker": at, "user": user}))
	case broker.NoVHost:
		return append(found, doctor.Missing("broker.vhost", faults.Params{"broker": at, "user": user, "vhost": vhost}))
	case broker.Forbidden:
		return append(found, doctor.Missing("broker.forbidden", faults.Params{"broker": at, "user": user, "vhost": vhost}))
	case broker.Declared:
		return append(found, doctor.Missing("broker.declared", faults.Params{"broker": at, "vhost": vhost}))
	}
	return append(found, doctor.Missing("broker.unreachable", faults.Params{"broker": at}))
}

func examineSite(ctx context.Context, settings *stays.Settings) machine.Finding {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if settings.SiteFault != nil {
		return doctor.Missing("secrets.unset", faults.Params{"name": stays.SettingsFile, "error": settings.SiteFault.Error()})
	}
	db, err := cloudsql.Open(settings.SiteDSN, 1)
	if err != nil {
		return doctor.Missing("site.address", faults.Params{"error": err.Error()})
	}
	defer db.Close()
	switch err := site.Examine(ctx, db); {
	case errors.Is(err, site.ErrTables):
		return doctor.Missing("site.tables", nil)
	case err != nil:
		return doctor.Missing("site.no_answer", faults.Params{"error": plain(err)})
	}
	return doctor.OK("site.there", nil)
}

// plain is a database's error without the address and name that it was asked with.
func plain(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the server does not answer"
	}
	text := err.Error()
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}
