package cli

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// Restore is `carillon restore`.
func Restore(bridges []machine.Bridge) *cobra.Command {
	var data, config string
	cmd := &cobra.Command{
		Use: "restore FILE", Example: "carillon restore carillon-backup.tar.gz --data /var/lib/carillon --config " +
			"/etc/carillon",
		Short: "Bring back what a backup holds, into folders that hold nothing yet",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			left, err := restore(cmd.Context(), args[0], data, config, bridges)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "Restored into %s%s. Start it: carillon up --data %s%s\n", data, andFolder(config),
					data, configFlag(config))
			}
			if err == nil && left {
				fmt.Fprintln(cmd.ErrOrStderr(),
					"The backup holds settings too, which were left: name a folder for them with --config.")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&data, "data", "data", "data folder to make")
	cmd.Flags().StringVar(&config, "config", "", "folder for the settings")
	_, _ = cmd.MarkFlagDirname("data"), cmd.MarkFlagDirname("config")
	return cmd
}

func andFolder(config string) string {
	if config == "" {
		return ""
	}
	return " and " + config
}

func configFlag(config string) string {
	if config == "" {
		return ""
	}
	return " --config " + config
}

// restore unpacks an archive into folders that are new. left says that it holds settings, and config is "".
func restore(
	ctx context.Context, file, data, config string, bridges []machine.Bridge,
) (left bool, err error) {
	if _, err := os.Stat(file); err != nil {
		return false, err
	}
	intoData, err := newFolder(data)
	if err != nil {
		return false, err
	}
	defer intoData.close()
	intoConfig := &restored{}
	if config != "" {
		if intoConfig, err = newFolder(config); err != nil {
			return false, err
		}
		defer intoConfig.close()
	}
	has, err := unpack(file, intoData.scratch, intoConfig.scratch)
	if errors.Is(err, errArchive) {
		return false, fmt.Errorf("%s is no whole backup: %w", file, err)
	} else if err != nil {
		return false, fmt.Errorf("restoring %s: %w", file, err)
	}
	if _, err := os.Stat(filepath.Join(intoData.scratch, machine.DatabaseFile)); err != nil {
		return false, fmt.Errorf("%s is no backup: it has no %s", file, dataFolder+machine.DatabaseFile)
	}
	for _, b := range bridges {
		if b.Restored != nil {
			if err := b.Restored(ctx, intoData.scratch); err != nil {
				return false, fmt.Errorf("restoring %s: %w", file, err)
			}
		}
	}
	if config == "" {
		return has, intoData.moveUp()
	}
	if !has {
		return false, fmt.Errorf("%s holds no settings: leave --config out", file)
	}
	return false, errors.Join(intoConfig.moveUp(), intoData.moveUp())
}

// restored is a folder that is filled: what comes into it is unpacked below it first, the one place that the service's
// account may write to.
type restored struct {
	dir, scratch string
	made         bool // it was not there
}

func newFolder(dir string) (*restored, error) {
	found, err := os.ReadDir(dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !onlyFolders(dir, found):
		return nil, fmt.Errorf("%s is not empty: move it away first, or name another folder", dir)
	}
	r := &restored{dir: dir, made: err != nil}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if r.scratch, err = os.MkdirTemp(dir, ".carillon-restore"); err != nil {
		return nil, err
	}
	return r, nil
}

// onlyFolders reports whether a folder holds folders at most, without a file in any: the Debian package makes such.
func onlyFolders(dir string, found []fs.DirEntry) bool {
	for _, entry := range found {
		if !entry.IsDir() {
			return false
		}
		inner := filepath.Join(dir, entry.Name())
		if entries, err := os.ReadDir(inner); err != nil || !onlyFolders(inner, entries) {
			return false
		}
	}
	return true
}

// removeFolders removes a folder and those in it; where a file has come into one, both stay.
func removeFolders(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeFolders(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir)
}

func (r *restored) close() {
	_ = os.RemoveAll(r.scratch)
	if r.made {
		_ = os.Remove(r.dir) // which works where nothing came into it
	}
}

// moveUp gives everything its place, the database last: where it is, everything is.
func (r *restored) moveUp() error {
	entries, err := os.ReadDir(r.scratch)
	if err != nil {
		return err
	}
	slices.SortStableFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(rank(a), rank(b)) })
	for _, entry := range entries {
		place := filepath.Join(r.dir, entry.Name())
		if entry.IsDir() {
			removeFolders(place)
		}
		if err := os.Rename(filepath.Join(r.scratch, entry.Name()), place); err != nil {
			return err
		}
	}
	return nil
}

func rank(entry fs.DirEntry) int {
	if entry.Name() == machine.DatabaseFile {
		return 1
	}
	return 0
}

// errArchive is a fault of the archive, not of the machine.
var errArchive = errors.New("not readable to its end")

func notWhole(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errArchive, err)
}

// unpack writes an archive's files into two folders; without one for the settings they are left. has says that there
// are some.
func unpack(file, data, config string) (has bool, err error) {
	in, err := os.Open(file) //nolint:gosec // the caller's
	if err != nil {
		return false, err
	}
	defer in.Close()
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return false, notWhole(err)
	}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, unzipped) //nolint:gosec // to the end, which has the sum; nothing is kept
			return has, notWhole(err)
		}
		if err != nil {
			return false, notWhole(err)
		}
		dir, mode, name := data, fs.FileMode(0o750), strings.TrimPrefix(header.Name, dataFolder)
		if rest, ok := strings.CutPrefix(header.Name, configFolder); ok {
			has, dir, mode, name = true, config, 0o700, rest // secrets
		}
		if header.Typeflag != tar.TypeReg || name == header.Name || !filepath.IsLocal(filepath.FromSlash(name)) {
			return false, fmt.Errorf("%w: %q does not belong there", errArchive, header.Name)
		}
		if dir == "" {
			continue
		}
		if err := unpackOne(dir, name, mode, header, archive); err != nil {
			return false, err
		}
	}
}

func unpackOne(dir, name string, folders fs.FileMode, header *tar.Header, in io.Reader) error {
	root, err := os.OpenRoot(dir) // names lead nowhere else
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), folders); err != nil {
		return err
	}
	name = filepath.FromSlash(name)
	out, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_EXCL, header.FileInfo().Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if _, ours := errors.AsType[*fs.PathError](err); !ours {
		err = notWhole(err)
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return root.Chtimes(name, header.ModTime, header.ModTime)
}
