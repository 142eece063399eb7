package cli

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
)

// A backup is a compressed tar of two folders: data/, with the database as it was at one moment and then the files
// beside it, and config/.
//
// The database goes first: what it says was done is then found among the files, or was taken by an importer since. A
// file that it knows nothing of yet is a run's that went on meanwhile; its blob, or the file itself, is there.
const (
	dataFolder   = "data/"
	configFolder = "config/"
)

// notKept are files of the data folder that a running system makes anew, or that the snapshots stand for.
func notKept(bridges []machine.Bridge) []string {
	return append(machine.Databases(bridges), machine.RunFile, machine.LockFile)
}

// snapshotAll writes the databases of a data folder as they are to files of another one, and returns their names.
func snapshotAll(ctx context.Context, data, to string, bridges []machine.Bridge) (names []string, err error) {
	all := []string{machine.DatabaseFile}
	for _, b := range bridges {
		if b.Database != "" {
			all = append(all, b.Database)
		}
	}
	for i, name := range all {
		file := filepath.Join(to, name)
		err := sqlite.Snapshot(ctx, filepath.Join(data, name), file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && i > 0:
			continue // that bridge has not run
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("%s is no data folder: no system has run with it", data)
		case err != nil:
			return nil, fmt.Errorf("reading the database %s: %w", name, err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// Backup is `carillon backup`.
func Backup(bridges []machine.Bridge) *cobra.Command {
	var data, config string
	var overwrite bool
	cmd := &cobra.Command{
		Use: "backup FILE", Example: "carillon backup carillon-backup.tar.gz --data /var/lib/carillon --config /etc/carillon",
		Short: "Write everything that is kept to one file, while the system runs or not",
		Long: "Write everything that is kept to one file, while the system runs or not. With --config the settings and " +
			"keys are in it too. The file holds secrets: keep it as you keep them.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Lstat(args[0]); err == nil && !info.IsDir() && !overwrite {
				return fmt.Errorf("%s is there already: name another file, or add --overwrite", args[0])
			}
			size, left, err := backup(cmd.Context(), args[0], data, config, bridges)
			for _, line := range left {
				fmt.Fprintln(cmd.ErrOrStderr(), "Left out:", line)
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d files\n", args[0], size)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false,
		"replace the file if it is there; the old one stays until the new one is whole")
	cmd.Flags().StringVar(&data, "data", "data", "data folder of the system")
	cmd.Flags().StringVar(&config, "config", "", "folder of the settings of real systems")
	_, _ = cmd.MarkFlagDirname("data"), cmd.MarkFlagDirname("config")
	return cmd
}

// backup writes the archive to a file that is complete or not there.
func backup(
	ctx context.Context, file, data, config string, bridges []machine.Bridge,
) (files int, left []string, err error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return 0, nil, fmt.Errorf("%s is a folder: name a file in it", file)
	}
	if inside(file, data) || config != "" && inside(file, config) {
		return 0, nil, fmt.Errorf("%s lies in a folder that it would hold: write it elsewhere", file)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(file), ".carillon-backup")
	if err != nil {
		return 0, nil, err
	}
	defer os.RemoveAll(scratch)
	snapshots, err := snapshotAll(ctx, data, scratch, bridges)
	if err != nil {
		return 0, nil, err
	}
	out, err := os.OpenFile(filepath.Join(scratch, "backup"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600) //nolint:gosec // beside the file that the caller names
	if err != nil {
		return 0, nil, err
	}
	defer out.Close()
	a := archive{gzip: gzip.NewWriter(out), foreign: foreign(bridges)}
	a.tar = tar.NewWriter(a.gzip)
	for _, name := range snapshots {
		in, openErr := os.Open(filepath.Join(scratch, name)) //nolint:gosec // ours
		if err = openErr; err == nil {
			err = a.add(in, dataFolder+name)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = a.addAll(data, dataFolder, notKept(bridges))
	}
	if err == nil && config != "" {
		err = a.addAll(config, configFolder, nil)
	}
	if err = errors.Join(err, a.tar.Close(), a.gzip.Close(), out.Sync(), out.Close()); err != nil {
		return 0, nil, err
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return 0, nil, err
	}
	if folder, err := os.Open(filepath.Dir(file)); err == nil {
		_ = folder.Sync() // the name too; some systems cannot
		_ = folder.Close()
	}
	return a.files, a.left, nil
}

// inside reports whether a file, which need not be there, lies in a folder.
func inside(file, dir string) bool {
	folder, ferr := resolved(filepath.Dir(file))
	dir, derr := resolved(dir)
	rel, err := filepath.Rel(dir, folder)
	return ferr == nil && derr == nil && err == nil && filepath.IsLocal(rel)
}

func resolved(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(dir)
}

type archive struct {
	gzip  *gzip.Writer
	tar   *tar.Writer
	files int
	left  []string // sentences about what is not in it

	foreign []string // folders where others may write
}

// addAll adds the regular files below a folder. Links are left out, wherever they lead: whoever may write into a
// destination could have any file of the system's archived. So are pipes and the like, which have nothing to keep. What
// is left out is said.
func (a *archive) addAll(dir, under string, except []string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil // it went meanwhile
		case errors.Is(err, fs.ErrPermission) && a.mayMiss(under, name):
			a.leave(filepath.Join(dir, name), "may not be read by this account")
			return fs.SkipDir
		case err != nil:
			return err
		case entry.IsDir() || slices.Contains(except, name):
			return nil
		case entry.Type() == fs.ModeSymlink:
			a.leave(filepath.Join(dir, name), "is a link: what it leads to is not in the backup")
			return nil
		case !entry.Type().IsRegular():
			a.leave(filepath.Join(dir, name), "is neither a file nor a folder")
			return nil
		}
		in, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|nonblock, 0) // it may be a pipe by now
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case errors.Is(err, fs.ErrPermission) && a.mayMiss(under, name):
			a.leave(filepath.Join(dir, name), "may not be read by this account")
			return nil
		case err != nil:
			return err
		}
		return a.add(in, under+name)
	})
}

// foreign are the folders of the data folder where others may write.
func foreign(bridges []machine.Bridge) (folders []string) {
	for _, b := range bridges {
		folders = append(folders, b.Folders...)
	}
	return folders
}

// mayMiss reports whether others may write where a file is: it must not keep all the rest from being backed up.
func (a *archive) mayMiss(under, name string) bool {
	folder, _, inside := strings.Cut(name, "/")
	return under == dataFolder && inside && slices.Contains(a.foreign, folder)
}

func (a *archive) leave(file, why string) { a.left = append(a.left, machine.Plain(file)+" "+why) }

// add adds an open file as long as it is now, and closes it.
func (a *archive) add(in *os.File, name string) error {
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		a.leave(in.Name(), "is neither a file nor a folder")
		return nil
	}
	header := &tar.Header{
		Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(),
		Typeflag: tar.TypeReg, Format: tar.FormatPAX,
	}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	n, err := io.CopyN(a.tar, in, info.Size())
	if errors.Is(err, io.EOF) { // what is missing is filled up, so that the archive stays whole
		a.leave(in.Name(), "became shorter while it was read: in the backup it is not as it was")
		_, err = io.CopyN(a.tar, zeros{}, info.Size()-n)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.Name(), err)
	}
	a.files++
	return nil
}

// zeros is an endless file of zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
