package pronote

// Bounds of what an answer may be made of: more is no school's, and would cost memory and time beyond its length.
const (
	mostDeep   = 24      // values in one another
	mostValues = 100_000 // of an answer
	mostOfList = 5000    // elements of a list
	mostOfRead = 256 << 10
)

// decoding lets two large answers be decoded at once: an instance serves many requests with little memory.
var decoding = make(chan struct{}, 2) //nolint:gochecknoglobals // of the process's memory

// shaped reports whether JSON stays within the bounds.
func shaped(data []byte) bool {
	deep, values, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++ // only texts have it
		case '"':
			quoted = !quoted
		case '{', '[':
			if !quoted {
				deep, values = deep+1, values+1
			}
		case '}', ']':
			if !quoted {
				deep--
			}
		case ',':
			if !quoted {
				values++
			}
		}
		if deep > mostDeep || values > mostValues {
			return false
		}
	}
	return true
}
