package pronote

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
)

// FuzzPage: whatever a page has, it is a session's or an error that is told.
func FuzzPage(f *testing.F) {
	for _, page := range []string{
		`<body id="id_body" onload="try { Start ({h:'123',a:3,d:true,CrA:true,CoA:true,e:'x',f:'y'}) } catch (e) {}">`,
		`<script>Start({"h":"123","a":"7","http":true});</script>>PRONOTE 2026.2.7<`, `Start({h:'1,2:3',a:3})`,
		`Votre adresse IP est provisoirement suspendue`, `Start({`, `Start ({h:,a:})`, `Start({h:'',a:''})`,
	} {
		f.Add([]byte(page))
	}
	f.Fuzz(func(t *testing.T, html []byte) {
		p, err := readPage(html)
		var code *Error
		if err != nil && !errors.Is(err, ErrNoPage) && !errors.Is(err, ErrClosed) && !errors.As(err, &code) ||
			err == nil && p.session <= 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// FuzzEnvelope: whatever an answer has, in whatever form, it is data or an error that is told.
func FuzzEnvelope(f *testing.F) {
	key := first()
	f.Add([]byte(`{"session":1,"no":"`+key.number(2)+`","id":"x","dataSec":{"data":{"a":1}}}`), false, false)
	f.Add([]byte(`{"session":1,"no":"`+key.number(2)+`","dataSec":"`+upper(key.encrypt([]byte(`{"data":{}}`)))+`"}`),
		true, false)
	f.Add([]byte(`{"session":1,"no":"","dataSec":"`+hex.EncodeToString([]byte{0x4b, 0x04, 0})+`"}`), false, true)
	f.Add([]byte(`{"Erreur":{"G":8}}`), true, true)
	f.Add([]byte(`{"session":1,"no":"`+key.number(2)+`","dataSec":{"Signature":{"Erreur":{"G":"3"}}}}`), false, false)
	f.Fuzz(func(t *testing.T, body []byte, encrypt, compress bool) {
		s := &Session{H: 1, Key: key.key, IV: key.iv, Encrypt: encrypt, Compress: compress}
		var got envelope
		if json.Unmarshal(body, &got) != nil {
			return
		}
		var code *Error
		_, _, err := s.open(got, 1)
		if err != nil && !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrSessionLost) && !errors.As(err, &code) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzWire: no form of a value makes a page unreadable.
func FuzzWire(f *testing.F) {
	for _, value := range []string{
		`{"_T":7,"V":"27/11/2026 08:30:00"}`, `{"_T":24,"V":[{"N":"1","L":"x","G":16}]}`, `[{"N":1}]`, `null`, `"x"`, `{}`,
		`{"V":{"V":{"V":1}}}`, `true`, `1.5e400`, `{"_T":8,"V":"[1..3,7]"}`, `[[[[]]]]`,
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		var v struct {
			Text   text
			Number number
			Flag   flag
			Date   date
			List   list[wireLesson]
			Object object[resource]
			Files  list[wireFile]
		}
		whole := []byte(`{"Text":` + string(data) + `,"Number":` + string(data) + `,"Flag":` + string(data) + `,"Date":` +
			string(data) + `,"List":` + string(data) + `,"Object":` + string(data) + `,"Files":` + string(data) + `}`)
		if err := json.Unmarshal(whole, &v); err != nil {
			t.Errorf("%s: %v", data, err)
		}
		for _, w := range v.List {
			w.lesson(Year{Places: 20})
		}
		if n := numbers(string(v.Text)); len(n) > 1000 {
			t.Errorf("%d numbers", len(n))
		}
	})
}

// FuzzQR: no QR code, PIN or number is more than refused.
func FuzzQR(f *testing.F) {
	sealed := secret{digest([]byte("1234")), make([]byte, keySize)}
	f.Add(upper(sealed.encrypt([]byte("login"))), "1234")
	f.Add("zz", "")
	f.Add("00", "12345678901234567890")
	f.Fuzz(func(t *testing.T, data, pin string) {
		by := secret{digest([]byte(pin)), make([]byte, keySize)}
		if text, err := by.text(data); err != nil && text != "" {
			t.Errorf("%q, %v", text, err)
		}
		_, _ = by.orderOf(data)
		_, _ = by.sessionKey(data)
		_, _ = by.answer(data, false)
	})
}

// TestHosts: what may be asked, and what may not, whatever its form.
func TestHosts(t *testing.T) {
	t.Parallel()
	all, some := Hosts{"*"}, Hosts{"*.index-education.net", "http://127.0.0.1:8400", "http://127.0.0.1:80/sim/pronote"}
	for _, c := range []struct {
		hosts   Hosts
		address string
		ok      bool
		local   bool
	}{
		{all, "https://0123456a.index-education.net/pronote/eleve.html", true, false},
		{all, "http://0123456a.index-education.net/pronote/eleve.html", false, false},
		{all, "https://0123456a.index-education.net:8443/pronote/eleve.html", false, false},
		{all, "https://user:secret@0123456a.index-education.net/", false, false},
		{all, "ftp://0123456a.index-education.net/", false, false},
		{all, "file:///etc/passwd", false, false},
		{all, "https:///eleve.html", false, false},
		{all, "//0123456a.index-education.net/", false, false},
		{all, "gopher://x", false, false},
		{all, "https://10.0.0.1/eleve.html", true, false}, // the connection refuses it: see TestNotPublic
		{some, "https://0123456a.index-education.net/pronote/eleve.html", true, false},
		{some, "https://0123456A.INDEX-EDUCATION.NET./pronote/eleve.html", true, false},
		{some, "https://index-education.net/", false, false},
		{some, "https://index-education.net.example.org/", false, false},
		{some, "https://example.org/?x.index-education.net", false, false},
		{some, "https://example.org#x.index-education.net", false, false},
		{some, "http://127.0.0.1:8400/eleve.html", true, true},
		{some, "https://127.0.0.1:8400/eleve.html", false, false},
		{some, "http://127.0.0.1:8401/eleve.html", false, false},
		{some, "http://127.0.0.1:80/sim/pronote/eleve.html", true, true},
		{some, "http://127.0.0.1:80/other/eleve.html", false, false},
		{some, "http://127.0.0.1:80/sim/pronote/../../other", false, false},
		{some, "http://127.0.0.1:80/sim/pronotes/eleve.html", false, false},
		{Hosts{}, "https://0123456a.index-education.net/", false, false},
	} {
		_, local, err := c.hosts.check(c.address)
		if (err == nil) != c.ok || local != c.local {
			t.Errorf("%v: %s: %v, local %v", c.hosts, c.address, err, local)
		}
	}
}

// TestNotPublic: names and numbers of addresses that are not public are not connected to.
func TestNotPublic(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0",
		"[::ffff:127.0.0.1]", "100.64.0.1",
	} {
		_, err := (&Client{Hosts: Hosts{"*"}}).Login(t.Context(), Credentials{
			URL: "https://" + host + "/eleve.html", Username: "x", Password: "x",
		}, nil)
		if !errors.Is(err, ErrHost) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
