package exports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/exports"
)

func TestImportExports(t *testing.T) {
	t.Parallel()
	old := "# -*- coding: utf-8 -*-\n\"\"\"Configuration\"\"\"\nmode = \"api\"  # \"api\" ou \"sas_url\"\nsas_url = " +
		"''\ncegid_tenant_id = '98537347'\ncegid_api_key_id = \"id\"\n" +
		"cegid_api_key_secret = \"hunter2 \\\"#x\"  # secret\ncegid_subscription_key = r'sub\\key'\ncegid_provider_id = " +
		"None\ncegid_force_time = \"06:00\"\ndossier_de_destintion = \"/srv/odoo/import\"\nother = [1, 2]\n"
	for name, text := range map[string]string{
		"as_it_is": old, "windows": "\xef\xbb\xbf" + strings.ReplaceAll(old, "\n", "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "config.py")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "exports", "import-config", file, "--config", dir, "--name", "paie")
			if err != nil || strings.Contains(out, "hunter2") {
				t.Fatalf("%v\n%s", err, out)
			}
			var got struct{ Sources []exports.Source }
			data, err := os.ReadFile(filepath.Join(dir, exports.SettingsFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			want := exports.Source{
				Name: "paie", Mode: "api", TenantID: "98537347", KeyID: "id", KeySecret: `hunter2 "#x`, SubscriptionKey: `sub\key`,
				ForceTime: "06:00", OldDestination: "/srv/odoo/import", Flatten: true,
			}
			if len(got.Sources) != 1 || fmt.Sprint(got.Sources[0]) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", got.Sources, want)
			}
			if _, err := run(t, "exports", "import-config", file, "--config", dir, "--name", "paie"); err == nil ||
				!strings.Contains(err.Error(), "--name") {
				t.Errorf("a second time: %v", err)
			}
		})
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"expression": "cegid_api_key_secret = 'hunter2' + x\n", "call": "sas_url = secret('hunter2')\n",
		"not_closed": "sas_url = 'hunter2\n", "empty": "print('hunter2')\n",
		"incomplete": "mode = 'api'\ncegid_api_key_secret = 'hunter2'\n",
	} {
		file := filepath.Join(dir, "config.py")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, "exports", "import-config", file, "--config", dir)
		if _, made := os.Stat(filepath.Join(dir, exports.SettingsFile)); err == nil ||
			strings.Contains(err.Error(), "hunter2") || made == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
