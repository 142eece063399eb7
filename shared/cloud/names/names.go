// Package names is the one rule for the names that people give to rooms and instances: which letters they may have, and
// what stands for them where only plain ASCII is safe.
package names

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A name is at most so long: with its signature it has to fit into a channel's token, which has 256 characters at
// Google.
const (
	maxLength = 64  // characters
	maxBytes  = 128 // as UTF-8
)

// Normal is a name as it is compared and kept: é is one character, however it was typed (NFC).
func Normal(name string) string { return norm.NFC.String(name) }

// Check says why a name cannot be used. Letters of every script can, with digits, spaces and punctuation.
func Check(name string) error {
	if name == "" {
		return errors.New("it is empty: give a name")
	}
	if !utf8.ValidString(name) {
		return errors.New("it is not UTF-8 text")
	}
	for _, r := range name {
		if err := check(r); err != nil {
			return err
		}
	}
	if n := utf8.RuneCountInString(name); n > maxLength || len(name) > maxBytes {
		return fmt.Errorf("it has %d characters (%d bytes): a name has at most %d characters, and %d bytes", n,
			len(name), maxLength, maxBytes)
	}
	return nil
}

func check(r rune) error {
	switch {
	case r == '/' || r == '\\':
		return fmt.Errorf("it has a %c, which separates folders: write - or another character", r)
	case unicode.IsControl(r):
		return fmt.Errorf("it has the control character %U: delete it", r)
	case unicode.Is(unicode.Bidi_Control, r):
		return fmt.Errorf("it has the invisible character %U, which changes the direction of the text: delete it", r)
	case r == ' ' || r == '\u200c' || r == '\u200d': // joiners are letters' own in Persian and Indian scripts
		return nil
	case unicode.IsSpace(r):
		return fmt.Errorf("it has the unusual space %U: write a plain one", r)
	case !unicode.IsGraphic(r):
		return fmt.Errorf("it has the invisible character %U: delete it", r)
	default:
		return nil
	}
}

// Object is what stands for a name in the names of documents, ids and headers: ASCII letters, digits, _ . - and the
// space stand for themselves, every other byte of its UTF-8 for %XX.
func Object(name string) string {
	name = Normal(name)
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.- ", c) >= 0
}

// FromObject is the name that [Object] made an object's name of.
func FromObject(object string) string {
	if name, err := url.PathUnescape(object); err == nil {
		return name
	}
	return object // of somebody else
}
