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
	"time"

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
	return unreachable(errors.Join(f.passStates(ctx), f.deliver(ctx), f.mailLinks(ctx)))
}

// passStates asks stays/reservations to write changed states to the website. Where that fails, the next minute's
// message does it.
func (f *function) passStates(ctx context.Context) error {
	newest, err := f.Ledger.StatesHead(ctx)
	if err != nil || newest == f.states.Swap(newest) {
		return err
	}
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	return f.look(ctx, settings)
}

// look makes stays/reservations look at all that is not a change of days.
func (f *function) look(ctx context.Context, settings *stays.Settings) error {
	if settings.Stands() == stays.ReplacesService || f.Publisher == nil {
		return nil
	}
	return f.Publisher.Publish(ctx, stays.TopicNotifications, messages.Message{
		Attributes: messages.OfKind(messages.KindAll),
	})
}

// mailLinks sends the links that wait; one run at a time does.
func (f *function) mailLinks(ctx context.Context) error {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	if !f.linking.TryLock() {
		return nil // the other sends them, or the next minute does
	}
	defer f.linking.Unlock()
	return f.sendLinks(ctx, settings)
}

func (f *function) eachMinute(ctx context.Context) error {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	if err := f.look(ctx, settings); err != nil {
		return err
	}
	if err := f.Ledger.ForgetLinks(ctx, f.Now().Add(-linksKept)); err != nil {
		return unreachable(err)
	}
	return f.sendNotices(ctx, settings)
}

// linksKept is how long links that have ended are remembered: for as long as they count against their limit.
const linksKept = 2 * time.Hour

// sendNotices sends the e-mails in the outbox, one to each receiver. One that could not be sent is retried with the
// next scheduled message, and the status lists its notices until then.
func (f *function) sendNotices(ctx context.Context, settings *stays.Settings) error {
	f.mailing.Lock()
	defer f.mailing.Unlock()
	notices, err := f.notices(ctx, settings)
	if err != nil {
		return unreachable(err)
	}
	letters, err := f.letters(ctx, settings, notices)
	if err != nil {
		return unreachable(err)
	}
	sent := 0
	for _, l := range letters {
		if l.to.address != "" && !l.send(ctx, settings) {
			continue
		}
		for _, n := range l.notices {
			if err := f.Ledger.Told(ctx, n); err != nil {
				return unreachable(err)
			}
			sent++
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
		if n.To != "" {
			continue
		}
		// one for each receiver, so that a failing address does not repeat the others' e-mails
		if err := f.Ledger.Spread(ctx, n, receivers(n, all)); err != nil {
			return nil, err
		}
	}
	return f.Ledger.Notices(ctx)
}

// language is the language of e-mails to operators, and to receivers whose own is unknown.
func language(settings *stays.Settings) string { return cmp.Or(settings.Locale, "fr") }

// receivers are the unit's owner and the partners whose days a notice has. Of a change that has taken days from one
// partner and given them back to another, the owner gets one notice.
func receivers(n ledger.Notice, all []ledger.Notice) (whom []string) {
	restored := slices.ContainsFunc(all, func(other ledger.Notice) bool {
		return other.Change == n.Change && other.Kind == ledger.NoticeRestored
	})
	if n.Kind == ledger.NoticeRestored || !restored {
		whom = append(whom, toOwner)
	}
	for _, h := range n.Holds {
		if h.Origin.Kind() == stays.KindPartner {
			whom = append(whom, string(h.Origin))
		}
	}
	slices.Sort(whom)
	return slices.Compact(whom)
}

// toOwner names the unit's owner as a receiver; a partner is named by its origin.
const toOwner = "owner"

// A receiver of an e-mail. Without an address it gets none.
type receiver struct{ name, address, language string }

// mostLines is how many notices an e-mail has: an import can take over hundreds of bookings.
const mostLines = 100

// A letter is an e-mail about some notices.
type letter struct {
	to      receiver
	notices []ledger.Notice
	units   []string
	lines   []string
}

// letters puts the notices of each receiver into as few e-mails as there can be.
func (f *function) letters(
	ctx context.Context, settings *stays.Settings, notices []ledger.Notice,
) (letters []*letter, err error) {
	type about struct {
		to   receiver
		kind string
	}
	open := map[about]*letter{}
	for _, n := range notices {
		if n.To == "" { // there is no mailbox
			continue
		}
		log, err := f.Ledger.Changes(ctx, ledger.Query{After: n.Change - 1, Limit: 1})
		if err != nil || len(log) == 0 {
			return nil, err
		}
		to, err := f.receiver(ctx, settings, log[0], n.To)
		if err != nil {
			return nil, err
		}
		at := about{to, n.Kind}
		l := open[at]
		if l == nil || len(l.notices) == mostLines {
			l = &letter{to: to}
			open[at], letters = l, append(letters, l)
		}
		l.add(log[0], n)
	}
	return letters, nil
}

// add adds a notice about a change. The owner sees all its days and who has changed them; a partner its own days, and
// not the name of another one.
func (l *letter) add(c stays.Change, n ledger.Notice) {
	var days []string
	for _, h := range n.Holds {
		if n.To == toOwner || string(h.Origin) == n.To {
			days = append(days, texts.Text(l.to.language, "days",
				faults.Params{"from": h.From.String(), "to": h.Last().String()}))
		}
	}
	by := string(c.Actor)
	if n.To != toOwner {
		by = texts.Text(l.to.language, "kinds."+c.Actor.Kind(), nil)
	}
	l.notices = append(l.notices, n)
	l.lines = append(l.lines, texts.Text(l.to.language, "line", faults.Params{
		"unit": c.Unit, "days": strings.Join(days, ", "), "by": by, "change": strconv.FormatInt(c.Number, 10),
	}))
	if !slices.Contains(l.units, c.Unit) {
		l.units = append(l.units, c.Unit)
	}
}

func (l *letter) send(ctx context.Context, settings *stays.Settings) bool {
	const named = 3 // units in the subject
	units := strings.Join(l.units[:min(named, len(l.units))], ", ")
	if len(l.units) > named {
		units += "…"
	}
	m := mailer.Mailer{
		Bridge: "stays", Unit: "unit", Part: l.units[0], Box: settings.SMTP, Fault: settings.SMTPFault,
		Locale: l.to.language, Zone: settings.Zone(), To: []string{l.to.address}, Texts: texts,
	}
	first, last := l.notices[0], l.notices[len(l.notices)-1]
	id := fmt.Sprint(first.Kind, "-", first.Change, "-", last.Change, "-", l.to.name)
	return m.Send(ctx, id, first.Kind, faults.Params{"units": units, "lines": strings.Join(l.lines, "\n")})
}

// receiver finds the address for a notice: that of the unit's owner, unless the change is his own, or a partner's.
func (f *function) receiver(
	ctx context.Context, settings *stays.Settings, c stays.Change, whom string,
) (receiver, error) {
	r := receiver{name: whom, language: language(settings)}
	if whom == toOwner {
		return f.owner(ctx, c, r)
	}
	p, err := f.Ledger.Partner(ctx, stays.Origin(whom).Name())
	if errors.Is(err, ledger.ErrNoPartner) {
		slog.WarnContext(ctx, "partner of a notice is not known", slog.String("partner", whom))
		return r, nil
	}
	r.address = p.Email
	return r, err
}

func (f *function) owner(ctx context.Context, c stays.Change, r receiver) (receiver, error) {
	units, err := f.Ledger.Units(ctx, []string{c.Unit})
	if err != nil {
		return r, err
	}
	owners, err := f.Ledger.Owners(ctx)
	for _, o := range owners {
		mine := c.Actor == stays.OriginOf(stays.KindOwner, strconv.FormatInt(o.ID, 10))
		if len(units) == 1 && o.ID == units[0].Owner && !mine {
			r.address, r.language = o.Email, cmp.Or(o.Language, r.language)
		}
	}
	return r, err
}
