package main

import (
	"archive/tar"
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
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Write everything that is kept to one file, while the system runs or not",
		Long: "Write everything that is kept to one file, while the system runs or not. With --config the settings and keys are in it too. The file holds secrets: keep it as you keep them.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			size, err := backup(cmd.Context(), args[0], data, config)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %d files\n", args[0], size)
			}
			return err
		},
	}
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

// backup writes the archive to a file that is complete or not there.
func backup(ctx context.Context, file, data, config string) (files int, err error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return 0, fmt.Errorf("%s is a folder: name a file in it", file)
	}
	if inside(file, data) || config != "" && inside(file, config) {
		return 0, fmt.Errorf("%s lies in a folder that it would hold: write it elsewhere", file)
	}
	scratch, err := os.MkdirTemp(filepath.Dir(file), ".carillon-backup")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	snapshot := filepath.Join(scratch, databaseName)
	if err := local.Snapshot(ctx, data, snapshot); errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is no data folder: no system has run with it", data)
	} else if err != nil {
		return 0, fmt.Errorf("reading the database: %w", err)
	}
	out, err := os.OpenFile(filepath.Join(scratch, "backup"), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600) //nolint:gosec // beside the file that the caller names
	if err != nil {
		return 0, err
	}
	defer out.Close()
	a := archive{gzip: gzip.NewWriter(out)}
	a.tar = tar.NewWriter(a.gzip)
	err = a.add(snapshot, dataFolder+databaseName)
	if err == nil {
		err = a.addAll(data, dataFolder, notKept)
	}
	if err == nil && config != "" {
		err = a.addAll(config, configFolder, nil)
	}
	if err = errors.Join(err, a.tar.Close(), a.gzip.Close(), out.Sync(), out.Close()); err != nil {
		return 0, err
	}
	return a.files, os.Rename(out.Name(), file)
}

// inside reports whether a file lies in a folder.
func inside(file, dir string) bool {
	file, ferr := filepath.Abs(file)
	dir, derr := filepath.Abs(dir)
	rel, err := filepath.Rel(dir, file)
	return ferr == nil && derr == nil && err == nil && filepath.IsLocal(rel)
}

type archive struct {
	gzip  *gzip.Writer
	tar   *tar.Writer
	files int
}

// addAll adds the files below a folder.
func (a *archive) addAll(dir, under string, except []string) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		rel, rerr := filepath.Rel(dir, file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && file != dir:
			return nil // it went meanwhile
		case err != nil:
			return err
		case rerr != nil:
			return rerr
		case !entry.Type().IsRegular() || slices.Contains(except, filepath.ToSlash(rel)):
			return nil
		}
		return a.add(file, under+filepath.ToSlash(rel))
	})
}

// add adds a file as long as it is now; one that went meanwhile is none.
func (a *archive) add(file, name string) error {
	in, err := os.Open(file) //nolint:gosec // below the folders that the caller names
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), ModTime: info.ModTime(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.CopyN(a.tar, in, info.Size()); err != nil {
		return fmt.Errorf("%s became shorter while it was read: %w", file, err)
	}
	a.files++
	return nil
}

// restore unpacks an archive into folders that are new. left says that it holds settings, and config is "".
func restore(file, data, config string) (left bool, err error) {
	for _, dir := range []string{data, config} {
		if found, _ := os.ReadDir(dir); dir != "" && len(found) > 0 {
			return false, fmt.Errorf("%s is not empty: move it away first, or name another folder", dir)
		}
	}
	if _, err := os.Stat(file); err != nil {
		return false, err
	}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		defer os.Remove(data) // which works where nothing came into it
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return false, err
	}
	scratch, err := os.MkdirTemp(data, ".carillon-restore") // the one place that the service's account may write to
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(scratch)
	if err := unpack(file, scratch); errors.Is(err, errArchive) {
		return false, fmt.Errorf("%s is no whole backup: %w", file, err)
	} else if err != nil {
		return false, fmt.Errorf("restoring %s: %w", file, err)
	}
	if _, err := os.Stat(filepath.Join(scratch, dataFolder, databaseName)); err != nil {
		return false, fmt.Errorf("%s is no backup: it has no %s", file, dataFolder+databaseName)
	}
	_, err = os.Stat(filepath.Join(scratch, configFolder))
	has := err == nil
	if has && config != "" {
		if err := os.MkdirAll(config, 0o700); err != nil {
			return false, err
		}
		if err := os.CopyFS(config, os.DirFS(filepath.Join(scratch, configFolder))); err != nil {
			return false, err
		}
	}
	return has && config == "", moveUp(filepath.Join(scratch, dataFolder), data)
}

// moveUp moves what is in a folder into another one, the database last: where it is, everything is.
func moveUp(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == databaseName {
			continue
		}
		if err := os.Rename(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return os.Rename(filepath.Join(from, databaseName), filepath.Join(to, databaseName))
}

// errArchive is a fault of the archive, not of the machine.
var errArchive = errors.New("not readable to its end")

func notWhole(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errArchive, err)
}

func unpack(file, dir string) error {
	in, err := os.Open(file) //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	defer in.Close()
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		return notWhole(err)
	}
	root, err := os.OpenRoot(dir) // names lead nowhere else
	if err != nil {
		return err
	}
	defer root.Close()
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, unzipped) //nolint:gosec // to the end, which has the sum; nothing is kept
			return notWhole(err)
		}
		if err != nil {
			return notWhole(err)
		}
		if header.Typeflag != tar.TypeReg || !filepath.IsLocal(filepath.FromSlash(header.Name)) || !strings.HasPrefix(header.Name, dataFolder) && !strings.HasPrefix(header.Name, configFolder) {
			return fmt.Errorf("%w: %q does not belong there", errArchive, header.Name)
		}
		if err := unpackOne(root, header, archive); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, header *tar.Header, in io.Reader) error {
	name := filepath.FromSlash(header.Name)
	if err := root.MkdirAll(filepath.FromSlash(path.Dir(header.Name)), 0o750); err != nil {
		return err
	}
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
