package config_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

const schema = `{"type":"object","required":["secret"],"additionalProperties":false,"properties":{
	"secret":{"type":"string"},"rooms":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"minutes":{"type":"integer"}}}}}}`

type settings struct {
	Secret string `json:"secret"`
	Rooms  []struct {
		Name string `json:"name"`
	} `json:"rooms"`
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

func TestFaultsNameFilePathAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data string
		want       []string
	}{
		{"no_json", `{"secret":`, []string{"config.json", "JSON"}},
		{"missing_key", `{}`, []string{"config.json", "secret"}},
		{"unknown_key", `{"secret":"x","colour":1}`, []string{"config.json", "colour"}},
		{"all_faults_at_once", `{"secret":"x","rooms":[{"name":1},{"minutes":"x"}]}`, []string{"/rooms/0/name", "string", "/rooms/1", "name", "/rooms/1/minutes", "integer"}},
		{"no_variable", `{"secret":"env:CARILLON_TEST_NOT_SET"}`, []string{"config.json/secret", "CARILLON_TEST_NOT_SET"}},
		{"no_file", `{"secret":"file:/nowhere/secret"}`, []string{"config.json/secret", "/nowhere/secret"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &one{}
			b.set(tt.data)
			_, err := load(t, b).Get(t.Context())
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %q", err, part)
				}
			}
		})
	}
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
	if err := config.Env(t.Context(), &env); err == nil || !strings.Contains(err.Error(), "Secret") && !strings.Contains(err.Error(), "CARILLON_TEST_KEY") {
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

// Secret Manager charges for each reading of a secret's file: one minute after another would be the most of a small office's bill.
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
