package stays

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/cloudsql"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// importSite takes over what an association's site has in its own database.
func importSite(o *cli.Remote) *cobra.Command {
	var from string
	var dry, missing bool
	cmd := &cobra.Command{
		Use: "import", Example: "carillon stays import --from-site env:SITE_DSN --dry-run", Args: cobra.NoArgs,
		Short: "Take over cottages, owners and coming reservations from an existing gîtes database",
		Long: "Take over cottages, owners and coming reservations from an existing gîtes database (PostgreSQL). Nothing is " +
			"written there. A repeat changes nothing; days that the ledger has otherwise stay as they are there.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name, ok := strings.CutPrefix(from, "env:"); ok {
				from = os.Getenv(name)
			}
			if from == "" {
				return errors.New("name the site's database with --from-site")
			}
			var status relay.Status
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/status", &status); err != nil {
				return err
			}
			site, err := readSite(cmd.Context(), from, status.Zone)
			if err != nil {
				return err
			}
			site.Missing, site.Dry = missing, dry
			done, err := sendSite(cmd, o, site)
			if err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), done, func(t *tabwriter.Writer) { importedTable(t, done, dry) })
		},
	}
	cmd.Flags().StringVar(&from, "from-site", "",
		"the site's database: postgres://USER:PASSWORD@HOST/DATABASE, or env:NAME")
	cmd.Flags().BoolVar(&missing, "missing", false,
		"take over those days that the ledger has free also of reservations of which it has others otherwise")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be taken over, and change nothing")
	return cmd
}

func importedTable(t *tabwriter.Writer, done relay.Imported, dry bool) {
	note := ""
	if dry {
		note = "dry run: nothing was changed"
	}
	cli.Row(t, "OWNERS", "COTTAGES", "RESERVATIONS", "UNCHANGED", "CONFLICTS", "")
	cli.Row(t, done.Owners, done.Units, done.Stays, done.Unchanged, done.Conflicts, note)
	if len(done.Conflicting) > 0 {
		_ = t.Flush()
		cli.Row(t)
		cli.Row(t, "THE LEDGER HAS", "DAYS", "TYPE", "HOLDER",
			"the site's reservation was left out there; with --missing its "+
				"other days are taken over")
	}
	for _, h := range done.Conflicting {
		cli.Row(t, h.Unit, days(h.From, h.To), h.Type, h.Origin)
	}
}

// The site's tables, as far as they are read (domain rules 16 to 19).
const (
	siteOwners = `SELECT pro_pk, coalesce(pro_prenom1, ''), coalesce(pro_nom1, ''), coalesce(pro_email, ''),
		coalesce(pro_langue, ''), coalesce(pro_etat, false) FROM proprio ORDER BY pro_pk`
	siteUnits = `SELECT heb_pk, heb_code_cgt, coalesce(heb_nom, ''), coalesce(heb_pro_fk, 0),
		coalesce(heb_site_public, ''), coalesce(heb_calendrier_proprio, '') FROM hebergement
		WHERE trim(coalesce(heb_code_cgt, '')) <> '' ORDER BY heb_pk`
	siteDays = `SELECT h.code, r.res_date, r.res_type, coalesce(r.pro_fk, 0) FROM reservation_proprio r
		JOIN (SELECT trim(heb_code_cgt) AS code, min(heb_pk) AS pk FROM hebergement GROUP BY 1) h ON h.pk = r.heb_fk
		WHERE h.code <> '' AND r.res_date >= $1 ORDER BY h.code, r.res_date, r.res_date_cre`
)

// readSite reads a gîtes database. Where two cottages have one code, the first has it, as the old program saw it.
func readSite(ctx context.Context, dsn, zone string) (site relay.Site, err error) {
	db, err := cloudsql.Open(dsn, 1)
	if err != nil {
		return site, err
	}
	defer db.Close()
	known := map[int64]bool{}
	if err := each(ctx, db, siteOwners, nil, func(rows sqldb.Row) error {
		var o relay.Owner
		var first, last string
		err := rows.Scan(&o.ID, &first, &last, &o.Email, &o.Language, &o.Active)
		o.Name, o.Language = strings.TrimSpace(first+" "+last), strings.ToLower(o.Language)
		known[o.ID] = true
		site.Owners = append(site.Owners, o)
		return err
	}); err != nil {
		return site, err
	}
	codes := map[string]bool{}
	if err := each(ctx, db, siteUnits, nil, func(rows sqldb.Row) error {
		u := relay.Unit{Listed: true}
		var public, state string
		err := rows.Scan(&u.Site, &u.Unit, &u.Name, &u.Owner, &public, &state)
		u.Unit, u.Published, u.State = strings.TrimSpace(u.Unit), public == "1", stays.StateOf(strings.TrimSpace(state))
		if !known[u.Owner] {
			u.Owner = 0
		}
		if !codes[u.Unit] {
			site.Units = append(site.Units, u)
		}
		codes[u.Unit] = true
		return err
	}); err != nil {
		return site, err
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return site, err
	}
	today := stays.DayOf(time.Now().In(location))
	return site, each(ctx, db, siteDays, []any{today}, func(rows sqldb.Row) error {
		var unit, typ string
		var day stays.Day
		var owner int64
		err := rows.Scan(&unit, &day, &typ, &owner)
		site.Stays = addDay(site.Stays, stayOf(unit, day, typ, owner))
		return err
	})
}

// each reads the rows of a query; the error does not have the address.
func each(ctx context.Context, db *sqldb.DB, query string, args []any, scan func(sqldb.Row) error) error {
	rows, err := db.Read.QueryContext(ctx, query, args...)
	if err := db.Each(rows, err, scan); err != nil {
		return fmt.Errorf("reading the site's database: %s", plain(err))
	}
	return nil
}

// stayOf is a row: everything but indisp is rented; without an owner it was a partner's, by way of the site.
func stayOf(unit string, day stays.Day, typ string, owner int64) relay.Stay {
	s := relay.Stay{Unit: unit, From: day, To: day, Type: stays.Booked, Origin: stays.Website}
	if typ == "indisp" {
		s.Type = stays.Unavailable
	}
	if owner > 0 {
		s.Origin = stays.OriginOf(stays.KindOwner, strconv.FormatInt(owner, 10))
	}
	return s
}

// addDay adds a day to the stay before it where it goes on, and leaves a second row of one day out.
func addDay(list []relay.Stay, s relay.Stay) []relay.Stay {
	if n := len(list) - 1; n >= 0 && list[n].Unit == s.Unit && s.From <= list[n].To+1 {
		last := &list[n]
		if s.From <= last.To {
			return list
		}
		if last.Type == s.Type && last.Origin == s.Origin {
			last.To = s.To
			return list
		}
	}
	return append(list, s)
}

// together is how many rows go into one request: it must fit into a function's bound.
const together = 100

// sendSite sends what the site has, in parts, with a bar on the terminal.
func sendSite(cmd *cobra.Command, o *cli.Remote, site relay.Site) (done relay.Imported, err error) {
	total, sent := len(site.Owners)+len(site.Units)+len(site.Stays), 0
	bar := cli.NewProgress(cmd.ErrOrStderr())
	defer bar.Clear()
	send := func(part relay.Site) error {
		var one relay.Imported
		if err := o.Send(cmd.Context(), http.MethodPost, "/operator/stays/import", part, &one); err != nil {
			return err
		}
		done.Owners += one.Owners
		done.Units += one.Units
		done.Stays += one.Stays
		done.Unchanged += one.Unchanged
		done.Conflicts += one.Conflicts
		done.Conflicting = append(done.Conflicting, one.Conflicting...)
		sent += len(part.Owners) + len(part.Units) + len(part.Stays)
		bar.Show("import", sent, total)
		return nil
	}
	for part := range slices.Chunk(site.Owners, together) {
		if err := send(relay.Site{Owners: part, Dry: site.Dry}); err != nil {
			return done, err
		}
	}
	for part := range slices.Chunk(site.Units, together) {
		if err := send(relay.Site{Units: part, Dry: site.Dry}); err != nil {
			return done, err
		}
	}
	for part := range slices.Chunk(site.Stays, together) {
		if err := send(relay.Site{Stays: part, Missing: site.Missing, Dry: site.Dry}); err != nil {
			return done, err
		}
	}
	return done, nil
}
