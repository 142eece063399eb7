package bridges_test

import (
	"context"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/stays"
)

func TestMain(m *testing.M) { machinetest.Main(m) }

// TestBridgesApart: a folder with one bridge's settings runs that one; an empty folder and an unknown name say what is
// missing.
func TestBridgesApart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	start := func(o machine.Options) (*machine.Machine, error) {
		o.Bridges, o.Data = bridges.All(), t.TempDir()
		return machine.Start(ctx, machinetest.Defaults(o))
	}
	if _, err := start(machine.Options{Folder: folder}); err == nil ||
		!strings.Contains(err.Error(), "config.json, campus.json") {
		t.Errorf("an empty folder: %v", err)
	}
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, "config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := start(machine.Options{Folder: unreadable}); err == nil ||
		!strings.Contains(err.Error(), "reading the settings") || strings.Contains(err.Error(), "none of") {
		t.Errorf("settings that cannot be read: %v", err)
	}
	if _, err := start(machine.Options{Only: []string{"kitchen"}}); err == nil ||
		!strings.Contains(err.Error(), "rooms, campus") {
		t.Errorf("an unknown bridge: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, campus.SettingsFile), []byte(`{"instances":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := start(machine.Options{Folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Running) != 1 || s.Running[0].Name != "campus" {
		t.Errorf("%d bridges run", len(s.Running))
	}
	stop()
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSimulatorsAreServedByName: the simulators are at /sim/NAME/, and their records have the names of the first
// release.
func TestSimulatorsAreServedByName(t *testing.T) {
	t.Parallel()
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"rooms", "campus"}})
	for _, name := range []string{"googlecal", "iotcloud", "wigor", "ecal"} {
		if code, counts := o.Call(http.MethodGet, "/sim/"+name+"/_counts", "", nil); code != http.StatusOK {
			t.Errorf("the counts of %s were answered %d %v", name, code, counts)
		}
		if code, _ := o.Call(http.MethodDelete, "/sim/"+name+"/_faults", "", nil); code != http.StatusNoContent {
			t.Errorf("ending the faults of %s was answered %d", name, code)
		}
		if records, err := o.DB.Records("sim/" + name).Load(); err != nil || len(records) == 0 {
			t.Errorf("%s has %d records, %v", name, len(records), err)
		}
	}
}

// TestTheServiceStartsForAnyBridge: its unit waits for the settings of each of them.
func TestTheServiceStartsForAnyBridge(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile(filepath.Join("..", "systemd", "carillon.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bridges.All() {
		if line := "\nConditionPathExists=|/etc/carillon/" + b.Settings + "\n"; !strings.Contains(string(unit), line) {
			t.Errorf("carillon.service has no%s", line)
		}
	}
}

// TestThePackagesExamplesAreUsable, with a file for each secret that they name beside them.
func TestThePackagesExamplesAreUsable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join("..", "package", "examples", "*.json"))
	if err != nil || len(files) != len(bridges.All()) {
		t.Fatalf("examples %v, %v", files, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"file:(secrets/[\w-]+)"`).FindAllSubmatch(data, -1) {
			if err := os.WriteFile(filepath.Join(dir, string(m[1])), []byte("a-secret-of-some-length"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := cli.Usable(t.Context(), campus.LoadSettings, dir); err != nil {
		t.Error(err)
	}
	if err := cli.Usable(t.Context(), exports.LoadSettings, dir); err != nil {
		t.Error(err)
	}
	if err := cli.Usable(t.Context(), stays.LoadSettings, dir); err != nil {
		t.Error(err)
	}
	loader, err := rooms.LoadSettings(machine.Folder(dir))
	if err == nil {
		_, err = loader.Get(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}

// TestWithoutNode: the sample says what it needs, and the rest runs.
func TestWithoutNode(t *testing.T) {
	t.Setenv("PATH", "")
	o := start(t, machine.Options{Data: t.TempDir(), Only: []string{"campus", "exports"}})
	var view struct{ Need string }
	r, err := http.Get(o.URL + "/dashboard/exports")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&view); err != nil || !strings.Contains(view.Need, "Node.js") {
		t.Errorf("%+v, %v", view, err)
	}
}

//nolint:tparallel // the office before must end first
func TestOfficesKeepApart(t *testing.T) {
	t.Parallel()
	dir, folder := t.TempDir(), t.TempDir()
	t.Run("sample", func(t *testing.T) { start(t, machine.Options{Data: dir, Only: []string{"rooms"}}) }) //nolint:paralleltest // it ends here
	config := `{"iot_client_id":"a","iot_client_secret":"b","rooms":[]}`
	if err := os.WriteFile(filepath.Join(folder, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, opts := range map[string]machine.Options{
		"sample office":   {Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", Data: dir, Folder: folder, Speed: 1},
		"--speed is for":  {Listen: "127.0.0.1:0", Operator: "127.0.0.1:0", Data: t.TempDir(), Folder: folder, Speed: 60},
		"it must be 1 or": {Listen: "127.0.0.1:0", Data: t.TempDir(), Speed: 0},
	} {
		opts.Bridges = bridges.All()
		if _, err := machine.Start(t.Context(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one that says %q", err, want)
		}
	}
}

// errNo is the answer of a person who is not sure.
var errNo = errors.New("no")

// TestFreshStartsOver: a sample is deleted without a question, and its clock is the machine's again; a real office's is
// asked about.
func TestFreshStartsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := machinetest.Defaults(machine.Options{Bridges: bridges.All(), Data: dir, Speed: 3600, Only: []string{"campus"}})
	up := func(o machine.Options) (*machine.Machine, func(), error) {
		ctx, cancel := context.WithCancel(context.Background())
		s, err := machine.Start(ctx, o)
		return s, func() {
			cancel()
			if s != nil {
				_ = s.Wait()
			}
		}, err
	}
	s, stop, err := up(opts)
	if err != nil {
		t.Fatal(err)
	}
	(&machinetest.Running{Machine: s, T: t}).Eventually("the clock is ahead",
		func() bool { return time.Until(s.Clock.Now()) > time.Hour })
	stop()
	opts.Speed, opts.Fresh = 1, true
	if s, stop, err = up(opts); err != nil {
		t.Fatal(err)
	}
	if ahead := time.Until(s.Clock.Now()); ahead > time.Minute {
		t.Errorf("the clock is still %s ahead", ahead)
	}
	if err := s.DB.SetSetting(t.Context(), machine.OfficeSetting, "real"); err != nil {
		t.Fatal(err)
	}
	stop()
	asked := ""
	opts.Sure = func(question string) error { asked = question; return errNo }
	if _, stop, err = up(opts); err == nil || asked == "" {
		t.Errorf("a real office's data was deleted unasked (%q, %v)", asked, err)
	}
	stop()
	if machine.Office(t.Context(), dir) != "real" {
		t.Error("it was deleted although the answer was no")
	}
}

// TestFreshDeletesNothingThatItCannotReplace: --fresh asks before it deletes what is not a sample's, and deletes
// nothing where the system cannot start.
func TestFreshDeletesNothingThatItCannotReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	waiting := filepath.Join(dir, "exports", "paie", "keep.csv")
	if err := errors.Join(os.MkdirAll(filepath.Dir(waiting), 0o750),
		os.WriteFile(waiting, []byte("a"), 0o600)); err != nil {
		t.Fatal(err)
	}
	there := func() bool { _, err := os.Stat(waiting); return err == nil }
	opts := machinetest.Defaults(machine.Options{Bridges: bridges.All(), Data: dir, Only: []string{"campus"}, Fresh: true})
	opts.Sure = func(string) error { return errNo }
	if _, err := machine.Start(t.Context(), opts); !errors.Is(err, errNo) || !there() {
		t.Errorf("a folder without a database: %v, its files are there: %v", err, there())
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	opts.Listen, opts.Sure = busy.Addr().String(), func(string) error { return nil }
	if _, err := machine.Start(t.Context(), opts); err == nil || !there() {
		t.Errorf("the address is in use: %v, files are there: %v", err, there())
	}
	opts.Listen, opts.Folder = "127.0.0.1:0", t.TempDir()
	if _, err := machine.Start(t.Context(), opts); err == nil && !there() {
		t.Errorf("no settings: %v, files are there: %v", err, there())
	}
}

// TestBridgesImportNoOtherBridge, and what they stand on imports none: a bridge is taken out or added by its folders
// and its line.
func TestBridgesImportNoOtherBridge(t *testing.T) {
	t.Parallel()
	const module = "github.com/carillon-calendar/carillon/"
	for _, pattern := range []string{
		"*/*.go", "*/*/*.go", "../machine/*.go", "../console/*.go", "../cli/*.go", "../machine/machinetest/*.go",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
			if err != nil {
				t.Fatal(err)
			}
			own, _, _ := strings.Cut(filepath.ToSlash(file), "/")
			for _, imported := range parsed.Imports {
				path, _ := strconv.Unquote(imported.Path.Value)
				if of := bridgeOf(strings.TrimPrefix(path, module)); of != "" && of != own {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
}

// bridgeOf is the bridge that a package of the module belongs to, or "".
func bridgeOf(path string) string {
	for _, name := range machine.Names(bridges.All()) {
		for _, folder := range []string{"infra/bridges/", "functions/", "shared/"} {
			if rest, ok := strings.CutPrefix(path, folder+name); ok && (rest == "" || rest[0] == '/') {
				return name
			}
		}
	}
	return ""
}
