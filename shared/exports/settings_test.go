package exports_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/exports"
)

const api = `"name": "paie", "mode": "api", "cegid_tenant_id": "1", "cegid_api_key_id": "k", "cegid_api_key_secret": "s", "cegid_subscription_key": "p"`

func TestSettings(t *testing.T) {
	t.Parallel()
	sas := `"mode": "sas_url", "sas_url": "https://a.blob.core.windows.net/c?sig=x"`
	for name, tt := range map[string]struct{ doc, want string }{
		"api":          {`{"sources": [{` + api + `}]}`, ""},
		"sas":          {`{"sources": [{"name": "a", ` + sas + `}]}`, ""},
		"old_spelling": {`{"sources": [{` + api + `, "dossier_de_destintion": "/srv/odoo"}]}`, ""},
		"bucket":       {`{"sources": [{` + api + `, "dossier_de_destination": "gs://b/paie"}]}`, ""},
		"all": {
			`{"queries_key": "0123456789abcdef", "locale": "en", "sources": [{` + api +
				`, "cegid_force_time": "06:00", "time_zone": "Europe/Paris", "prefixes": ["DB1/"], "min_age_minutes": 5, "flatten": true, "delete": "after 7 days", "check": ["ECRITURE"], "other_files": "pass", "date_order": "mdy", "decimal": ",", "rewrite": true, "archive_days": 30, "notify": ["a@example.com"]}]}`, "",
		},
		"no_key": {`{"sources": [{"name": "a", "mode": "api"}]}`, "cegid_api_key_id"},
		"no_sas": {`{"sources": [{"name": "a", "mode": "sas_url"}]}`, "sas_url"},
		"no_sas_address": {
			`{"sources": [{"name": "a", "mode": "sas_url", "sas_url": "https://example.com/secret"}]}`, "/sources/0/sas_url",
		},
		"sas_in_the_clear": {
			`{"sources": [{"name": "a", "mode": "sas_url", "sas_url": "http://example.com/c?sig=x"}]}`, "https",
		},
		"api_in_the_clear": {
			`{"sources": [{` + api + `, "cegid_api_base_url": "http://api.cegid.com"}]}`, "/sources/0/cegid_api_base_url",
		},
		"mode":              {`{"sources": [{"name": "a", "mode": "ftp"}]}`, "mode"},
		"unknown_key":       {`{"sources": [{` + api + `, "flaten": true}]}`, "flaten"},
		"name_of_ours":      {`{"sources": [{"name": "Archive", ` + sas + `}]}`, "folder of ours"},
		"name_with_a_slash": {`{"sources": [{"name": "a/b", ` + sas + `}]}`, "/sources/0/name"},
		"twice": {
			`{"sources": [{"name": "a", ` + sas + `}, {"name": "A", ` + sas + `}]}`, "is the name of /sources/0 too",
		},
		"one_folder": {
			`{"sources": [{"name": "a", ` + sas + `, "dossier_de_destination": "/srv/x"}, {"name": "b", ` + sas +
				`, "dossier_de_destination": "/srv/x/"}]}`, "lie in one another",
		},
		"one_inside": {
			`{"sources": [{"name": "a", ` + sas + `, "dossier_de_destination": "/srv/x"}, {"name": "b", ` + sas +
				`, "dossier_de_destination": "/srv/x/y"}]}`, "lie in one another",
		},
		"in_the_work_folder": {
			`{"sources": [{"name": "a", ` + sas + `, "dossier_de_destination": "/srv/x"}, {"name": "b", ` + sas +
				`, "dossier_de_destination": "/srv/x.carillon/archive"}]}`, "lie in one another",
		},
		"one_work_folder": {
			`{"sources": [{"name": "a", ` + sas +
				`, "dossier_de_destination": "/srv/x", "work_folder": "/srv/w"}, {"name": "b", ` + sas +
				`, "dossier_de_destination": "/srv/y", "work_folder": "/srv/w"}]}`, "",
		},
		"side_by_side": {
			`{"sources": [{"name": "a", ` + sas + `, "dossier_de_destination": "/srv/x"}, {"name": "b", ` + sas +
				`, "dossier_de_destination": "/srv/xy"}]}`, "",
		},
		"relative": {`{"sources": [{` + api + `, "dossier_de_destination": "odoo"}]}`, "absolute"},
		"two_folders": {
			`{"sources": [{` + api + `, "dossier_de_destination": "/a", "dossier_de_destintion": "/b"}]}`,
			"name the folder once",
		},
		"work_inside": {
			`{"sources": [{` + api + `, "dossier_de_destination": "/a", "work_folder": "/a/work"}]}`,
			"outside of the destination",
		},
		"work_with_a_bucket": {
			`{"sources": [{` + api + `, "dossier_de_destination": "gs://a", "work_folder": "/work"}]}`, "without a work_folder",
		},
		"time":      {`{"sources": [{` + api + `, "cegid_force_time": "24:00"}]}`, "cegid_force_time"},
		"zone":      {`{"sources": [{` + api + `, "time_zone": "Paris"}]}`, "IANA"},
		"delete":    {`{"sources": [{` + api + `, "delete": "after 0 days"}]}`, "delete"},
		"short_key": {`{"queries_key": "x", "sources": []}`, "queries_key"},
		"secret_in_the_error": {
			`{"sources": [{"name": "a", "mode": "sas_url", "sas_url": "https://u:hunter2@x/c?sig=hunter2"}]}`, "not a SAS address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, exports.SettingsFile), []byte(tt.doc), 0o600); err != nil {
				t.Fatal(err)
			}
			settings, err := exports.LoadSettings(machine.Folder(dir))
			if err != nil {
				t.Fatal(err)
			}
			_, err = settings.Get(t.Context())
			if tt.want == "" && err != nil ||
				tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) ||
					strings.Contains(err.Error(), "hunter2")) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMissingSecrets: a secret that cannot be had is its source's fault alone.
func TestMissingSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	doc := `{"queries_key": "env:CARILLON_NOT_SET_1", "sources": [{` +
		strings.Replace(api, `"s"`, `"env:CARILLON_NOT_SET_2"`, 1) + `}, {` +
		strings.Replace(api, "paie", "compta", 1) + `}]}`
	if err := os.WriteFile(filepath.Join(dir, exports.SettingsFile), []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	loader, err := exports.LoadSettings(machine.Folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := loader.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Sources[0].Fault == nil || s.Sources[1].Fault != nil || s.KeyFault == nil || s.SMTPFault != nil {
		t.Errorf("faults %v, %v, %v, %v", s.Sources[0].Fault, s.Sources[1].Fault, s.KeyFault, s.SMTPFault)
	}
	src, ok := s.Source("compta")
	if !ok || src.BaseURL != exports.DefaultBaseURL || len(src.Check) != 4 ||
		src.ArchiveDays != 90 || src.TimeZone != "UTC" {
		t.Errorf("defaults %+v", src)
	}
}

func TestSchemaIsInTheDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/exports.md")
	if err != nil || !bytes.Contains(page,
		append(append([]byte("```json\n"), bytes.TrimSpace(exports.Schema)...), "\n```\n"...)) {
		t.Errorf("docs/exports.md (%v) does not show exports.schema.json as it is", err)
	}
}
