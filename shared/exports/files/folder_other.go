//go:build !linux

package files

import (
	"os"
	"runtime"
)

func rename(from, to string) error { return renameWhereFree(from, to) }

func adopt(string, string) {}

func writeBack(*os.File, int64, int64) {}

// syncFolder makes the names in a folder durable, where the system can do so.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return withoutPath(err)
	}
	defer folder.Close()
	// which has no such thing: its file system keeps names in a journal
	if err := folder.Sync(); err != nil && runtime.GOOS != "windows" {
		return withoutPath(err)
	}
	return nil
}
