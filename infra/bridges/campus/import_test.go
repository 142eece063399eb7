package campus

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/campus"
)

func TestImportConfig(t *testing.T) {
	t.Parallel()
	old := "moncampus_username: lea.martin@example.com  \nmoncampus_password: 0123456\nmoncampus_start_date: 2025-09-01 " +
		" \nmoncampus_end_date: 2026-07-31\n" +
		"ecal_api_key: abc\necal_api_secret: 'def: x'\necal_calendar_id: 64229d018723a1000e07da01\nerror_file_path: " +
		"/app/errors.txt\n"
	for name, text := range map[string]string{
		"with_first_line": "[CONFIG]\n" + old, "without": old,
		"windows": "\xef\xbb\xbf[CONFIG]\r\n" + strings.ReplaceAll(old, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "config.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "campus", "import-config", file, "--config", dir)
			if err != nil || strings.Contains(out, "0123456") {
				t.Fatalf("%v\n%s", err, out)
			}
			var got struct{ Instances []campus.Instance }
			data, err := os.ReadFile(filepath.Join(dir, campus.SettingsFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			want := campus.Instance{
				Name: "lea.martin", Username: "lea.martin@example.com", Password: "0123456",
				StartDate: "2025-09-01", EndDate: "2026-07-31",
				ECALKey: "abc", ECALSecret: "def: x", ECALCalendar: "64229d018723a1000e07da01",
			}
			if len(got.Instances) != 1 || fmt.Sprint(got.Instances[0]) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", got.Instances, want)
			}
			if _, err := run(t, "campus", "import-config", file, "--config", dir); err == nil ||
				!strings.Contains(err.Error(), "--name") {
				t.Errorf("a second time: %v", err)
			}
			if _, err := run(t, "campus", "import-config", file, "--config", dir, "--name", "hugo"); err == nil ||
				!strings.Contains(err.Error(), "each instance needs its own") {
				t.Errorf("the same calendar again: %v", err)
			}
		})
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"broken": "moncampus_password: [secret", "no_password": "moncampus_username: lea\n",
		"bad_date": strings.Replace(old, "2025-09-01", "september", 1),
	} {
		file := filepath.Join(dir, "config.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, "campus", "import-config", file, "--config", dir)
		if _, made := os.Stat(filepath.Join(dir, campus.SettingsFile)); err == nil ||
			strings.Contains(err.Error(), "secret") || made == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
