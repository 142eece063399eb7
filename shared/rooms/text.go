package rooms

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxTitle bounds what a calendar's text may be, in characters, wherever it is shown.
	maxTitle = 250
	// maxText keeps a title well inside a device's receive buffer of 256 bytes
	// (ArduinoIoTCloudTCP.h, MQTT_TRANSMIT_BUFFER_SIZE); a longer text stops a device for good.
	maxText = 64
)

// clean puts a text from a calendar on one line, without what nobody sees or what changes how the text beside it is
// read. A text of which nothing is seen is "".
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || unicode.Is(unicode.Zs, c) || blank(c):
			return ' '
		case joiner(c):
			return c
		case unicode.Is(unicode.Cf, c): // bidirectional marks, zero-width spaces, tags, annotations
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if !strings.ContainsFunc(s, visible) {
		return ""
	}
	if utf8.RuneCountInString(s) > maxTitle {
		s = string([]rune(s)[:maxTitle-1]) + "…"
	}
	return s
}

// blank are letters and signs that show nothing: Braille's empty cell and Hangul's fillers.
func blank(c rune) bool {
	return c == '\u2800' || c == '\u115f' || c == '\u1160' || c == '\u3164' || c == '\uffa0'
}

// joiner are the two invisible characters that scripts and emoji are written with.
func joiner(c rune) bool { return c == '\u200c' || c == '\u200d' }

func visible(c rune) bool {
	return !unicode.IsSpace(c) && !joiner(c) && !unicode.Is(unicode.M, c)
}

// short cuts a text for a device.
func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	cut := maxText - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// shortID is an event's id as a device takes it. A long one, of which many differ in their ends only, has its hash in
// it.
func shortID(id string) string {
	if len(id) <= maxText {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	tail := hex.EncodeToString(sum[:16])
	return strings.ToValidUTF8(id[:maxText-1-len(tail)], "") + "-" + tail
}
