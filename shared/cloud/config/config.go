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
	"log/slog"
	"os"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/sethvargo/go-envconfig"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// Env fills the fields of target that carry an `env:"NAME,required"` tag from the process's environment. A value may be file:PATH.
func Env(ctx context.Context, target any) error {
	return envconfig.ProcessWith(ctx, &envconfig.Config{Target: target, Lookuper: envconfig.OsLookuper(), Mutators: []envconfig.Mutator{
		envconfig.MutatorFunc(func(_ context.Context, _, key, _, current string) (string, bool, error) {
			value, err := resolve(current)
			if err != nil {
				return "", true, fmt.Errorf("%s: %w", key, err)
			}
			return value, false, nil
		}),
	}})
}

// maxAge is how long a warm instance trusts the settings that it has read, and secretsAge the files that they name: Secret Manager charges for each reading.
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

	mu       sync.Mutex
	value    *T
	gen      int64
	checked  time.Time
	resolved time.Time // when the files that it names were read
}

// NewSettings returns the settings document name of bucket, whose JSON Schema is
// schema. A *T with a method Validate() error is asked too, for what a schema cannot say. One with a method
// Unresolved(path string, err error) is told of an env: or file: value that cannot be had, which is empty then; without it the document cannot be used.
// The top-level keys in unused stay empty: a function that does not use a secret needs no right to read it.
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
	return &Settings[T]{bucket: bucket, name: name, schema: compiled, unused: unused}, nil
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

// read takes the document over if it changed. One with secrets in files is also read again after secretsAge: a secret changes without it.
func (s *Settings[T]) read(ctx context.Context) error {
	doc, err := s.bucket.Get(ctx, s.name)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	current := !bytes.Contains(doc.Data, []byte(`"file:`)) || time.Since(s.resolved) < secretsAge
	if s.value != nil && doc.Generation == s.gen && current {
		return nil
	}
	value, err := s.parse(doc.Data)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if s.value == nil || !reflect.DeepEqual(value, s.value) {
		s.value = value
	}
	s.gen, s.resolved = doc.Generation, time.Now() //nolint:forbidigo // the age of a cache is real time
	return nil
}

func (s *Settings[T]) parse(data []byte) (*T, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s is no JSON: %w", s.name, err)
	}
	if err := s.schema.Validate(raw); err != nil {
		return nil, s.faults(err)
	}
	if keys, ok := raw.(map[string]any); ok {
		for _, key := range s.unused {
			delete(keys, key)
		}
	}
	unresolved := map[string]error{}
	raw = resolveAll(raw, "", unresolved)
	data, err = json.Marshal(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	value := new(T)
	if err := json.Unmarshal(data, value); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	told, tells := any(value).(interface{ Unresolved(path string, err error) })
	for path, err := range unresolved {
		if !tells {
			return nil, fmt.Errorf("%s%s: %w", s.name, path, err)
		}
		told.Unresolved(path, err)
	}
	if v, ok := any(value).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return value, nil
}

// faults turns a schema error into a line per fault: file, JSON path, what was found against what was expected.
func (s *Settings[T]) faults(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	var all []error
	for _, unit := range invalid.BasicOutput().Errors {
		if unit.Error == nil || strings.HasSuffix(unit.KeywordLocation, "/$ref") {
			continue
		}
		all = append(all, fmt.Errorf("%s: at %q: %s", s.name, unit.InstanceLocation, unit.Error.String()))
	}
	return errors.Join(all...)
}

// resolveAll replaces every string env:NAME or file:PATH in raw by what it stands for. What cannot be had is noted by its JSON path.
func resolveAll(raw any, at string, unresolved map[string]error) any {
	switch v := raw.(type) {
	case string:
		value, err := resolve(v)
		if err != nil {
			unresolved[at] = err
		}
		return value
	case []any:
		for i := range v {
			v[i] = resolveAll(v[i], at+"/"+strconv.Itoa(i), unresolved)
		}
	case map[string]any:
		for key := range v {
			v[key] = resolveAll(v[key], at+"/"+key, unresolved)
		}
	}
	return raw
}

func resolve(value string) (string, error) {
	if name, ok := strings.CutPrefix(value, "env:"); ok {
		found, ok := os.LookupEnv(name) //nolint:forbidigo // this is the one place
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		return found, nil
	}
	if path, ok := strings.CutPrefix(value, "file:"); ok {
		data, err := os.ReadFile(path) //nolint:gosec // the installation names its own secret files
		if err != nil {
			return "", fmt.Errorf("reading a secret: %w", err)
		}
		return strings.TrimRight(string(data), "\r\n"), nil
	}
	return value, nil
}
