package pickle

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// The templates are what Python 2's cPickle writes in protocol 0 for such a dict, in the order of its hash table.
const (
	serviceToSite = "(dp1\n" +
		"S'booking_type'\np2\n%sp3\ns" +
		"S'cgt_id'\np4\n%sp5\ns" +
		"S'start_date'\np6\ncdatetime\ndate\np7\n(%stRp8\ns" +
		"S'end_date'\np9\ng7\n(%stRp10\ns" +
		"S'notf_id'\np11\nI%d\ns."
	siteToService = "(dp1\n" +
		"S'typeOfSelection'\np2\n%sp3\ns" +
		"S'start'\np4\ncdatetime\ndatetime\np5\n(%stRp6\ns" +
		"S'hebPk'\np7\n%sp8\ns" +
		"S'end'\np9\ng5\n(%stRp10\ns" +
		"S'cgtId'\np11\n%sp12\ns."
)

// ServiceToSite writes a change that the service sends to the site. The dates must be valid, and the body is not
// measured: [Read] reads those of at most 4 KiB.
func ServiceToSite(bookingType, cgtID string, start, end Date, notfID int64) []byte {
	return fmt.Appendf(nil, serviceToSite, text(bookingType), text(cgtID), start.pickled(date), end.pickled(date), notfID)
}

// SiteToService writes a change that the site sends to the service. The dates are written as midnights; they must be
// valid.
func SiteToService(hebPk, cgtID string, start, end Date, typeOfSelection string) []byte {
	return fmt.Appendf(nil, siteToService,
		text(typeOfSelection), start.pickled(datetime), text(hebPk), end.pickled(datetime), text(cgtID))
}

// text is a STRING if it is ASCII. All other text is a UNICODE, because an 8-bit string does not say its encoding.
func text(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return c > '~' }) < 0 {
		return quote([]byte(s))
	}
	var out strings.Builder
	out.WriteByte('V')
	for _, c := range s {
		switch {
		case c > 0xffff:
			fmt.Fprintf(&out, `\U%08x`, c)
		case c > '~' || c < ' ' || c == '\\':
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			out.WriteRune(c)
		}
	}
	out.WriteByte('\n')
	return out.String()
}

// quote is a STRING with what Python 2's repr makes of its bytes.
func quote(raw []byte) string {
	quote := byte('\'')
	if s := string(raw); strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	out := []byte{'S', quote}
	for _, c := range raw {
		switch {
		case c == quote || c == '\\':
			out = append(out, '\\', c)
		case c == '\t':
			out = append(out, `\t`...)
		case c == '\n':
			out = append(out, `\n`...)
		case c == '\r':
			out = append(out, `\r`...)
		case c < ' ' || c > '~':
			out = fmt.Appendf(out, `\x%02x`, c)
		default:
			out = append(out, c)
		}
	}
	return string(append(out, quote, '\n'))
}

// pickled is the date's state for a constructor.
func (d Date) pickled(of constructor) string {
	raw := make([]byte, of)
	binary.BigEndian.PutUint16(raw, uint16(d.Year)) //nolint:gosec // a valid one
	raw[2], raw[3] = byte(d.Month), byte(d.Day)     //nolint:gosec // a valid one
	return quote(raw)
}
