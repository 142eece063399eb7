package config_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

const schema = `{"type":"object","required":["secret"],"additionalProperties":false,"properties":{
	"secret":{"type":"string","minLength":1},
	"rooms":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},
	"minutes":{"type":"integer","minimum":1,"maximum":60},"locale":{"enum":["en","fr"]},
	"at":{"type":"string","pattern":"^[0-2][0-9]:","x-expected":"a time such as 14:30"}}}}}}`

type settings struct {
	Secret string `json:"secret"`
	Rooms  []struct {
		Name string `json:"name"`
	} `json:"rooms"`
}

func (s *settings) Validate() error {
	var all []error
	for i, r := range s.Rooms {
		if r.Name == "cellar" {
			all = append(all, fmt.Errorf("at \"/rooms/%d/name\": nobody meets there", i))
		}
	}
	return errors.Join(all...)
}

// one is a bucket with one document; reads are counted.
type one struct {
	data  string
	gen   int64
	reads int
}

func (o *one) Get(context.Context, string) (documents.Document, error) {
	o.reads++
	if o.gen == 0 {
		return documents.Document{}, documents.ErrNotFound
	}
	return documents.Document{Info: documents.Info{Generation: o.gen}, Data: []byte(o.data)}, nil
}

func (o *one) Put(context.Context, string, int64, []byte, map[string]string) (int64, error) {
	panic("settings are only read")
}

func (o *one) Delete(context.Context, string, int64) error { return nil }

func (o *one) List(context.Context, string) iter.Seq2[documents.Info, error] {
	panic("settings are not listed")
}

func (o *one) set(data string) { o.data, o.gen = data, o.gen+1 }

func load(t *testing.T, b documents.Bucket) *config.Settings[settings] {
	t.Helper()
	s, err := config.NewSettings[settings](b, "config.json", []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFaultsNameThePlaceAndTheLine: file, line and column, one sentence, the line without its secrets.
func TestFaultsNameThePlaceAndTheLine(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ data, want string }{
		"a comma too many": {
			"{\"secret\": \"hush\",\n \"rooms\": [],\n}",
			"config.json:2:13: a comma is followed by no value: delete it\n\t \"rooms\": [],\n\t            ^",
		},
		"a comma too few": {
			"{\"secret\": \"hush\"\n \"rooms\": []}", "config.json:2:2: a comma is missing before this",
		},
		"no colon": {`{"secret" "hush"}`, "config.json:1:11: a colon is missing after the key"},
		"curly quotes": {
			"{\"rooms\": [],\n “secret”: “hush”}", "config.json:2:2: found the curly quote “: write straight ones, \"",
		},
		"curly quotes, value": {"{\"secret\": “hush”}", "config.json:1:12: found the curly quote “"},
		"single quotes": {
			"{'secret': 'hush'}", "config.json:1:2: found a single quote: texts and keys stand in \"",
		},
		"a comment": {
			"{\n // hello\n\"secret\": \"hush\"}", "config.json:2:2: found /: a settings file has no comments",
		},
		"no closing quote": {
			"{\"secret\": \"hush,\n\"rooms\": []}",
			"config.json:1:18: a text does not end on its line: its closing \" is missing",
		},
		"a backslash": {
			`{"secret": "hush", "rooms": [{"name": "C:\data"}]}`,
			`config.json:1:42: a backslash in a text is written twice, as in C:\\data`,
		},
		"a bare word": {
			`{"secret": hush}`, "config.json:1:12: found h: texts stand in \"; only numbers, true, false and null stand without",
		},
		"it ends too early": {`{"secret": "hush"`, "config.json:1:17: the text ends too early"},
		"text after the end": {
			"{\"secret\": \"hush\"}}", "config.json:1:19: there is text after the end of the settings",
		},
		"an empty file": {" \n", "config.json:1:1: the file is empty"},
		"a key twice": {
			"{\"secret\": \"hush\",\n\"secret\": \"hush\"}",
			"config.json:2:1: \"secret\" stands here twice, first in line 1: keep one of the two",
		},
		"a key of a room twice": {
			"{\"secret\": \"hush\",\n\"rooms\": [{\"name\": \"a\", \"name\": \"b\"}]}",
			"config.json:2:25: /rooms/0: \"name\" stands here twice",
		},
		"a missing key": {"{}", "config.json:1:1: secret is missing"},
		"an unknown key": {
			"{\"secret\": \"hush\",\n  \"romos\": []}",
			"config.json:2:3: /romos: unknown key \"romos\": did you mean \"rooms\"?",
		},
		"nothing like it": {
			`{"secret": "hush", "colour": 1}`, "config.json:1:20: /colour: unknown key \"colour\"; there are rooms, secret",
		},
		"a number for text": {
			"{\"secret\": \"hush\", \"rooms\": [\n{\"name\": 1}]}",
			"config.json:2:10: /rooms/0/name: expected text in quotes, found a number",
		},
		"a pattern": {
			`{"secret": "hush", "rooms": [{"name": "a", "at": "25h"}]}`,
			`config.json:1:50: /rooms/0/at: found "25h", expected a time such as 14:30`,
		},
		"too much": {
			`{"secret": "hush", "rooms": [{"name": "a", "minutes": 90}]}`,
			"config.json:1:55: /rooms/0/minutes: expected a number from 1 to 60",
		},
		"not one of those": {
			`{"secret": "hush", "rooms": [{"name": "a", "locale": "de"}]}`, `/rooms/0/locale: found "de", expected "en" or "fr"`,
		},
		"an empty text": {`{"secret": ""}`, "config.json:1:12: /secret: it is empty"},
		"columns are characters": {
			`{"secret": "hush", "rooms": [{"name": "é", "minutes": "x"}]}`,
			"config.json:1:55: /rooms/0/minutes: expected a whole number, found text in quotes",
		},
		"no variable": {
			`{"secret": "env:CARILLON_TEST_NOT_SET"}`,
			"config.json:1:12: /secret: the environment variable CARILLON_TEST_NOT_SET is not set here",
		},
		"no file": {
			`{"secret": "file:/nowhere/secret"}`, "config.json:1:12: /secret: there is no secret file /nowhere/secret",
		},
		"an old encoding": {
			"{\"secret\": \"hush\",\n\"rooms\": [{\"name\": \"r\xe9union\"}]}",
			"config.json:2:22: it is not UTF-8 text: save it with the encoding UTF-8",
		},
		"a secret on the next line": {"{\"secret\":\n  'hush'}", "config.json:2:3: found a single quote"},
		"a rule of the bridge": {
			`{"secret": "hush", "rooms": [{"name": "cellar"}]}`, "config.json:1:39: /rooms/0/name: nobody meets there",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &one{}
			b.set(tt.data)
			_, err := load(t, b).Get(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error\n%v\nwant\n%s", err, tt.want)
			}
			for _, word := range []string{"hush", "^[", "invalid character", "minLength", "allOf", "jsonschema", "%!"} {
				if strings.Contains(err.Error(), word) {
					t.Errorf("%q is in\n%v", word, err)
				}
			}
		})
	}
}

// TestAllFaultsAtOnce: in the order of the file.
func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	b := &one{}
	b.set(`{"secret":"x","rooms":[{"name":1},{"minutes":"x"}]}`)
	_, err := load(t, b).Get(t.Context())
	if err == nil {
		t.Fatal("no error")
	}
	last := -1
	for _, part := range []string{"/rooms/0/name: ", "/rooms/1: name is missing", "/rooms/1/minutes: "} {
		at := strings.Index(err.Error(), part)
		if at <= last {
			t.Errorf("%q is not there, or not in its place, in\n%v", part, err)
		}
		last = at
	}
}

// TestEditorsMarksAreNoFault: what Notepad and PowerShell write.
func TestEditorsMarksAreNoFault(t *testing.T) {
	t.Parallel()
	const text = `{"secret": "é"}`
	wide := func(order binary.AppendByteOrder, mark uint16) string {
		var b []byte
		for _, u := range append([]uint16{mark}, utf16.Encode([]rune(text))...) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	for name, data := range map[string]string{
		"UTF-8": "\xef\xbb\xbf" + text, "little": wide(binary.LittleEndian, 0xfeff), "big": wide(binary.BigEndian, 0xfeff),
	} {
		b := &one{}
		b.set(data)
		if got, err := load(t, b).Get(t.Context()); err != nil || got.Secret != "é" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		file := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(file, []byte(data + "\r\n")[:len(data)], 0o600); err != nil {
			t.Fatal(err)
		}
		b.set(`{"secret": "file:` + file + `"}`)
		if got, err := load(t, b).Fresh(t.Context()); err != nil || got.Secret != text {
			t.Errorf("%s, a secret's file: %+v, %v", name, got, err)
		}
	}
	b := &one{}
	b.set(wide(binary.LittleEndian, 0xfeff)[2:])
	if _, err := load(t, b).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("without its mark: %v", err)
	}
}

// folder is a bucket of files in a folder.
type folder struct {
	one

	dir string
}

func (f *folder) Dir() string { return f.dir }

// TestRelativeSecretsLieBesideTheSettings: wherever the command is run.
func TestRelativeSecretsLieBesideTheSettings(t *testing.T) {
	t.Parallel()
	f := &folder{dir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(f.dir, "secret.txt"), []byte("beside"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.set(`{"secret": "file:secret.txt"}`)
	if got, err := load(t, f).Get(t.Context()); err != nil || got.Secret != "beside" {
		t.Errorf("%+v, %v", got, err)
	}
	f.set(`{`)
	if _, err := load(t, f).Get(t.Context()); err == nil ||
		!strings.HasPrefix(err.Error(), filepath.Join(f.dir, "config.json")+":1:1: ") {
		t.Errorf("the error does not begin with the file's path: %v", err)
	}
}

func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		`{"secret": "x"}`, `{"a":{"a":1,"a":2}}`, "{\"secret\": “x”}", "\xff\xfe{\x00}\x00",
		`{"secret":"x","rooms":[{"name":"\u00e9"},]}`, "{\"a\n\":\x00}", `{"":1,"/":{"~":[]}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		b := &one{}
		b.set(data)
		if _, err := load(t, b).Get(t.Context()); err != nil && !strings.HasPrefix(err.Error(), "config.json:") {
			t.Errorf("%q: %v", data, err)
		}
	})
}

//nolint:paralleltest // it sets the environment
func TestValuesFromElsewhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARILLON_TEST", "from the environment")
	b := &one{}
	b.set(`{"secret":"env:CARILLON_TEST","rooms":[{"name":"file:` + file + `"}]}`)
	got, err := load(t, b).Get(t.Context())
	if err != nil || got.Secret != "from the environment" || got.Rooms[0].Name != "from a file" {
		t.Errorf("settings = %+v, %v", got, err)
	}
	var env struct {
		Secret  string `env:"CARILLON_TEST_KEY,required"`
		Default string `env:"CARILLON_TEST_OTHER,default=x"`
	}
	if err := config.Env(t.Context(), &env); err == nil ||
		!strings.Contains(err.Error(), "Secret") && !strings.Contains(err.Error(), "CARILLON_TEST_KEY") {
		t.Errorf("error = %v, want one that names what is missing", err)
	}
	t.Setenv("CARILLON_TEST_KEY", "file:"+file)
	if err := config.Env(t.Context(), &env); err != nil || env.Secret != "from a file" || env.Default != "x" {
		t.Errorf("environment = %+v, %v", env, err)
	}
}

func TestReadAgainWhenChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &one{}
		s := load(t, b)
		if _, err := s.Get(t.Context()); err == nil {
			t.Error("missing settings are no error")
		}
		want := func(secret string, reads int) {
			t.Helper()
			b.reads = 0
			got, err := s.Get(t.Context())
			if err != nil || got.Secret != secret || b.reads != reads {
				t.Errorf("settings = %+v, %v after %d reads; want %q after %d", got, err, b.reads, secret, reads)
			}
		}
		b.set(`{"secret":"one"}`)
		want("one", 1)
		b.set(`{"secret":"two"}`)
		want("one", 0) // for a minute
		time.Sleep(61 * time.Second)
		want("two", 1)
		b.set(`{"secret":3}`)
		time.Sleep(61 * time.Second)
		want("two", 1) // the last good ones
		b.set(`{"secret":"four"}`)
		time.Sleep(61 * time.Second)
		want("four", 1)
	})
}

// Secret Manager charges for each reading of a secret's file: one minute after another would be the most of a small
// office's bill.
func TestSecretFilesAreReadEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := &one{}
		s := load(t, b)
		want := func(get func(context.Context) (*settings, error), secret string) {
			t.Helper()
			if got, err := get(t.Context()); err != nil || got.Secret != secret {
				t.Errorf("settings = %+v, %v; want %q", got, err, secret)
			}
		}
		b.set(`{"secret":"file:` + file + `"}`)
		write("one")
		want(s.Get, "one")
		write("two")
		time.Sleep(4 * time.Minute)
		want(s.Get, "one")
		time.Sleep(61 * time.Second)
		want(s.Get, "two")
		write("three")
		want(s.Fresh, "three") // a person waits
		write("four")
		b.set(b.data + " ") // the document changed
		time.Sleep(61 * time.Second)
		want(s.Get, "four")
	})
}

func TestUnusedKeysNeedNoSecret(t *testing.T) {
	t.Parallel()
	b := &one{}
	b.set(`{"secret":"file:/nowhere/secret","rooms":[{"name":"blue"}]}`)
	s, err := config.NewSettings[settings](b, "config.json", []byte(schema), "secret")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context()); err != nil || got.Secret != "" || len(got.Rooms) != 1 {
		t.Errorf("settings = %+v, %v", got, err)
	}
	b.set(`{"secret":"inline","rooms":[]}`)
	if got, err := s.Fresh(t.Context()); err != nil || got.Secret != "" {
		t.Errorf("settings = %+v, %v; an unused value is not kept", got, err)
	}
	b.set(`{"secret":"inline","rooms":[{"name":"file:/nowhere/name"}]}`)
	if _, err := s.Fresh(t.Context()); err == nil {
		t.Error("a used value that cannot be read is no error")
	}
}

// TestRulesAreForWhatAReferenceStandsFor: the schema checks the value of env:NAME and not that text. No error quotes
// the value, which may be a secret.
//
//nolint:paralleltest // it sets the environment
func TestRulesAreForWhatAReferenceStandsFor(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + filepath.Join(dir, name)
	}
	b := &one{}
	b.set(`{"secret":"x","rooms":[{"name":"a","locale":"` + file("fr", "fr\n") + `","at":"` + file("at", "14:30") + `"}]}`)
	if _, err := load(t, b).Get(t.Context()); err != nil {
		t.Errorf("good values: %v", err)
	}
	for key, tt := range map[string]struct{ text, want string }{
		"locale": {"klingon", "not \"en\" or \"fr\""}, "at": {"teatime", "not a time such as 14:30"},
	} {
		b.set(`{"secret":"x","rooms":[{"name":"a","` + key + `":"` + file(key, tt.text) + `"}]}`)
		if _, err := load(t, b).Get(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) ||
			strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s %s: %v", key, tt.text, err)
		}
	}
	b.set(`{"secret":"` + file("empty", "\n") + `"}`)
	if _, err := load(t, b).Get(t.Context()); err == nil || !strings.Contains(err.Error(), "it is empty") {
		t.Errorf("an empty secret: %v", err)
	}
}
