package reference

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/bridges"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

// TestConfigurationIsCurrent: the page is what the code says.
func TestConfigurationIsCurrent(t *testing.T) {
	t.Parallel()
	want, err := Markdown("../..", bridges.All())
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join("..", "..", "docs", "configuration.md")
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/configuration.md is not current (%v); make it with: go test ./infra/reference -update", err)
	}
	for _, word := range []string{
		"`rooms[].gcal_calendar_id` | required", "`instances[].notify`", "`sources[].dossier_de_destination`",
		"`WEBHOOK_KEY_PREVIOUS`", "`CALENDAR_ACCOUNT`", "`alert_email`",
	} {
		if !strings.Contains(string(want), word) {
			t.Errorf("%s is missing", word)
		}
	}
}

func TestEnvironmentsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "functions", "a", "b")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{
		"no such type": "package b\n",
		"no tag":       "package b\ntype Environment struct {\n\tName string\n}\n", "no Go": "package {",
	} {
		if err := os.WriteFile(filepath.Join(dir, "function.go"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := Environment(root, "functions/a/b"); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFrenchPagesHaveTheSameCommands: what is typed is the same in both languages.
func TestFrenchPagesHaveTheSameCommands(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"README", "docs/rooms", "docs/deploy", "docs/deploy-customers", "docs/deploy-github", "docs/deploy-machine",
		"docs/deploy-operate",
	} {
		english, french := page+".md", page+".fr.md"
		want, got := typed(t, english), typed(t, french)
		if len(want) < 3 || !slices.Equal(got, want) {
			t.Errorf("%s has other commands than %s:\n%s\nwant\n%s", french, english, strings.Join(got, "\n"),
				strings.Join(want, "\n"))
		}
	}
}

// typed are the lines of a page that stand in its blocks of code.
func typed(t *testing.T, page string) (lines []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", page))
	if err != nil {
		t.Fatal(err)
	}
	fenced := false
	text, _, _ := strings.Cut(string(data), "\n## Schema of ") // the English page has it for both
	for line := range strings.Lines(text) {
		fence := strings.HasPrefix(line, "```")
		if fence || fenced || strings.HasPrefix(line, "    ") {
			lines = append(lines, strings.TrimSpace(line))
		}
		fenced = fenced != fence
	}
	return lines
}
