package sync

import (
	"errors"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
)

// errKnownRefused says that the credentials are those which MonCampus has refused before.
var errKnownRefused = errors.New("MonCampus has refused this username and password; they are not tried again")

// Codes of faults. What they mean to a person is in meanings.
const (
	codeRefused     = "moncampus_refused"
	codeSilent      = "moncampus_no_answer"
	codeIncomplete  = "moncampus_incomplete"
	codeLogin       = "moncampus_login"
	codeClock       = "moncampus_clock"
	codeECALRefused = "ecal_refused"
	codeECALUnknown = "ecal_calendar"
	codeECALSilent  = "ecal_no_answer"
	codeWrites      = "writes_failed"
	codeNotVerified = "not_verified"
	codeHeld        = "deletions_held"
	codeUnreadable  = "lessons_unreadable"
	codeSettings    = "settings"
	codeOutOfTime   = "out_of_time" // the next run goes on
	codeFailed      = "failed"
)

// A meaning is what a fault is, and what a person can do, by language. {instance} and {n} are filled in.
type meaning struct{ what, do map[string]string }

var meanings = map[string]meaning{
	codeRefused: {
		map[string]string{"en": "MonCampus refused the username and password.", "fr": "MonCampus a refusé l’identifiant et le mot de passe."},
		map[string]string{
			"en": "Log in to MonCampus with a browser. If they have changed, correct moncampus_username and moncampus_password of {instance} in campus.json; if they work there as they are, run: carillon campus sync --instance {instance} --try-password. Until then they are not tried again, so that the account is not locked.",
			"fr": "Connectez-vous à MonCampus avec un navigateur. S’ils ont changé, corrigez moncampus_username et moncampus_password de {instance} dans campus.json ; s’ils y fonctionnent tels quels, lancez : carillon campus sync --instance {instance} --try-password. D’ici là ils ne sont plus essayés, pour ne pas bloquer le compte.",
		},
	},
	codeSilent: {
		map[string]string{"en": "MonCampus does not answer.", "fr": "MonCampus ne répond pas."},
		map[string]string{"en": "Nothing was changed; the next run tries again.", "fr": "Rien n’a été modifié ; le prochain passage réessaiera."},
	},
	codeIncomplete: {
		map[string]string{"en": "MonCampus's timetable did not come whole.", "fr": "L’emploi du temps de MonCampus n’est pas arrivé en entier."},
		map[string]string{"en": "Nothing was changed; the next run tries again. If it goes on, look whether MonCampus works in a browser.", "fr": "Rien n’a été modifié ; le prochain passage réessaiera. Si cela dure, vérifiez que MonCampus fonctionne dans un navigateur."},
	},
	codeLogin: {
		map[string]string{"en": "MonCampus asks for something else than a username and password.", "fr": "MonCampus demande autre chose qu’un identifiant et un mot de passe."},
		map[string]string{
			"en": "Log in to MonCampus with a browser as {instance} and do what it asks for (a new password, a consent). If it only shows the timetable, check moncampus_cas_url and moncampus_host in campus.json.",
			"fr": "Connectez-vous à MonCampus avec un navigateur pour {instance} et faites ce qu’il demande (nouveau mot de passe, accord). S’il montre simplement l’emploi du temps, vérifiez moncampus_cas_url et moncampus_host dans campus.json.",
		},
	},
	codeClock: {
		map[string]string{"en": "MonCampus's times are no longer written as before.", "fr": "Les heures de MonCampus ne sont plus écrites comme avant."},
		map[string]string{
			"en": "Compare a class on MonCampus with your calendar. If the school has repaired its clock, set \"moncampus_clock\": \"offset\" for {instance} in campus.json; if the times are right as they are, accept them once: carillon campus sync --instance {instance} --accept-times. Nothing was changed.",
			"fr": "Comparez un cours sur MonCampus avec votre calendrier. Si l’école a réparé son horloge, mettez \"moncampus_clock\": \"offset\" pour {instance} dans campus.json ; si les heures sont justes, acceptez-les une fois : carillon campus sync --instance {instance} --accept-times. Rien n’a été modifié.",
		},
	},
	codeECALRefused: {
		map[string]string{"en": "ECAL refused the API key or its secret.", "fr": "ECAL a refusé la clé API ou sa clé secrète."},
		map[string]string{
			"en": "Look up the key and its secret in ECAL's portal (Developers, API Keys) and correct ecal_api_key and ecal_api_secret of {instance} in campus.json.",
			"fr": "Relevez la clé et la clé secrète dans le portail d’ECAL (Developers, API Keys) et corrigez ecal_api_key et ecal_api_secret de {instance} dans campus.json.",
		},
	},
	codeECALUnknown: {
		map[string]string{"en": "ECAL knows no such calendar.", "fr": "ECAL ne connaît pas ce calendrier."},
		map[string]string{
			"en": "Look up the calendar's id in ECAL's portal (Manage Events, in the path at the top) and correct ecal_calendar_id of {instance} in campus.json.",
			"fr": "Relevez l’identifiant du calendrier dans le portail d’ECAL (Manage Events, dans le fil d’Ariane) et corrigez ecal_calendar_id de {instance} dans campus.json.",
		},
	},
	codeECALSilent: {
		map[string]string{"en": "ECAL does not answer.", "fr": "ECAL ne répond pas."},
		map[string]string{"en": "Nothing is lost; the next run goes on.", "fr": "Rien n’est perdu ; le prochain passage continuera."},
	},
	codeWrites: {
		map[string]string{"en": "ECAL did not take some changes.", "fr": "ECAL n’a pas accepté certaines modifications."},
		map[string]string{"en": "Look at them with `carillon campus status --instance {instance}`; the next run tries them again.", "fr": "Regardez-les avec `carillon campus status --instance {instance}` ; le prochain passage les réessaiera."},
	},
	codeNotVerified: {
		map[string]string{"en": "Events in ECAL are not as they were written.", "fr": "Des événements d’ECAL ne sont pas tels qu’ils ont été écrits."},
		map[string]string{"en": "The next run writes them again; if that repeats, look at one of them in ECAL's portal.", "fr": "Le prochain passage les récrira ; si cela se répète, regardez-en un dans le portail d’ECAL."},
	},
	codeHeld: {
		map[string]string{"en": "{n} classes have vanished from MonCampus, more than are deleted without a person's consent.", "fr": "{n} cours ont disparu de MonCampus, plus qu’il n’en est supprimé sans votre accord."},
		map[string]string{
			"en": "Look at the timetable on MonCampus. If the classes are really gone: carillon campus sync --instance {instance} --allow-deletes {n}",
			"fr": "Regardez l’emploi du temps sur MonCampus. Si les cours n’ont vraiment plus lieu : carillon campus sync --instance {instance} --allow-deletes {n}",
		},
	},
	codeUnreadable: {
		map[string]string{"en": "Many lessons of MonCampus cannot be read.", "fr": "Beaucoup de cours de MonCampus sont illisibles."},
		map[string]string{
			"en": "Look at `carillon campus status --instance {instance}`: MonCampus writes something otherwise than before. The classes that cannot be read stay as they were.",
			"fr": "Regardez `carillon campus status --instance {instance}` : MonCampus écrit quelque chose autrement qu’avant. Les cours illisibles restent tels quels.",
		},
	},
	codeSettings: {
		map[string]string{"en": "The settings cannot be used.", "fr": "Les réglages ne sont pas utilisables."},
		map[string]string{
			"en": "Correct the settings of {instance} in campus.json, or its secret files; the reason is in `carillon campus status --instance {instance}`.",
			"fr": "Corrigez les réglages de {instance} dans campus.json, ou ses fichiers secrets ; la raison est dans `carillon campus status --instance {instance}`.",
		},
	},
	codeOutOfTime: {
		map[string]string{"en": "The run had more to write than its time allowed.", "fr": "Le passage avait plus à écrire que son temps ne le permettait."},
		map[string]string{"en": "Nothing: the next run goes on.", "fr": "Rien à faire : le prochain passage continuera."},
	},
	codeFailed: {
		map[string]string{"en": "The run failed.", "fr": "Le passage a échoué."},
		map[string]string{"en": "The next run tries again; the reason is in `carillon campus status --instance {instance}`.", "fr": "Le prochain passage réessaiera ; la raison est dans `carillon campus status --instance {instance}`."},
	},
}

// fill puts an instance and a number into a text.
func fill(text, instance string, n int) string {
	return strings.NewReplacer("{instance}", instance, "{n}", strconv.Itoa(n)).Replace(text)
}

// code is which fault an error is.
func code(err error) string {
	switch {
	case errors.Is(err, wigor.ErrRefused), errors.Is(err, errKnownRefused):
		return codeRefused
	case errors.Is(err, wigor.ErrLogin):
		return codeLogin
	case errors.Is(err, wigor.ErrIncomplete):
		return codeIncomplete
	case errors.Is(err, campus.ErrOddHours), errors.Is(err, campus.ErrShifted):
		return codeClock
	case errors.Is(err, ecal.ErrRefused):
		return codeECALRefused
	case errors.Is(err, ecal.ErrNotFound):
		return codeECALUnknown
	case errors.Is(err, ecal.ErrNoAnswer):
		return codeECALSilent
	case errors.Is(err, wigor.ErrNoAnswer):
		return codeSilent
	default:
		return codeFailed
	}
}

// A coded error is a fault that no client reports.
type coded struct {
	code, detail string
}

func (c coded) Error() string { return c.detail }

// fault is what an error means to a person; nil for none.
func fault(err error, inst campus.Instance, held int) *campus.Fault {
	if err == nil {
		return nil
	}
	f := &campus.Fault{Code: code(err), Detail: err.Error()}
	if c, ok := errors.AsType[coded](err); ok {
		f.Code = c.code
	}
	f.Do = fill(meanings[f.Code].do["en"], inst.Name, held)
	return f
}
