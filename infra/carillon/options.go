package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/carillon-calendar/carillon/infra/local"
)

// maxRooms is more than any office has, and what a sample still starts with.
const maxRooms = 10_000

// validate finds numbers that cannot be.
func (o *options) validate() error {
	for _, n := range []struct {
		flag            string
		value, min, max int
	}{{"rooms", o.size, 0, maxRooms}, {"speed", o.speed, 1, 100_000}, {"arduino-limit", o.limit, 0, 1_000_000}} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("--%s %d: expected a number from %d to %d", n.flag, n.value, n.min, n.max)
		}
	}
	if o.folder == "" {
		return nil
	}
	return folderThere(o.folder)
}

// folderThere says that a folder of settings is not there, or is a file.
func folderThere(folder string) error {
	if folder == "" {
		return errors.New("--config is missing: name the folder of the settings")
	}
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--config %s: there is no such folder", folder)
	case err == nil && !info.IsDir():
		return fmt.Errorf("--config %s is a file: name the folder that it is in", folder)
	}
	return err
}

// listen opens an address that a flag has named.
func listen(address, flag string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address) //nolint:noctx // listening does not wait
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program uses the address %s: stop it, or choose another port with %s, as in %s 127.0.0.1:8090", address, flag, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("this account may not use the address %s: choose a port from 1024 on with %s", address, flag)
	case err != nil:
		return nil, fmt.Errorf("%s %s cannot be used: expected HOST:PORT of this machine, as in 127.0.0.1:8090 (%w)", flag, address, err)
	}
	return listener, nil
}

// kept is everything that a system has in its data folder.
var kept = []string{databaseName, databaseName + "-wal", databaseName + "-shm", databaseName + "-journal", runFile, "azurite", "exports"}

// startOver deletes what is kept; the sample's without a word. It comes after all that could keep the system from starting.
func (s *system) startOver() error {
	if office := local.Office(s.ctx, s.data); office != officeSample && s.keepsAnything() {
		question := fmt.Sprintf("The data folder %s is not a sample's. Delete what it keeps, with the files that wait for the importer there?", s.data)
		if err := s.sure(question); err != nil {
			return fmt.Errorf("--fresh: the data folder %s is not a sample's: %w", s.data, err)
		}
	}
	for _, name := range kept {
		if err := os.RemoveAll(filepath.Join(s.data, name)); err != nil {
			return fmt.Errorf("starting over: %w", err)
		}
	}
	return nil
}

// keepsAnything reports whether the data folder has something that starting over would delete.
func (s *system) keepsAnything() bool {
	return slices.ContainsFunc(kept, func(name string) bool {
		_, err := os.Lstat(filepath.Join(s.data, name))
		return err == nil
	})
}
