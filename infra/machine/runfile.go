package machine

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// RunInfo is the [RunFile] of the data folder. It tells the operators' commands how to reach the running machine.
type RunInfo struct {
	URL string `json:"url"`
	Key string `json:"key"` // bearer of the operators' commands
}

// Headers of the answers to the operators' commands.
const (
	ZoneHeader = "Carillon-Time-Zone" // the office's zone, which tables write times in
	// of the public paths, where that is known: a real office's is that of its proxy
	PublicHeader = "Carillon-Public-Address"
)

// OperatorKey is the bearer of the operators' commands, kept with the data.
func (m *Machine) OperatorKey() (string, error) {
	return m.DB.Setting(m.ctx, "operator_key", func() string {
		b := make([]byte, 24)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	})
}

// writeRunFile is for whoever can read the data folder.
func (m *Machine) writeRunFile(base string) error {
	key, err := m.OperatorKey()
	if err != nil {
		return err
	}
	data, err := json.Marshal(RunInfo{base, key})
	if err != nil {
		return err
	}
	name := filepath.Join(m.Data, RunFile)
	if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}
