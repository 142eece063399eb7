package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Options are what `carillon up` is told.
type Options struct {
	Bridges []Bridge // all that there are
	Console Console

	Listen    string   // address of the public paths and, where the outside is simulated, of the operators' paths
	Operator  string   // address of the operators' paths of real systems
	Data      string   // folder of everything that is kept
	Folder    string   // of the settings of real systems; "": the outside is simulated
	Only      []string // names of bridges; default all that have settings
	Speed     int      // simulated seconds a second
	LogFormat string
	Fresh     bool                        // start over
	Sure      func(question string) error // asks the person, and fails unless the answer is yes

	Attempts int                             // pushes before a message is a dead letter; default 20
	Wrap     func(http.Handler) http.Handler // around everything that is served; for tests
}

// A Console serves the operators' paths of a machine.
type Console func(m *Machine, mux *http.ServeMux) error

const maxSpeed = 100_000

// Validate finds values that cannot be, before anything is started.
func (o *Options) Validate() error {
	if err := InRange("speed", o.Speed, 1, maxSpeed); err != nil {
		return err
	}
	for _, b := range o.Bridges {
		if b.Check == nil {
			continue
		}
		if err := b.Check(); err != nil {
			return err
		}
	}
	if o.Folder == "" {
		return nil
	}
	return FolderThere(o.Folder)
}

// InRange refuses a flag's number that is too small or too large.
func InRange(flag string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("--%s %d: expected a number from %d to %d", flag, value, least, most)
	}
	return nil
}

var (
	errNoFolder = errors.New("there is no such folder")
	errIsFile   = errors.New("is a file: name the folder that it is in")
)

// FolderThere says that a folder of settings is not there, or is a file.
func FolderThere(folder string) error {
	if folder == "" {
		return errors.New("--config is missing: name the folder of the settings")
	}
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--config %s: %w", folder, errNoFolder)
	case err == nil && !info.IsDir():
		return fmt.Errorf("--config %s %w", folder, errIsFile)
	}
	return err
}

// listen opens an address that a flag has named.
func listen(address, flag string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // listening does not wait
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program uses the address %s: stop it, or choose another port with %s, as in %s "+
			"127.0.0.1:8090",
			address, flag, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this account may not use the address %s: choose a port from 1024 on with %s", address, flag)
	case err != nil:
		return nil, fmt.Errorf("%s %s cannot be used: expected HOST:PORT of this machine, as in 127.0.0.1:8090 (%w)", flag,
			address, err)
	}
	return listener, nil
}

// Files of the data folder. The lock is held while a machine runs there.
const (
	DatabaseFile = "carillon.db"
	RunFile      = "run.json"
	LockFile     = "lock"
)

// Databases are the files of the machine's database and its bridges', with what SQLite lays beside each.
func Databases(bridges []Bridge) (files []string) {
	names := []string{DatabaseFile}
	for _, b := range bridges {
		if b.Database != "" {
			names = append(names, b.Database)
		}
	}
	for _, name := range names {
		files = append(files, name, name+"-wal", name+"-shm", name+"-journal")
	}
	return files
}

// kept is everything that a machine has in its data folder.
func (m *Machine) kept() []string {
	names := append(Databases(m.Bridges), RunFile)
	for _, b := range m.Bridges {
		names = append(names, b.Folders...)
	}
	return names
}

// startOver deletes what is kept; the sample's without a word. It comes after all that could keep the machine from
// starting.
func (m *Machine) startOver() error {
	if office := Office(m.ctx, m.Data); office != officeSample && m.keepsAnything() {
		question := fmt.Sprintf("The data folder %s is not a sample's. Delete what it keeps, with the files that wait for "+
			"the importer there?", m.Data)
		if err := m.Sure(question); err != nil {
			return fmt.Errorf("--fresh: the data folder %s is not a sample's: %w", m.Data, err)
		}
	}
	for _, name := range m.kept() {
		if err := os.RemoveAll(filepath.Join(m.Data, name)); err != nil {
			return fmt.Errorf("starting over: %w", err)
		}
	}
	return nil
}

// keepsAnything reports whether the data folder has something that starting over would delete.
func (m *Machine) keepsAnything() bool {
	return slices.ContainsFunc(m.kept(), func(name string) bool {
		_, err := os.Lstat(filepath.Join(m.Data, name))
		return err == nil
	})
}
