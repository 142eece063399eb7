package pronote_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

// memory is a store.
type memory struct {
	mu      sync.Mutex
	records map[string][]byte
}

func (m *memory) Save(key string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	m.records[key] = data
	return nil
}

func (m *memory) Load() (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.records), nil
}

func TestTimetable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	week := func(n int) []any {
		return list(c.must("PageEmploiDuTemps", 16, obj{"ressource": c.user, "NumeroSemaine": n}), "ListeCours")
	}
	got := map[string]int{}
	for _, l := range week(21) {
		for _, key := range []string{
			"estAnnule", "estRetenue", "estSortiePedagogique", "dispenseEleve", "listeVisios", "memo", "cahierDeTextes",
			"DateDuCoursFin", "Statut",
		} {
			if at(l, key) != nil {
				got[key]++
			}
		}
		if at(l, "ListeContenus") == nil {
			got["no contents"]++
		}
	}
	want := map[string]int{
		"estAnnule": 2, "estRetenue": 1, "estSortiePedagogique": 1, "dispenseEleve": 1, "listeVisios": 2, "memo": 1,
		"cahierDeTextes": 1, "DateDuCoursFin": 2, "Statut": 4, "no contents": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := len(week(60)); n != 0 {
		t.Errorf("%d lessons in the holidays", n)
	}
	if first := str(week(1)[0], "DateDuCours"); first != "01/09/2025 08:00:00" {
		t.Errorf("first lesson = %s", first)
	}
}

// TestDays: the pages have data on every day, also in the holidays and when clocks change.
func TestDays(t *testing.T) {
	t.Parallel()
	for _, date := range []string{"2025-08-20", "2025-09-01", "2025-10-26", "2025-12-31", "2026-03-29", "2026-07-20"} {
		f := newFixture(t, pronote.Options{})
		now, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		f.now.Store(&now)
		c := f.enter(t, "eleve.html", "eleve")
		period := at(c.user, "listeOngletsPourPeriodes", 1, "periodeParDefaut")
		marks := list(c.must("DernieresNotes", 198, obj{"Periode": period}), "listeDevoirs")
		if len(marks) == 0 && date != "2025-08-20" {
			t.Errorf("%s: no grades in %v", date, period)
		}
		for _, id := range []string{"PremierLundi", "PremiereDate", "DerniereDate", "JourOuvre"} {
			if str(c.general, id) == "" {
				t.Errorf("%s: no %s", date, id)
			}
		}
		c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0..3]"}})
		c.must("PageMenus", 10, obj{"date": day(now)})
	}
}

func TestGrades(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	periods := list(c.general, "ListePeriodes")
	page := c.must("DernieresNotes", 198, obj{"Periode": periods[1]})
	values, missing := map[string]bool{}, map[string]bool{}
	for _, g := range list(page, "listeDevoirs") {
		values[str(g, "note")] = true
		for _, key := range []string{"bareme", "coefficient", "moyenne"} {
			missing[key] = missing[key] || at(g, key) == nil
		}
	}
	for _, value := range []string{"|1", "|2", "|3", "|4", "|5", "|6", "|7", "|8", "", "15,5"} {
		if !values[value] {
			t.Errorf("no grade %q", value)
		}
	}
	if !missing["bareme"] || !missing["coefficient"] || !missing["moyenne"] {
		t.Errorf("missing = %v", missing)
	}
	for _, i := range []int{2, 6} { // the third trimester has not begun, and there is nothing outside
		page := c.must("DernieresNotes", 198, obj{"Periode": periods[i]})
		if n := len(list(page, "listeDevoirs")); n != 0 {
			t.Errorf("%d grades in %v", n, periods[i])
		}
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	p := list(c.general, "ListePeriodes")[1]
	read := func(from, to any) map[any]int {
		got := map[any]int{}
		page := c.must("PagePresence", 19, obj{"periode": p, "DateDebut": from, "DateFin": to})
		for _, e := range list(page, "listeAbsences") {
			got[at(e, "G")]++
		}
		return got
	}
	want := map[any]int{13.0: 2, 14.0: 1, 41.0: 2, 46.0: 1}
	if diff := cmp.Diff(want, read(p.(obj)["dateDebut"], p.(obj)["dateFin"])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := read(p.(obj)["dateDebut"], p.(obj)["dateDebut"]); len(got) != 0 {
		t.Errorf("on the first day: %v", got)
	}
}

func TestNews2026(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	for _, account := range []string{"eleve", "parent"} {
		c := f.enter(t, account+".html", account)
		page := c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0..3]"}})
		all := list(page, "listeModesAff", 0, "listeActualites")
		if len(all) != 4 || len(list(page, "listeModesAff")) != 4 {
			t.Fatalf("news = %v", page)
		}
		for _, item := range all {
			if at(item, "categorie") != nil || at(item, "listeQuestions") != nil || str(item, "nature", "L") == "" {
				t.Errorf("item = %v", item)
			}
			public := obj{"N": c.user["N"], "G": 4}
			out := c.must("PageActualites", 8, obj{
				"actualite":             obj{"N": at(item, "N"), "genrePublic": 4, "public": public},
				"genreRequeteActualite": 1, "modeAffActu": 0,
			})
			if str(out, "detailsActualite", "listeQuestions", 0, "texte") == "" {
				t.Errorf("detail = %v", out)
			}
		}
		mark := obj{
			"N": at(all[1], "N"), "validationDirecte": true, "genrePublic": 4, "public": at(all[1], "public"), "lue": true,
		}
		c.must("SaisieActualites", 8, obj{"listeActualites": []obj{mark}, "saisieActualite": false})
		page = c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0]"}})
		if item := list(page, "listeModesAff", 0, "listeActualites")[1]; at(item, "lue") != true {
			t.Errorf("not read: %v", item)
		}
	}
}

// TestAnswers: in 2025 questions are in the list, and an answer is kept.
func TestAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{Generation: pronote.Year2025})
	c := f.enter(t, "eleve.html", "eleve")
	read := func() any {
		page := c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0]"}})
		return list(page, "listeModesAff", 0, "listeActualites")[2]
	}
	item := read()
	question := at(item, "listeQuestions", 0)
	if str(item, "categorie", "L") != "Sondages" || len(list(question, "listeChoix")) != 3 {
		t.Errorf("item = %v", item)
	}
	answer := obj{"valeurReponse": obj{"_T": 8, "V": "[1,3]"}, "avecReponse": true}
	c.must("SaisieActualites", 8, obj{"listeActualites": []obj{{
		"N": at(item, "N"), "genrePublic": 4, "public": at(item, "public"), "lue": true,
		"listeQuestions": []obj{{
			"N": at(question, "N"), "genreReponse": 3, "reponse": answer, //nolint:misspell // the vendor's
		}},
	}}})
	got := str(read(), "listeQuestions", 0, "reponse", "valeurReponse") //nolint:misspell // the vendor's
	if got != "[1,3]" {
		t.Errorf("answer = %q", got)
	}
}

func TestEvaluations(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	page := c.must("DernieresEvaluations", 201, obj{"periode": list(c.general, "ListePeriodes")[1]})
	all := list(page, "listeEvaluations")
	if len(all) != 3 || str(all[0], "matiere", "L") != "FRANÇAIS" || len(list(all[0], "listeNiveauxDAcquisitions")) != 3 {
		t.Errorf("evaluations = %v", all)
	}
}

func threads(c *client) []any {
	c.t.Helper()
	return list(c.must("ListeMessagerie", 131, obj{"avecMessage": true, "avecLu": true}), "listeMessagerie")
}

func TestMessages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	all := threads(c)
	first := at(all[0], "listePossessionsMessages")
	for _, read := range []bool{true, false} {
		c.must("SaisieMessage", 131, obj{"commande": "pourLu", "lu": read, "listePossessionsMessages": first})
		if got := at(threads(c)[0], "nbNonLus"); (got == nil) != read {
			t.Errorf("read %t: %v unread", read, got)
		}
	}
	page := c.must("ListeMessages", 131, obj{"listePossessionsMessages": first})
	if got := at(threads(c)[0], "nbNonLus"); got != 1.0 || len(list(page, "listeMessages")) != 3 {
		t.Errorf("a list changed its messages: %v unread", got)
	}
	reply := func(page obj, button any) error {
		_, err := c.get("SaisieMessage", 131, obj{
			"messagePourReponse": at(page, "messagePourReponse"), "contenu": "Bonjour",
			"listeFichiers": []any{}, "bouton": button,
		})
		return err
	}
	if err := reply(page, list(page, "listeBoutons")[0]); err != nil {
		t.Error(err)
	}
	wantFault(t, reply(page, obj{"G": 5, "N": "0"}), 0)
	closed := c.must("ListeMessages", 131, obj{"listePossessionsMessages": at(all[1], "listePossessionsMessages")})
	if n := len(list(closed, "listeBoutons")); n != 0 || at(all[1], "ferme") != true {
		t.Errorf("a closed discussion has %d buttons", n)
	}
	wantFault(t, reply(closed, obj{"G": 0, "N": "0"}), 0)
	staff := c.must("ListeRessourcesPourCommunication", 131, obj{"onglet": obj{"N": 0, "G": 34}})
	to := list(staff, "listeRessourcesPourCommunication")[0]
	create := func(recipient any, subject string) error {
		_, err := c.get("SaisieMessage", 131, obj{
			"objet": subject, "contenu": "Texte", "listeDestinataires": []any{recipient},
		})
		return err
	}
	if err := create(to, "Objet"); err != nil {
		t.Error(err)
	}
	wantFault(t, create(obj{"N": at(to, "N"), "G": 3}, "Objet"), 22)
	wantFault(t, create(to, ""), 0)
	c.must("SaisieMessage", 131, obj{"commande": "corbeille", "listePossessionsMessages": first})
	got := each(threads(c), func(d any) any {
		return fmt.Sprintf("%v %v %v", at(d, "objet"), at(d, "nombreMessages"), at(d, "initiateur"))
	})
	want := []any{
		"Objet 1 <nil>", "Devoir de lundi 4 Mme PROF A.", "Sortie au musée 1 M. PROF B.", "Question sur l'exercice 1 <nil>",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestStore: what was done is there after the process has ended, sessions are not.
func TestStore(t *testing.T) {
	t.Parallel()
	store := &memory{}
	o := pronote.Options{Options: sim.Options{Store: store}}
	f := newFixture(t, o)
	c := f.client(t)
	out, err := c.login("mobile.eleve.html", "eleve", "eleve", askToken)
	if err != nil {
		t.Fatal(err)
	}
	token := str(out, "jetonConnexionAppliMobile")
	domain := obj{"domaine": obj{"_T": 8, "V": "[21]"}}
	work := list(c.must("PageCahierDeTexte", 88, domain), "ListeTravauxAFaire")[0]
	c.must("SaisieTAFFaitEleve", 88, obj{"listeTAF": []obj{{"E": 2, "N": at(work, "N"), "TAFFait": true}}})
	_, err = c.get("SaisieTAFFaitEleve", 88, obj{"listeTAF": []obj{{"E": 2, "N": c.user["N"], "TAFFait": true}}})
	wantFault(t, err, 22)

	f = newFixture(t, o)
	c.base = f.url
	wantFault(t, page(c, 7), 10)
	c = f.client(t)
	if out, err := c.login("mobile.eleve.html", "eleve", token, tokenLogin); err != nil || out["cle"] == nil {
		t.Fatalf("%v, %v", out, err)
	}
	if work := list(c.must("PageCahierDeTexte", 88, domain), "ListeTravauxAFaire")[0]; at(work, "TAFFait") != true {
		t.Errorf("not done: %v", work)
	}

	_ = store.Save("eleve", []byte("{"))
	newFixture(t, o).enter(t, "eleve.html", "eleve")
}

func TestPerson(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	for account, want := range map[string]string{"eleve": "33600000001", "sansphoto": "", "parent": "33600000010"} {
		pageName := "eleve.html"
		if account == "parent" {
			pageName = "parent.html"
		}
		c := f.enter(t, pageName, account)
		about := c.must("PageInfosPerso", 49, obj{})["Informations"]
		if got := str(about, "indicatifTel") + str(about, "telephonePortable"); got != want {
			t.Errorf("%s: phone %q", account, got)
		}
		if param := str(c.must("PageInfosPerso", 16, obj{}), "iCal", "liste", 0, "paramICal"); param == "" {
			t.Errorf("%s: no calendar", account)
		}
		if photo := at(c.user, "avecPhoto"); (photo == true) != (account == "eleve") {
			t.Errorf("%s: photo %v", account, photo)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	f := newFixture(t, pronote.Options{})
	c := f.enter(t, "eleve.html", "eleve")
	away := faults.Fault{Path: "^/appelfonction/", Status: http.StatusServiceUnavailable, Times: 1}
	if _, err := f.Faults.Add(away); err != nil {
		t.Fatal(err)
	}
	if err := page(c, 7); err == nil || !strings.Contains(err.Error(), "pas disponible") {
		t.Errorf("error = %v", err)
	}
	if _, err := c.send(); err != nil {
		t.Errorf("repeated: %v", err)
	}
	_ = f.Break("slow", 1)
	begun := time.Now()
	if err := page(c, 7); err != nil || time.Since(begun) < time.Second {
		t.Errorf("slow: %v after %v", err, time.Since(begun))
	}
}
