package main

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

	"github.com/carillon-calendar/carillon/infra/local"
)

// A backup is a compressed tar of two folders: data/, with the database as it was at one moment and then the files beside it, and config/.
//
// The database goes first: what it says was done is then found among the files, or was taken by an importer since. A file that it knows nothing
// of yet is a run's that went on meanwhile; its blob, or the file itself, is there.
const (
	dataFolder   = "data/"
	configFolder = "config/"
	databaseName = "carillon.db"
)

// notKept are files of the data folder that a running system makes anew, or that the snapshot stands for.
var notKept = []string{databaseName, databaseName + "-wal", databaseName + "-shm", databaseName + "-journal", runFile, lockFile}

func backupCommand() *cobra.Command {
	var data, config string
	var overwrite bool
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write everything that is kept to one file, while the system runs or not",
		Long: "Write everything that is kept to one file, while the system runs or not. With --config the settings and keys are in it too. The file holds secrets: keep it as you keep them.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if info, err := os.Lstat(args[0]); err == nil && !info.IsDir() && !overwrite {
				return fmt.Errorf("%s is there already: name another file, or add --overwrite", args[0])
			}
			size, left, err := backup(cmd.Context(), args[0], data, config)
			for _, line := range left {
				fmt.Fprintln(cmd.ErrOrStderr(), "Left out:", line)
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d files\n", args[0], size)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace the file if it is there; the old one stays until the new one is whole")
	cmd.Flags().StringVar(&data, "data", "data", "data folder of the system")
	cmd.Flags().StringVar(&config, "config", "", "folder of the settings of real systems")
	_, _ = cmd.MarkFlagDirname("data"), cmd.MarkFlagDirname("config")
	return cmd
}

func restoreCommand() *cobra.Command {
	var data, config string
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Bring back what a backup holds, into folders that hold nothing yet",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			left, err := restore(args[0], data, config)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "Restored into %s%s. Start it: carillon up --data %s%s\n", data, andFolder(config), data, configFlag(config))
			}
			if err == nil && left {
				fmt.Fprintln(cmd.ErrOrStderr(), "The backup holds settings too, which were left: name a folder for them with --config.")
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

// backup writes the archive to a file that is complete or not there.
func backup(ctx context.Context, file, data, config string) (files int, left []string, err error) {
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
	snapshot := filepath.Join(scratch, databaseName)
	if err := local.Snapshot(ctx, data, snapshot); errors.Is(err, fs.ErrNotExist) {
		return 0, nil, fmt.Errorf("%s is no data folder: no system has run with it", data)
	} else if err != nil {
		return 0, nil, fmt.Errorf("reading the database: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(scratch, "backup"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600) //nolint:gosec // beside the file that the caller names
	if err != nil {
		return 0, nil, err
	}
	defer out.Close()
	a := archive{gzip: gzip.NewWriter(out)}
	a.tar = tar.NewWriter(a.gzip)
	if err := os.Chmod(snapshot, 0o600); err != nil {
		return 0, nil, err
	}
	in, err := os.Open(snapshot) //nolint:gosec // ours
	if err == nil {
		err = a.add(in, dataFolder+databaseName)
	}
	if err == nil {
		err = a.addAll(data, dataFolder, notKept)
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
}

// addAll adds the regular files below a folder. Links are left out, wherever they lead: whoever may write into a destination could have any file of
// the system's archived. So are pipes and the like, which have nothing to keep. What is left out is said.
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
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return a.add(in, under+name)
	})
}

func (a *archive) leave(file, why string) { a.left = append(a.left, plain(file)+" "+why) }

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
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(a.tar, in, info.Size()); err != nil {
		return fmt.Errorf("%s became shorter while it was read: %w", in.Name(), err)
	}
	a.files++
	return nil
}

// restore unpacks an archive into folders that are new. left says that it holds settings, and config is "".
func restore(file, data, config string) (left bool, err error) {
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
	if _, err := os.Stat(filepath.Join(intoData.scratch, databaseName)); err != nil {
		return false, fmt.Errorf("%s is no backup: it has no %s", file, dataFolder+databaseName)
	}
	if config == "" {
		return has, intoData.moveUp()
	}
	if !has {
		return false, fmt.Errorf("%s holds no settings: leave --config out", file)
	}
	return false, errors.Join(intoConfig.moveUp(), intoData.moveUp())
}

// restored is a folder that is filled: what comes into it is unpacked below it first, the one place that the service's account may write to.
type restored struct {
	dir, scratch string
	made         bool // it was not there
}

func newFolder(dir string) (*restored, error) {
	found, err := os.ReadDir(dir)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case len(found) > 0:
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
		if err := os.Rename(filepath.Join(r.scratch, entry.Name()), filepath.Join(r.dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func rank(entry fs.DirEntry) int {
	if entry.Name() == databaseName {
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

// unpack writes an archive's files into two folders; without one for the settings they are left. has says that there are some.
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
		dir, name := data, strings.TrimPrefix(header.Name, dataFolder)
		if rest, ok := strings.CutPrefix(header.Name, configFolder); ok {
			has, dir, name = true, config, rest
		}
		if header.Typeflag != tar.TypeReg || name == header.Name || !filepath.IsLocal(filepath.FromSlash(name)) {
			return false, fmt.Errorf("%w: %q does not belong there", errArchive, header.Name)
		}
		if dir == "" {
			continue
		}
		if err := unpackOne(dir, name, header, archive); err != nil {
			return false, err
		}
	}
}

func unpackOne(dir, name string, header *tar.Header, in io.Reader) error {
	root, err := os.OpenRoot(dir) // names lead nowhere else
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o750); err != nil {
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
