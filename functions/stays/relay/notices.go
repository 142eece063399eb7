package relay

import (
	"cmp"
	"context"
	"embed"
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

// message delivers what is in the log; the scheduled one also tells people what waits for them, and has the website's
// table looked at for cottages that have appeared.
func (f *function) message(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(messages.KindAll, stays.KindBroker)
	switch {
	case err != nil:
		return err
	case kind == stays.KindBroker:
		return unreachable(f.unread(ctx, d))
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
	return f.tellAll(ctx, settings)
}

// tellAll tells people what waits for them. What could not be told waits for the next message.
func (f *function) tellAll(ctx context.Context, settings *stays.Settings) error {
	f.telling.Lock()
	defer f.telling.Unlock()
	notices, err := f.Ledger.Notices(ctx)
	if err != nil {
		return unreachable(err)
	}
	told := 0
	for _, n := range notices {
		if settings.SMTP == nil {
			break // what is to be told stays in the status
		}
		ok, err := f.tell(ctx, settings, n)
		if err == nil && ok {
			told++
			err = f.Ledger.Told(ctx, n)
		}
		if err != nil {
			return unreachable(err)
		}
	}
	slog.InfoContext(ctx, "stays relay done", slog.Int("told", told), slog.Int("left", len(notices)-told))
	return nil
}

// language is that of e-mails to operators, and to those whose own is not known.
func language(settings *stays.Settings) string { return cmp.Or(settings.Locale, "fr") }

// A receiver of an e-mail.
type receiver struct{ kind, address, language string }

// tell writes to the unit's owner, and to the partners that lost days.
func (f *function) tell(ctx context.Context, settings *stays.Settings, n ledger.Notice) (bool, error) {
	log, err := f.Ledger.Changes(ctx, ledger.Query{After: n.Change - 1, Limit: 1})
	if err != nil || len(log) == 0 {
		return false, err
	}
	receivers, err := f.receivers(ctx, settings, log[0], n.Lost)
	if err != nil {
		return false, err
	}
	lost := make([]string, len(n.Lost))
	for i, h := range n.Lost {
		lost[i] = h.String()
	}
	told := true
	for _, r := range receivers {
		m := mailer.Mailer{
			Bridge: "stays", Unit: "unit", Part: log[0].Unit, Box: settings.SMTP, Fault: settings.SMTPFault,
			Locale: r.language, Zone: settings.Zone(), To: []string{r.address}, Texts: texts,
		}
		told = m.Send(ctx, fmt.Sprint(n.Change, "-", r.kind), n.Kind, faults.Params{
			"unit": log[0].Unit, "days": strings.Join(lost, ", "), "by": string(log[0].Origin),
			"change": strconv.FormatInt(n.Change, 10),
		}) && told
	}
	return told, nil
}

// receivers are whom a loss of days is told. An owner or partner without an address is not written to; the log has it.
func (f *function) receivers(
	ctx context.Context, settings *stays.Settings, c stays.Change, lost []stays.Hold,
) (list []receiver, err error) {
	language := language(settings)
	units, err := f.Ledger.Units(ctx, []string{c.Unit})
	if err != nil {
		return nil, err
	}
	owners, err := f.Ledger.Owners(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range owners {
		if len(units) == 1 && o.ID == units[0].Owner && o.Email != "" {
			list = append(list, receiver{"owner", o.Email, cmp.Or(o.Language, language)})
		}
	}
	for _, h := range lost {
		if h.Origin.Kind() != stays.KindPartner {
			continue
		}
		p, err := f.Ledger.Partner(ctx, h.Origin.Name())
		if err != nil {
			slog.WarnContext(ctx, "partner that lost days is not known", slog.String("partner", h.Origin.Name()))
			continue
		}
		r := receiver{"partner-" + p.Name, p.Email, language}
		if p.Email != "" && !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list, nil
}
