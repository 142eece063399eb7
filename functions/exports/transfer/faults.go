package transfer

import (
	"errors"
	"strings"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// Codes of faults, stable for programs.
const (
	codeKey          = "cegid_refused"
	codeSubscription = "cegid_subscription"
	codeCegidSilent  = "cegid_silent"
	codeExpired      = "sas_expired"
	codeNotYet       = "sas_not_yet"
	codeRefused      = "container_refused"
	codeNoContainer  = "container_unknown"
	codeSilent       = "container_silent"
	codeDestination  = "destination"
	codeFiles        = "files"
	codeSettings     = "settings"
	codeOutOfTime    = "out_of_time"
	codeClock        = "clock"
	codeFailed       = "failed"
)

// A meaning is a fault in words that a person can act on, by language. {source} is filled in.
type meaning struct{ what, do map[string]string }

var meanings = map[string]meaning{ //nolint:gochecknoglobals // constants
	codeKey: {
		map[string]string{"en": "Cegid refused the API key.", "fr": "Cegid a refusé la clé d’API."},
		map[string]string{
			"en": "Look in Cegid's account portal (Clés d'API) whether the key is there and has the service Cegid Data Access, and correct cegid_tenant_id, cegid_api_key_id and cegid_api_key_secret of {source} in exports.json. Meanwhile mode sas_url works with an address made in the portal.",
			"fr": "Vérifiez dans le portail de compte Cegid (Clés d’API) que la clé existe et a le service Cegid Data Access, et corrigez cegid_tenant_id, cegid_api_key_id et cegid_api_key_secret de {source} dans exports.json. En attendant, le mode sas_url fonctionne avec une adresse créée dans le portail.",
		},
	},
	codeSubscription: {
		map[string]string{"en": "Cegid refused the subscription key, or its quota is used up.", "fr": "Cegid a refusé la clé d’abonnement, ou son quota est épuisé."},
		map[string]string{
			"en": "Look it up on developers.cegid.com (Subscriptions, Show) and correct cegid_subscription_key of {source} in exports.json.",
			"fr": "Relevez-la sur developers.cegid.com (Subscriptions, Show) et corrigez cegid_subscription_key de {source} dans exports.json.",
		},
	},
	codeCegidSilent: {
		map[string]string{"en": "Cegid's API does not answer.", "fr": "L’API de Cegid ne répond pas."},
		map[string]string{
			"en": "The next run tries again. If it goes on, make a SAS address in Cegid's portal and set mode sas_url for {source} for a day.",
			"fr": "Le prochain passage réessaiera. Si cela dure, créez une adresse SAS dans le portail Cegid et mettez le mode sas_url à {source} pour un jour.",
		},
	},
	codeExpired: {
		map[string]string{"en": "The SAS address has expired.", "fr": "L’adresse SAS a expiré."},
		map[string]string{
			"en": "It is good for 24 hours. Make a new one in Cegid's portal and put it into sas_url of {source} in exports.json, or set mode api.",
			"fr": "Elle est valable 24 heures. Créez-en une nouvelle dans le portail Cegid et mettez-la dans sas_url de {source} dans exports.json, ou mettez le mode api.",
		},
	},
	codeNotYet: {
		map[string]string{"en": "The SAS address is not good yet.", "fr": "L’adresse SAS n’est pas encore valable."},
		map[string]string{
			"en": "Set the clock of this machine. If it is right, the address starts later (st): wait, or make a new one for {source}.",
			"fr": "Mettez l’horloge de cette machine à l’heure. Si elle est juste, l’adresse ne vaut que plus tard (st) : attendez, ou créez-en une autre pour {source}.",
		},
	},
	codeRefused: {
		map[string]string{"en": "The container refused the access.", "fr": "Le conteneur a refusé l’accès."},
		map[string]string{
			"en": "With mode sas_url: make a new address in Cegid's portal with the rights to list, read and delete. With mode api: ask Cegid whether the key's service is still active.",
			"fr": "En mode sas_url : créez une nouvelle adresse dans le portail Cegid avec les droits de lister, lire et supprimer. En mode api : demandez à Cegid si le service de la clé est toujours actif.",
		},
	},
	codeNoContainer: {
		map[string]string{"en": "There is no such container.", "fr": "Ce conteneur n’existe pas."},
		map[string]string{"en": "Check sas_url of {source}, or cegid_tenant_id with mode api.", "fr": "Vérifiez sas_url de {source}, ou cegid_tenant_id en mode api."},
	},
	codeSilent: {
		map[string]string{"en": "The container does not answer.", "fr": "Le conteneur ne répond pas."},
		map[string]string{"en": "Nothing is lost; the next run goes on.", "fr": "Rien n’est perdu ; le prochain passage continuera."},
	},
	codeDestination: {
		map[string]string{"en": "The destination cannot be written to.", "fr": "La destination n’est pas accessible en écriture."},
		map[string]string{
			"en": "Look at dossier_de_destination of {source}: is the folder there, is its drive mounted, is there room, and may Carillon write to it and to the folder beside it? The reason is in `carillon exports status`.",
			"fr": "Vérifiez dossier_de_destination de {source} : le dossier existe-t-il, son disque est-il monté, y a-t-il de la place, et Carillon peut-il y écrire ainsi que dans le dossier voisin ? La raison est dans `carillon exports status`.",
		},
	},
	codeFiles: {
		map[string]string{"en": "Some files could not be brought over.", "fr": "Certains fichiers n’ont pas pu être transférés."},
		map[string]string{"en": "Look at them with `carillon exports status --source {source}`; the next run tries them again.", "fr": "Regardez-les avec `carillon exports status --source {source}` ; le prochain passage les réessaiera."},
	},
	codeSettings: {
		map[string]string{"en": "The settings cannot be used.", "fr": "Les réglages ne sont pas utilisables."},
		map[string]string{"en": "Correct the settings of {source} in exports.json, or its secret files; the reason is in `carillon exports status`.", "fr": "Corrigez les réglages de {source} dans exports.json, ou ses fichiers secrets ; la raison est dans `carillon exports status`."},
	},
	codeOutOfTime: {
		map[string]string{"en": "There was more to bring than the time allowed.", "fr": "Il y avait plus à transférer que le temps ne le permettait."},
		map[string]string{"en": "Nothing: the next run goes on.", "fr": "Rien à faire : le prochain passage continue."},
	},
	codeClock: {
		map[string]string{"en": "This machine's clock is wrong.", "fr": "L’horloge de cette machine n’est pas à l’heure."},
		map[string]string{
			"en": "Set it, and let a time service keep it (timedatectl set-ntp true). Files were handed on; nothing is deleted for its age until the clock is right.",
			"fr": "Réglez-la, et confiez-la à un service de temps (timedatectl set-ntp true). Les fichiers ont été transmis ; rien n’est supprimé en raison de son âge tant que l’horloge n’est pas juste.",
		},
	},
	codeFailed: {
		map[string]string{"en": "The run failed.", "fr": "Le passage a échoué."},
		map[string]string{"en": "The next run tries again; the reason is in `carillon exports status`.", "fr": "Le prochain passage réessaiera ; la raison est dans `carillon exports status`."},
	},
}

// codes are which faults errors are; the first that fits.
var codes = []struct { //nolint:gochecknoglobals // constants
	err  error
	code string
}{
	{cegid.ErrExpired, codeExpired},
	{cegid.ErrRefused, codeKey},
	{cegid.ErrSubscription, codeSubscription},
	{cegid.ErrNoAnswer, codeCegidSilent},
	{azure.ErrNotYet, codeNotYet},
	{azure.ErrRefused, codeRefused},
	{azure.ErrNoContainer, codeNoContainer},
	{azure.ErrNoAnswer, codeSilent},
	{files.ErrUnusable, codeDestination},
}

// A coded error is a fault that no client reports.
type coded struct{ code, detail string }

func (c coded) Error() string { return c.detail }

// fault is what an error means to a person; nil for none.
func fault(err error, src exports.Source) *exports.Fault {
	if err == nil {
		return nil
	}
	f := &exports.Fault{Code: codeFailed, Detail: err.Error()}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			f.Code = c.code
			break
		}
	}
	if c, ok := errors.AsType[coded](err); ok {
		f.Code = c.code
	}
	f.Do = strings.ReplaceAll(meanings[f.Code].do["en"], "{source}", src.Name)
	return f
}
