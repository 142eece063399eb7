package ledger

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// Rights of a partner.
const (
	RightAdd  = "add"  // change days
	RightView = "view" // read them
)

// What becomes of a partner's request for days that others hold.
const (
	ConflictsRefuse    = "refuse"
	ConflictsOverwrite = "overwrite" // as the old service did
)

// A Partner may read and change units through the web service.
type Partner struct {
	Name      string
	Rights    []string
	All       bool     // all units, also those that are added later
	Units     []string // where it has not all
	Conflicts string
	Email     string // to which what it lost is reported; ""
	Added     time.Time
	Revoked   time.Time // zero: it has access
	Secrets   []Secret
}

// A Secret lets a partner in. What it is cannot be read from its hash.
type Secret struct {
	ID    string
	Hash  string // sha256:HEX, or argon2id's text
	Added time.Time
	Ends  time.Time // zero: never
}

// Origin is the partner as a holder of days.
func (p Partner) Origin() stays.Origin { return stays.OriginOf(stays.KindPartner, p.Name) }

// May reports whether a partner has a right.
func (p Partner) May(right string) bool { return slices.Contains(p.Rights, right) }

// Has reports whether a unit is one of the partner's.
func (p Partner) Has(unit string) bool { return p.All || slices.Contains(p.Units, unit) }

// ErrNoPartner is that there is no partner of a name.
var ErrNoPartner = errors.New("there is no such partner")

// Partner reads a partner by its name, with secrets and units.
func (l *Ledger) Partner(ctx context.Context, name string) (Partner, error) {
	found, err := l.partners(ctx, "WHERE partner = $1", name)
	if err == nil && len(found) == 0 {
		return Partner{}, ErrNoPartner
	}
	if err != nil {
		return Partner{}, err
	}
	return found[0], nil
}

// PartnerOf reads the partner that has a secret of a hash.
func (l *Ledger) PartnerOf(ctx context.Context, hash string) (Partner, error) {
	var name string
	err := l.db.Read.QueryRowContext(ctx, "SELECT partner FROM secrets WHERE hash = $1", hash).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return Partner{}, ErrNoPartner
	}
	if err != nil {
		return Partner{}, l.db.Fault(err)
	}
	return l.Partner(ctx, name)
}

// Partners reads all partners.
func (l *Ledger) Partners(ctx context.Context) ([]Partner, error) { return l.partners(ctx, "") }

func (l *Ledger) partners(ctx context.Context, where string, args ...any) ([]Partner, error) {
	found, err := list(ctx, l, func(rows sqldb.Row) (p Partner, err error) {
		var rights string
		var added, revoked sqldb.Instant
		err = rows.Scan(&p.Name, &rights, &p.All, &p.Conflicts, &p.Email, &added, &revoked)
		p.Rights, p.Added, p.Revoked = strings.Fields(rights), added.Time, revoked.Time
		return p, err
	}, "SELECT partner, rights, all_units, conflicts, email, added, revoked FROM partners "+where+" ORDER BY partner",
		args...)
	for i := 0; err == nil && i < len(found); i++ {
		err = l.complete(ctx, &found[i])
	}
	return found, err
}

// complete reads a partner's secrets and units.
func (l *Ledger) complete(ctx context.Context, p *Partner) (err error) {
	p.Secrets, err = list(ctx, l, func(rows sqldb.Row) (s Secret, err error) {
		var added, ends sqldb.Instant
		err = rows.Scan(&s.ID, &s.Hash, &added, &ends)
		s.Added, s.Ends = added.Time, ends.Time
		return s, err
	}, "SELECT id, hash, added, ends FROM secrets WHERE partner = $1 ORDER BY added, id", p.Name)
	if err != nil || p.All {
		return err
	}
	p.Units, err = list(ctx, l, func(rows sqldb.Row) (unit string, err error) { return unit, rows.Scan(&unit) },
		"SELECT unit FROM partner_units WHERE partner = $1 ORDER BY unit", p.Name)
	return err
}

// PutPartner adds a partner, or changes what it may; its secrets stay.
func (l *Ledger) PutPartner(ctx context.Context, p Partner) error {
	var revoked any
	if !p.Revoked.IsZero() {
		revoked = sqldb.At(p.Revoked)
	}
	units := make([][]any, len(p.Units))
	for i, unit := range p.Units {
		units[i] = []any{p.Name, unit}
	}
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO partners (partner, rights, all_units, conflicts, email, added, revoked) "+
			"VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (partner) DO UPDATE SET rights = excluded.rights, "+
			"all_units = excluded.all_units, conflicts = excluded.conflicts, email = excluded.email, "+
			"revoked = excluded.revoked",
			p.Name, strings.Join(p.Rights, " "), p.All, p.Conflicts, p.Email, sqldb.At(l.now()), revoked)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM partner_units WHERE partner = $1", p.Name); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO partner_units (partner, unit) SELECT * FROM "+
			l.db.Rows(1, "partner text", "unit text")+" AS r", sqldb.JSON(units))
		return err
	})
}

// AddSecret gives a partner another secret. Those that it has end at a time, if that is not zero.
func (l *Ledger) AddSecret(ctx context.Context, partner string, s Secret, others time.Time) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		if !others.IsZero() {
			_, err := tx.ExecContext(ctx, "UPDATE secrets SET ends = $1 WHERE partner = $2 AND (ends IS NULL OR ends > $1)",
				sqldb.At(others), partner)
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO secrets (id, partner, hash, added) VALUES ($1, $2, $3, $4)",
			s.ID, partner, s.Hash, sqldb.At(l.now()))
		return err
	})
}

// Revoke takes a partner's access away; the days that it holds stay.
func (l *Ledger) Revoke(ctx context.Context, partner string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE partners SET revoked = $1 WHERE partner = $2", sqldb.At(l.now()), partner)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNoPartner)
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM secrets WHERE partner = $1", partner)
		return err
	})
}
