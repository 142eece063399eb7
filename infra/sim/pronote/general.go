package pronote

import (
	"fmt"
	"strconv"
)

// general is the answer of FonctionParametres.
func (c *call) general() obj {
	var version [3]int
	_, _ = fmt.Sscanf(c.version(), "%d.%d.%d", &version[0], &version[1], &version[2])
	return obj{
		"identifiantNav": c.sess.nav, "estAfficheDansENT": false, "avecMembre": c.sess.page.space%5 == spaceParent,
		"listePolices": list([]obj{{"L": "Arial"}, {"L": "Verdana"}}), "tableauVersion": version,
		"DateServeurHttp": dateTime(c.now), "URLEspace": c.sess.page.file, "Nom": c.sess.page.title,
		"General": c.school(),
	}
}

func (c *call) school() obj {
	y := yearOf(c.now)
	open := y.clamp(c.now)
	return obj{
		"version": "PRONOTE " + c.version() + " gestion de vie scolaire", "versionPN": c.version(),
		"millesime": strconv.Itoa(y.first.Year()), "nomProduit": "PRONOTE", "langue": "fr", "langID": 1036,
		"listeLangues": list([]obj{{"langID": 1036, "description": "Français"}}), "estHebergeEnFrance": true,
		"avecForum": false, "UrlAide": tagged(tagText, ""), "urlAccesVideos": tagged(tagText, ""),
		"NomEtablissement": schoolName, "NomEtablissementConnexion": schoolName, "numeroPremiereSemaine": 1,
		"AnneeScolaire":         fmt.Sprintf("%d-%d", y.first.Year(), y.last.Year()),
		"dateDebutPremierCycle": date(y.monday), "PremierLundi": date(y.monday), "PremiereDate": date(y.first),
		"DerniereDate": date(y.last), "PlacesParJour": placesPerDay, "PlacesParHeure": 2,
		"DureeSequence": 0.0416666666666667, "PlaceDemiJourneeAbsence": placesPerDay / 2, "debutDemiPension": 8,
		"finDemiPension": 11, "AvecHeuresPleinesApresMidi": true, "JourOuvre": date(open),
		"JoursOuvres": tagged(11, "[1..5]"), "JoursDemiPension": tagged(tagSet, "[0..4]"), "joursOuvresParCycle": 5,
		"premierJourSemaine": 2, "grillesEDTEnCycle": 0, "setOfJoursCycleOuvre": tagged(tagSet, "[0..4]"),
		"DemiJourneesOuvrees": []obj{tagged(tagSet, "[0..5]"), tagged(tagSet, "[0,1,3..5]")},
		"DomainesFrequences":  []obj{tagged(tagRange, "[1..52]"), tagged(tagRange, odd), tagged(tagRange, even)},
		"LibellesFrequences":  []string{"", "Q1", "Q2"}, "BaremeNotation": grade("20"), "BaremeMaxDevoirs": grade("999"),
		"listeAnnotationsAutorisees": tagged(tagSet, "[1..7]"), "ListeNiveauxDAcquisitions": list(c.levels()),
		"AfficherAbbreviationNiveauDAcquisition": false, "AvecEvaluationHistorique": true,
		"maskTelephone": "!99 99 99 99 99 99;0;–", "TailleMaxAppreciation": []int{255, 255, 255},
		"listeJoursFeries": list(nil), "afficherSequences": false,
		"PremiereHeure": tagged(tagDate, fmt.Sprintf("30/12/1899 %02d:00:00", firstHour)),
		"ListeHeures":   list(hours(false)), "ListeHeuresFin": list(hours(true)),
		"ListeHeuresFinPourVS": list(unmarked(hours(true))),
		"sequences":            []string{"1", "2", "3"}, "ListePeriodes": c.periods(y),
		"recreations": list(recreations()), "tailleMaxEnregistrementAudioRenduTAF": 3,
		"genresRenduTAFValable": tagged(tagSet, "[0..4]"), "nomCookieAppli": "validationAppliMobile",
		"Collectivite": obj{"L": "Collectivité", "genreCollectivite": 0},
	}
}

const (
	odd  = "[1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41,43,45,47,49,51]"
	even = "[2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34,36,38,40,42,44,46,48,50,52]"
)

func recreations() []obj { return []obj{{"L": "Récréation du matin", "place": 4}} }

// periods is General's list: bare, as servers send it.
func (c *call) periods(y year) []obj {
	all := make([]obj, 0, len(y.periods))
	for _, p := range y.periods {
		all = append(all, obj{
			"L": p.name, "N": c.sess.n(kindPeriod, p.key), "G": p.g, "periodeNotation": p.no,
			"dateDebut": date(p.first), "dateFin": date(p.last),
		})
	}
	return all
}

// levels of skills: name, abbreviation, colour.
var levels = []struct{ key, name, short, colour string }{
	{"3", "Très bonne maîtrise", "A+", "#008000"},
	{"2", "Maîtrise satisfaisante", "A", "#45B851"},
	{"1", "Maîtrise fragile", "C", "#FFDA01"},
	{"0", "Maîtrise insuffisante", "E", "#F80A0A"},
}

func (c *call) levels() []obj {
	all := make([]obj, 0, 1+len(levels))
	all = append(all, obj{"L": "Aucune évaluation", "N": "0", "G": 0, "P": 0, "abbreviation": "", "positionJauge": 5})
	for i, l := range levels {
		all = append(all, obj{
			"L": l.name, "N": c.sess.n(kindLevel, l.key), "G": i + 1, "P": i + 1, "abbreviation": l.short,
			"couleur": l.colour, "ponderation": grade(strconv.Itoa(10 * (4 - i))), "estAcqui": i < 2, "estNonAcqui": i >= 2,
		})
	}
	return all
}

// user is ParametresUtilisateur.
func (c *call) user() (any, error) {
	a := c.sess.account
	schools := []obj{{
		"L": schoolName, "N": c.sess.n(kindSchool, "1"), "avecInformations": true,
		"urlLogo": tagged(tagText, "fichierurlpublique/logo.png?param=00"),
		"Coordonnees": obj{
			"Adresse1": "1 rue de l'Exemple", "Adresse2": "", "CodePostal": "13000", "LibelleVille": "Ville",
			"Pays": "", "SiteInternet": "",
		},
	}}
	messages := a.hasTab(tabMessages)
	return obj{
		"ressource": c.resource(a), "listeInformationsEtablissements": list(schools),
		"parametresUtilisateur": obj{
			"version": 1, "EDT": obj{"afficherCoursAnnules": true}, "Communication": obj{"DiscussionNonLues": false},
		},
		"autorisationsSession": obj{"fonctionnalites": obj{"gestionTwitter": true, "attestationEtendue": false}},
		"autorisations": obj{
			"AvecDiscussion": messages, "AvecDiscussionPersonnels": messages, "AvecDiscussionProfesseurs": messages,
			"AvecDiscussionParents": false, "cours": obj{
				"domaineConsultationEDT": tagged(tagRange, "[1..62]"), "domaineModificationCours": tagged(tagRange, "[]"),
				"masquerPartiesDeClasse": true,
			},
			"tailleMaxDocJointEtablissement": 5242880, "tailleMaxRenduTafEleve": 5242880, "tailleTravailAFaire": 1000,
			"tailleCirconstance": 10000, "tailleCommentaire": 1000,
			"compte": obj{"avecSaisieMotDePasse": true, "avecInformationsPersonnelles": true},
		},
		"tabEtablissementsModeleGrille": []obj{}, "listeOnglets": a.tabs, "listeOngletsInvisibles": []int{250},
		"listeOngletsNotification": []int{tabMessages, 148, tabNews},
	}, nil
}

// resource is the user: a pupil, or a parent with the children.
func (c *call) resource(a *account) obj {
	if !a.parent {
		return c.pupil(a, a.pupils[0])
	}
	children := make([]obj, 0, len(a.pupils))
	for _, p := range a.pupils {
		children = append(children, c.pupil(a, p))
	}
	return obj{
		"L": a.name, "N": c.sess.n(kindParent, a.login), "G": genreParent, "listeRessources": children,
		"listeClassesDelegue": list(nil), "estDelegue": false, "estMembreCA": false, "avecDiscussionResponsables": false,
		"listeNumerosUtiles": list(nil),
	}
}

// Kinds of resources: values of G.
const (
	genreGroup   = 2
	genreTeacher = 3
	genrePupil   = 4
	genreParent  = 5
	genreSubject = 16
	genreRoom    = 17
	genreStaff   = 34
)

func (c *call) pupil(a *account, p *pupil) obj {
	class := obj{"L": p.class, "N": c.sess.n(kindClass, p.class)}
	current := with(clone(class), obj{"courant": true, "AvecNote": true, "AvecFiliere": false})
	out := obj{
		"L": p.name, "N": c.sess.n(kindPupil, p.key), "G": genrePupil, "P": 1,
		"Etablissement": nested(obj{"L": schoolName, "N": c.sess.n(kindSchool, "1")}), "classeDEleve": class,
		"estClasseRattachementduJour": false,
		"listeClassesHistoriques":     list([]obj{current}),
		"listeGroupes":                list([]obj{{"L": p.class + " GR.1", "N": c.sess.n(kindGroup, p.class+"1")}}),
		"listeOngletsPourPiliers":     list(nil), "listeOngletsPourPeriodes": list(c.tabPeriods(a)),
	}
	if !a.parent {
		out["listeNumerosUtiles"] = list(nil)
	}
	if p.photo {
		out["avecPhoto"] = true
	}
	if p.delegate {
		out["estDelegue"], out["listeClassesDelegue"] = true, list([]obj{with(clone(class), obj{"G": 1})})
	}
	return out
}

// tabPeriods lists the periods of the tabs that have some.
func (c *call) tabPeriods(a *account) []obj {
	y := yearOf(c.now)
	periods := y.trimesters()
	var all []obj
	for _, tab := range []int{12, tabGrades, 13, tabPresence, tabEvaluations, 100} {
		if !a.hasTab(tab) {
			continue
		}
		offered := make([]obj, 0, len(periods))
		for _, p := range periods {
			noted := 1
			if p.key == "hp" {
				noted = 0
			}
			offered = append(offered, obj{
				"L": p.name, "N": c.sess.n(kindPeriod, p.key), "G": p.tabG, "A": true, "GenreNotation": noted,
			})
		}
		now := y.current(c.now)
		all = append(all, obj{
			"G": tab, "listePeriodes": list(offered),
			"periodeParDefaut": nested(obj{"L": now.name, "N": c.sess.n(kindPeriod, now.key)}),
		})
	}
	return all
}
