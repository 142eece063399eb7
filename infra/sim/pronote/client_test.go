package pronote_test

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/pronote"
)

type obj = map[string]any

// client is a client of the tests' own, written from the protocol alone.
type client struct {
	t    *testing.T
	base string
	http *http.Client
	rsa  *rsa.PublicKey

	page      string
	start     map[string]string
	key, iv   []byte
	order     int
	nav       string
	version   string
	lastID    string
	lastBody  []byte
	lastURL   string
	lastBytes []byte
	user      obj
	general   obj
}

// fault is an error answer.
type fault struct {
	g       int
	message string
}

func (f fault) Error() string { return fmt.Sprintf("%d %s", f.g, f.message) }

func sum(b []byte) []byte { s := md5.Sum(b); return s[:] }

func cbc(key, iv, plain []byte) []byte {
	block, _ := aes.NewCipher(key)
	n := 16 - len(plain)%16
	out := append(bytes.Clone(plain), bytes.Repeat([]byte{byte(n)}, n)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, out)
	return out
}

func uncbc(key, iv, data []byte) ([]byte, error) {
	if len(data) == 0 || len(data)%16 != 0 {
		return nil, fmt.Errorf("%d bytes", len(data))
	}
	block, _ := aes.NewCipher(key)
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	n := int(out[len(out)-1])
	if n < 1 || n > 16 {
		return nil, fmt.Errorf("padding %d", n)
	}
	return out[:len(out)-n], nil
}

func newClient(t *testing.T, base string) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, base: base, http: &http.Client{Jar: jar, Timeout: 10 * time.Second}}
}

var startForm = regexp.MustCompile(`Start ?\(\{([^}]*)\}\)`)

// open loads a session page.
func (c *client) open(page string) {
	c.t.Helper()
	r, err := c.http.Get(c.base + "/" + page)
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	found := startForm.FindSubmatch(body)
	if found == nil {
		c.t.Fatalf("no session in %s", body)
	}
	c.page, c.start = page, map[string]string{}
	for pair := range strings.SplitSeq(string(found[1]), ",") {
		key, value, _ := strings.Cut(pair, ":")
		c.start[strings.Trim(key, ` "'`)] = strings.Trim(value, ` "'`)
	}
	c.key, c.iv, c.order = sum(nil), make([]byte, 16), 1
}

func (c *client) flag(name string) bool { return c.start[name] == "true" }

func (c *client) encode(v any) any {
	data, _ := json.Marshal(v)
	if !c.flag("CrA") && !c.flag("CoA") {
		return json.RawMessage(data)
	}
	if c.flag("CoA") {
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, 6)
		_, _ = w.Write([]byte(hex.EncodeToString(data)))
		_ = w.Close()
		data = out.Bytes()
	}
	if c.flag("CrA") {
		data = cbc(c.key, c.iv, data)
	}
	return strings.ToUpper(hex.EncodeToString(data))
}

func (c *client) decode(raw json.RawMessage) (obj, error) {
	var out obj
	if !c.flag("CrA") && !c.flag("CoA") {
		return out, json.Unmarshal(raw, &out)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, err
	}
	data, err := hex.DecodeString(text)
	if err == nil && c.flag("CrA") {
		data, err = uncbc(c.key, c.iv, data)
	}
	if err == nil && c.flag("CoA") {
		data, err = io.ReadAll(flate.NewReader(bytes.NewReader(data)))
	}
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(data, &out)
}

// call sends a function's content; the answer's vector may be another one.
func (c *client) call(id string, content obj, answerIV []byte) (obj, error) {
	no := hex.EncodeToString(cbc(c.key, c.iv, []byte(strconv.Itoa(c.order))))
	c.lastURL = fmt.Sprintf("%s/appelfonction/%s/%s/%s", c.base, c.start["a"], c.start["h"], no)
	session, _ := strconv.Atoi(c.start["h"])
	c.lastID = id
	c.lastBody, _ = json.Marshal(obj{"session": session, "no": no, "id": id, "dataSec": c.encode(content)})
	c.order += 2
	if answerIV != nil {
		c.iv = answerIV
	}
	return c.send()
}

// send sends the last call, for the first time or again.
func (c *client) send() (obj, error) {
	r, err := c.http.Post(c.lastURL, "application/json", bytes.NewReader(c.lastBody))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	if c.lastBytes, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	var out struct {
		Session int
		No, ID  string
		DataSec json.RawMessage
		Erreur  obj
	}
	if err := json.Unmarshal(c.lastBytes, &out); err != nil {
		return nil, fmt.Errorf("%w: %s", err, c.lastBytes)
	}
	if out.Erreur != nil {
		return nil, faultOf(out.Erreur)
	}
	want := strings.ToUpper(hex.EncodeToString(cbc(c.key, c.iv, []byte(strconv.Itoa(c.order-1)))))
	if strconv.Itoa(out.Session) != c.start["h"] || out.No != want || out.ID != c.lastID {
		return nil, fmt.Errorf("answer %d %s %s, want no %s", out.Session, out.No, out.ID, want)
	}
	in, err := c.decode(out.DataSec)
	if err != nil {
		return nil, err
	}
	if e, ok := in["Erreur"].(obj); ok {
		return nil, faultOf(e)
	}
	signature, _ := in["Signature"].(obj)
	if text, ok := signature["MessageErreur"].(string); ok {
		return nil, fault{0, text}
	}
	if _, ok := signature["SignatureAttente"]; ok {
		return in, nil
	}
	data, _ := in["data"].(obj)
	return data, nil
}

func faultOf(e obj) error {
	g, _ := e["G"].(float64)
	text, _ := e["Message"].(string)
	return fault{int(g), text}
}

// get calls a page's function.
func (c *client) get(id string, tab int, data obj, child ...string) (obj, error) {
	signature := obj{"onglet": tab}
	if child != nil {
		signature["membre"] = obj{"N": child[0], "G": 4}
	}
	return c.call(id, obj{"Signature": signature, "data": data}, nil)
}

// must calls a page's function, which must not fail.
func (c *client) must(id string, tab int, data obj, child ...string) obj {
	c.t.Helper()
	out, err := c.get(id, tab, data, child...)
	if err != nil {
		c.t.Fatalf("%s: %v", id, err)
	}
	return out
}

// parameters exchanges the keys.
func (c *client) parameters() error {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	uuid := random
	if c.flag("http") && c.rsa != nil {
		uuid, _ = rsa.EncryptPKCS1v15(rand.Reader, c.rsa, random) //nolint:staticcheck // the vendor's protocol
	}
	out, err := c.call("FonctionParametres", obj{"data": obj{
		"Uuid": base64.StdEncoding.EncodeToString(uuid), "identifiantNav": c.nav,
	}}, sum(random))
	if err != nil {
		return err
	}
	c.nav, _ = out["identifiantNav"].(string)
	c.general, _ = out["General"].(obj)
	c.version, _ = c.general["versionPN"].(string)
	return nil
}

// login is a whole login; more is put over Identification's data.
func (c *client) login(page, login, password string, more obj) (obj, error) {
	c.t.Helper()
	c.open(page)
	if err := c.parameters(); err != nil {
		return nil, err
	}
	out, err := c.authenticate(login, password, more)
	if err != nil || out["cle"] == nil {
		return out, err
	}
	if out["actionsDoubleAuth"] == nil {
		err = c.finish()
	}
	return out, err
}

func (c *client) finish() error {
	user, err := c.call("ParametresUtilisateur", obj{}, nil)
	c.user, _ = user["ressource"].(obj)
	return err
}

func (c *client) authenticate(login, password string, more obj) (obj, error) {
	space, _ := strconv.Atoi(c.start["a"])
	data := obj{
		"genreConnexion": 0, "genreEspace": space, "identifiant": login, "pourENT": false, "enConnexionAuto": false,
		"demandeConnexionAuto": false, "demandeConnexionAppliMobile": false, "demandeConnexionAppliMobileJeton": false,
		"enConnexionAppliMobile": false, "uuidAppliMobile": "", "loginTokenSAV": "",
	}
	maps.Copy(data, more)
	out, err := c.call("Identification", obj{"data": data}, nil)
	if err != nil {
		return nil, err
	}
	if out["modeCompLog"] == 1.0 {
		login = strings.ToLower(login)
	}
	alea, _ := out["alea"].(string)
	challenge, _ := out["challenge"].(string)
	secret := sha256.Sum256([]byte(alea + password))
	key := sum([]byte(login + strings.ToUpper(hex.EncodeToString(secret[:]))))
	if strings.HasPrefix(c.version, "2025") {
		raw, _ := hex.DecodeString(challenge)
		plain, err := uncbc(key, c.iv, raw)
		if err != nil {
			plain = []byte("wrong, and sent all the same")
		}
		var even []byte
		for i := 0; i < len(plain); i += 2 {
			even = append(even, plain[i])
		}
		challenge = string(even)
	}
	answer := hex.EncodeToString(cbc(key, c.iv, []byte(challenge)))
	out, err = c.call("Authentification", obj{"data": obj{"connexion": 0, "challenge": answer, "espace": space}}, nil)
	if sealed, ok := out["cle"].(string); ok && err == nil {
		raw, _ := hex.DecodeString(sealed)
		plain, err := uncbc(key, c.iv, raw)
		if err != nil {
			return nil, err
		}
		var bytes []byte
		for part := range strings.SplitSeq(string(plain), ",") {
			n, _ := strconv.Atoi(part)
			bytes = append(bytes, byte(n))
		}
		c.key = sum(bytes)
	}
	return out, err
}

// fixture is a simulator with a clock of its own.
type fixture struct {
	*pronote.Server

	url string
	now atomic.Pointer[time.Time]
}

func (f *fixture) pass(d time.Duration) {
	later := f.now.Load().Add(d)
	f.now.Store(&later)
}

// start is a Thursday of the second trimester.
var start = time.Date(2026, 1, 22, 9, 30, 0, 0, time.UTC)

func newFixture(t *testing.T, o pronote.Options) *fixture {
	t.Helper()
	f := &fixture{}
	now := start
	f.now.Store(&now)
	o.Now = func() time.Time { return *f.now.Load() }
	f.Server = pronote.New(o)
	server := httptest.NewServer(f.Server)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fixture) client(t *testing.T) *client {
	t.Helper()
	return newClient(t, f.url)
}

// enter logs in to an account whose password is its name.
func (f *fixture) enter(t *testing.T, page, account string) *client {
	t.Helper()
	c := f.client(t)
	out, err := c.login(page, account, account, nil)
	if err != nil || out["cle"] == nil {
		t.Fatalf("login: %v, %v", out, err)
	}
	return c
}

// at reads a path of an answer: keys and indexes, through {_T, V}.
func at(v any, path ...any) any {
	for _, step := range path {
		if tagged, ok := v.(obj); ok && tagged["_T"] != nil {
			v = tagged["V"]
		}
		switch step := step.(type) {
		case string:
			o, _ := v.(obj)
			v = o[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	if tagged, ok := v.(obj); ok && tagged["_T"] != nil {
		v = tagged["V"]
	}
	return v
}

func list(v any, path ...any) []any {
	l, _ := at(v, path...).([]any)
	return l
}

func str(v any, path ...any) string {
	s, _ := at(v, path...).(string)
	return s
}
