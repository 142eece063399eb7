package exports

import (
	"strings"
	"testing"
)

// TestImportReadsPython: what Python reads is read, in the encoding of the file, and os.environ becomes a reference.
func TestImportReadsPython(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want, from string }{
		"environ":        {"mode = os.environ[\"MODE\"]  # x\n", "env:MODE", ""},
		"environ_get":    {"mode = os.environ.get('MODE')\n", "env:MODE", ""},
		"getenv":         {"mode = (\n  os.getenv( 'MODE' )\n)\n", "env:MODE", ""},
		"plus":           {"mode = 'a' + \"b\" \\\n + r'c\\d'\n", `abc\d`, ""},
		"adjacent":       {"mode = ('a'  # x\n  'b')\n", "ab", ""},
		"triple":         {"mode = \"\"\"a\"b\"\"\"\n", `a"b`, ""},
		"annotated":      {"mode: str = 'a'\n", "a", ""},
		"in_a_docstring": {"\"\"\"\nmode = 'x'\n\"\"\"\nmode = 'a'\n", "a", ""},
		"in_a_list":      {"x = [\nmode,\n'mode = 1']\nmode = 'a'\n", "a", ""},
		"escapes":        {"mode = '\\x41\\u00e9\\'\\\\ C:\\import'\n", `Aé'\ C:\import`, ""},
		"latin_1":        {"# -*- coding: latin-1 -*-\nmode = 'm\xe9t\xe9o'\n", "météo", "Windows-1252"},
		"latin_9":        {"# coding: iso-8859-15\nmode = '\xa4'\n", "€", "ISO-8859-15"},
		"windows_1252":   {"mode = '\x80'\n", "€", "Windows-1252"},
		"utf_8":          {"mode = 'é'\n", "é", ""},
		"compared":       {"mode = 'a'\nif mode == 'b': x = 1\nprint(mode, x)\ny = mode, 1\nf(mode=2)\n", "a", ""},
		"the_last_one":   {"mode = 'a'\nmode = 'b'", "b", ""},
	} {
		got, from, err := readPython([]byte(tt.text), []string{"mode"})
		if err != nil || got["mode"] != tt.want || from != tt.from {
			t.Errorf("%s: %q, read as %q, %v; want %q, %q", name, got["mode"], from, err, tt.want, tt.from)
		}
	}
}

// TestImportNamesTheLine: what is not understood is refused with its line, and never quoted.
func TestImportNamesTheLine(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"expression": "mode = 'hunter2' + x\n", "call": "mode = secret('hunter2')\n", "not_closed": "mode = 'hunter2\n",
		"triple_not_closed": "mode = '''hunter2\n",
		"default":           "mode = os.getenv('X', 'hunter2')\n", "formatted": "mode = f'hunter2'\n",
		"with_a_variable": "mode = 'hunter2' + os.environ['X']\n", "in_a_block": "if x:\n    mode = 'hunter2'\n",
		"changed": "mode = 'api'\nmode += 'hunter2'\n", "reference": "mode = 'env:hunter2'\n",
		"octal": "mode = '\\1hunter2'\n", "chained": "mode = other = 'hunter2'\n", "brackets": "mode = ('hunter2'\n",
		"one_line_if": "if x: mode = 'hunter2'\n", "second_on_a_line": "x = 1; mode = 'hunter2'\n",
		"first_of_two": "mode, other = 'hunter2', 1\n", "second_of_two": "other, mode = 1, 'hunter2'\n",
	} {
		_, _, err := readPython([]byte("\n"+text), []string{"mode"})
		want := "line 2: mode: "
		if name == "in_a_block" || name == "changed" {
			want = "line 3: mode: "
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadPython: whatever a file holds, it is read to its end or refused, and no error quotes it.
func FuzzReadPython(f *testing.F) {
	f.Add([]byte("mode: str = ('a' + r\"b\"  # x\n)\nx = [1, '''\n''']\nmode = os.environ['X']\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		values, _, err := readPython(append([]byte("mode = 'hunter2'\n"), data...), []string{"mode"})
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
		if err == nil && len(values) != 1 {
			t.Errorf("%v", values)
		}
	})
}
