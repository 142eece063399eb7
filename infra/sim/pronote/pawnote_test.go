package pronote_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

// TestPawnote: npm's pawnote logs in in each way, and reads in every page what the simulator serves.
func TestPawnote(t *testing.T) {
	t.Parallel()
	dir := peers.Dir(t)
	for i := range 4 {
		encrypt, compress := i&1 > 0, i&2 > 0
		t.Run(fmt.Sprintf("encrypt %t compress %t", encrypt, compress), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, pronote.Options{
				Generation: pronote.Year2025, Encrypt: &encrypt, Compress: &compress, Lenient: true,
			})
			want := expected(t, f.enter(t, "eleve.html", "eleve"))
			code := string(f.QR("eleve", "4321"))
			cmd := exec.CommandContext(t.Context(), "node", "testdata/pawnote.mjs", dir, f.url, code, "4321")
			cmd.Env = append(os.Environ(), "TZ=UTC", "NO_PROXY=127.0.0.1")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			var got obj
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			want = plain(t, want)
			if encrypt && !compress {
				want, _ = bytewise(want).(obj)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			afterPawnote(t, f.enter(t, "eleve.html", "eleve"))
		})
	}
}

// plain is a value as JSON has it.
func plain(t *testing.T, v any) (out obj) {
	t.Helper()
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bytewise is a value as pawnote reads it where answers are encrypted and not compressed: each byte becomes a
// character.
func bytewise(v any) any {
	switch v := v.(type) {
	case string:
		var out strings.Builder
		for _, b := range []byte(v) {
			out.WriteRune(rune(b))
		}
		return out.String()
	case []any:
		return each(v, bytewise)
	case obj:
		out := obj{}
		for key, one := range v {
			out[key] = bytewise(one)
		}
		return out
	}
	return v
}

// wall is a date as the script prints it.
func wall(v any, path ...any) any {
	value := str(v, path...)
	for _, form := range []string{"02/01/2006 15:04:05", "02/01/2006"} {
		if at, err := time.Parse(form, value); err == nil {
			return at.Format("2006-01-02T15:04")
		}
	}
	return nil
}

func maybe(v any) any {
	if s, ok := v.(string); ok && s == "" {
		return nil
	}
	return v
}

// expected reads the pages with the tests' own client, in the form of the script.
func expected(t *testing.T, c *client) obj {
	t.Helper()
	out := obj{
		"version": "2025.2.6", "user": c.user["L"], "class": at(c.user, "classeDEleve", "L"), "day": 2, "file": "%PDF-",
		"gradeFiles": []string{"%PDF-", "%PDF-"}, "photo": "image/png",
		"resources": 4, "notebook": []int{1, 1, 2, 1}, "token": []any{c.user["L"], true, "BadCredentialsError"},
		"replaced": "SessionExpiredError", "qr": c.user["L"], "few": "AccessDeniedError", "blocked": "AccountDisabledError",
		"wrong": "BadCredentialsError", "pins": []bool{false, true, false}, "double": "ÉLÈVE Cinq",
		"children": [][]string{{"ÉLÈVE Deux", "5B"}, {"ÉLÈVE Trois", "3A"}},
	}
	about := c.must("PageInfosPerso", 49, obj{})["Informations"]
	out["account"] = []any{"+" + str(about, "indicatifTel") + str(about, "telephonePortable"), at(about, "eMail")}
	out["periods"] = each(list(c.general, "ListePeriodes"), func(p any) any {
		return []any{at(p, "L"), wall(p, "dateDebut"), wall(p, "dateFin")}
	})
	out["lessons"] = expectedLessons(c)
	expectedHomework(c, out)
	expectedGrades(c, out)
	expectedNews(c, out)
	expectedMessages(c, out)
	return out
}

func each(values []any, f func(any) any) []any {
	out := make([]any, 0, len(values))
	for _, v := range values {
		out = append(out, f(v))
	}
	return out
}

func expectedLessons(c *client) any {
	c.t.Helper()
	ends := list(c.general, "ListeHeuresFin")
	all := each(list(c.must("PageEmploiDuTemps", 16, obj{"ressource": c.user, "NumeroSemaine": 21}), "ListeCours"),
		func(l any) any {
			end := wall(l, "DateDuCoursFin")
			place, _ := at(l, "place").(float64)
			length, _ := at(l, "duree").(float64)
			first, _ := wall(l, "DateDuCours").(string)
			if end == nil {
				end = first[:11] + strings.ReplaceAll(str(ends[int(place)%20+int(length)-1], "L"), "h", ":")
			}
			switch {
			case at(l, "estSortiePedagogique") == true:
				return []any{"activity", first, end, at(l, "motif"), nil, nil, nil, nil}
			case at(l, "estRetenue") == true:
				return []any{"detention", first, end, nil, nil, nil, nil, nil}
			}
			var subject any
			for _, content := range list(l, "ListeContenus") {
				if at(content, "G") == 16.0 {
					subject = at(content, "L")
				}
			}
			return []any{
				"lesson", first, end, subject, at(l, "estAnnule") == true, at(l, "Statut"),
				at(l, "cahierDeTextes", "estDevoir") == true, at(l, "dispenseEleve") == true,
			}
		})
	slices.SortStableFunc(all, func(a, b any) int { return strings.Compare(str(a, 1), str(b, 1)) })
	return all
}

func expectedHomework(c *client, out obj) {
	c.t.Helper()
	done := []bool{}
	page := c.must("PageCahierDeTexte", 88, obj{"domaine": obj{"_T": 8, "V": "[21..22]"}})
	out["homework"] = each(list(page, "ListeTravauxAFaire"), func(w any) any {
		done = append(done, len(done) == 0)
		return []any{
			wall(w, "PourLe"), at(w, "Matiere", "L"), at(w, "descriptif"), at(w, "TAFFait"),
			each(list(w, "ListePieceJointe"), func(f any) any { return at(f, "L") }),
		}
	})
	out["done"] = done
}

// score is a grade as the script prints it.
func score(v any, path ...any) any {
	value := strings.ReplaceAll(str(v, path...), ",", ".")
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		return n
	}
	if kind, ok := strings.CutPrefix(value, "|"); ok {
		return "kind " + kind
	}
	return nil
}

func expectedGrades(c *client, out obj) {
	c.t.Helper()
	periods := list(c.user, "listeOngletsPourPeriodes", 1, "listePeriodes")
	page := c.must("DernieresNotes", 198, obj{"Periode": periods[0]})
	out["grades"] = each(list(page, "listeDevoirs"), func(g any) any {
		return []any{wall(g, "date"), at(g, "service", "L"), score(g, "note"), score(g, "bareme"), at(g, "commentaire")}
	})
	out["averages"] = each(list(page, "listeServices"), func(s any) any {
		return []any{at(s, "L"), score(s, "moyEleve"), score(s, "moyClasse")}
	})
	page = c.must("DernieresEvaluations", 201, obj{"periode": periods[1]})
	out["evaluations"] = each(list(page, "listeEvaluations"), func(e any) any {
		skills := each(list(e, "listeNiveauxDAcquisitions"), func(s any) any {
			return []any{at(s, "ordre"), at(s, "L"), at(s, "item", "L")}
		})
		slices.Reverse(skills) // pawnote sorts them
		return []any{wall(e, "date"), at(e, "L"), at(e, "matiere", "L"), at(e, "individu", "L"), skills}
	})
}

func expectedNews(c *client, out obj) {
	c.t.Helper()
	page := c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0]"}})
	out["news"] = each(list(page, "listeModesAff", 0, "listeActualites"), func(n any) any {
		kind := map[bool]string{true: "survey", false: "information"}[at(n, "estSondage") == true]
		return []any{kind, at(n, "L"), at(n, "auteur"), at(n, "lue"), at(n, "categorie", "L")}
	})
	page = c.must("PageMenus", 10, obj{"date": day(start)})
	out["menus"] = each(list(page, "ListeJours"), func(d any) any {
		meals := []any{wall(d, "Date"), nil, nil}
		for _, meal := range list(d, "ListeRepas") {
			kind, _ := at(meal, "G").(float64)
			meals[1+int(kind)] = at(meal, "ListePlats", 1, "ListeAliments", 0, "L")
		}
		return meals
	})
}

func expectedMessages(c *client, out obj) {
	c.t.Helper()
	recipients := []any{}
	for _, kind := range []int{3, 34} {
		page := c.must("ListeRessourcesPourCommunication", 131, obj{"onglet": obj{"N": 0, "G": kind}})
		for _, r := range list(page, "listeRessourcesPourCommunication") {
			if at(r, "avecDiscussion") == true {
				recipients = append(recipients, []any{at(r, "L"), at(r, "G")})
			}
		}
	}
	out["recipients"] = recipients
	page := c.must("ListeMessagerie", 131, obj{"avecMessage": true, "avecLu": true})
	threads := list(page, "listeMessagerie")
	out["discussions"] = each(threads, func(d any) any {
		unread := at(d, "nbNonLus")
		if unread == nil {
			unread = 0
		}
		return []any{at(d, "objet"), at(d, "initiateur"), at(d, "nombreMessages"), unread, at(d, "ferme")}
	})
	page = c.must("ListeMessages", 131, obj{"listePossessionsMessages": at(threads[0], "listePossessionsMessages")})
	out["messages"] = each(list(page, "listeMessages"), func(m any) any {
		author := maybe(str(m, "public_gauche"))
		if at(m, "emetteur") == true {
			author = nil
		}
		return []any{at(m, "contenu"), author, wall(m, "date")}
	})
}

// afterPawnote looks for what the script has changed.
func afterPawnote(t *testing.T, c *client) {
	t.Helper()
	page := c.must("PageActualites", 8, obj{"modesAffActus": obj{"_T": 26, "V": "[0]"}})
	if item := list(page, "listeModesAff", 0, "listeActualites")[0]; at(item, "lue") != true {
		t.Errorf("not read: %v", item)
	}
	page = c.must("ListeMessagerie", 131, obj{"avecMessage": true, "avecLu": true})
	threads := list(page, "listeMessagerie")
	got := each(threads, func(d any) any {
		return []any{at(d, "objet"), at(d, "nombreMessages"), at(d, "nbNonLus"), len(list(d, "listeEtiquettes"))}
	})
	want := []any{
		[]any{"Objet", 1.0, nil, 0},
		[]any{"Devoir de lundi", 4.0, nil, 0},
		[]any{"Sortie au musée", 1.0, nil, 1},
		[]any{"Question sur l'exercice", 1.0, nil, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("discussions (-want +got)\n%s", diff)
	}
	page = c.must("ListeMessages", 131, obj{"listePossessionsMessages": at(threads[1], "listePossessionsMessages")})
	if text := str(page, "listeMessages", 0, "contenu"); text != "Réponse de pawnote" {
		t.Errorf("reply = %q", text)
	}
}
