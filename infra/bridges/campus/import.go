package campus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
)

// campusImport reads the settings of the program before Carillon.
func campusImport() *cobra.Command {
	var folder, name string
	cmd := &cobra.Command{
		Use: "import-config FILE", Example: "carillon campus import-config old/config.yml --config /etc/carillon",
		Short: "Add the instance of an old config.yml to campus.json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			inst, err := readOldConfig(args[0], name)
			if err != nil {
				return err
			}
			path := filepath.Join(folder, campus.SettingsFile)
			if err := cli.AddTo(path, "instances", "instance_name", inst,
				func(dir string) error { return cli.Usable(cmd.Context(), campus.LoadSettings, dir) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(),
				"%s has the instance %s now. It holds passwords: keep it readable by you alone, or put env:NAME or file:PATH in "+
					"their place.\n", path, inst["instance_name"])
			return nil
		},
	}
	cmd.Flags().StringVar(&folder, "config", ".", "folder of campus.json")
	cmd.Flags().StringVar(&name, "name", "",
		"name of the instance; default the file's instance_name, else its moncampus_username")
	_ = cmd.MarkFlagDirname("config")
	return cmd
}

// oldKeys are the keys of config.yml that campus.json has too; error_file_path is of no use any more.
var oldKeys = []string{
	"moncampus_username", "moncampus_password", "moncampus_start_date", "moncampus_end_date",
	"ecal_api_key", "ecal_api_secret", "ecal_calendar_id", "instance_name",
}

// readOldConfig reads a config.yml, with or without its first line [CONFIG]. Values are
// taken as they are written: a password of digits stays a text.
func readOldConfig(path, name string) (map[string]any, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the person names the file
	if err != nil {
		return nil, err
	}
	if data, err = config.Text(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	first, rest, _ := bytes.Cut(data, []byte("\n"))
	if strings.EqualFold(strings.TrimSpace(string(first)), "[CONFIG]") {
		data = rest
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		// the parser's own text quotes values
		return nil, fmt.Errorf("%s is no config.yml: a line is not `key: value`, or a key stands there twice", path)
	}
	inst := map[string]any{}
	for key, node := range file {
		if slices.Contains(oldKeys, key) && node.Kind == yaml.ScalarNode && node.Value != "" {
			value := strings.TrimSpace(node.Value)
			if config.IsReference(value) {
				return nil, fmt.Errorf("%s: %s: %w", path, key, cli.ErrReference)
			}
			inst[key] = value
		}
	}
	if inst["moncampus_username"] == nil || inst["moncampus_password"] == nil {
		return nil, fmt.Errorf("%s has no moncampus_username and moncampus_password", path)
	}
	if name != "" {
		inst["instance_name"] = name
	}
	if inst["instance_name"] == nil {
		inst["instance_name"] = instanceName(fmt.Sprint(inst["moncampus_username"]))
	}
	return inst, nil
}

// instanceName makes a name of a username, which may be an e-mail address.
func instanceName(username string) string {
	username, _, _ = strings.Cut(username, "@")
	return strings.Trim(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == '.' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, username), ".-_")
}
