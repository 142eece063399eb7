package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/natefinch/atomic"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// AddTo adds an entry to a list of a settings file, which is made if there is none. The whole is checked against its
// rules before it is written; name is the key that tells entries apart.
func AddTo(path, list, name string, entry map[string]any, usable func(dir string) error) error {
	file := map[string]any{list: []any{}}
	data, err := os.ReadFile(path) //nolint:gosec // the person names the folder
	if err == nil {
		err = config.Decode(path, data, &file)
	} else if errors.Is(err, os.ErrNotExist) {
		err = machine.FolderThere(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	entries, _ := file[list].([]any)
	for _, other := range entries {
		if o, ok := other.(map[string]any); ok && o[name] == entry[name] {
			return fmt.Errorf("%s has %s already: name this one with --name", path, entry[name])
		}
	}
	file[list] = append(entries, entry)
	if data, err = json.MarshalIndent(file, "", "  "); err != nil {
		return err
	}
	trial, err := os.MkdirTemp("", "carillon-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(trial)
	if err := os.WriteFile(filepath.Join(trial, filepath.Base(path)), data, 0o600); err != nil {
		return err
	}
	if err := usable(trial); err != nil {
		return err
	}
	return atomic.WriteFile(path, bytes.NewReader(append(data, '\n')))
}

// Usable checks the settings of a folder against their rules.
func Usable[T any](ctx context.Context, load func(documents.Bucket) (*config.Settings[T], error), dir string) error {
	settings, err := load(machine.Folder(dir))
	if err == nil {
		_, err = settings.Get(ctx)
	}
	return err
}

// ErrReference is a value of an old program that the settings would take for something else.
var ErrReference = errors.New("the value begins with env: or file:, which the settings take for a reference; " +
	"put the value into a file, and file:PATH of it into the settings by hand")
