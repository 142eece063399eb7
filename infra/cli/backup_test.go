package cli_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

// run executes a command line of carillon.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return machinetest.Run(t, bridges.All(), args...)
}

func TestMain(m *testing.M) { machinetest.Main(m) }

// dump is all that a database holds, in a form that can be compared.
func dump(t *testing.T, dir string) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, machine.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var all strings.Builder
	for table, columns := range map[string]string{
		"documents": "bucket, name, generation, metadata, data", "deliveries": "id, subscription, data, attributes, attempt",
		"dead_letters": "id, subscription, data, reason",
		"records":      "owner, key, data", "settings": "name, value", "generations": "id, last",
	} {
		rows, err := db.Query("SELECT " + columns + " FROM " + table + " ORDER BY 1, 2")
		if err != nil {
			t.Fatal(err)
		}
		names, _ := rows.Columns()
		var lines []string
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			line := append(make([]string, 0, 1+len(values)), table)
			for _, v := range values {
				line = append(line, string(*v.(*sql.RawBytes)))
			}
			lines = append(lines, strings.Join(line, "|"))
		}
		_ = rows.Close()
		slices.Sort(lines)
		fmt.Fprintln(&all, strings.Join(lines, "\n"))
	}
	lines := strings.Split(all.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// ranUntil runs the sample office until do has returned, and has it stopped cleanly.
func ranUntil(t *testing.T, dir string, do func(o roomstest.Office)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := machine.Start(ctx, machinetest.Defaults(machine.Options{
		Data: dir, Bridges: bridges.All(), Only: []string{"rooms"},
	}))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	o := roomstest.Office{Running: &machinetest.Running{Machine: s, T: t}}
	o.Eventually("healthy", o.Healthy)
	do(o)
	cancel()
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
}

// Backup, wipe, restore: the same state, and a system that goes on with it.
func TestBackupWipeRestore(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir, config, file := filepath.Join(home, "data"), filepath.Join(home, "config"), filepath.Join(home, "carillon.backup")
	ranUntil(t, dir, func(o roomstest.Office) {
		o.Meet("quiet_room", "Before")
		o.Shows("quiet_room", "curevmtg", "Before")
	})
	old := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	archived := filepath.Join(dir, "exports", "paie.carillon", "archive", "été.csv")
	if err := firstError(os.MkdirAll(filepath.Dir(archived), 0o750), os.WriteFile(archived, []byte("a;b\n"), 0o640),
		os.Chtimes(archived, old, old),
		os.MkdirAll(config, 0o700), os.WriteFile(filepath.Join(config, "config.json"), []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	want := dump(t, dir)
	if out, err := run(t, "backup", file, "--data", dir, "--config", config); err != nil ||
		!strings.Contains(out, "3 files") {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup, which holds secrets, is %v, %v", info.Mode(), err)
	}
	if err := firstError(os.RemoveAll(dir), os.RemoveAll(config)); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "restore", file, "--data", dir, "--config", config); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	if got := dump(t, dir); got != want {
		t.Errorf("the state is another:\n%s\nwant\n%s", got[:min(len(got), 2000)], want[:min(len(want), 2000)])
	}
	info, err := os.Stat(archived)
	if err != nil || !info.ModTime().Equal(old) || info.Mode().Perm() != 0o640 {
		t.Errorf("the file in the archive: %v, %v", info, err)
	}
	if data, err := os.ReadFile(filepath.Join(config, "config.json")); err != nil || string(data) != "{}" {
		t.Errorf("settings = %s, %v", data, err)
	}
	ranUntil(t, dir, func(o roomstest.Office) {
		if got := o.Value("quiet_room", "curevmtg"); got != "Before" {
			t.Errorf("the door shows %v", got)
		}
		o.Meet("green_room", "After")
	})
}

// A backup of a system that is at work is whole.
func TestBackupWhileRunning(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir := filepath.Join(home, "data")
	o := roomstest.Office{
		Running: machinetest.Start(t, machine.Options{Data: dir, Bridges: bridges.All(), Only: []string{"rooms"}}),
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				o.Meet("quiet_room", fmt.Sprint("Meeting ", i))
			}
		}
	}()
	for i := range 5 {
		file, to := filepath.Join(home, fmt.Sprint("backup", i)), filepath.Join(home, fmt.Sprint("restored", i))
		if out, err := run(t, "backup", file, "--data", dir); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err := run(t, "restore", file, "--data", to); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		db, err := sql.Open("sqlite", "file:"+filepath.Join(to, machine.DatabaseFile))
		if err != nil {
			t.Fatal(err)
		}
		var said string
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
			t.Errorf("the database is %s, %v", said, err)
		}
		_ = db.Close()
	}
	close(stop)
	<-done
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir, file := filepath.Join(home, "data"), filepath.Join(home, "backup")
	ranUntil(t, dir, func(roomstest.Office) {})
	if _, err := run(t, "backup", file, "--data", dir); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	archive := func(name string, kind byte) []byte {
		var buf bytes.Buffer
		zipped := gzip.NewWriter(&buf)
		w := tar.NewWriter(zipped)
		_ = w.WriteHeader(&tar.Header{Name: name, Typeflag: kind, Mode: 0o600, Linkname: "/etc/passwd"})
		_, _ = w.Close(), zipped.Close()
		return buf.Bytes()
	}
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"cut short":         {whole[:len(whole)/2], "no whole backup"},
		"sum cut off":       {whole[:len(whole)-4], "no whole backup"},
		"no backup":         {[]byte("hello"), "no whole backup"},
		"leads outside":     {archive("data/../../evil", tar.TypeReg), "no whole backup"},
		"is absolute":       {archive("/evil", tar.TypeReg), "no whole backup"},
		"a link":            {archive("data/carillon.db", tar.TypeSymlink), "no whole backup"},
		"without the state": {archive("data/other", tar.TypeReg), "no backup"},
	} {
		bad, to := filepath.Join(home, "bad"), filepath.Join(home, "to "+name)
		if err := os.WriteFile(bad, test.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := run(t, "restore", bad, "--data", to); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was made: %v", name, err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(home, "..", "evil")); len(found) > 0 {
		t.Error("a file was written outside")
	}
	if _, err := run(t, "restore", file, "--data", dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over what is there: %v", err)
	}
	if _, err := run(t, "restore", filepath.Join(home, "nothing"), "--data", filepath.Join(home, "new")); err == nil ||
		strings.Contains(err.Error(), "no whole backup") {
		t.Errorf("a file that is not there is called a bad backup: %v", err)
	}
	if _, err := run(t, "backup", home, "--data", dir); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("backup to a folder: %v", err)
	}
	if _, err := run(t, "backup", filepath.Join(home, "b"), "--data", filepath.Join(home, "nothing")); err == nil ||
		!strings.Contains(err.Error(), "no data folder") {
		t.Errorf("backup of nothing: %v", err)
	}
	if _, err := run(t, "backup", filepath.Join(dir, "backup"), "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("backup into itself: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, ".carillon-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// Data of a newer Carillon is left alone.
func TestNewerDataIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ranUntil(t, dir, func(roomstest.Office) {})
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, machine.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	_, err = machine.Start(t.Context(), machinetest.Defaults(machine.Options{Data: dir, Bridges: bridges.All()}))
	if err == nil || !strings.Contains(err.Error(), "newer Carillon") {
		t.Errorf("started: %v", err)
	}
}

// TestBackupHoldsRegularFilesOnly: links that somebody planted in a destination, pipes and dangling links are left out
// and said; nothing hangs or fails for them. Everything comes back with the rights that it had.
func TestBackupHoldsRegularFilesOnly(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	ranUntil(t, at("ssd"), func(roomstest.Office) {})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(at("ssd", "exports", "paie"), 0o750))
	must(os.WriteFile(at("ssd", "exports", "paie", "f.csv"), []byte("a;b"), 0o640))
	must(os.MkdirAll(at("etc", "keys"), 0o700))
	must(os.WriteFile(at("etc", "keys", "secret"), []byte("s"), 0o600))
	must(os.WriteFile(at("root.txt"), []byte("root's"), 0o600))
	must(os.Mkdir(at("elsewhere"), 0o700))
	must(os.WriteFile(at("elsewhere", "root.txt"), []byte("root's"), 0o600))
	must(os.Symlink("ssd", at("data"))) // a person has named it
	odd := []string{
		at("ssd", "exports", "paie", "file"), at("ssd", "exports", "paie", "folder"), at("ssd", "dangling"),
		at("ssd", "pipe"), at("ssd", "to-pipe"), at("etc", "campus.json"),
	}
	must(os.Symlink(at("root.txt"), odd[0]))
	must(os.Symlink(at("elsewhere"), odd[1]))
	must(os.Symlink("nothing", odd[2]))
	must(exec.Command("mkfifo", odd[3]).Run())
	must(os.Symlink("pipe", odd[4]))
	must(os.Symlink("../root.txt", odd[5]))

	if _, err := run(t, "backup", at("plain"), "--data", at("data")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "backup", at("plain"), "--data", at("data")); err == nil ||
		!strings.Contains(err.Error(), "--overwrite") {
		t.Errorf("a backup is overwritten without a word: %v", err)
	}
	if _, err := run(t, "restore", at("plain"), "--data", at("n1"), "--config", at("n2")); err == nil ||
		!strings.Contains(err.Error(), "no settings") {
		t.Errorf("settings that the backup has not: %v", err)
	}
	out, err := run(t, "backup", at("whole"), "--data", at("data"), "--config", at("etc"))
	must(err)
	for _, name := range odd {
		if !strings.Contains(out, filepath.Base(name)+" is ") {
			t.Errorf("%s is not said to be left out:\n%s", name, out)
		}
	}
	out, err = run(t, "restore", at("whole"), "--data", at("to"), "--config", at("to-config"))
	if err != nil || !strings.Contains(out, "carillon up --data "+at("to")+" --config "+at("to-config")) {
		t.Errorf("%v\n%s", err, out)
	}
	for name, want := range map[string]fs.FileMode{
		"to/exports/paie/f.csv": 0o640, "to-config/keys/secret": 0o600, "to/carillon.db": 0o600,
	} {
		if info, err := os.Stat(at(name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want a file with %v", name, info, err, want)
		}
	}
	must(filepath.WalkDir(at("to"), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if data, _ := os.ReadFile(name); string(data) == "root's" {
				t.Errorf("%s came with the backup", name)
			}
		}
		return err
	}))
	if info, err := os.Stat(at("to-config", "keys")); err != nil || info.Mode().Perm()&0o027 != 0 {
		t.Errorf("others may look into the folder of the keys: %v, %v", info, err)
	}
	if _, err := run(t, "backup", at("ssd", "b"), "--data", at("data")); err == nil ||
		!strings.Contains(err.Error(), "lies in a folder") {
		t.Errorf("a backup into its own folder through a link: %v", err)
	}
}

// TestFilesArePrivateWhateverTheFolder: a data folder that exists and is open to others, also with files of before.
func TestFilesArePrivateWhateverTheFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{machine.DatabaseFile, machine.RunFile} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ranUntil(t, dir, func(roomstest.Office) {
		for _, name := range []string{
			machine.DatabaseFile, machine.DatabaseFile + "-wal", machine.DatabaseFile + "-shm",
			machine.RunFile, machine.LockFile,
		} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v; want 0600", name, info, err)
			}
		}
	})
}

// TestRestoreIntoThePackagesFolders: the Debian package has made the folder of the settings, with an empty one for
// secrets in it.
func TestRestoreIntoThePackagesFolders(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	dir, config, file := filepath.Join(home, "data"), filepath.Join(home, "config"), filepath.Join(home, "carillon.backup")
	ranUntil(t, dir, func(roomstest.Office) {})
	secret := filepath.Join(config, "secrets", "queries")
	if err := firstError(os.MkdirAll(filepath.Dir(secret), 0o700), os.WriteFile(secret, []byte("s"), 0o600),
		os.WriteFile(filepath.Join(config, "config.json"), []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "backup", file, "--data", dir, "--config", config); err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	fresh := filepath.Join(home, "etc")
	if err := os.MkdirAll(filepath.Join(fresh, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "restore", file, "--data", filepath.Join(home, "new"), "--config", fresh); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	if info, err := os.Stat(filepath.Join(fresh, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the secrets' folder is %v, %v", info, err)
	}
	if data, err := os.ReadFile(filepath.Join(fresh, "secrets", "queries")); err != nil || string(data) != "s" {
		t.Errorf("the secret is %q, %v", data, err)
	}
}
