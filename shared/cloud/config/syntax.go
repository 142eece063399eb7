package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// syntax says what is wrong with text that is not JSON.
func (s *source) syntax(err error) error {
	var broken *json.SyntaxError
	if !errors.As(err, &broken) {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	said := broken.Error()
	if len(bytes.TrimSpace(s.text)) == 0 {
		return fault{s, 0, "", "the file is empty"}
	}
	if strings.HasPrefix(said, "unexpected end") {
		last := max(0, len(bytes.TrimRight(s.text, " \t\r\n"))-1)
		return fault{s, last, "", "the text ends too early: a closing }, ] or \" is missing"}
	}
	at := max(0, int(broken.Offset)-1)
	for at > 0 && !utf8.RuneStart(s.text[at]) {
		at--
	}
	found, _ := utf8.DecodeRune(s.text[at:])
	if at > 0 && strings.Contains(said, "string escape") {
		at-- // the backslash
	}
	before := len(bytes.TrimRight(s.text[:at], " \t\r\n")) - 1
	if before >= 0 && s.text[before] == ',' && (found == '}' || found == ']') {
		return fault{s, before, "", "a comma is followed by no value: delete it"}
	}
	return fault{s, at, "", sentence(said, found)}
}

// sentence is for a character that may not stand where it was found. said is what encoding/json says: where it was in
// the grammar.
func sentence(said string, found rune) string {
	switch {
	case strings.Contains(said, "string escape"):
		return `a backslash in a text is written twice, as in C:\\data`
	case strings.Contains(said, "in string literal") && (found == '\n' || found == '\r'):
		return `a text does not end on its line: its closing " is missing`
	case strings.Contains(said, "in string literal"):
		return `a text has a tab or another control character: delete it, or write a tab as \t`
	case strings.ContainsRune("“”„«»‘’‚′″", found):
		return fmt.Sprintf("found the curly quote %c: write straight ones, \"", found)
	case found == '\'':
		return "found a single quote: texts and keys stand in \""
	case found == '/' || found == '#':
		return fmt.Sprintf("found %c: a settings file has no comments", found)
	case found == ',' && !strings.Contains(said, "after"):
		return "a comma stands where a value or key is expected: delete it"
	case strings.Contains(said, "after top-level value"):
		return "there is text after the end of the settings: delete it, or a bracket before it closes too early"
	case strings.Contains(said, "after object key:value pair"), strings.Contains(said, "after array element"):
		return "a comma is missing before this"
	case strings.Contains(said, "after object key"):
		return "a colon is missing after the key"
	case strings.Contains(said, "object key string"):
		return "expected a key in \""
	case unicode.IsPrint(found):
		return fmt.Sprintf("found %c: texts stand in \"; only numbers, true, false and null stand without", found)
	default:
		return fmt.Sprintf("found the character %U, which may not stand here: delete it", found)
	}
}
