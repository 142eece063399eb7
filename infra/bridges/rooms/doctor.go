package rooms

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// An examination is what doctor looks at.
type examination struct {
	settings    *rooms.Settings
	credentials []byte // calendar_credentials.json, if there is one
	hasKey      bool
	calendar    *googlecal.Client
	arduinoURL  string
	simulated   bool

	found []machine.Finding
}

func examineOffice(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, fault := readSettings(ctx, bucket)
	if fault != nil {
		return fault
	}
	e := examination{settings: settings, arduinoURL: iotcloud.DefaultURL}
	if doc, err := bucket.Get(ctx, rooms.CredentialsFile); err == nil {
		e.credentials, e.hasKey = doc.Data, true
	}
	e.calendar, _ = googlecal.FromBucket(ctx, bucket, googlecal.Environment{}, time.Now) // addCredentials tells why not
	return e.examine(ctx)
}

// readSettings reads them anew.
func readSettings(ctx context.Context, bucket documents.Bucket) (*rooms.Settings, []machine.Finding) {
	return machine.ReadSettings(ctx, bucket, rooms.LoadSettings, doctor)
}

func (e *examination) add(f machine.Finding) { e.found = append(e.found, f) }

func (e *examination) examine(ctx context.Context) []machine.Finding {
	e.addSettings()
	shareWith := e.addCredentials()
	e.addAddress()
	if e.calendar != nil {
		e.addCalendars(ctx, shareWith)
	}
	e.addThings(ctx)
	return e.found
}

// atOnce is how many calendars are asked at the same time, each for [machine.CheckTime] at most.
const atOnce = 8

func (e *examination) addCalendars(ctx context.Context, shareWith grantee) {
	found := make([]machine.Finding, len(e.settings.Rooms))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, r := range e.settings.Rooms {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
			defer cancel()
			found[i] = e.examineCalendar(ctx, r, shareWith)
			return nil
		})
	}
	_ = group.Wait() // none fails
	e.found = append(e.found, found...)
}

func (e *examination) addSettings() {
	if n := len(e.settings.Rooms); n > 0 {
		e.add(doctor.OK("settings.rooms", faults.Params{"n": strconv.Itoa(n)}))
	} else {
		e.add(doctor.Missing("settings.none", nil))
	}
	for _, shared := range e.settings.SharedCalendars() {
		e.add(doctor.Warning("settings.same_calendar", faults.Params{"room": shared.Room, "other": shared.Other}))
	}
}

// A grantee is what calendars must be shared with: an e-mail address, or what the text account.KIND calls it.
type grantee struct{ email, kind string }

// said adds it to a finding's texts.
func (g grantee) said(lang string) faults.Params {
	return faults.Params{"account": cmp.Or(g.email, texts.Text(lang, "account."+g.kind, nil))}
}

// A serviceKey is calendar_credentials.json.
type serviceKey struct {
	Type        string `json:"type"`
	ClientEmail string `json:"client_email"`
	PrivateKey  string `json:"private_key"`
}

// addCredentials returns what calendars must be shared with.
func (e *examination) addCredentials() grantee {
	var key serviceKey
	text, err := config.Text(e.credentials)
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	service := grantee{kind: "service"}
	switch {
	case e.simulated:
		e.add(doctor.OK("credentials.simulated", nil))
		return grantee{kind: "anybody"}
	case !e.hasKey && e.calendar == nil:
		e.add(doctor.Missing("credentials.none", faults.Params{"file": rooms.CredentialsFile}))
		return service
	case !e.hasKey:
		e.add(doctor.Warning("credentials.machine", faults.Params{"file": rooms.CredentialsFile}))
		return grantee{kind: "machine"}
	case len(bytes.TrimSpace(text)) == 0:
		e.add(doctor.Missing("credentials.empty", faults.Params{"file": rooms.CredentialsFile}))
		return service
	case err != nil || key.Type != "service_account" || key.ClientEmail == "" || key.PrivateKey == "":
		e.add(doctor.Missing("credentials.no_key", faults.Params{"file": rooms.CredentialsFile}))
		return service
	}
	if block, _ := pem.Decode([]byte(key.PrivateKey)); block == nil || !isPrivateKey(block.Bytes) {
		e.add(doctor.Missing("credentials.broken", faults.Params{"file": rooms.CredentialsFile}))
	} else {
		e.add(doctor.OK("credentials.service", faults.Params{"email": key.ClientEmail}))
	}
	return grantee{email: key.ClientEmail}
}

// isPrivateKey reports whether a PEM block is a key as Google makes them (PKCS #8), or as older ones were.
func isPrivateKey(der []byte) bool {
	_, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		_, err = x509.ParsePKCS1PrivateKey(der)
	}
	return err == nil
}

func (e *examination) addAddress() {
	u, err := url.Parse(e.settings.WatchURL)
	switch {
	case e.settings.WatchURL == "":
		every := strconv.Itoa(int(e.settings.PollInterval().Minutes()))
		e.add(doctor.Warning("address.none", faults.Params{"n": every}))
	case !e.simulated && (err != nil || u.Scheme != "https" || u.Host == ""):
		e.add(doctor.Missing("address.no_https", nil))
	default:
		e.add(doctor.OK("address.set", faults.Params{"address": e.settings.WebhookURL()}))
	}
}

func (e *examination) examineCalendar(ctx context.Context, r rooms.RoomSettings, shareWith grantee) machine.Finding {
	role, err := e.calendar.Access(ctx, r.CalendarID)
	reason, permanent := googlecal.Permanent(err)
	advice := func(lang string) faults.Params {
		return faults.Params{"advice": rooms.NewFault(reason, nil, time.Time{}).In(lang)}
	}
	switch {
	case permanent && googlecal.NotFound(err):
		return doctor.Missing("calendar.not_shared", faults.Params{"room": r.Name}).Saying(shareWith.said)
	case permanent:
		return doctor.Missing("calendar.refused", faults.Params{"room": r.Name, "reason": reason}).Saying(advice)
	case err != nil:
		return doctor.Missing("calendar.no_answer", faults.Params{"room": r.Name})
	case role == "owner" || role == "writer":
		return doctor.OK("calendar.shared", faults.Params{"room": r.Name, "role": role})
	default:
		return doctor.Warning("calendar.read_only", faults.Params{"room": r.Name, "role": role}).Saying(shareWith.said)
	}
}

func (e *examination) addThings(ctx context.Context) {
	// its own: Google may have used up the rest
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), machine.CheckTime)
	defer cancel()
	things, err := iotcloud.New(e.arduinoURL, e.settings).Things(ctx)
	switch {
	case errors.Is(err, iotcloud.ErrRefused):
		e.add(doctor.Missing("arduino.refused", nil))
		return
	case err != nil:
		e.add(doctor.Missing("arduino.no_answer", nil))
		return
	}
	e.add(doctor.OK("arduino.account",
		faults.Params{"things": strconv.Itoa(len(things)), "n": strconv.Itoa(e.settings.Limit())}))
	for _, r := range e.settings.Rooms {
		e.add(examineThing(r.Name, things))
	}
}

func examineThing(room string, things []iotcloud.Thing) machine.Finding {
	named := func(t iotcloud.Thing) bool { return t.Name == room }
	i := slices.IndexFunc(things, named)
	if i < 0 {
		return doctor.Missing("thing.none", faults.Params{"room": room})
	}
	if slices.ContainsFunc(things[i+1:], named) {
		return doctor.Missing("thing.several", faults.Params{"room": room})
	}
	var missing, wrong []string
	for _, v := range rooms.Variables {
		kind := cmp.Or(things[i].Types[v.Name], things[i].Types[v.Alias])
		switch {
		case kind == "" && !v.Optional:
			missing = append(missing, v.Name)
		case kind != "" && kind != iotcloud.TypeOf(v):
			wrong = append(wrong, v.Name)
		}
	}
	switch {
	case len(missing) > 0:
		return doctor.Missing("thing.lacks", faults.Params{"room": room, "variables": strings.Join(missing, ", ")})
	case len(wrong) > 0:
		return doctor.Missing("thing.types", faults.Params{"room": room, "variables": strings.Join(wrong, ", ")})
	default:
		return doctor.OK("thing.whole", faults.Params{"room": room, "n": strconv.Itoa(len(things[i].Types))})
	}
}

func (b *bridge) examine(ctx context.Context) []machine.Finding {
	settings, fault := readSettings(ctx, b.Config())
	if fault != nil {
		return fault
	}
	d := examination{settings: settings, arduinoURL: b.arduinoURL(), simulated: b.demo != nil}
	var err error
	if d.calendar, err = b.calendar(); err != nil { //nolint:contextcheck // the client outlasts the request
		return []machine.Finding{doctor.Missing("credentials.unusable", faults.Params{"file": rooms.CredentialsFile})}
	}
	if doc, err := b.Config().Get(ctx, rooms.CredentialsFile); err == nil {
		d.credentials, d.hasKey = doc.Data, true
	}
	found := d.examine(ctx)
	for _, r := range settings.Rooms {
		found = append(found, b.examineData(ctx, settings, r.Name))
	}
	return found
}

// examineData says whether anybody knows what goes on in a room, and by which way Google's changes come.
func (b *bridge) examineData(ctx context.Context, settings *rooms.Settings, room string) machine.Finding {
	status, err := b.roomStatus(ctx, settings, room)
	switch {
	case err != nil:
		return doctor.Missing("data.unreadable", faults.Params{"room": room})
	case !status.Known && status.DataAge == "":
		return doctor.Missing("data.never", faults.Params{"room": room})
	case !status.Known:
		return doctor.Missing("data.unknown", faults.Params{"room": room, "age": status.DataAge})
	case status.Stale:
		return doctor.Warning("data.stale", faults.Params{"room": room, "age": status.DataAge})
	case status.Polled != "" && !settings.Polls():
		said := func(lang string) faults.Params {
			return faults.Params{"faults": strings.Join(status.faultsIn(lang), " ")}
		}
		return doctor.Warning("data.polled", faults.Params{"room": room, "age": status.DataAge}).Saying(said)
	default:
		return doctor.OK("data.read", faults.Params{"room": room, "age": status.DataAge})
	}
}
