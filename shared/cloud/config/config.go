// Package config reads the two kinds of settings: the environment (names,
// addresses, keys) and documents in the config bucket, checked against their
// JSON Schema.
package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/sethvargo/go-envconfig"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// Env fills the fields of target that carry an `env:"NAME,required"` tag from the process's environment. A value may be
// file:PATH.
func Env(ctx context.Context, target any) error {
	return envconfig.ProcessWith(ctx,
		&envconfig.Config{Target: target, Lookuper: envconfig.OsLookuper(), Mutators: []envconfig.Mutator{
			envconfig.MutatorFunc(func(_ context.Context, _, key, _, current string) (string, bool, error) {
				value, err := resolve(current, "")
				if err != nil {
					return "", true, fmt.Errorf("%s: %w", key, err)
				}
				return value, false, nil
			}),
		}})
}

// maxAge is how long a warm instance trusts the settings that it has read, and secretsAge the files that they name:
// Secret Manager charges for each reading.
const (
	maxAge     = time.Minute
	secretsAge = 5 * time.Minute
)

// Settings is a document of settings, read again when it changed.
type Settings[T any] struct {
	bucket documents.Bucket
	name   string
	schema *jsonschema.Schema
	unused []string
	form   form

	mu       sync.Mutex
	value    *T
	gen      int64
	checked  time.Time
	resolved time.Time // when the files that it names were read
}

// NewSettings returns the settings document name of bucket, whose JSON Schema is
// schema. A *T with a method Validate() error is asked too, for what a schema cannot say; its errors begin with at
// "POINTER": where they are about one value. One with a method Warnings() error is asked for what works and may be
// meant otherwise, in the same form. One with a method Unresolved(path string, err error) is told of an env: or file:
// value that cannot be had, which is empty then; without it the document cannot be used. The top-level keys in unused
// stay empty: a function that does not use a secret needs no right to read it.
func NewSettings[T any](bucket documents.Bucket, name string, schema []byte, unused ...string) (*Settings[T], error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	compiled, err := compiler.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	var f form
	if err := json.Unmarshal(schema, &f); err != nil {
		return nil, fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	return &Settings[T]{bucket: bucket, name: name, schema: compiled, form: f, unused: unused}, nil
}

// Get returns the settings. Once read, a document that became unreadable or
// wrong is logged and the last good settings go on.
func (s *Settings[T]) Get(ctx context.Context) (*T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.value != nil && time.Since(s.checked) < maxAge {
		return s.value, nil
	}
	err := s.read(ctx)
	if err != nil && s.value == nil {
		return nil, err
	}
	if err != nil {
		slog.ErrorContext(ctx, "settings are not usable, the last good ones stay", slog.Any("error", err))
	}
	s.checked = time.Now() //nolint:forbidigo // the age of a cache is real time
	return s.value, nil
}

// Fresh returns the settings as they are now, for a person who has just changed them, or says why they cannot be used.
func (s *Settings[T]) Fresh(ctx context.Context) (*T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.resolved = time.Time{}
	if err := s.read(ctx); err != nil {
		return nil, err
	}
	s.checked = time.Now() //nolint:forbidigo // the age of a cache is real time
	return s.value, nil
}

// read takes the document over if it changed. One with secrets in files is also read again after secretsAge: a secret
// changes without it.
func (s *Settings[T]) read(ctx context.Context) error {
	doc, err := s.bucket.Get(ctx, s.name)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	text, _ := Text(doc.Data) // what is not text is reported below
	current := !bytes.Contains(text, []byte(`"file:`)) || time.Since(s.resolved) < secretsAge
	if s.value != nil && doc.Generation == s.gen && current {
		return nil
	}
	value, err := s.parse(ctx, doc.Data)
	if err != nil {
		return err
	}
	if s.value == nil || !reflect.DeepEqual(value, s.value) {
		s.value = value
	}
	s.gen, s.resolved = doc.Generation, time.Now() //nolint:forbidigo // the age of a cache is real time
	return nil
}

func (s *Settings[T]) parse(ctx context.Context, data []byte) (*T, error) {
	raw, src, err := read(filepath.Join(s.dir(), s.name), data)
	if err != nil {
		return nil, err
	}
	references := map[string]string{}
	noteReferences(raw, "", references)
	if err := s.schema.Validate(raw); err != nil {
		if err := s.faults(src, err, references); err != nil {
			return nil, err
		}
	}
	if keys, ok := raw.(map[string]any); ok {
		for _, key := range s.unused {
			delete(keys, key)
		}
	}
	unresolved := map[string]error{}
	raw = s.resolveAll(raw, "", unresolved)
	s.checkResolved(raw, references, unresolved)
	data, err = json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	value := new(T)
	if err := json.Unmarshal(data, value); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	told, tells := any(value).(interface{ Unresolved(path string, err error) })
	var missing []fault
	for path, err := range unresolved {
		if tells {
			told.Unresolved(path, err)
		} else {
			missing = append(missing, src.at(path, err.Error()))
		}
	}
	if len(missing) > 0 {
		return nil, join(missing)
	}
	if v, ok := any(value).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, join(src.placed(err))
		}
	}
	if w, ok := any(value).(interface{ Warnings() error }); ok {
		if err := w.Warnings(); err != nil {
			slog.WarnContext(ctx, "settings may be meant otherwise", slog.Any("warning", join(src.placed(err))))
		}
	}
	return value, nil
}

// dir is the folder that the document is a file of, or "".
func (s *Settings[T]) dir() string {
	if folder, ok := s.bucket.(interface{ Dir() string }); ok {
		return folder.Dir()
	}
	return ""
}

// resolveAll replaces every string env:NAME or file:PATH in raw by what it stands for. What cannot be had is noted by
// its JSON path.
func (s *Settings[T]) resolveAll(raw any, at string, unresolved map[string]error) any {
	switch v := raw.(type) {
	case string:
		value, err := resolve(v, s.dir())
		if err != nil {
			unresolved[at] = err
		}
		return value
	case []any:
		for i := range v {
			v[i] = s.resolveAll(v[i], at+"/"+strconv.Itoa(i), unresolved)
		}
	case map[string]any:
		for key := range v {
			v[key] = s.resolveAll(v[key], at+"/"+escape(key), unresolved)
		}
	}
	return raw
}

// IsReference reports whether a settings value names where its value is: env:NAME or file:PATH.
func IsReference(value string) bool {
	return strings.HasPrefix(value, "env:") || strings.HasPrefix(value, "file:")
}

// noteReferences notes every env: or file: value of raw by its JSON path.
func noteReferences(raw any, at string, references map[string]string) {
	switch v := raw.(type) {
	case string:
		if IsReference(v) {
			references[at] = v
		}
	case []any:
		for i := range v {
			noteReferences(v[i], at+"/"+strconv.Itoa(i), references)
		}
	case map[string]any:
		for key := range v {
			noteReferences(v[key], at+"/"+escape(key), references)
		}
	}
}

// resolve is what env:NAME or file:PATH stands for; a relative path is looked up in dir.
func resolve(value, dir string) (string, error) {
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		found, ok := os.LookupEnv(name) //nolint:forbidigo // this is the one place
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set here; with file:PATH, the service and commands by "+
				"hand find the same secret", name)
		}
		return found, nil
	}
	path, ok := strings.CutPrefix(value, "file:")
	if !ok {
		return value, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	data, err := os.ReadFile(path) //nolint:gosec // the installation names its own secret files
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no secret file %s: write the secret into it, readable by the service alone", path)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("this account may not read the secret file %s: run the command as the service's account, as "+
			"in sudo -u carillon, or give the file to it", path)
	case err != nil:
		return "", fmt.Errorf("reading a secret: %w", err)
	}
	text, err := Text(data)
	if err != nil {
		return "", fmt.Errorf("the secret file %s: %w", path, err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
