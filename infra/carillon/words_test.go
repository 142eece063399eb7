package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestCredentialsAreTold: an empty file is no missing one, a broken key is not ok, and an editor's mark is no fault.
func TestCredentialsAreTold(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	file := func(key string) []byte {
		data, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "a@b.example", "private_key": key})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, tt := range map[string]struct {
		data        []byte
		has         bool
		state, want string
	}{
		"none":       {nil, false, stateMissing, "no calendar_credentials.json"},
		"empty":      {[]byte(" \n"), true, stateMissing, "is empty"},
		"whole":      {file(whole), true, stateOK, "a@b.example"},
		"a mark":     {append([]byte("\xef\xbb\xbf"), file(whole)...), true, stateOK, "a@b.example"},
		"cut":        {file(whole[:len(whole)/2]), true, stateMissing, "private_key in calendar_credentials.json is broken"},
		"no key":     {file("x"), true, stateMissing, "broken"},
		"other JSON": {[]byte(`{"installed":{}}`), true, stateMissing, "no service account's key"},
	} {
		e := examination{settings: &rooms.Settings{}, credentials: tt.data, hasKey: tt.has}
		e.addCredentials()
		if len(e.found) != 1 || e.found[0].State != tt.state || !strings.Contains(e.found[0].Found, tt.want) || strings.Contains(e.found[0].Found, "PRIVATE") {
			t.Errorf("%s: %+v", name, e.found)
		}
	}
}

// TestWhatToDoIsSaid where an address, a key, a folder or a file cannot be used.
func TestWhatToDoIsSaid(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"up --data " + dir + "/data --listen " + taken.Addr().String():    "another program uses the address " + taken.Addr().String() + ": stop it, or choose another port with --listen",
		"up --data " + dir + "/data --listen nowhere":                     "--listen nowhere cannot be used: expected HOST:PORT",
		"rooms status --url http://127.0.0.1:1 --data " + dir:             "--url needs that system's key",
		"up --config " + dir + "/file":                                    "is a file: name the folder",
		"rooms things create --config " + dir + "/none":                   "there is no such folder",
		"campus import-config " + dir + "/file --config " + dir + "/none": "moncampus_username",
	} {
		if _, err := run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// TestAnOperatorKeyStaysAtHome: the data folder's key is sent to the address that it was written with, and nowhere else.
func TestAnOperatorKeyStaysAtHome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, runFile), []byte(`{"url":"http://127.0.0.1:1","key":"home"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "rooms", "status", "--data", dir, "--url", "http://127.0.0.1:2"); err == nil || !strings.Contains(err.Error(), "--url needs that system's key") {
		t.Errorf("another address: %v", err)
	}
	if _, err := run(t, "rooms", "status", "--data", dir, "--url", "http://127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "no system answers") {
		t.Errorf("its own: %v", err)
	}
}

// TestTimesHaveTheirZone in tables: the office's, also in summer, and that of the machine where nobody named one.
func TestTimesHaveTheirZone(t *testing.T) {
	t.Parallel()
	for want, at := range map[string]string{
		when(time.Date(2026, 11, 26, 13, 30, 0, 0, time.UTC), "Europe/Paris"):     "2026-11-26 14:30 CET",
		when(time.Date(2026, 7, 14, 12, 30, 0, 0, time.UTC), "Europe/Paris"):      "2026-07-14 14:30 CEST",
		when(time.Date(2026, 7, 14, 12, 30, 0, 0, time.UTC), "America/Sao_Paulo"): "2026-07-14 09:30 -03",
		when(time.Time{}, "Europe/Paris"):                                         "never",
	} {
		if at != want {
			t.Errorf("got %q, want %q", want, at)
		}
	}
	if got := when(time.Now(), ""); len(strings.Fields(got)) != 3 {
		t.Errorf("without a zone: %q", got)
	}
}

// TestFindingsFitAScreen, with a line of settings as it is.
func TestFindingsFitAScreen(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	long := strings.Repeat("a word or two ", 12)
	findingsTable(w, []finding{{"calendar of a room", stateMissing, long, long}, {"settings", stateMissing, "config.json:1:3: here\n\t  “x”\n\t  ^", ""}}, 80)
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if utf8.RuneCountInString(strings.TrimRight(line, " \n")) > 80 {
			t.Errorf("too wide: %q", line)
		}
	}
	if !strings.Contains(out.String(), "-> a word") || !strings.Contains(out.String(), "  “x”\n") {
		t.Errorf("\n%s", out.String())
	}
}
