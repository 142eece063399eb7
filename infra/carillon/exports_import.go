package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// exportsImport reads the settings of the program before Carillon.
func exportsImport() *cobra.Command {
	var folder, name string
	cmd := &cobra.Command{
		Use: "import-config FILE", Short: "Add the source of an old config.py to exports.json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readOldExports(args[0])
			if err != nil {
				return err
			}
			src["name"], src["flatten"] = name, true // the old program put all files into the folder itself
			path := filepath.Join(folder, exports.SettingsFile)
			if err := addTo(path, "sources", "name", src, func(dir string) error { return usable(cmd.Context(), exports.LoadSettings, dir) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s has the source %s now. It holds secrets: keep it readable by you alone, or put env:NAME or file:PATH in their place.\nFiles go into the folder itself, as the old program put them (\"flatten\": true).\n", path, name)
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
	"mode", "sas_url", "cegid_api_base_url", "cegid_tenant_id", "cegid_api_key_id", "cegid_api_key_secret", "cegid_subscription_key",
	"cegid_provider_id", "cegid_force_time", "dossier_de_destintion", "dossier_de_destination",
}

// assignment is a line of a config.py: a name, and a text or number. The file is read, and never run.
var assignment = regexp.MustCompile(`^([A-Za-z_]\w*)\s*=\s*(.*)$`)

// readOldExports reads a config.py. Errors name lines, and quote nothing: values are secrets.
func readOldExports(path string) (map[string]any, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the person names the file
	if err != nil {
		return nil, err
	}
	if data, err = config.Text(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	src := map[string]any{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		m := assignment.FindStringSubmatch(lines.Text())
		if m == nil || !slices.Contains(oldExportKeys, m[1]) {
			continue
		}
		value, err := pythonText(m[2])
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %s: %w", path, n, m[1], err)
		}
		if value != "" {
			src[m[1]] = value
		}
	}
	if lines.Err() != nil || len(src) == 0 {
		return nil, fmt.Errorf("%s is no config.py: it sets none of mode, sas_url, cegid_…", path)
	}
	if src["mode"] == nil {
		src["mode"] = exports.ModeSASURL // as the old program had it where it was not set
		if src["cegid_api_key_id"] != nil {
			src["mode"] = exports.ModeAPI
		}
	}
	return src, nil
}

var errNoText = errors.New("the value is no plain text; write it as \"…\"")

// pythonText reads a Python literal of a text on one line: '…' or "…" with its escapes, raw ones, a number or None; a comment may follow.
func pythonText(literal string) (string, error) {
	literal = strings.TrimSpace(literal)
	raw := false
	if len(literal) > 1 && strings.ContainsRune("rR", rune(literal[0])) && strings.ContainsRune(`"'`, rune(literal[1])) {
		raw, literal = true, literal[1:]
	}
	if literal == "" || !strings.ContainsRune(`"'`, rune(literal[0])) {
		word, _, _ := strings.Cut(literal, "#")
		if word = strings.TrimSpace(word); word == "None" {
			return "", nil
		}
		if word == "" || strings.Trim(word, "0123456789") != "" {
			return "", errNoText
		}
		return word, nil
	}
	quote := literal[0]
	if strings.HasPrefix(literal, strings.Repeat(string(quote), 3)) {
		return "", errNoText
	}
	var b strings.Builder
	for i := 1; i < len(literal); i++ {
		switch c := literal[i]; {
		case c == quote:
			rest := strings.TrimSpace(literal[i+1:])
			if rest != "" && !strings.HasPrefix(rest, "#") {
				return "", errNoText
			}
			return b.String(), nil
		case c == '\\' && !raw:
			if i++; i == len(literal) || !strings.ContainsRune(`\'"`, rune(literal[i])) {
				return "", errNoText
			}
			b.WriteByte(literal[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", errNoText
}
