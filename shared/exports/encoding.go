package exports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/transform"
)

// Encodings that are read.
const (
	UTF8        = "utf-8"
	UTF8BOM     = "utf-8-bom"
	Windows1252 = "windows-1252"
)

func decoded(r io.Reader, encoding string) io.Reader {
	switch encoding {
	case Windows1252:
		return transform.NewReader(r, charmap.Windows1252.NewDecoder())
	case UTF8BOM:
		skipped := bufio.NewReader(r)
		_, _ = skipped.Discard(len(bom)) // it was seen there
		return skipped
	default:
		return r
	}
}

const bom = "\xef\xbb\xbf"

// undefined are the bytes that Windows-1252 leaves without a character.
var undefined = []byte{0x81, 0x8d, 0x8f, 0x90, 0x9d}

// encodingOf finds the encoding by reading the file: UTF-8 where all of it is, else Windows-1252, the form
// of older Cegid servers. "" says that it is neither; the report says why.
// latin1 says that Latin-1 has the same characters for it, which is what the importer reads such a file with.
func encodingOf(open Opener, o Options, r *Report) (encoding string, latin1 bool, err error) {
	file, err := open()
	if err != nil {
		return "", false, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, 64<<10)
	start, err := lines.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("reading the file: %w", err)
	}
	if len(start) == 0 {
		r.find(0, "", codeEmpty, nil)
		return "", false, nil
	}
	odd, line, unended := 0, 1, false
	encoding, latin1 = UTF8, true
	var cut []byte // the beginning of a character that the last chunk ended in
	if string(start) == bom {
		encoding = UTF8BOM
	}
	for {
		chunk, err := lines.ReadSlice('\n')
		if len(chunk) > 0 {
			unended = chunk[len(chunk)-1] != '\n'
		}
		if bytes.IndexByte(chunk, 0) >= 0 {
			r.find(line, "", codeNul, nil)
			return "", false, nil
		}
		whole := slices.Concat(cut, chunk)
		cut = nil
		if errors.Is(err, bufio.ErrBufferFull) { // a line longer than the buffer
			n := len(whole) - cutRune(whole)
			whole, cut = whole[:n], slices.Clone(whole[n:])
		}
		if encoding != Windows1252 && !utf8.Valid(whole) {
			if encoding == UTF8BOM {
				r.find(line, "", codeNoText, nil)
				return "", false, nil
			}
			encoding = Windows1252
		}
		latin1 = latin1 && !slices.ContainsFunc(chunk, func(b byte) bool { return b >= 0x80 && b < 0xa0 })
		if odd == 0 && hasUndefined(chunk) {
			odd = line
		}
		switch {
		case errors.Is(err, io.EOF):
			r.Unended = unended && line > 1
			if r.Unended && !o.Unended {
				r.find(line, "", codeUnended, nil)
			}
			if encoding == Windows1252 && odd > 0 {
				r.find(odd, "", codeNoText, nil)
				return "", false, nil
			}
			return encoding, latin1, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return "", false, fmt.Errorf("reading the file: %w", err)
		default:
			line++
		}
	}
}

func hasUndefined(chunk []byte) bool {
	return slices.ContainsFunc(undefined, func(b byte) bool { return bytes.IndexByte(chunk, b) >= 0 })
}

// cutRune is how many bytes of a character that is not complete stand at the end.
func cutRune(chunk []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(chunk); n++ {
		if tail := chunk[len(chunk)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
