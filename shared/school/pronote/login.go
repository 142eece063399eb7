package pronote

import (
	"context"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	ids "github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/school"
)

// Credentials are what a person logs in with.
type Credentials struct {
	URL                string // of the school's page, with eleve.html or parent.html
	Username, Password string
	PIN                string // of an account that asks for one, or of a QR code
	Device             string // what PRONOTE calls this client from now on, where an account asks for it
	// Chain asks for a token for the next login. Each login with a token brings another one and ends it.
	Chain bool
}

// A QRCode is what the QR code of PRONOTE's page "connect the mobile app" says. Login and Token are encrypted by the
// PIN of four digits that the person has chosen there.
type QRCode struct {
	URL   string `json:"url"`
	Login string `json:"login"`
	Token string `json:"jeton"`
}

// A Chain is the way to the next login without the person: a token that is good for one.
type Chain struct {
	Root   string `json:"root"`
	Page   string `json:"page"` // mobile.eleve.html
	Login  string `json:"login"`
	Token  string `json:"token"`
	App    string `json:"app"`              // what this client is to PRONOTE: each has tokens of its own
	Device string `json:"device,omitempty"` // identifiantNav, by which PRONOTE knows the client again
	PIN    string `json:"pin,omitempty"`
}

// qrQuery is what the app's QR logins ask a page with.
const qrQuery = "fd=1&bydlg=A6ABB224-12DD-4E31-AD3E-8A39A1C2C335&login=true"

// An attempt is a login under way.
type attempt struct {
	c       *Client
	s       *Session
	o       *counter
	general general

	credential

	pin, deviceName, device string
	app                     string // uuidAppliMobile
	page                    string // its name
	askToken                bool   // demandeConnexionAppliMobile
	jeton                   bool   // ...Jeton: the password is a QR code's token
	byToken                 bool   // enConnexionAppliMobile: it is a chain's
	// rotated stores the next token, before anything else is done with the session.
	rotated func(Chain) error
}

// Login logs in by password. rotated, where a chain is asked for, stores the token for the next login.
func (c *Client) Login(ctx context.Context, by Credentials, rotated func(Chain) error) (*Session, error) {
	a := &attempt{
		c: c, credential: credential{login: by.Username, password: by.Password}, pin: by.PIN, deviceName: by.Device,
		askToken: by.Chain, rotated: rotated,
	}
	u, _, err := c.Hosts.check(by.URL)
	if err != nil {
		return nil, err
	}
	root, name := rootOf(u)
	if name == "" {
		name = "eleve.html"
	}
	query := ""
	if by.Chain {
		name, query = mobile(name), qrQuery
	}
	return a.run(ctx, root, name, query)
}

// Open reads the login and the token of a QR code. A wrong code of four digits is found here, without asking PRONOTE.
func (q QRCode) Open(checkCode string) (login, token string, err error) {
	sealed := secret{digest([]byte(checkCode)), make([]byte, keySize)}
	if login, err = sealed.text(q.Login); err != nil || login == "" {
		return "", "", ErrQRCode
	}
	if token, err = sealed.text(q.Token); err != nil {
		return "", "", ErrQRCode
	}
	return login, token, nil
}

// LoginQR logs in by a QR code, which is good once and for ten minutes, and its code of four digits. Of by, the PIN and
// the device name are used.
func (c *Client) LoginQR(
	ctx context.Context, code QRCode, checkCode string, by Credentials, rotated func(Chain) error,
) (*Session, error) {
	u, _, err := c.Hosts.check(code.URL)
	if err != nil {
		return nil, err
	}
	login, token, err := code.Open(checkCode)
	if err != nil {
		return nil, err
	}
	a := &attempt{
		c: c, credential: credential{login: login, password: token}, pin: by.PIN, deviceName: by.Device,
		askToken: true, jeton: true, rotated: rotated,
	}
	root, name := rootOf(u)
	if name == "" {
		name = "eleve.html"
	}
	s, err := a.run(ctx, root, mobile(name), qrQuery)
	if errors.Is(err, ErrWrongPassword) {
		err = ErrQRCode
	}
	return s, err
}

// text reads a text in hexadecimal digits.
func (s secret) text(data string) (string, error) {
	raw, err := hex.DecodeString(strings.TrimSpace(data))
	if err != nil {
		return "", err
	}
	text, err := s.decrypt(raw)
	if err != nil || !utf8.Valid(text) {
		return "", errPadding
	}
	return string(text), nil
}

// LoginChain logs in by the token of a chain, which is of no use afterwards: rotated stores the next one.
func (c *Client) LoginChain(ctx context.Context, chain Chain, rotated func(Chain) error) (*Session, error) {
	a := &attempt{
		c: c, credential: credential{login: chain.Login, password: chain.Token}, pin: chain.PIN, device: chain.Device,
		app:     chain.App,
		byToken: true, rotated: rotated,
	}
	return a.run(ctx, chain.Root, chain.Page, qrQuery)
}

func mobile(name string) string {
	if strings.HasPrefix(name, "mobile.") {
		return name
	}
	return "mobile." + name
}

// run makes the steps of a login: the page, FonctionParametres, Identification, Authentification, where it is asked
// for SecurisationCompteDoubleAuth, and ParametresUtilisateur.
func (a *attempt) run(ctx context.Context, root, name, query string) (*Session, error) {
	a.page = name
	a.s = &Session{Root: root, Key: first().key, IV: first().iv, Cookies: map[string]string{}}
	if a.app == "" {
		a.app = ids.NewString()
	}
	a.s.Mobile = a.askToken || a.byToken
	if a.s.Mobile {
		a.s.Cookies["appliMobile"] = "1"
	}
	a.o = &counter{}
	if err := a.open(ctx, root+"/"+name, query); err != nil {
		return nil, err
	}
	by, err := a.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.secure(ctx, by); err != nil {
		return nil, err
	}
	if err := a.parameters(ctx); err != nil {
		return nil, err
	}
	a.s.Next = a.o.last + 2
	return a.s, nil
}

// open gets the page and tells PRONOTE the session's vector.
func (a *attempt) open(ctx context.Context, address, query string) error {
	if query != "" {
		address += "?" + query
	}
	html, u, err := a.c.get(ctx, address, a.s.agent(), a.s.Cookies)
	if err != nil {
		return err
	}
	p, err := readPage(html)
	if err != nil {
		return err
	}
	switch p.space {
	case SpaceParent, SpacePupil, SpaceMobilePupil, SpaceMobileParent:
	default:
		return ErrSpace
	}
	root, _ := rootOf(u)
	s := a.s
	s.Root, s.H, s.Space, s.Encrypt, s.Compress, s.Version = root, p.session, p.space, p.encrypt, p.compress, p.version
	if p.entLogin != "" {
		a.credential = credential{login: p.entLogin, password: p.entPassword, ent: true}
	}
	var key *rsa.PublicKey
	if p.plain {
		if key = a.c.RSA; key == nil {
			key = serverKey()
		}
	}
	source, iv := sessionVector()
	id, err := uuid(source, key)
	if err != nil {
		return err
	}
	s.next = iv
	var device any // null: none is known
	if a.device != "" {
		device = a.device
	}
	var got struct {
		Device  text            `json:"identifiantNav"`
		General object[general] `json:"General"`
	}
	if err := a.ask(ctx, "FonctionParametres", map[string]any{"Uuid": id, "identifiantNav": device}, &got); err != nil {
		return err
	}
	if got.Device != "" {
		a.device = string(got.Device)
	}
	a.general = got.General.V
	if a.general.Version != "" {
		s.Version = string(a.general.Version)
	}
	if s.Version != "" && !Understood(s.Version) {
		return ErrOldVersion
	}
	return nil
}

// ask calls a function of the login, which has data alone.
func (a *attempt) ask(ctx context.Context, function string, data map[string]any, into any) error {
	if a.c.Before != nil {
		if err := a.c.Before(ctx); err != nil {
			return err
		}
	}
	return a.c.call(ctx, a.s, a.o, function, map[string]any{"data": data}, into)
}

// An authenticated login is what Authentification answers.
type authenticated struct {
	Key     text   `json:"cle"`
	Access  number `json:"Acces"`
	Token   text   `json:"jetonConnexionAppliMobile"`
	Actions text   `json:"actionsDoubleAuth"`
}

// accessWrong is the reason of a login or password that is wrong.
const accessWrong = 1

// authenticate answers the challenge, once.
func (a *attempt) authenticate(ctx context.Context) (got authenticated, err error) {
	id := ""
	if a.askToken || a.byToken {
		id = a.app
	}
	var challenge struct {
		Salt          text `json:"alea"`
		LowerLogin    flag `json:"modeCompLog"`
		LowerPassword flag `json:"modeCompMdp"`
		Challenge     text `json:"challenge"`
		Login         text `json:"login"`
	}
	err = a.ask(ctx, "Identification", map[string]any{
		"genreConnexion": 0, "genreEspace": a.s.Space, "identifiant": a.login, "pourENT": a.ent,
		"enConnexionAuto": false, "demandeConnexionAuto": false,
		"demandeConnexionAppliMobile": a.askToken, "demandeConnexionAppliMobileJeton": a.jeton,
		"enConnexionAppliMobile": a.byToken, "uuidAppliMobile": id, "loginTokenSAV": "",
	}, &challenge)
	if err != nil {
		return got, err
	}
	if challenge.Challenge == "" || a.s.Version == "" {
		return got, fmt.Errorf("%w: there is no challenge, or no version", ErrAnswer)
	}
	by := a.credential
	if challenge.Login != "" {
		by.login = string(challenge.Login)
	}
	key := by.key(string(challenge.Salt), bool(challenge.LowerLogin), bool(challenge.LowerPassword), a.s.IV)
	answer, err := a.answer(key, string(challenge.Challenge))
	if err != nil {
		return got, err
	}
	if a.c.Authenticating != nil {
		if err := a.c.Authenticating(ctx); err != nil {
			return got, err
		}
	}
	err = a.ask(ctx, "Authentification", map[string]any{
		"connexion": 0, "challenge": answer, "espace": a.s.Space,
	}, &got)
	switch {
	case err != nil:
		return got, err
	case got.Key == "" && got.Access == accessWrong:
		return got, ErrWrongPassword
	case got.Key == "" && got.Access == 0:
		return got, fmt.Errorf("%w: neither a key nor a reason", ErrAnswer)
	case got.Key == "":
		return got, &Denied{int(got.Access)}
	}
	sessionKey, err := key.sessionKey(string(got.Key))
	if err != nil {
		return got, ErrAnswer
	}
	a.s.Key = sessionKey
	return got, a.keep(string(got.Token))
}

// answer answers the challenge in the way of the server's version. Where the way is not known for sure, what tells is
// whether the challenge can be decrypted, here: PRONOTE counts wrong answers, and closes accounts and addresses for
// them.
func (a *attempt) answer(key secret, challenge string) (string, error) {
	direct := !versionLess(a.s.Version, "2026.2")
	answer, err := key.answer(challenge, direct)
	switch {
	case err == nil:
		return answer, nil
	case !versionLess(a.s.Version, "2026"):
		return key.answer(challenge, true)
	}
	return "", ErrWrongPassword
}

// keep stores the token of the next login.
func (a *attempt) keep(token string) error {
	if token == "" || a.rotated == nil {
		return nil
	}
	return a.rotated(Chain{
		Root: a.s.Root, Page: a.page, Login: a.login, Token: token, App: a.app, Device: a.device, PIN: a.pin,
	})
}

// Actions that an account with two-factor security asks for.
const (
	actionNewPassword = 0
	actionChooseMode  = 1
	actionChoosePIN   = 2
	actionPIN         = 3 // and a device name
	actionReset       = 4
	actionDevice      = 5
)

// secure answers what two-factor security asks for: a PIN, and a name for this client, which PRONOTE then trusts.
func (a *attempt) secure(ctx context.Context, by authenticated) error {
	actions := numbers(string(by.Actions))
	const function = "SecurisationCompteDoubleAuth"
	asks := func(action int) bool { return slices.Contains(actions, action) }
	switch {
	case len(actions) == 0:
		return nil
	case asks(actionNewPassword):
		return ErrNewPassword
	case asks(actionChooseMode), asks(actionChoosePIN), asks(actionReset):
		return ErrChooseMode
	case asks(actionPIN) && a.pin == "":
		return ErrNeedsPIN
	case a.deviceName == "":
		return ErrNeedsDevice
	}
	name := []rune(a.deviceName)
	name = name[:min(30, len(name))]
	last := map[string]any{"action": 3, "avecIdentification": true, "strIdentification": string(name)}
	if asks(actionPIN) {
		pin := hex.EncodeToString(a.s.secret().encrypt([]byte(a.pin)))
		var right struct {
			Result flag `json:"result"`
		}
		if err := a.ask(ctx, function, map[string]any{"action": 0, "codePin": pin}, &right); err != nil {
			return err
		}
		if !right.Result {
			return ErrWrongPIN
		}
		last["codePin"] = pin
	}
	if err := a.ask(ctx, function, map[string]any{"action": 2, "libelle": string(name)}, nil); err != nil {
		return err
	}
	var got struct {
		Token text `json:"jetonConnexionAppliMobile"`
	}
	if err := a.ask(ctx, function, last, &got); err != nil {
		return err
	}
	return a.keep(string(got.Token))
}

// A general is what FonctionParametres says of the school.
type general struct {
	Version text             `json:"versionPN"`
	Monday  date             `json:"PremierLundi"`
	Last    date             `json:"DerniereDate"`
	Periods list[wirePeriod] `json:"ListePeriodes"`
	Starts  list[element]    `json:"ListeHeures"`
	Ends    list[element]    `json:"ListeHeuresFin"`
	Places  number           `json:"PlacesParJour"`
}

type wirePeriod struct {
	element

	From date `json:"dateDebut"`
	To   date `json:"dateFin"`
}

func (g general) year() Year {
	y := Year{
		Monday: g.Monday.Date, Last: g.Last.Date, Places: int(g.Places), Starts: hours(g.Starts), Ends: hours(g.Ends),
		Periods: []school.Period{},
	}
	for _, p := range g.Periods {
		y.Periods = append(y.Periods, school.Period{
			ID: string(p.N), Name: string(p.L), Start: p.From.Format("2006-01-02"), End: p.To.Format("2006-01-02"),
		})
	}
	return y
}

// mostPlaces is how many places a day may have.
const mostPlaces = 500

// hours are texts by their place.
func hours(elements []element) []string {
	found := []string{}
	for _, e := range elements {
		for int(e.G) >= len(found) && e.G < mostPlaces {
			found = append(found, "")
		}
		if e.G >= 0 && e.G < mostPlaces {
			found[e.G] = string(e.L)
		}
	}
	return found
}

// A resource is a person in ParametresUtilisateur.
type resource struct {
	child

	Children list[child] `json:"listeRessources"`
}

// A child is a pupil in it.
type child struct {
	element

	Class         object[element] `json:"classeDEleve"`
	Establishment object[element] `json:"Etablissement"`
	Photo         flag            `json:"avecPhoto"`
	Delegate      flag            `json:"estDelegue"`
	Classes       list[element]   `json:"listeClassesDelegue"`
	Tabs          list[struct {
		G       number
		Default object[element] `json:"periodeParDefaut"`
		Periods list[element]   `json:"listePeriodes"`
	}] `json:"listeOngletsPourPeriodes"`
}

func (r child) person() Person {
	p := Person{
		ID: string(r.N), Name: string(r.L), Class: string(r.Class.V.L), Establishment: string(r.Establishment.V.L),
		Photo: bool(r.Photo), Delegate: []string{},
	}
	if r.Delegate {
		p.Delegate = labels(r.Classes)
	}
	for i, t := range r.Tabs {
		if i == 0 || t.G == TabGrades {
			p.Default = string(t.Default.V.N)
		}
	}
	return p
}

// A parent's children, and a year's periods, are at most so many.
const (
	mostPupils  = 20
	mostPeriods = 100
)

// parameters reads whose session it is, and which tabs it has.
func (a *attempt) parameters(ctx context.Context) error {
	var got struct {
		Resource object[resource]      `json:"ressource"`
		Tabs     list[json.RawMessage] `json:"listeOnglets"`
	}
	if err := a.c.call(ctx, a.s, a.o, "ParametresUtilisateur", struct{}{}, &got); err != nil {
		return err
	}
	s := a.s
	if len(a.general.Periods) > mostPeriods {
		return fmt.Errorf("%w: it has too many periods", ErrAnswer)
	}
	s.Year, s.Tabs = a.general.year(), tabs(got.Tabs, nil)
	s.User = got.Resource.V.person()
	s.Pupils = []Person{s.User}
	if s.Parent() {
		s.Pupils = nil
		for _, c := range got.Resource.V.Children[:min(mostPupils, len(got.Resource.V.Children))] {
			s.Pupils = append(s.Pupils, c.person())
		}
	}
	if s.User.ID == "" || len(s.Pupils) == 0 || s.Year.Monday.IsZero() {
		return ErrAnswer
	}
	return nil
}

// tabs are the numbers of tabs, which are in one another.
func tabs(nested []json.RawMessage, found []int) []int {
	for _, raw := range nested {
		var tab struct {
			G      number                `json:"G"`
			Nested list[json.RawMessage] `json:"Onglet"`
		}
		if json.Unmarshal(raw, &tab) == nil && len(found) < 1000 {
			found = tabs(tab.Nested, append(found, int(tab.G)))
		}
	}
	return found
}

// An Instance is what a server says of itself without a session (infoMobileApp.json).
type Instance struct {
	Name    string          `json:"name"`
	Version string          `json:"version"`
	Spaces  []InstanceSpace `json:"spaces"`
	ENT     string          `json:"ent,omitempty"` // address of the sign-in that comes before; ""
}

// An InstanceSpace is a page that one can log in at.
type InstanceSpace struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Kind int    `json:"kind"`
}

// Instance asks a server about itself.
func (c *Client) Instance(ctx context.Context, address string) (v Instance, err error) {
	u, _, err := c.Hosts.check(address)
	if err != nil {
		return v, err
	}
	root, _ := rootOf(u)
	data, _, err := c.get(ctx, root+"/infoMobileApp.json?id=0D264427-EEFC-4810-A9E9-346942A862A4", mobileAgent,
		map[string]string{})
	if err != nil {
		return v, err
	}
	var got struct {
		Version list[number] `json:"version"`
		Name    text         `json:"nomEtab"`
		Spaces  list[struct {
			Name text   `json:"nom"`
			URL  text   `json:"URL"`
			Kind number `json:"genreEspace"`
		}] `json:"espaces"`
		CAS struct {
			Active flag `json:"actif"`
			URL    text `json:"casURL"`
		} `json:"CAS"`
	}
	if err := json.Unmarshal(data, &got); err != nil || len(got.Version) == 0 {
		return v, ErrNoPage
	}
	v.Name = string(got.Name)
	parts := make([]string, len(got.Version))
	for i, n := range got.Version {
		parts[i] = strconv.Itoa(int(n))
	}
	v.Version = strings.Join(parts, ".")
	for _, s := range got.Spaces {
		v.Spaces = append(v.Spaces, InstanceSpace{string(s.Name), root + "/" + string(s.URL), int(s.Kind)})
	}
	if got.CAS.Active {
		v.ENT = string(got.CAS.URL)
		if u, err := url.Parse(v.ENT); err == nil {
			v.ENT = u.Scheme + "://" + u.Host
		}
	}
	return v, nil
}
