package pronote_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

func wantFault(t *testing.T, err error, g int) {
	t.Helper()
	var f fault
	if !errors.As(err, &f) || f.g != g {
		t.Errorf("error = %v, want %d", err, g)
	}
}

// TestForms: a login and a page in every combination of flags, generations and spaces.
func TestForms(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, generation := range []int{pronote.Year2025, pronote.Year2026} {
		for i := range 8 {
			encrypt, compress, plain := i&1 > 0, i&2 > 0, i&4 > 0
			t.Run(fmt.Sprintf("%d encrypt %t compress %t plain %t", generation, encrypt, compress, plain),
				func(t *testing.T) {
					t.Parallel()
					f := newFixture(t, pronote.Options{
						Generation: generation, Encrypt: &encrypt, Compress: &compress, Plain: plain, RSAKey: key,
					})
					for _, page := range []string{"eleve.html", "mobile.eleve.html" + mobileQuery} {
						c := f.client(t)
						c.rsa = &key.PublicKey
						out, err := c.login(page, "Eleve", "eleve", nil)
						if err != nil || out["cle"] == nil || str(c.user, "L") != "ÉLÈVE Un" {
							t.Fatalf("login: %v, %v", out, err)
						}
						if c.flag("CrA") != encrypt || c.flag("CoA") != compress || c.flag("http") != plain {
							t.Errorf("flags = %v", c.start)
						}
						if _, err := c.get("Navigation", 7, obj{"onglet": 7, "ongletPrec": 7}); err != nil {
							t.Error(err)
						}
					}
					if n := f.Counts(); n["login"] != 2 || n["page"] != 2 || n["Navigation"] != 2 {
						t.Errorf("counts = %v", n)
					}
				})
		}
	}
}

// mobileQuery is that of the vendor's mobile application.
const mobileQuery = "?fd=1&bydlg=A6ABB224-12DD-4E31-AD3E-8A39A1C2C335&login=true"

func TestFirstOrderIsTheKnownOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.client(t)
	c.open("eleve.html")
	if err := c.parameters(); err != nil || !strings.HasSuffix(c.lastURL, "/3fa959b13967e0ef176069e01e23c8d7") {
		t.Errorf("%v, %s", err, c.lastURL)
	}
}

func TestPlainWithoutKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{Plain: true})
	_, err := f.client(t).login("eleve.html", "eleve", "eleve", nil)
	wantFault(t, err, 21)
}

func TestPages(t *testing.T) {
	t.Parallel()
	for generation, want := range map[int][]string{
		pronote.Year2025: {">PRONOTE 2025.2.6<", `onload="try { Start ({h:'`, "}) } catch"},
		pronote.Year2026: {">PRONOTE 2026.2.7<", `Start ({"h":"`, "});"},
	} {
		f := newFixture(t, pronote.Options{Generation: generation})
		for _, page := range []string{"eleve.html", "parent.html", "mobile.eleve.html", "mobile.parent.html"} {
			body := fetch(t, f.url+"/"+page)
			for _, part := range want {
				if !strings.Contains(body, part) {
					t.Errorf("%s lacks %q:\n%s", page, part, body)
				}
			}
		}
		info := fetch(t, f.url+"/infoMobileApp.json?id=0D264427-EEFC-4810-A9E9-346942A862A4")
		if !strings.Contains(info, "mobile.eleve.html") || !strings.Contains(info, `"actif":false`) {
			t.Errorf("info = %s", info)
		}
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(c *client) error
		want int
	}{
		{"wrong order", func(c *client) error { c.order += 2; return page(c, 7) }, 11},
		{"old order", func(c *client) error { c.order -= 2; return page(c, 7) }, 11},
		{"no cookie", func(c *client) error { c.http.Jar = nil; return page(c, 7) }, 21},
		{"other space", func(c *client) error { c.start["a"] = "2"; return page(c, 7) }, 21},
		{"unknown session", func(c *client) error { c.start["h"] = "1"; return page(c, 7) }, 10},
		{"not compressed", func(c *client) error { c.start["CoA"] = ""; return page(c, 7) }, 21},
		{"tab of nobody", func(c *client) error { return page(c, 105) }, 3},
		{"tab of another function", func(c *client) error {
			_, err := c.get("PageMenus", 16, obj{"date": day(start)})
			return err
		}, 3},
		{"unknown function", func(c *client) error { _, err := c.get("PageBulletins", 13, obj{}); return err }, 3},
		{"no signature", func(c *client) error {
			_, err := c.call("PageMenus", obj{"data": obj{"date": day(start)}}, nil)
			return err
		}, 3},
		{"login again", func(c *client) error {
			_, err := c.call("Identification", obj{"data": obj{}}, nil)
			return err
		}, 21},
		{"unknown object", func(c *client) error {
			_, err := c.get("DernieresNotes", 198, obj{"Periode": obj{"N": "105#AAAA", "L": "Trimestre 1"}})
			return err
		}, 22},
		{"lower-case body", func(c *client) error {
			_, _ = c.call("Navigation", obj{"Signature": obj{"onglet": 7}, "data": obj{"onglet": 7}}, nil)
			c.order += 2
			var in obj
			_ = json.Unmarshal(c.lastBody, &in)
			in["dataSec"] = strings.ToLower(fmt.Sprint(in["dataSec"]))
			no := hex.EncodeToString(cbc(c.key, c.iv, []byte(strconv.Itoa(c.order-2))))
			in["no"] = no
			c.lastBody, _ = json.Marshal(in)
			c.lastURL = c.lastURL[:strings.LastIndex(c.lastURL, "/")+1] + no
			_, err := c.send()
			return err
		}, 21},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, pronote.Options{})
			wantFault(t, test.do(f.enter(t, "eleve.html", "eleve")), test.want)
		})
	}
}

func page(c *client, tab int) error {
	_, err := c.get("Navigation", tab, obj{"onglet": tab, "ongletPrec": 7})
	return err
}

func day(t time.Time) obj { return obj{"_T": 7, "V": t.Format("02/01/2006") + " 0:0:0"} }

func TestRepeatedBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	if err := f.Break("cut", 1); err != nil {
		t.Fatal(err)
	}
	_, err := c.get("PageInfosPerso", 49, obj{})
	if err == nil {
		t.Fatal("the connection was not closed")
	}
	if _, err := c.send(); err != nil {
		t.Fatalf("repeated: %v", err)
	}
	first := c.lastBytes
	if _, err := c.send(); err != nil || !bytes.Equal(first, c.lastBytes) {
		t.Errorf("repeated twice: %v", err)
	}
	if err := page(c, 7); err != nil {
		t.Errorf("next call: %v", err)
	}
}

func TestEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	old := f.enter(t, "eleve.html", "eleve")
	c := f.enter(t, "mobile.eleve.html", "eleve")
	wantFault(t, page(old, 7), 8)
	f.pass(29 * time.Minute)
	if err := page(c, 7); err != nil {
		t.Error(err)
	}
	f.pass(31 * time.Minute)
	wantFault(t, page(c, 7), 10)
	wantFault(t, page(c, 7), 10)

	c = f.enter(t, "eleve.html", "eleve")
	f.Restart()
	wantFault(t, page(c, 7), 10)

	c = f.enter(t, "eleve.html", "eleve")
	if _, err := c.call("SaisieDeconnexion", obj{"data": obj{}}, nil); err != nil {
		t.Error(err)
	}
	wantFault(t, page(c, 7), 10)
}

func TestObjectsOfAnotherSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	first := f.enter(t, "eleve.html", "eleve")
	second := f.enter(t, "eleve.html", "eleve")
	if str(first.user, "N") == str(second.user, "N") {
		t.Error("two sessions have the same ids")
	}
	_, err := second.get("PageEmploiDuTemps", 16, obj{"ressource": first.user, "NumeroSemaine": 3})
	wantFault(t, err, 22)
	if !strings.HasPrefix(str(first.user, "N"), "46#") {
		t.Errorf("id = %s", str(first.user, "N"))
	}
}

func TestBreak(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	for _, want := range []int{3, 5, 7, 8, 10, 11, 13, 21, 22, 25} {
		kind := strconv.Itoa(want)
		c := f.enter(t, "eleve.html", "eleve")
		r, err := http.Post(f.url+"/_break", "application/json", strings.NewReader(`{"kind":"`+kind+`","times":1}`))
		if err != nil || r.StatusCode != http.StatusNoContent {
			t.Fatal(err, r.Status)
		}
		_ = r.Body.Close()
		wantFault(t, page(c, 7), want)
		err = page(c, 7)
		if ended := map[int]bool{7: true, 8: true, 10: true, 11: true, 13: true}[want]; ended {
			wantFault(t, err, want)
		} else if err != nil {
			t.Errorf("after %s: %v", kind, err)
		}
	}
	c := f.enter(t, "eleve.html", "eleve")
	_ = f.Break("attente", 1)
	out, err := c.get("PageInfosPerso", 49, obj{})
	if err != nil || at(out, "Signature", "SignatureAttente", "ParametresAtt", "delai") != 0.05 {
		t.Errorf("waiting: %v, %v", out, err)
	}
	if out := c.must("PageInfosPerso", 49, obj{}); out["Informations"] == nil {
		t.Errorf("after waiting: %v", out)
	}
	_ = f.Break("wrongkey", 1)
	if err := page(c, 7); err == nil {
		t.Error("an answer of another key was read")
	}
	if err := page(c, 7); err != nil {
		t.Error(err)
	}
	_ = f.Break("suspended", 2)
	if _, err := c.get("Navigation", 7, obj{}); err == nil || !strings.Contains(err.Error(), "provisoirement suspendue") {
		t.Errorf("suspended: %v", err)
	}
	if body := fetch(t, f.url+"/eleve.html"); !strings.Contains(body, "Votre adresse IP est provisoirement suspendue") {
		t.Errorf("suspended: %s", body)
	}
	_ = f.Break("closed", 1)
	if body := fetch(t, f.url+"/eleve.html"); !strings.Contains(body, "Le site n'est pas disponible") {
		t.Errorf("closed: %s", body)
	}
	if err := f.Break("nonsense", 1); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestParent(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "parent.html", "parent")
	children := list(c.user, "listeRessources")
	if len(children) != 2 || at(c.user, "G") != 5.0 {
		t.Fatalf("user = %v", c.user)
	}
	period := str(children[0], "listeOngletsPourPeriodes", 0, "periodeParDefaut", "N")
	data := obj{"Periode": obj{"N": period, "L": "Trimestre 2"}}
	none := c.must("DernieresNotes", 198, data)
	first := c.must("DernieresNotes", 198, data, str(children[0], "N"))
	second := c.must("DernieresNotes", 198, data, str(children[1], "N"))
	if len(list(none, "listeDevoirs")) != len(list(first, "listeDevoirs")) ||
		len(list(first, "listeDevoirs")) >= len(list(second, "listeDevoirs")) {
		t.Errorf("grades = %d, %d, %d", len(list(none, "listeDevoirs")), len(list(first, "listeDevoirs")),
			len(list(second, "listeDevoirs")))
	}
	_, err := c.get("DernieresNotes", 198, data, "46#AAAA")
	wantFault(t, err, 22)
}

func TestFewRights(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "vide")
	c.must("PageInfosPerso", 49, obj{})
	for id, tab := range map[string]int{"PageMenus": 10, "ListeMessagerie": 131, "DernieresNotes": 198} {
		_, err := c.get(id, tab, obj{})
		wantFault(t, err, 3)
	}
}

// external is the address of a file; a grade's have a kind.
func external(c *client, file obj, kind ...string) string {
	in := obj{"N": file["N"], "Actif": true}
	if kind != nil {
		in["G"] = kind[0]
	}
	data, _ := json.Marshal(in)
	return fmt.Sprintf("%s/FichiersExternes/%s/%s?Session=%s", c.base, hex.EncodeToString(cbc(c.key, c.iv, data)),
		url.PathEscape(str(file, "L")), c.start["h"])
}

func TestFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	kinds := map[string]string{}
	var one string
	tasks := c.must("PageCahierDeTexte", 88, obj{"domaine": obj{"_T": 8, "V": "[21..23]"}})
	for _, work := range list(tasks, "ListeTravauxAFaire") {
		for _, file := range list(work, "ListePieceJointe") {
			if at(file, "G") != 1.0 {
				continue
			}
			one = external(c, file.(obj))
			r, err := http.Get(one)
			if err != nil || r.StatusCode != http.StatusOK {
				t.Fatal(err, r.Status)
			}
			_ = r.Body.Close()
			kinds[r.Header.Get("Content-Type")] = str(file, "L")
		}
	}
	for _, kind := range []string{"application/pdf", "image/png", "text/html; charset=utf-8", "image/svg+xml"} {
		if kinds[kind] == "" {
			t.Errorf("no %s in %v", kind, kinds)
		}
	}
	marks := c.must("DernieresNotes", 198, obj{"Periode": list(c.general, "ListePeriodes")[0]})
	subject := obj{"N": at(marks, "listeDevoirs", 0, "N"), "L": "sujet.pdf"}
	if body := fetch(t, external(c, subject)); !strings.Contains(body, "La page a expiré") {
		t.Errorf("a grade's file without its kind: %q", body)
	}
	if body := fetch(t, external(c, subject, "DevoirSujet")); !strings.HasPrefix(body, "%PDF") {
		t.Errorf("a grade's file: %q", body)
	}
	if body := fetch(t, external(c, obj{"N": c.user["N"], "L": "photo.jpg"})); !strings.HasPrefix(body, "\x89PNG") {
		t.Errorf("photo = %q", body)
	}
	f.pass(time.Hour)
	if body := fetch(t, one); !strings.Contains(body, "La page a expiré") {
		t.Errorf("after the session: %s", body)
	}
}
