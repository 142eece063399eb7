package pronote

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// How an account is logged in to.
type mode int

const (
	byPassword mode = iota
	byPasswordMobile
	byQR
	byToken
)

// pending is a login between Identification and Authentification.
type pending struct {
	account *account // nil: there is none of this name
	mode    mode
	device  string // uuidAppliMobile
	key     []byte
	expect  string // the answer to the challenge, in hexadecimal
}

// Values of Acces.
const (
	accessWrong   = 1
	accessDenied  = 2
	accessBlocked = 6
)

// parameters is FonctionParametres: the client's part of the keys. Its answer already has the new vector.
func (c *call) parameters() (any, error) {
	uuid, err := base64.StdEncoding.DecodeString(text(c.data, "Uuid"))
	if err == nil && c.o.Plain {
		if c.o.RSAKey == nil {
			return nil, errPage
		}
		uuid, err = rsa.DecryptPKCS1v15(rand.Reader, c.o.RSAKey, uuid) //nolint:staticcheck // the vendor's protocol
	}
	if err != nil || len(uuid) != 16 {
		return nil, errPage
	}
	c.sess.iv, c.sess.phase = digest(uuid), known
	c.sess.nav = text(c.data, "identifiantNav")
	if len(c.sess.nav) < 32 || len(c.sess.nav) > 200 {
		c.sess.nav = base64.RawURLEncoding.EncodeToString(random(96))
	}
	return c.general(), nil
}

// identify is Identification: it gives the challenge.
func (c *call) identify() (any, error) {
	login := strings.ToLower(strings.TrimSpace(text(c.data, "identifiant")))
	if number(c.data, "genreConnexion") != 0 || number(c.data, "genreEspace") != c.sess.page.space || login == "" ||
		boolean(c.data, "pourENT") {
		return nil, errPage
	}
	p := &pending{account: c.accounts[login], mode: modeOf(c.data), device: text(c.data, "uuidAppliMobile")}
	if p.mode != byPassword && p.device == "" {
		return nil, errPage
	}
	if p.account != nil && p.account.locked(c.Now()) {
		return nil, errTooMany
	}
	out := obj{"modeCompLog": 1, "modeCompMdp": 0}
	alea := ""
	if c.o.Generation == Year2025 {
		alea = hex.EncodeToString(random(8))
		out["alea"] = alea
	}
	secret := hex.EncodeToString(random(16)) // no answer can be right
	if p.account != nil {
		if found := p.account.secret(p.mode, p.device, c.sess.page.space, c.Now()); found != "" {
			secret = found
		}
	}
	p.key = passwordKey(login, alea, secret)
	challenge, expect := c.challenge(p.key)
	out["challenge"], p.expect = challenge, expect
	c.sess.pending = p
	return out, nil
}

func modeOf(data obj) mode {
	switch {
	case boolean(data, "enConnexionAppliMobile"):
		return byToken
	case boolean(data, "demandeConnexionAppliMobileJeton"):
		return byQR
	case boolean(data, "demandeConnexionAppliMobile"):
		return byPasswordMobile
	}
	return byPassword
}

// challenge returns one with its answer: until 2025 it is encrypted, and its even characters are to be encrypted
// again; since 2026 it is to be encrypted as it is.
func (c *call) challenge(key []byte) (challenge, expect string) {
	plain := hex.EncodeToString(random(16))
	if c.o.Generation != Year2025 {
		return plain, encryptHex(key, c.sess.iv, plain)
	}
	noise := hex.EncodeToString(random(16))
	mixed := make([]byte, 0, 2*len(plain))
	for i := range len(plain) {
		mixed = append(mixed, plain[i], noise[i])
	}
	return encryptHex(key, c.sess.iv, string(mixed)), encryptHex(key, c.sess.iv, plain)
}

// authenticate is Authentification: the answer to the challenge.
func (c *call) authenticate() (any, error) {
	p := c.sess.pending
	c.sess.pending = nil
	if p == nil || number(c.data, "connexion") != 0 || number(c.data, "espace") != c.sess.page.space {
		return nil, errPage
	}
	if p.account == nil {
		return obj{"Acces": accessWrong}, nil
	}
	if p.account.locked(c.Now()) {
		return nil, errTooMany
	}
	got := []byte(strings.ToUpper(text(c.data, "challenge")))
	if subtle.ConstantTimeCompare(got, []byte(p.expect)) != 1 {
		return obj{"Acces": accessWrong}, c.wrong(p.account)
	}
	switch {
	case !p.account.enters(c.sess.page.space):
		return obj{"Acces": accessDenied}, nil
	case p.account.blocked:
		return obj{"Acces": accessBlocked}, nil
	}
	return c.accept(p)
}

// wrong notes a wrong answer; the last one that is allowed locks the account.
func (c *call) wrong(a *account) error {
	now := c.Now()
	recent := []time.Time{now}
	for _, t := range a.Wrong {
		if now.Sub(t) < lockLife {
			recent = append(recent, t)
		}
	}
	a.Wrong = recent
	if len(recent) >= maxWrong {
		a.Wrong, a.Locked = nil, now.Add(lockLife)
	}
	return c.save(a)
}

// accept logs in: the session gets its key, and the account's other sessions end.
func (c *call) accept(p *pending) (any, error) {
	c.Count(Logins)
	a, one := p.account, c.sess
	one.account, one.phase = a, open
	c.replace(one)
	key := random(16)
	parts := make([]string, 0, len(key))
	for _, b := range key {
		parts = append(parts, strconv.Itoa(int(b)))
	}
	out := obj{
		"cle":         encryptHex(p.key, one.iv, strings.Join(parts, ",")),
		"libelleUtil": a.name, "modeSecurisationParDefaut": 0,
		"derniereConnexion": dateTime(c.now),
	}
	if p.mode != byPassword {
		one.token = a.issue(p.mode, p.device, one.page.space)
		out["jetonConnexionAppliMobile"] = one.token
	}
	if a.pin != "" && a.Devices[one.nav] == "" {
		one.phase = half
		out["actionsDoubleAuth"] = tagged(tagSet, "[3]")
		out["modesPossibles"] = tagged(tagSet, "[1..3]")
		out["modeSecurisationParDefaut"] = 3
		out["reglesSaisieMDP"] = obj{"min": 8, "max": 64, "regles": tagged(tagSet, "[0..3]")}
	}
	c.after = func() { one.key = digest(key) }
	return out, c.save(a)
}

// Actions of SecurisationCompteDoubleAuth.
const (
	checkPIN    = 0
	checkDevice = 2
	saveDevice  = 3
)

// maxDevice is the length of a device's name.
const maxDevice = 30

// secure is SecurisationCompteDoubleAuth: the second factor.
func (c *call) secure() (any, error) {
	a := c.sess.account
	if a.pin == "" {
		return nil, errRefused
	}
	if a.locked(c.Now()) {
		return nil, errTooMany
	}
	right := false
	if code := text(c.data, "codePin"); code != "" {
		plain, err := decryptHex(c.sess.key, c.sess.iv, code)
		right = err == nil && plain == a.pin
		if !right {
			if err := c.wrong(a); err != nil {
				return nil, err
			}
		}
	}
	c.sess.pinned = c.sess.pinned || right
	switch number(c.data, "action") {
	case checkPIN:
		return obj{"result": right}, nil
	case checkDevice:
		return obj{"dejaConnu": a.hasDevice(text(c.data, "libelle"))}, nil
	case saveDevice:
		return c.saveDevice(a)
	}
	return nil, errPage
}

func (c *call) saveDevice(a *account) (any, error) {
	name := strings.TrimSpace(text(c.data, "strIdentification"))
	if boolean(c.data, "avecIdentification") && (name == "" || len([]rune(name)) > maxDevice) || !c.sess.pinned {
		return nil, errRefused
	}
	if boolean(c.data, "avecIdentification") {
		if a.Devices == nil {
			a.Devices = map[string]string{}
		}
		a.Devices[c.sess.nav] = name
	}
	c.sess.phase = open
	out := obj{"result": true}
	if c.sess.token != "" {
		out["jetonConnexionAppliMobile"] = c.sess.token
	}
	return out, c.save(a)
}

func (c *call) disconnect() (any, error) {
	c.after = func() { c.sess.over = errIdle.code }
	return obj{}, nil
}
