package pickle

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"
)

var (
	errQuotes = errors.New("the string is not as Python quotes it")
	errEscape = errors.New("the text has an escape that stands for no character")
)

// counted reads a length of n bytes and as many bytes as it says. A length below 0 is more than any body has.
func (r *reader) counted(n uint64) (string, error) {
	length, err := r.little(n)
	if err != nil {
		return "", err
	}
	b, err := r.take(length)
	return string(b), err
}

func (r *reader) eightBit(n uint64) error {
	raw, err := r.counted(n)
	if err != nil {
		return err
	}
	return r.push(newEightBit(raw))
}

// newEightBit decodes a str once, however often it is used.
func newEightBit(raw string) eightBit {
	if utf8.ValidString(raw) {
		return eightBit{raw, raw}
	}
	return eightBit{raw, latin1(raw)}
}

func latin1(raw string) string {
	var text strings.Builder
	text.Grow(2 * len(raw))
	for i := range len(raw) {
		text.WriteRune(rune(raw[i]))
	}
	return text.String()
}

// utf8 is a BINUNICODE. Half of a surrogate pair, which Python 2 writes as it is, is refused.
func (r *reader) utf8() error {
	text, err := r.counted(4)
	if err != nil {
		return err
	}
	if !utf8.ValidString(text) {
		return errors.New("the text is not UTF-8")
	}
	return r.push(text)
}

// quoted is a STRING: what Python 2's repr makes of a str. That has every other byte than ASCII's letters and signs
// escaped.
func (r *reader) quoted() error {
	line, err := r.line()
	if err != nil {
		return err
	}
	last := len(line) - 1
	if last < 1 || line[0] != line[last] || line[0] != '\'' && line[0] != '"' {
		return errQuotes
	}
	quote, b := line[0], line[1:last]
	raw := make([]byte, 0, len(b))
	for len(b) > 0 {
		c, n := b[0], 1
		if c == '\\' {
			c, n = unescape(b)
		} else if c == quote || c < ' ' || c > '~' {
			n = 0
		}
		if n == 0 {
			return errQuotes
		}
		raw, b = append(raw, c), b[n:]
	}
	return r.push(newEightBit(string(raw)))
}

// unescape returns the byte that the escape at the start of b stands for, and the escape's length; 0 if there is none.
func unescape(b []byte) (c byte, n int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch b[1] {
	case '\\', '\'', '"':
		return b[1], 2
	case 't':
		return '\t', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 'x':
		if v, ok := hexDigits(b[2:], 2); ok {
			return byte(v), 4 //nolint:gosec // of two digits
		}
	}
	return 0, 0
}

// hexDigits reads the first n bytes of b.
func hexDigits(b []byte, n int) (uint32, bool) {
	if len(b) < n {
		return 0, false
	}
	bin, err := hex.DecodeString(string(b[:n]))
	var v uint32
	for _, c := range bin {
		v = v<<8 | uint32(c)
	}
	return v, err == nil
}

// escaped is a UNICODE: Latin-1, with \uXXXX and \UXXXXXXXX for all else, for newlines and for backslashes.
func (r *reader) escaped() error {
	b, err := r.line()
	if err != nil {
		return err
	}
	var text strings.Builder
	for len(b) > 0 {
		if b[0] != '\\' {
			text.WriteRune(rune(b[0]))
			b = b[1:]
			continue
		}
		n := 2 + 4
		if bytes.HasPrefix(b, []byte(`\U`)) {
			n = 2 + 8
		} else if !bytes.HasPrefix(b, []byte(`\u`)) {
			return errEscape
		}
		v, ok := hexDigits(b[2:], n-2)
		if !ok || v > utf8.MaxRune || !utf8.ValidRune(rune(v)) {
			return errEscape
		}
		text.WriteRune(rune(v))
		b = b[n:]
	}
	return r.push(text.String())
}
