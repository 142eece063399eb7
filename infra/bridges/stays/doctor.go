package stays

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

const (
	checkSettings = "stays settings"
	checkDatabase = "stays database"
	checkMail     = "stays e-mails"
)

// examine is what doctor finds in the running bridge.
func (b *bridge) examine(ctx context.Context) []machine.Finding {
	found := examineFolder(ctx, b.Config())
	if b.Sample { // it writes to nobody
		found = slices.DeleteFunc(found, func(f machine.Finding) bool { return f.Check == checkMail })
	}
	var s relay.Status
	if err := machine.Ask(ctx, b.relay, "/status", &s); err != nil {
		return append(found, machine.Missing("ledger", "it cannot be read: "+err.Error(),
			"See that its database is there; requests are answered 503 meanwhile, and nothing is lost."))
	}
	found = append(found, machine.OK("ledger", fmt.Sprintf("%d units, %d partners, %d changes", s.Units, s.Partners,
		s.Number)))
	if len(s.Unlisted) > 0 {
		found = append(found, machine.Warning("unlisted units", strings.Join(s.Unlisted, ", "),
			"Partners have named them: enter them with carillon stays units add, or free their days."))
	}
	if len(s.Untold) > 0 {
		found = append(found, machine.Warning("overwritten bookings",
			fmt.Sprintf("%d of which nobody was told", len(s.Untold)),
			"See carillon stays status; they are told by e-mail where smtp is set and works."))
	}
	return found
}

// examineFolder looks at the settings and, where they name a server, at its database.
func examineFolder(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, fault := machine.ReadSettings(ctx, bucket, stays.LoadSettings, checkSettings,
		"Write stays.json as docs/stays.md shows.")
	if fault != nil {
		return fault
	}
	found := []machine.Finding{machine.OK(checkSettings, "stays.json"), examineDatabase(ctx, settings)}
	switch {
	case settings.SMTP == nil:
		found = append(found, machine.Warning(checkMail, "no smtp in stays.json",
			"Add smtp, or nobody is told when days are taken over."))
	case settings.SMTPFault != nil:
		found = append(found, machine.Missing(checkMail, settings.SMTPFault.Error(),
			"Set the environment variable, or write the secret into its file."))
	}
	return found
}

func examineDatabase(ctx context.Context, settings *stays.Settings) machine.Finding {
	ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
	defer cancel()
	if settings.DatabaseFault != nil {
		return machine.Missing(checkDatabase, settings.DatabaseFault.Error(),
			"Set the environment variable, or write the secret into its file.")
	}
	if settings.Database == "" {
		return machine.OK(checkDatabase, databaseFile+" in the data folder")
	}
	db, err := postgres.Open(settings.Database, 1)
	if err != nil {
		return machine.Missing(checkDatabase, err.Error(), "Correct database in stays.json.")
	}
	defer db.Close()
	version, minCode, err := ledger.Schema(ctx, db)
	switch {
	case err != nil:
		return machine.Missing(checkDatabase, plain(err),
			"See that the server runs, that this machine may reach it, and that the name and password are right.")
	case minCode > ledger.Version:
		return machine.Missing(checkDatabase, ledger.ErrNew.Error(), "Install the newer Carillon.")
	case version < ledger.Version:
		return machine.Warning(checkDatabase, fmt.Sprintf("PostgreSQL, tables of version %d", version),
			"Run carillon stays migrate; carillon up does it at its start.")
	}
	return machine.OK(checkDatabase, fmt.Sprintf("PostgreSQL, tables of version %d", version))
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
