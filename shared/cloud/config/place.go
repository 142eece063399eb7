package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A source is the text of a settings file, with the place of each value and key by JSON pointer (RFC 6901).
type source struct {
	name         string
	text         []byte
	values, keys map[string]int
}

// A fault is one sentence about a place of a file.
type fault struct {
	src     *source
	offset  int
	pointer string // "" for the file's text itself
	said    string
}

// Error is FILE:LINE:COLUMN: POINTER: sentence, then the line.
func (f fault) Error() string {
	line, column := f.src.place(f.offset)
	at := fmt.Sprintf("%s:%d:%d: ", f.src.name, line, column)
	if f.pointer != "" {
		at += f.pointer + ": "
	}
	shown, under := f.src.line(f.offset)
	return at + f.said + "\n\t" + shown + "\n\t" + under
}

// place counts lines and characters from 1.
func (s *source) place(offset int) (line, column int) {
	before := s.text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1
}

// Secrets are not shown: the value of a key that sounds like one, in whichever quotes, also where the closing ones or
// the colon are missing.
var (
	secretKey    = `(?:secret|password|passwd|key|sas_url|token|username|private)\w*["“”„'’]?\s*`
	secretQuoted = regexp.MustCompile(`(?i)(` + secretKey + `[:=]?\s*)["“”„'‘’][^"“”'’]*`)
	secretBare   = regexp.MustCompile(`(?i)(` + secretKey + `[:=]\s*)[^"“”„'‘’\s][^",}\]]*`)
	barePhrase   = regexp.MustCompile(`^(\s*)["“”„'‘’].*$`)
)

const lineShown = 90 // characters

// line is the line of an offset as it may be shown, and a mark below the place.
func (s *source) line(offset int) (text, mark string) {
	start := bytes.LastIndexByte(s.text[:offset], '\n') + 1
	end := len(s.text)
	if i := bytes.IndexByte(s.text[offset:], '\n'); i >= 0 {
		end = offset + i
	}
	line, before := string(s.text[start:end]), bytes.TrimRight(s.text[:start], " \t\r\n")
	shown, upTo := hideSecrets(line), hideSecrets(string(s.text[start:offset]))
	if bytes.HasSuffix(before, []byte(":")) { // the value of the line before
		shown, upTo = barePhrase.ReplaceAllString(line, `$1"…"`), ""
	}
	runes, column := []rune(strings.Map(visible, shown)), utf8.RuneCountInString(upTo)
	if first := column - lineShown/2; len(runes) > lineShown && first > 0 {
		first = min(first, len(runes)-1)
		runes, column = append([]rune("…"), runes[first:]...), column-first+1
	}
	if len(runes) > lineShown {
		runes = append(runes[:lineShown], '…')
	}
	return strings.TrimRight(string(runes), " "), strings.Repeat(" ", min(column, len(runes))) + "^"
}

func hideSecrets(line string) string {
	return secretBare.ReplaceAllString(secretQuoted.ReplaceAllString(line, `$1"…`), `$1…`)
}

func visible(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// read is the JSON of a file, with the place of each value. All keys that stand twice are faults.
func read(name string, data []byte) (any, *source, error) {
	text, err := Text(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	src := &source{name: name, text: text, values: map[string]int{}, keys: map[string]int{}}
	if !utf8.Valid(text) {
		return nil, nil, fault{src, firstInvalid(text), "", errNotText.Error()}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, nil, src.syntax(err)
	}
	w := walker{source: src, dec: json.NewDecoder(bytes.NewReader(text))}
	w.dec.UseNumber()
	raw, err := w.value("")
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return raw, src, join(w.faults)
}

// Decode reads a settings file that is not yet a document of ours into a value; its faults name the place, as those of
// [Settings] do.
func Decode(name string, data []byte, into any) error {
	raw, _, err := read(name, data)
	if err != nil {
		return err
	}
	if data, err = json.Marshal(raw); err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: expected keys with values, { }", name)
	}
	return nil
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return 0
}

// join makes one error of faults, in the order of the file.
func join(faults []fault) error {
	slices.SortStableFunc(faults, func(a, b fault) int { return cmp.Compare(a.offset, b.offset) })
	all := make([]error, 0, len(faults))
	for _, f := range faults {
		all = append(all, f)
	}
	return errors.Join(all...)
}

type walker struct {
	*source

	dec    *json.Decoder
	faults []fault
}

// next is where the next token begins.
func (w *walker) next() int {
	at := int(w.dec.InputOffset())
	for at < len(w.text) && bytes.IndexByte([]byte(" \t\r\n:,"), w.text[at]) >= 0 {
		at++
	}
	return at
}

func (w *walker) value(pointer string) (any, error) {
	w.values[pointer] = w.next()
	token, err := w.dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return w.object(pointer)
	case json.Delim('['):
		list := []any{}
		for i := 0; w.dec.More(); i++ {
			v, err := w.value(pointer + "/" + strconv.Itoa(i))
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = w.dec.Token()
		return list, err
	}
	return token, nil
}

func (w *walker) object(pointer string) (any, error) {
	object := map[string]any{}
	for w.dec.More() {
		at := w.next()
		token, err := w.dec.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		below := pointer + "/" + escape(key)
		if first, twice := w.keys[below]; twice {
			line, _ := w.place(first)
			w.faults = append(w.faults, fault{
				w.source, at, pointer, fmt.Sprintf("%q stands here twice, first in line %d: keep one of the two", key, line),
			})
		} else {
			w.keys[below] = at
		}
		if object[key], err = w.value(below); err != nil {
			return nil, err
		}
	}
	_, err := w.dec.Token()
	return object, err
}

func escape(key string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(key) }

// at is a fault of a value, or of the nearest thing around it that the file has.
func (s *source) at(pointer, said string) fault {
	for p := pointer; ; p = p[:strings.LastIndexByte(p, '/')] {
		if offset, ok := s.values[p]; ok || p == "" {
			return fault{s, offset, pointer, said}
		}
	}
}

// placed gives errors that begin with at "POINTER": their place.
func (s *source) placed(err error) []fault {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		errs := many.Unwrap()
		all := make([]fault, 0, len(errs))
		for _, one := range errs {
			all = append(all, s.placed(one)...)
		}
		return all
	}
	rest, ok := strings.CutPrefix(err.Error(), `at "`)
	pointer, said, found := strings.Cut(rest, `": `)
	if !ok || !found {
		return []fault{s.at("", err.Error())}
	}
	return []fault{s.at(pointer, said)}
}
