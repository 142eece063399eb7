package exports

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// exportsImport reads the settings of the program before Carillon.
func exportsImport() *cobra.Command {
	var folder, name string
	cmd := &cobra.Command{
		Use: "import-config FILE", Example: "carillon exports import-config old/config.py --config /etc/carillon --name paie",
		Short: "Add the source of an old config.py to exports.json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, from, err := readOldExports(args[0])
			if err != nil {
				return err
			}
			src["name"], src["flatten"] = name, true // the old program put all files into the folder itself
			path := filepath.Join(folder, exports.SettingsFile)
			if err := cli.AddTo(path, "sources", "name", src,
				func(dir string) error { return cli.Usable(cmd.Context(), exports.LoadSettings, dir) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(),
				"%s has the source %s now. It holds secrets: keep it readable by you alone, or put env:NAME or file:PATH in "+
					"their place.\nFiles go into the folder itself, as the old program put them (\"flatten\": true).\n", path, name)
			if from != "" {
				fmt.Fprintf(cmd.OutOrStdout(),
					"The file is not UTF-8 and was read as %s: look at accents in secrets and paths.\n", from)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&folder, "config", ".", "folder of exports.json")
	cmd.Flags().StringVar(&name, "name", "cegid", "name of the source")
	_ = cmd.MarkFlagDirname("config")
	return cmd
}

// oldExportKeys are the keys of config.py; all are exports.json's too.
var oldExportKeys = []string{
	"mode", "sas_url", "cegid_api_base_url", "cegid_tenant_id", "cegid_api_key_id", "cegid_api_key_secret",
	"cegid_subscription_key",
	"cegid_provider_id", "cegid_force_time", "dossier_de_destintion", "dossier_de_destination",
}

// readOldExports reads a config.py; from is the encoding that it was read as, where that is not UTF-8. Errors name
// lines, and quote nothing: values are secrets.
func readOldExports(path string) (src map[string]any, from string, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // the person names the file
	if err != nil {
		return nil, "", err
	}
	if data, err = config.Text(data); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	values, from, err := readPython(data, oldExportKeys)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	src = map[string]any{}
	for key, value := range values {
		if value != "" {
			src[key] = value
		}
	}
	if len(src) == 0 {
		return nil, "", fmt.Errorf("%s is not a config.py: it sets none of mode, sas_url, cegid_…", path)
	}
	if src["mode"] == nil {
		src["mode"] = exports.ModeSASURL // as the old program had it where it was not set
		if src["cegid_api_key_id"] != nil {
			src["mode"] = exports.ModeAPI
		}
	}
	return src, from, nil
}
