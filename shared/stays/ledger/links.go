package ledger

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
)

// Kinds of links.
const (
	LinkMail  = "mail"  // it is sent to the owner's address
	LinkStaff = "staff" // an operator has asked for it, and passes it on
	LinkSite  = "site"  // the association's site has made it; its id is there to be used once
)

// A Link lets an owner in, once. What is kept is its id: to make the link of it takes the key of the settings.
type Link struct {
	ID    string
	Kind  string
	Owner int64  // 0: nobody has the address; it is kept so that an unknown address costs what a known one does
	Asked string // a digest of who has asked for it: an address
	At    time.Time
	Ends  time.Time
}

// ErrNoLink is a link that does not let in: it was used, has ended, or never was.
var ErrNoLink = errors.New("the link was used, has ended, or is not whole")

// AddLink keeps a link. One with an id that is there already is [ErrNoLink].
func (l *Ledger) AddLink(ctx context.Context, link Link) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error { return addLink(ctx, tx, link) })
}

// AskLink keeps a link as [Ledger.AddLink] does. One that has been asked for as often as most since a time is
// [ErrTooManyLinks].
func (l *Ledger) AskLink(ctx context.Context, link Link, since time.Time, most int) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, "SELECT count(*) FROM links WHERE asked = $1 AND at > $2", link.Asked,
			sqldb.At(since)).Scan(&n)
		if err != nil {
			return err
		}
		if n >= most {
			return ErrTooManyLinks
		}
		return addLink(ctx, tx, link)
	})
}

func addLink(ctx context.Context, tx *sql.Tx, link Link) error {
	added, err := tx.ExecContext(ctx, "INSERT INTO links (link, kind, owner, asked, at, ends) VALUES ($1, $2, $3, $4, "+
		"$5, $6) ON CONFLICT DO NOTHING", link.ID, link.Kind, null(link.Owner), link.Asked, sqldb.At(link.At),
		sqldb.At(link.Ends))
	if err != nil {
		return err
	}
	return one(added)
}

// ErrTooManyLinks is an address for which many links were asked for.
var ErrTooManyLinks = errors.New("too many links were asked for")

// one is [ErrNoLink] where a statement has changed no row.
func one(result sql.Result) error {
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNoLink
}

const linksFrom = "SELECT link, kind, owner, asked, at, ends FROM links"

func scanLink(rows sqldb.Row) (link Link, err error) {
	var owner sql.NullInt64
	var at, ends sqldb.Instant
	err = rows.Scan(&link.ID, &link.Kind, &owner, &link.Asked, &at, &ends)
	link.Owner, link.At, link.Ends = owner.Int64, at.Time, ends.Time
	return link, err
}

// usable is the condition for links that let in at the time $1.
const usable = " WHERE used IS NULL AND ends > $1"

// Link reads a link that lets in; it is not used up.
func (l *Ledger) Link(ctx context.Context, id string, now time.Time) (Link, error) {
	found, err := list(ctx, l, scanLink, linksFrom+usable+" AND link = $2 AND owner IS NOT NULL", sqldb.At(now), id)
	if err == nil && len(found) == 0 {
		err = ErrNoLink
	}
	if err != nil {
		return Link{}, err
	}
	return found[0], nil
}

// UseLink uses a link up.
func (l *Ledger) UseLink(ctx context.Context, id string, now time.Time) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		used, err := tx.ExecContext(ctx, "UPDATE links SET used = $1"+usable+" AND link = $2", sqldb.At(now), id)
		if err != nil {
			return err
		}
		return one(used)
	})
}

// Unsent reads the links that are to be mailed, the oldest first.
func (l *Ledger) Unsent(ctx context.Context, now time.Time) ([]Link, error) {
	return list(ctx, l, scanLink, linksFrom+usable+" AND sent IS NULL AND kind = $2 AND owner IS NOT NULL ORDER BY at",
		sqldb.At(now), LinkMail)
}

// SentLink notes that a link was mailed.
func (l *Ledger) SentLink(ctx context.Context, id string, now time.Time) error {
	return l.do(ctx, "UPDATE links SET sent = $1 WHERE link = $2", sqldb.At(now), id)
}

// ForgetLinks removes links that ended before a time.
func (l *Ledger) ForgetLinks(ctx context.Context, before time.Time) error {
	return l.do(ctx, "DELETE FROM links WHERE ends < $1", sqldb.At(before))
}
