package files

import (
	"errors"
	"io/fs"
	"os"
)

// renameWhereFree is rename in two steps, for systems without one. Where there are hard links there is a moment with
// both names; elsewhere one between a look and the rename, in which the source's lease keeps other runs out, but nobody
// else.
func renameWhereFree(from, to string) error {
	err := os.Link(from, to)
	if err == nil {
		return os.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch _, err := os.Lstat(to); {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(from, to)
}
