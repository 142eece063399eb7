package files

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// rename gives a file a name that nothing has. It is one step: there is no moment with both names or with none.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return renameWhereFree(from, to) // a file system without it, such as a network drive
	}
	return err
}

// adopt gives a file or folder the group of the importer's folder, so that the importer may read it. Without the right
// to do so it stays as it is.
func adopt(name, folder string) {
	info, err := os.Stat(folder)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Gid) != os.Getegid() {
		_ = os.Lchown(name, -1, int(stat.Gid))
	}
}

// writeBack lets the disk begin with a part of a file, and does not wait for it.
func writeBack(file *os.File, from, n int64) {
	_ = unix.SyncFileRange(int(file.Fd()), from, n, unix.SYNC_FILE_RANGE_WRITE) // Commit waits, and tells of failures
}

// syncFolder makes the names in a folder durable.
func syncFolder(name string) error {
	folder, err := os.Open(name) //nolint:gosec // below the folder of the settings
	if err != nil {
		return fmt.Errorf("opening a folder: %w", withoutPath(err))
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) { // some network drives cannot
		return fmt.Errorf("writing a folder to disk: %w", withoutPath(err))
	}
	return nil
}
