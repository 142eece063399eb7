package relay

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

//go:embed texts
var textFiles embed.FS

// texts are the e-mails, by language.
var texts = faults.Load(textFiles, "texts")

// message starts a run. The scheduled one also sends the pending e-mails, and makes stays/reservations look for
// cottages that have appeared.
func (f *function) message(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(messages.KindAll, stays.KindBroker)
	switch {
	case err != nil:
		return err
	case kind == stays.KindBroker:
		return unreachable(f.retryUnread(ctx, d))
	case kind == messages.KindAll:
		if err := f.eachMinute(ctx); err != nil {
			return err
		}
	}
	return unreachable(f.deliver(ctx))
}

func (f *function) eachMinute(ctx context.Context) error {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	if settings.Stands() != stays.ReplacesService && f.Publisher != nil {
		err := f.Publisher.Publish(ctx, stays.TopicNotifications, messages.Message{
			Attributes: messages.OfKind(messages.KindAll),
		})
		if err != nil {
			return err
		}
	}
	return f.sendNotices(ctx, settings)
}

// sendNotices sends the e-mails in the outbox. One that could not be sent is retried with the next scheduled message,
// and the status lists it until then.
func (f *function) sendNotices(ctx context.Context, settings *stays.Settings) error {
	f.mailing.Lock()
	defer f.mailing.Unlock()
	notices, err := f.notices(ctx, settings)
	if err != nil {
		return unreachable(err)
	}
	sent := 0
	for _, n := range notices {
		if n.To == "" { // there is no mailbox
			continue
		}
		ok, err := f.sendNotice(ctx, settings, n)
		if err == nil && ok {
			sent++
			err = f.Ledger.Told(ctx, n)
		}
		if err != nil {
			return unreachable(err)
		}
	}
	slog.InfoContext(ctx, "stays relay done", slog.Int("sent", sent), slog.Int("left", len(notices)-sent))
	return nil
}

// notices reads the outbox; with a mailbox each notice is for one receiver.
func (f *function) notices(ctx context.Context, settings *stays.Settings) ([]ledger.Notice, error) {
	all, err := f.Ledger.Notices(ctx)
	if err != nil || settings.SMTP == nil {
		return all, err
	}
	for _, n := range all {
		if n.To == "" {
			if err := f.spread(ctx, n); err != nil {
				return nil, err
			}
		}
	}
	return f.Ledger.Notices(ctx)
}

// language is the language of e-mails to operators, and to receivers whose own is unknown.
func language(settings *stays.Settings) string { return cmp.Or(settings.Locale, "fr") }

// A receiver of an e-mail.
type receiver struct {
	address, language string
	lost              []stays.Hold
}

// spread splits a notice into one for each receiver, so that a failing address does not repeat the others' e-mails.
func (f *function) spread(ctx context.Context, n ledger.Notice) error {
	whom := []string{toOwner}
	for _, h := range n.Lost {
		if h.Origin.Kind() == stays.KindPartner {
			whom = append(whom, string(h.Origin))
		}
	}
	slices.Sort(whom)
	return f.Ledger.Spread(ctx, n, slices.Compact(whom))
}

// toOwner names the unit's owner as a receiver; a partner is named by its origin.
const toOwner = "owner"

// sendNotice sends an e-mail to the receiver of a notice; false: it was not sent. A receiver without an address gets
// none.
func (f *function) sendNotice(ctx context.Context, settings *stays.Settings, n ledger.Notice) (bool, error) {
	log, err := f.Ledger.Changes(ctx, ledger.Query{After: n.Change - 1, Limit: 1})
	if err != nil || len(log) == 0 {
		return false, err
	}
	r, err := f.receiver(ctx, settings, log[0], n)
	if err != nil || r.address == "" {
		return err == nil, err
	}
	lost := make([]string, len(r.lost))
	for i, h := range r.lost {
		lost[i] = texts.Text(r.language, "days", faults.Params{"from": h.From.String(), "to": h.Last().String()})
	}
	m := mailer.Mailer{
		Bridge: "stays", Unit: "unit", Part: log[0].Unit, Box: settings.SMTP, Fault: settings.SMTPFault,
		Locale: r.language, Zone: settings.Zone(), To: []string{r.address}, Texts: texts,
	}
	by := string(log[0].Actor)
	if n.To != toOwner {
		by = texts.Text(r.language, "kinds."+log[0].Actor.Kind(), nil) // not the other partner's name
	}
	return m.Send(ctx, fmt.Sprint(n.Change, "-", n.To), n.Kind, faults.Params{
		"unit": log[0].Unit, "days": strings.Join(lost, ", "), "by": by, "change": strconv.FormatInt(n.Change, 10),
	}), nil
}

// receiver finds the receiver of a notice. The owner gets all lost days, a partner its own.
func (f *function) receiver(
	ctx context.Context, settings *stays.Settings, c stays.Change, n ledger.Notice,
) (r receiver, err error) {
	r = receiver{language: language(settings), lost: n.Lost}
	if n.To == toOwner {
		return f.owner(ctx, c.Unit, r)
	}
	r.lost = slices.DeleteFunc(slices.Clone(n.Lost), func(h stays.Hold) bool { return string(h.Origin) != n.To })
	p, err := f.Ledger.Partner(ctx, stays.Origin(n.To).Name())
	if errors.Is(err, ledger.ErrNoPartner) {
		slog.WarnContext(ctx, "partner that lost days is not known", slog.String("partner", n.To))
		return r, nil
	}
	r.address = p.Email
	return r, err
}

func (f *function) owner(ctx context.Context, unit string, r receiver) (receiver, error) {
	units, err := f.Ledger.Units(ctx, []string{unit})
	if err != nil {
		return r, err
	}
	owners, err := f.Ledger.Owners(ctx)
	for _, o := range owners {
		if len(units) == 1 && o.ID == units[0].Owner {
			r.address, r.language = o.Email, cmp.Or(o.Language, r.language)
		}
	}
	return r, err
}
