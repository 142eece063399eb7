package exports

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
)

// What a config.py may say. Its errors quote nothing: values are secrets.
var (
	errNoText   = errors.New("the value is not a plain text; write it as \"…\", or as os.environ[\"NAME\"]")
	errNotEnded = errors.New("a text has no end")
	errInBlock  = errors.New("it is set in a block or changed after it was set, and the file is not run; set it once, " +
		"at the beginning of a line")
)

// A python reads the assignments at the top of a config.py: texts, numbers, None and os.environ. The file is read, and
// never run.
type python struct {
	text string
	at   int
}

// readPython returns what a file sets of some names; a None is "".
func readPython(data []byte, names []string) (values map[string]string, from string, err error) {
	text, from, err := pythonSource(data)
	if err != nil {
		return nil, "", err
	}
	p, values := python{text: strings.ReplaceAll(text, "\r\n", "\n")}, map[string]string{}
	for p.at < len(p.text) {
		line := strings.Count(p.text[:p.at], "\n") + 1
		name, ours, inBlock := p.target(names)
		if ours && inBlock {
			return nil, "", fmt.Errorf("line %d: %s: %w", line, name, errInBlock)
		}
		if !ours {
			if bound := p.skip(names); bound != "" {
				return nil, "", fmt.Errorf("line %d: %s: %w", line, bound, errInBlock)
			}
			continue
		}
		value, err := p.value()
		if err != nil {
			return nil, "", fmt.Errorf("line %d: %s: %w", line, name, err)
		}
		values[name] = value
	}
	return values, from, nil
}

// pythonSource decodes a file as its first lines say, else as UTF-8, else as Windows-1252; from is what it was read as,
// where that is not UTF-8.
func pythonSource(data []byte) (text, from string, err error) {
	text = string(data)
	if utf8.ValidString(text) {
		return text, "", nil
	}
	var table encoding.Encoding = charmap.Windows1252
	from = "Windows-1252"
	head := strings.ToLower(strings.Join(strings.SplitN(text, "\n", 3)[:min(2, strings.Count(text, "\n")+1)], " "))
	if strings.Contains(head, "8859-15") || strings.Contains(head, "latin-9") {
		table, from = charmap.ISO8859_15, "ISO-8859-15"
	}
	text, err = table.NewDecoder().String(text)
	if err == nil && strings.Contains(text, "\ufffd") {
		err = errors.New("a character is neither of UTF-8 nor of Windows-1252")
	}
	return text, from, err
}

// target reads the name that a line sets, up to its value, where it is one of ours. Elsewhere it stays where it is.
func (p *python) target(names []string) (name string, ours, inBlock bool) {
	line, _, _ := strings.Cut(p.text[p.at:], "\n")
	trimmed := strings.TrimLeft(line, " \t")
	end := strings.IndexFunc(trimmed, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 || !slices.Contains(names, trimmed[:end]) {
		return "", false, false
	}
	name, rest := trimmed[:end], strings.TrimLeft(trimmed[end:], " \t")
	if strings.HasPrefix(rest, ":") { // an annotation
		if i := strings.Index(rest, "="); i > 0 {
			rest = rest[i:]
		}
	}
	if len(rest) > 1 && strings.ContainsRune("+*%|", rune(rest[0])) && rest[1] == '=' {
		return name, true, true
	}
	if !strings.HasPrefix(rest, "=") || strings.HasPrefix(rest, "==") {
		return "", false, false
	}
	if len(trimmed) < len(line) {
		return name, true, true
	}
	p.at += len(line) - len(rest) + 1
	return name, true, false
}

// skip goes to the next line that begins a statement. bound is the first of our names that the statement sets all the
// same, as in `if x: mode = "api"` or `mode, sas_url = …`.
func (p *python) skip(names []string) (bound string) {
	var listed []string // our names before a comma: they are set if a = follows
	for depth := 0; p.at < len(p.text); {
		if word := word(p.text[p.at:]); word != "" {
			p.at += len(word)
			rest := strings.TrimLeft(p.text[p.at:], " \t")
			switch {
			case depth > 0 || bound != "":
			case slices.Contains(names, word) && strings.HasPrefix(rest, ","):
				listed = append(listed, word)
			case slices.Contains(names, word) && assigns(rest):
				bound = word
			case len(listed) > 0 && assigns(rest):
				bound = listed[0]
			}
			continue
		}
		switch c := p.text[p.at]; {
		case c == '#':
			p.comment()
			continue
		case c == '"' || c == '\'':
			_, _ = p.quoted(true)
			continue
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case c == '\n' && depth <= 0:
			p.at++
			return bound
		}
		p.at++
	}
	return bound
}

// word is the name or number that a text begins with, or "".
func word(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		end = len(text)
	}
	return text[:end]
}

// assigns reports whether a text begins with the = of an assignment.
func assigns(text string) bool {
	return strings.HasPrefix(text, "=") && !strings.HasPrefix(text, "==")
}

func (p *python) comment() {
	if i := strings.IndexByte(p.text[p.at:], '\n'); i >= 0 {
		p.at += i
		return
	}
	p.at = len(p.text)
}

// blanks skips what means nothing; in brackets that is a line's end too.
func (p *python) blanks(depth int) {
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || depth > 0 && rest[0] == '\n':
			p.at++
		case strings.HasPrefix(rest, "\\\n"):
			p.at += 2
		case rest[0] == '#':
			p.comment()
		default:
			return
		}
	}
}

// value reads texts in a row, with or without plus signs and brackets, or one number, None or os.environ.
func (p *python) value() (string, error) {
	var b strings.Builder
	depth, terms, texts := 0, 0, 0
	for {
		p.blanks(depth)
		if p.at == len(p.text) || p.text[p.at] == '\n' {
			break
		}
		switch c := p.text[p.at]; {
		case c == '(':
			depth++
			p.at++
		case c == ')' && depth > 0:
			depth--
			p.at++
		case c == '+' && texts > 0:
			p.at++
		default:
			term, text, err := p.term()
			if err != nil {
				return "", err
			}
			if terms++; text {
				texts++
			}
			b.WriteString(term)
		}
	}
	if depth > 0 || terms == 0 || terms > 1 && texts < terms {
		return "", errNoText
	}
	if texts > 0 && config.IsReference(b.String()) {
		return "", cli.ErrReference
	}
	return b.String(), nil
}

// environ are the ways to read a variable of the environment.
var environ = []string{"os.environ[", "environ[", "os.environ.get(", "environ.get(", "os.getenv(", "getenv("}

// term reads one part of a value; text says that it is one.
func (p *python) term() (value string, text bool, err error) {
	rest := p.text[p.at:]
	prefix := rest[:len(rest)-len(strings.TrimLeft(rest, "rRuU"))]
	if after := rest[len(prefix):]; len(prefix) < 2 && after != "" && (after[0] == '"' || after[0] == '\'') {
		p.at += len(prefix)
		value, err = p.quoted(strings.EqualFold(prefix, "r"))
		return value, true, err
	}
	for _, call := range environ {
		if !strings.HasPrefix(rest, call) {
			continue
		}
		p.at += len(call)
		p.blanks(1)
		if p.at == len(p.text) || p.text[p.at] != '"' && p.text[p.at] != '\'' {
			return "", false, errNoText
		}
		name, err := p.quoted(false)
		p.blanks(1)
		// a default, which env: has not
		if err != nil || name == "" || p.at == len(p.text) || strings.IndexByte(")]", p.text[p.at]) < 0 {
			return "", false, errNoText
		}
		p.at++
		return "env:" + name, false, nil
	}
	end := strings.IndexAny(rest+"\n", " \t\n#)")
	word := rest[:end]
	p.at += end
	if word == "None" {
		return "", false, nil
	}
	if word == "" || strings.Trim(word, "0123456789") != "" {
		return "", false, errNoText
	}
	return word, false, nil
}

// quoted reads a text in quotation marks, one or three; raw leaves its backslashes.
func (p *python) quoted(raw bool) (string, error) {
	mark := p.text[p.at : p.at+1]
	if strings.HasPrefix(p.text[p.at:], strings.Repeat(mark, 3)) {
		mark = strings.Repeat(mark, 3)
	}
	p.at += len(mark)
	var b strings.Builder
	for p.at < len(p.text) {
		rest := p.text[p.at:]
		switch {
		case strings.HasPrefix(rest, mark):
			p.at += len(mark)
			return b.String(), nil
		case rest[0] == '\n' && len(mark) == 1:
			return "", errNotEnded
		case rest[0] == '\\' && len(rest) > 1:
			value, size := rest[:2], 2
			if !raw {
				value, size = escape(rest)
			}
			if size == 0 {
				return "", errNoText
			}
			b.WriteString(value)
			p.at += size
		default:
			b.WriteByte(rest[0])
			p.at++
		}
	}
	return "", errNotEnded
}

// escape reads what begins with a backslash, and how long it is; 0 for what is not understood. One that Python does not
// know stays as it is.
func escape(rest string) (value string, size int) {
	switch c := rest[1]; c {
	case '\n':
		return "", 2
	case '\\', '\'', '"':
		return rest[1:2], 2
	case 'n', 't', 'r', 'a', 'b', 'f', 'v':
		return map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v"}[c], 2
	case 'x', 'u', 'U':
		size = map[byte]int{'x': 4, 'u': 6, 'U': 10}[c]
		if len(rest) < size {
			return "", 0
		}
		n, err := strconv.ParseUint(rest[2:size], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return "", 0
		}
		return string(rune(n)), size
	case 'N', '0', '1', '2', '3', '4', '5', '6', '7':
		return "", 0
	default:
		return rest[:2], 2
	}
}
