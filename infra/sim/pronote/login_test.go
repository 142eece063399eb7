package pronote_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronote.Year2025, pronote.Year2026} {
		f := newFixture(t, pronote.Options{Generation: generation})
		for _, test := range []struct {
			page, account, password string
			acces                   any
		}{
			{"eleve.html", "eleve", "wrong", 1.0},
			{"eleve.html", "nobody", "eleve", 1.0},
			{"parent.html", "eleve", "eleve", 2.0},
			{"eleve.html", "parent", "parent", 2.0},
			{"eleve.html", "bloque", "bloque", 6.0},
			{"eleve.html", "eleve", "eleve", nil},
			{"parent.html", "parent", "parent", nil},
			{"eleve.html", "sansphoto", "sansphoto", nil},
			{"eleve.html", "vide", "vide", nil},
		} {
			out, err := f.client(t).login(test.page, test.account, test.password, nil)
			if err != nil || out["Acces"] != test.acces || (out["cle"] == nil) != (test.acces != nil) {
				t.Errorf("%+v: %v, %v", test, out, err)
			}
		}
	}
}

func TestTooManyWrongAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	for range 5 {
		if out, err := f.client(t).login("eleve.html", "eleve", "wrong", nil); err != nil || out["Acces"] != 1.0 {
			t.Fatalf("%v, %v", out, err)
		}
	}
	_, err := f.client(t).login("eleve.html", "eleve", "eleve", nil)
	wantFault(t, err, 25)
	f.enter(t, "parent.html", "parent")
	f.pass(61 * time.Minute)
	f.enter(t, "eleve.html", "eleve")
	if err := f.SetPassword("eleve", "other"); err != nil {
		t.Error(err)
	}
	if out, err := f.client(t).login("eleve.html", "eleve", "other", nil); err != nil || out["cle"] == nil {
		t.Errorf("%v, %v", out, err)
	}
}

const device = "11111111-2222-4333-8444-555555555555"

var (
	tokenLogin = obj{"enConnexionAppliMobile": true, "uuidAppliMobile": device}
	askToken   = obj{"demandeConnexionAppliMobile": true, "uuidAppliMobile": device}
	qrLogin    = obj{
		"demandeConnexionAppliMobile": true, "demandeConnexionAppliMobileJeton": true, "uuidAppliMobile": device,
	}
)

// scan decrypts a QR code.
func scan(t *testing.T, code []byte, pin string) (address, login, token string) {
	t.Helper()
	var in struct{ URL, Login, Jeton string }
	if err := json.Unmarshal(code, &in); err != nil {
		t.Fatal(err)
	}
	read := func(text string) string {
		raw, _ := hex.DecodeString(text)
		plain, err := uncbc(sum([]byte(pin)), make([]byte, 16), raw)
		if err != nil {
			t.Fatal(err)
		}
		return string(plain)
	}
	return in.URL, read(in.Login), read(in.Jeton)
}

func TestQRAndTokens(t *testing.T) {
	t.Parallel()
	for _, generation := range []int{pronote.Year2025, pronote.Year2026} {
		f := newFixture(t, pronote.Options{Generation: generation})
		f.client(t).open("eleve.html")
		address, login, jeton := scan(t, f.QR("eleve", "4321"), "4321")
		page, ok := strings.CutPrefix(address, f.url+"/")
		if !ok || login != "eleve" {
			t.Fatalf("QR code = %s, %s", address, login)
		}
		out, err := f.client(t).login(page, login, jeton, qrLogin)
		token := str(out, "jetonConnexionAppliMobile")
		if err != nil || token == "" {
			t.Fatalf("%v, %v", out, err)
		}
		if out, _ := f.client(t).login(page, login, jeton, qrLogin); out["Acces"] != 1.0 {
			t.Errorf("a QR code was taken twice: %v", out)
		}
		for range 3 {
			out, err = f.client(t).login(page, login, token, tokenLogin)
			next := str(out, "jetonConnexionAppliMobile")
			if err != nil || next == "" || next == token {
				t.Fatalf("%v, %v", out, err)
			}
			if out, _ := f.client(t).login(page, login, token, tokenLogin); out["Acces"] != 1.0 {
				t.Errorf("a token was taken twice: %v", out)
			}
			f.pass(time.Hour)
			token = next
		}
		if out, _ := f.client(t).login("eleve.html", login, token, tokenLogin); out["Acces"] != 1.0 {
			t.Errorf("a token was taken in another space: %v", out)
		}
		if out, _ := f.client(t).login(page, "eleve", "eleve", askToken); str(out, "jetonConnexionAppliMobile") == "" {
			t.Errorf("no token for a password: %v", out)
		}
		_, login, jeton = scan(t, f.QR("eleve", "4321"), "4321")
		f.pass(11 * time.Minute)
		if out, _ := f.client(t).login(page, login, jeton, qrLogin); out["Acces"] != 1.0 {
			t.Errorf("an old QR code was taken: %v", out)
		}
	}
}

func TestQRFromSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "parent.html", "parent")
	out := c.must("JetonAppliMobile", 7, obj{"code": "9876"})
	data, _ := json.Marshal(out)
	_, login, jeton := scan(t, data, "9876")
	if out, err := f.client(t).login("mobile.parent.html", login, jeton, qrLogin); err != nil || out["cle"] == nil {
		t.Errorf("%v, %v", out, err)
	}
}

func TestSecondFactor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.client(t)
	out, err := c.login("mobile.eleve.html", "double", "double", askToken)
	if err != nil || str(out, "actionsDoubleAuth") != "[3]" || str(out, "jetonConnexionAppliMobile") == "" {
		t.Fatalf("%v, %v", out, err)
	}
	wantFault(t, c.finish(), 21)
	secure := func(data obj) obj {
		out, err := c.call("SecurisationCompteDoubleAuth", obj{"data": data}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pin := func(text string) string { return hex.EncodeToString(cbc(c.key, c.iv, []byte(text))) }
	if out := secure(obj{"action": 0, "codePin": pin("0000")}); out["result"] != false {
		t.Errorf("wrong PIN: %v", out)
	}
	if out := secure(obj{"action": 0, "codePin": pin("1234")}); out["result"] != true {
		t.Errorf("right PIN: %v", out)
	}
	if out := secure(obj{"action": 2, "libelle": "Essai"}); out["dejaConnu"] != false {
		t.Errorf("unknown device: %v", out)
	}
	out = secure(obj{
		"action": 3, "avecIdentification": true, "strIdentification": "Essai", "codePin": pin("1234"),
	})
	if str(out, "jetonConnexionAppliMobile") == "" {
		t.Errorf("saved: %v", out)
	}
	if err := c.finish(); err != nil {
		t.Fatal(err)
	}
	if mode := at(c.must("PageInfosPerso", 49, obj{}), "securisation", "mode"); mode != 3.0 {
		t.Errorf("mode = %v", mode)
	}
	known := f.client(t)
	known.nav = c.nav
	if out, err := known.login("eleve.html", "double", "double", nil); err != nil || out["actionsDoubleAuth"] != nil {
		t.Errorf("known device: %v, %v", out, err)
	}
	out, err = f.client(t).login("eleve.html", "double", "double", nil)
	if err != nil || out["actionsDoubleAuth"] == nil {
		t.Errorf("another device: %v, %v", out, err)
	}
}

// TestPrefix: behind a path, addresses and cookies have it.
func TestPrefix(t *testing.T) {
	t.Parallel()
	now := start
	s := pronote.New(pronote.Options{Options: sim.Options{
		Now: func() time.Time { return now }, Prefix: "/sim/pronote",
	}})
	server := httptest.NewServer(http.StripPrefix("/sim/pronote", s))
	t.Cleanup(server.Close)
	c := newClient(t, server.URL+"/sim/pronote")
	if out, err := c.login("eleve.html", "eleve", "eleve", nil); err != nil || out["cle"] == nil {
		t.Fatalf("%v, %v", out, err)
	}
	r, err := http.Post(c.base+"/_qr", "application/json", strings.NewReader(`{"account":"parent","pin":"0000"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	code, _ := io.ReadAll(r.Body)
	address, login, _ := scan(t, code, "0000")
	if address != c.base+"/mobile.parent.html"+mobileQuery || login != "parent" {
		t.Errorf("QR code = %s, %s", address, login)
	}
	if code := s.QR("nobody", "0000"); string(code) != "null" {
		t.Errorf("QR code of nobody = %s", code)
	}
	if err := s.SetPassword("nobody", "x"); err == nil {
		t.Error("nobody has a password")
	}
	if r, err := c.http.Post(c.base+"/appeldeconnexion/AB/1", "", nil); err != nil || r.Body.Close() != nil {
		t.Error(err)
	}
	wantFault(t, page(c, 7), 10)
}
