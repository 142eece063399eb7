package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/infra/sim"
	simecal "github.com/carillon-calendar/carillon/infra/sim/ecal"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	simarduino "github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	simpronote "github.com/carillon-calendar/carillon/infra/sim/pronote"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	pgdb "github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
)

func object(args map[string]cty.Value) cty.Value { return cty.ObjectVal(args) }

func texts(list ...string) cty.Value {
	values := make([]cty.Value, 0, len(list))
	for _, s := range list {
		values = append(values, cty.StringVal(s))
	}
	return cty.TupleVal(values)
}

// Every function, built as in the cloud, starts with what Terraform gives it and answers.
func TestEveryFunctionStartsAndAnswers(t *testing.T) {
	t.Parallel()
	c := newCloud(t, map[string]cty.Value{
		"rooms": object(map[string]cty.Value{
			"main": object(map[string]cty.Value{"time_zone": cty.StringVal("Europe/Paris"), "secrets": texts("arduino")}),
		}),
		"campus":  object(map[string]cty.Value{"main": object(map[string]cty.Value{})}),
		"exports": object(map[string]cty.Value{"main": object(map[string]cty.Value{"secrets": texts("queries")})}),
		"stays":   object(map[string]cty.Value{"main": object(map[string]cty.Value{"secrets": texts("database")})}),
		"school":  object(map[string]cty.Value{"main": object(map[string]cty.Value{})}),
	})
	c.staysDatabase()
	c.schoolKey()
	c.fill("webhook-key", "main-rooms-webhook-key", "key")
	c.fill("arduino", "main-rooms-arduino", "the-secret")
	c.fill("queries", "main-exports-queries", "the-key-of-the-queries")
	c.extra["CALENDAR_URL"], c.extra["ARDUINO_URL"] = "http://127.0.0.1:9", "http://127.0.0.1:9"
	c.put("main-rooms-config", "config.json",
		map[string]any{
			"iot_client_id": "id", "iot_client_secret": "file:" + c.secrets + "/arduino/main-rooms-arduino", "rooms": []any{},
		})
	c.put("main-campus-config", "campus.json", map[string]any{"instances": []any{}})
	c.put("main-exports-config", "exports.json",
		map[string]any{"queries_key": "file:" + c.secrets + "/queries/main-exports-queries", "sources": []any{}})
	c.start()
	type answer struct {
		method, path, bearer string
		status               int
	}
	envelope := answer{http.MethodPost, "/", "", http.StatusBadRequest} // a body that is no push envelope
	want := map[string]answer{
		"main-rooms-webhook":  {http.MethodPost, "/webhook", "", http.StatusNoContent},
		"main-rooms-meetings": {http.MethodGet, "/meetings?client_id=id&room_name=blue", "the-secret", http.StatusNotFound},
		"main-rooms-watch":    envelope, "main-rooms-status": envelope, "main-rooms-refresh": envelope,
		"main-campus-sync": envelope, "main-campus-feed": {
			http.MethodGet, "/feeds/campus/lea.ics?key=x", "", http.StatusNotFound,
		},
		"main-exports-transfer": envelope, "main-exports-queries": {
			http.MethodGet, "/queries", "wrong", http.StatusUnauthorized,
		},
		"main-school-api":  {http.MethodGet, "/user?token=wrong", "", api.StatusToken},
		"main-stays-relay": envelope, "main-stays-reservations": envelope, "main-stays-bookings": {
			http.MethodGet, "/stays/v1/units", "wrong", http.StatusUnauthorized,
		},
		"main-stays-owners": {http.MethodGet, "/selectedDays?hebPk=1", "", http.StatusUnauthorized},
		"main-stays-feeds":  {http.MethodGet, "/calendars/NONE0001", "", http.StatusNotFound},
	}
	// It makes the tables.
	if status, text := c.call(http.MethodGet, "main-stays-relay", "/status", "", nil); status != http.StatusOK {
		t.Errorf("the relay answered %d %s", status, text)
	}
	for name := range c.urls {
		a, ok := want[name]
		if !ok {
			t.Errorf("no answer of %s is known here", name)
			continue
		}
		if status, text := c.call(a.method, name, a.path, a.bearer, map[string]any{}); status != a.status {
			t.Errorf("%s %s %s answered %d %s, want %d", name, a.method, a.path, status, text, a.status)
		}
	}
}

// The rooms' main job across processes: a calendar's change is on the Thing, a touch books, a crash in the middle loses
// nothing.
func TestRoomsAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, map[string]cty.Value{
		"rooms": object(map[string]cty.Value{
			"main": object(map[string]cty.Value{"time_zone": cty.StringVal("Europe/Paris"), "secrets": texts("arduino")}),
		}),
	})
	const calendar, room = "blue@resource.calendar.google.com", "blue_room"
	google, err := simgoogle.New(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(google.Close)
	arduino, err := simarduino.New(simarduino.Options{
		Account: simarduino.Account{ClientID: "id", ClientSecret: "the-secret", Unlimited: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := google.AddCalendar(calendar, "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	if err := arduino.AddThing(room, "Europe/Paris", "busynow", "curevmtg", "curevstart", "curevend", "curevtm",
		"nextevmtg", "nextevstart", "nextevend", "nextevtm"); err != nil {
		t.Fatal(err)
	}
	c.extra["CALENDAR_URL"], c.extra["ARDUINO_URL"] = serve(t, google), serve(t, arduino)
	c.fill("webhook-key", "main-rooms-webhook-key", "key")
	c.fill("arduino", "main-rooms-arduino", "the-secret")
	c.start()
	c.put("main-rooms-config", "config.json", map[string]any{
		"iot_client_id": "id", "iot_client_secret": "file:" + c.secrets + "/arduino/main-rooms-arduino",
		"gcal_watch_function_url": c.urls["main-rooms-webhook"],
		"rooms":                   []any{map[string]string{"room_name": room, "gcal_calendar_id": calendar}},
	})
	shows := func(name string) string { s, _ := arduino.Values(room)[name].(string); return s }

	c.schedule("main-rooms-watch")
	eventually(t, "a channel, and so a first status on the Thing",
		func() bool { return shows("curevtm") != "" || shows("nextevtm") != "" || len(arduino.Calls()) > 0 })

	meeting := func(title string, from, to time.Duration) {
		now := time.Now().UTC()
		if _, err := google.Insert(calendar, map[string]any{
			"summary": title, "organizer": map[string]any{"email": "office@example.com"},
			"start": map[string]any{"dateTime": now.Add(from).Format(time.RFC3339)},
			"end":   map[string]any{"dateTime": now.Add(to).Format(time.RFC3339)},
		}); err != nil {
			t.Fatal(err)
		}
	}
	meeting("Later", 3*time.Hour, 4*time.Hour)
	eventually(t, "the coming meeting on the Thing", func() bool { return shows("nextevmtg") == "Later" })

	var booked struct{ Title string }
	status, text := c.call(http.MethodPost, "main-rooms-meetings", "/meetings", "the-secret",
		map[string]any{"client_id": "id", "room_name": room, "duration_mins": 30})
	if err := json.Unmarshal([]byte(text), &booked); status != http.StatusCreated || err != nil {
		t.Fatalf("booking answered %d %s", status, text)
	}
	eventually(t, "the booking on the Thing",
		func() bool { return shows("curevmtg") == booked.Title && booked.Title != "" })

	c.kill("main-rooms-status")
	meeting("While it was dead", 90*time.Minute, 2*time.Hour)
	time.Sleep(time.Second) // its messages come in vain
	c.run("main-rooms-status")
	eventually(t, "the meeting that came while the function was dead",
		func() bool { return shows("nextevmtg") == "While it was dead" })

	c.schedule("main-rooms-tick")
	eventually(t, "a tick", func() bool {
		return strings.Contains(c.logs["main-rooms-status"].String(),
			`"message":"tick"`)
	})
	c.schedule("main-rooms-refresh")
	eventually(t, "a refresh",
		func() bool { return strings.Contains(c.logs["main-rooms-refresh"].String(), `"message":"room listed"`) })
	if status, text := c.call(http.MethodGet, "main-rooms-meetings", "/meetings?client_id=id&room_name="+room,
		"the-secret", nil); status != http.StatusOK || !strings.Contains(text, "While it was dead") {
		t.Errorf("a display is told %d %s", status, text)
	}
	for name, log := range c.logs {
		if strings.Contains(log.String(), "the-secret") {
			t.Errorf("%s logs the secret", name)
		}
	}
}

// schoolKey fills the secret that sessions are sealed with, and names it.
func (c *cloud) schoolKey(hosts ...string) {
	c.t.Helper()
	c.fill("key", "main-school-key", "0123456789abcdef0123456789abcdef")
	c.put("main-school-config", "school.json", map[string]any{
		"key": "file:" + c.secrets + "/key/main-school-key", "allowed_hosts": append([]string{}, hosts...),
		"limits": map[string]any{"burst": 200},
	})
}

// A pupil's session across processes: a token that one instance gave is known to the next.
func TestSchoolAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, map[string]cty.Value{
		"school": object(map[string]cty.Value{"main": object(map[string]cty.Value{})}),
	})
	school := serve(t, simpronote.New(simpronote.Options{}))
	c.schoolKey(school)
	c.start()
	status, text := c.call(http.MethodPost, "main-school-api", "/generatetoken", "",
		map[string]any{"url": school + "/eleve.html", "username": "eleve", "password": "eleve"})
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(text), &got); err != nil || status != http.StatusOK || got.Token == "" {
		t.Fatalf("%d %s", status, text)
	}
	for range 2 {
		status, text = c.call(http.MethodGet, "main-school-api", "/grades?token="+got.Token, "", nil)
		if status != http.StatusOK || !strings.Contains(text, "overall_average") {
			t.Errorf("%d %s", status, text)
		}
		c.kill("main-school-api")
		c.run("main-school-api")
	}
}

// A campus run across processes: the timetable is in ECAL and in the feed.
func TestCampusAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, map[string]cty.Value{
		"campus": object(map[string]cty.Value{"main": object(map[string]cty.Value{"secrets": texts("password")})}),
	})
	mux := http.NewServeMux()
	outside := serve(t, mux)
	school, err := simwigor.New(sim.Options{Prefix: "/sim/wigor"})
	if err != nil {
		t.Fatal(err)
	}
	calendars, err := simecal.New(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/sim/wigor/", http.StripPrefix("/sim/wigor", school))
	mux.Handle("/sim/ecal/", http.StripPrefix("/sim/ecal", calendars))
	day := time.Now().UTC().Truncate(24 * time.Hour).Add(72 * time.Hour)
	if err := school.AddStudent("lea", "lea-password", "B3"); err != nil {
		t.Fatal(err)
	}
	if err := school.Put("lea", simwigor.Lesson{
		ID: 1, Title: "Réseaux", Rooms: "BB-110(BALMA B)", Mode: "Présentiel", Teacher: "ENSEIGNANT 01",
		Start: day.Add(9 * time.Hour), End: day.Add(12 * time.Hour),
	}); err != nil {
		t.Fatal(err)
	}
	const calendar = "64229d018723a1000e07da01"
	if err := calendars.AddAccount(simecal.Account{Key: "k", Secret: "s"},
		map[string]string{calendar: "Lea"}); err != nil {
		t.Fatal(err)
	}
	c.fill("password", "main-campus-password", "lea-password")
	c.put("main-campus-config", "campus.json", map[string]any{"instances": []any{map[string]any{
		"instance_name": "lea", "moncampus_username": "lea",
		"moncampus_password": "file:" + c.secrets + "/password/main-campus-password", "moncampus_start_date": "-7d",
		"moncampus_end_date": "+60d",
		"moncampus_host":     outside + "/sim/wigor", "moncampus_cas_url": outside + "/sim/wigor/cas/login",
		"ecal_url": outside + "/sim/ecal/apiv2", "ecal_api_key": "k", "ecal_api_secret": "s", "ecal_calendar_id": calendar,
	}}})
	c.start()
	c.schedule("main-campus-sync")
	inCalendar := func() bool {
		return slices.ContainsFunc(calendars.Events(calendar),
			func(e simecal.Event) bool { return strings.Contains(e.Name, "Réseaux") })
	}
	eventually(t, "the lesson in ECAL", inCalendar)
	var feed struct{ Path string }
	status, text := c.call(http.MethodPost, "main-campus-sync", "/feeds", "",
		map[string]string{"instance": "lea", "label": "phone"})
	if err := json.Unmarshal([]byte(text), &feed); status != http.StatusCreated || err != nil {
		t.Fatalf("making a feed answered %d %s", status, text)
	}
	if status, text := c.call(http.MethodGet, "main-campus-feed", feed.Path, "", nil); status != http.StatusOK ||
		!strings.Contains(text, "Réseaux") {
		t.Errorf("the feed answered %d %s", status, text)
	}
	for name, log := range c.logs {
		if strings.Contains(log.String(), "lea-password") {
			t.Errorf("%s logs the password", name)
		}
	}
}

// serve gives an outside system an address.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// The stays' main job across processes: a partner's booking is in the website's table, by way of the relay that the
// booking has woken; verifying finds both alike.
func TestStaysAcrossProcesses(t *testing.T) {
	t.Parallel()
	c := newCloud(t, map[string]cty.Value{
		"stays": object(map[string]cty.Value{"main": object(map[string]cty.Value{"secrets": texts("database")})}),
	})
	database := c.staysDatabase()
	c.start()
	var secret struct{ Secret string }
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPut, "/units", map[string]any{"units": []any{map[string]any{"unit": "GFLX0001", "published": true}}}},
		{http.MethodPut, "/partners/channel", map[string]any{"rights": []string{"add", "view"}, "all_units": true}},
		{http.MethodPost, "/partners/channel/secrets", map[string]any{}},
	} {
		status, text := c.call(step.method, "main-stays-relay", step.path, "", step.body)
		if status >= http.StatusBadRequest {
			t.Fatalf("%s %s answered %d %s", step.method, step.path, status, text)
		}
		_ = json.Unmarshal([]byte(text), &secret) // the last answer has it
	}
	day := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	status, text := c.call(http.MethodPut, "main-stays-bookings", "/stays/v1/units/GFLX0001/days?from="+day+"&to="+day,
		secret.Secret, map[string]any{"type": "booked"})
	if status != http.StatusOK {
		t.Fatalf("the booking was answered %d %s", status, text)
	}
	db, err := pgdb.Open(database, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	eventually(t, "the row in the website's table", func() bool {
		var n int
		err := db.Read.QueryRowContext(t.Context(),
			"SELECT count(*) FROM reservation_proprio WHERE res_type = 'loue'").Scan(&n)
		return err == nil && n == 1
	})
	status, text = c.call(http.MethodGet, "main-stays-reservations", "/verify", "", nil)
	if status != http.StatusOK || !strings.Contains(text, `"differences":0`) || !strings.Contains(text, `"pending":0`) {
		t.Errorf("verify answered %d %s", status, text)
	}
}

// staysDatabase starts a database server that the settings of stays name, and returns its address.
func (c *cloud) staysDatabase() string {
	c.t.Helper()
	database, err := postgres.Run()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(database.Remove)
	c.fill("database", "main-stays-database", database.DSN)
	c.put("main-stays-config", "stays.json",
		map[string]any{
			"database": "file:" + c.secrets + "/database/main-stays-database", "key": strings.Repeat("0123456789", 4),
		})
	return database.DSN
}
