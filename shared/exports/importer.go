package exports

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// What the importer makes of a file, where that differs from what is there. It reads UTF-8, and a file with other bytes
// as Latin-1; semicolons between values if there is one among the first 1024 characters, else commas, and in Latin-1
// always semicolons; 12.34 and 12,34, and makes 0 of any other amount; 12.00 but not 12,00 as a whole number; dates by
// importerForms, the first that fits, and makes nothing of any other. It strips blanks, and quotation marks around a
// text.

// importerSample is how much of a file the importer looks at for semicolons.
const importerSample = 1024

// importerDelimiter is what the importer takes for the delimiter; start is the file's beginning, in UTF-8.
func importerDelimiter(start []byte, encoding string) string {
	if encoding == Windows1252 {
		return ";"
	}
	n := 0
	for range importerSample {
		if n >= len(start) {
			break
		}
		r, size := utf8.DecodeRune(start[n:])
		if r == '\r' && n+1 < len(start) && start[n+1] == '\n' {
			size++ // it is one character there
		}
		if r == ';' {
			return ";"
		}
		n += size
	}
	return ","
}

// importerNumber is how Python reads a number, without the forms that a number cannot have here.
var importerNumber = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)$`)

// importerForms are the importer's forms of dates, in its order.
var importerForms = []string{
	"2006-1-2 15:4:5", "2006-1-2", "1/2/2006 15:4:5", "1/2/2006", "2/1/2006 15:4:5", "2/1/2006",
}

// importerMisreads reports whether the importer makes something else of a value than what it says, in our form of it.
func importerMisreads(kind Kind, text, ours string) bool {
	text = strings.TrimSpace(text)
	switch kind {
	case Amount:
		text = strings.ReplaceAll(text, ",", ".")
		fallthrough
	case Integer:
		if !importerNumber.MatchString(text) {
			return true
		}
		n, err := ParseAmount(text, ".")
		own, oerr := ParseAmount(ours, ".")
		return err != nil || oerr != nil || n != own
	case Moment:
		for _, form := range importerForms {
			if t, err := time.Parse(form, text); err == nil {
				return t.Format(time.DateTime) != ours || strings.ContainsAny(text, ".,") // a fraction, which Go takes in any form
			}
		}
		return true
	default:
		return strings.Contains(text, "\r") // a line's end to the importer
	}
}
