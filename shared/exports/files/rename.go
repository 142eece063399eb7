package files

import (
	"errors"
	"io/fs"
	"os"
)

// renameWhereFree is rename in two steps, for systems without one: the source's lease keeps other runs out between them.
func renameWhereFree(from, to string) error {
	switch _, err := os.Lstat(to); {
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return os.Rename(from, to)
}
