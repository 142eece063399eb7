package rooms

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
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
	return machine.ReadSettings(ctx, bucket, rooms.LoadSettings, "settings", "Write config.json as docs/rooms.md shows.")
}

func (e *examination) add(check, state, found, do string) {
	e.found = append(e.found, machine.Finding{Check: check, State: state, Found: found, Do: do})
}

func (e *examination) examine(ctx context.Context) []machine.Finding {
	e.addSettings()
	account := e.addCredentials()
	e.addAddress()
	if e.calendar != nil {
		e.addCalendars(ctx, account)
	}
	e.addThings(ctx)
	return e.found
}

// atOnce is how many calendars are asked at the same time, each for [machine.CheckTime] at most.
const atOnce = 8

func (e *examination) addCalendars(ctx context.Context, account string) {
	found := make([]machine.Finding, len(e.settings.Rooms))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, r := range e.settings.Rooms {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, machine.CheckTime)
			defer cancel()
			found[i] = e.examineCalendar(ctx, r, account)
			return nil
		})
	}
	_ = group.Wait() // none fails
	e.found = append(e.found, found...)
}

func (e *examination) addSettings() {
	state, do := machine.FindingOK, ""
	if len(e.settings.Rooms) == 0 {
		state, do = machine.FindingMissing, "Add the rooms to config.json."
	}
	e.add("settings", state, fmt.Sprintf("%d rooms", len(e.settings.Rooms)), do)
	if err := e.settings.Warnings(); err != nil {
		for line := range strings.Lines(err.Error()) { // one for each pair
			_, said, _ := strings.Cut(strings.TrimSpace(line), `": `) // the place is in the log
			e.add("settings", machine.FindingWarning, said, "Give each room its own calendar, or take one of the rooms out.")
		}
	}
}

// addCredentials returns the e-mail that calendars must be shared with.
func (e *examination) addCredentials() (account string) {
	var key struct {
		Type        string `json:"type"`
		ClientEmail string `json:"client_email"`
		PrivateKey  string `json:"private_key"`
	}
	text, err := config.Text(e.credentials)
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	block, _ := pem.Decode([]byte(key.PrivateKey))
	switch {
	case e.simulated:
		e.add("credentials", machine.FindingOK, "simulated Google: any bearer", "")
		return "anybody"
	case !e.hasKey && e.calendar == nil:
		e.add("credentials", machine.FindingMissing,
			"no "+rooms.CredentialsFile+", and this machine has no Google account of its own",
			"Put a service account's JSON key as "+rooms.CredentialsFile+" beside config.json.")
		return "the service account"
	case !e.hasKey:
		e.add("credentials", machine.FindingWarning, "no "+rooms.CredentialsFile+": the machine's own Google account is used",
			"Put a service account's JSON key there unless this machine has an account of its own.")
		return "the machine's own account"
	case len(bytes.TrimSpace(text)) == 0:
		e.add("credentials", machine.FindingMissing, rooms.CredentialsFile+" is empty",
			"Put the service account's JSON key into it, or delete it.")
		return "the service account"
	case err != nil || key.Type != "service_account" || key.ClientEmail == "" || key.PrivateKey == "":
		e.add("credentials", machine.FindingMissing, rooms.CredentialsFile+" is no service account's key",
			"Make a key of type JSON for a service account in the Google Cloud console.")
		return "the service account"
	}
	if block == nil || !isPrivateKey(block.Bytes) {
		e.add("credentials", machine.FindingMissing, "the private_key in "+rooms.CredentialsFile+" is broken",
			"Copy the whole JSON file that the Google Cloud console made, as it is, or make a new key.")
		return key.ClientEmail
	}
	e.add("credentials", machine.FindingOK, "service account "+key.ClientEmail, "")
	return key.ClientEmail
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
	const check, do = "gcal_watch_function_url", "Set the public https address of the webhook, and changes come at once."
	u, err := url.Parse(e.settings.WatchURL)
	switch {
	case e.settings.WatchURL == "":
		e.add(check, machine.FindingWarning, "not set: calendars are polled "+every(e.settings.PollInterval()), do)
	case e.simulated:
		e.add(check, machine.FindingOK, e.settings.WebhookURL(), "")
	case err != nil || u.Scheme != "https" || u.Host == "":
		e.add(check, machine.FindingMissing, "no https address", do)
	default:
		e.add(check, machine.FindingOK, e.settings.WebhookURL(), "")
	}
}

func (e *examination) examineCalendar(ctx context.Context, r rooms.RoomSettings, account string) machine.Finding {
	check := "calendar of " + r.Name
	role, err := e.calendar.Access(ctx, r.CalendarID)
	reason, permanent := googlecal.Permanent(err)
	share := fmt.Sprintf("Share the calendar with %s, with the right to make changes to events.", account)
	switch {
	case permanent && googlecal.NotFound(err):
		return machine.Missing(check, "not shared, or no calendar has this id", share)
	case permanent:
		return machine.Missing(check, reason, rooms.Advice(reason))
	case err != nil:
		return machine.Missing(check, "Google cannot be reached or refuses the credentials",
			"Check this machine's way to www.googleapis.com, its clock and the key.")
	case role == "owner" || role == "writer":
		return machine.OK(check, "shared, "+role)
	default:
		return machine.Warning(check, "shared as "+role+": displays cannot book", share)
	}
}

func (e *examination) addThings(ctx context.Context) {
	// its own: Google may have used up the rest
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), machine.CheckTime)
	defer cancel()
	things, err := iotcloud.New(e.arduinoURL, e.settings).Things(ctx)
	switch {
	case errors.Is(err, iotcloud.ErrRefused):
		e.add("Arduino account", machine.FindingMissing, "client id, secret or organisation refused",
			"Make an API key in the Arduino Cloud and write its id and secret, and the organisation's id, into config.json.")
		return
	case err != nil:
		e.add("Arduino account", machine.FindingMissing, "cannot be reached", "Check this machine's way to api2.arduino.cc.")
		return
	}
	e.add("Arduino account", machine.FindingOK,
		fmt.Sprintf("%d Things, %d requests a second", len(things), e.settings.Limit()), "")
	for _, r := range e.settings.Rooms {
		e.addThing(r.Name, things)
	}
}

func (e *examination) addThing(room string, things []iotcloud.Thing) {
	check := "Thing of " + room
	named := func(t iotcloud.Thing) bool { return t.Name == room }
	i := slices.IndexFunc(things, named)
	if i >= 0 && slices.ContainsFunc(things[i+1:], named) {
		e.add(check, machine.FindingMissing, "several Things have this name",
			"Rename or delete all but one in the Arduino IoT Cloud: the display may be the other one. `carillon rooms status` "+
				"names them.")
		return
	}
	if i < 0 {
		e.add(check, machine.FindingMissing, "no Thing of this name",
			fmt.Sprintf("Create a Thing named %q in the Arduino IoT Cloud, or let `carillon rooms things create` do it.", room))
		return
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
		e.add(check, machine.FindingMissing, "no "+strings.Join(missing, ", "),
			"Create these variables: busynow an Integer, the others Character Strings; or let `carillon rooms things create` "+
				"do it.")
	case len(wrong) > 0:
		e.add(check, machine.FindingMissing, "of another type: "+strings.Join(wrong, ", "),
			"Make busynow an Integer and the others Character Strings.")
	default:
		e.add(check, machine.FindingOK, fmt.Sprintf("%d variables", len(things[i].Types)), "")
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
		return []machine.Finding{
			machine.Missing("credentials", "not usable",
				"Put a service account's JSON key as "+rooms.CredentialsFile+" beside config.json."),
		}
	}
	if doc, err := b.Config().Get(ctx, rooms.CredentialsFile); err == nil {
		d.credentials, d.hasKey = doc.Data, true
	}
	return append(d.examine(ctx), b.examineData(ctx, settings)...)
}

// examineData says of each room whether anybody knows what goes on there, and by which way Google's changes come.
func (b *bridge) examineData(ctx context.Context, settings *rooms.Settings) (found []machine.Finding) {
	for _, r := range settings.Rooms {
		check := "data of " + r.Name
		status, err := b.roomStatus(ctx, settings, r.Name)
		switch {
		case err != nil:
			found = append(found, machine.Missing(check, "not readable", "Look at the disk of the data folder."))
		case !status.Known && status.DataAge == "":
			found = append(found, machine.Missing(check, "the calendar was never read: nobody knows whether the room is free",
				"See what is said of its calendar."))
		case !status.Known:
			found = append(found, machine.Missing(check,
				"nobody knows whether the room is free: the calendar was read "+status.DataAge+" ago",
				"See what is said of its calendar; look at this machine's clock."))
		case status.Stale:
			found = append(found, machine.Warning(check, "the calendar was not read for "+status.DataAge,
				"See what is said of its calendar."))
		case status.Polled != "" && !settings.Polls():
			found = append(found, machine.Warning(check,
				"read "+status.DataAge+" ago; Google's messages do not come, so it is polled "+status.Polled,
				strings.Join(status.Faults, " ")))
		default:
			found = append(found, machine.OK(check, "read "+status.DataAge+" ago"))
		}
	}
	return found
}
