package config

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
)

var errNotText = errors.New("it is not UTF-8 text: save it with the encoding UTF-8")

// Text is a file that a person wrote as plain UTF-8: without the mark that Notepad begins one with, and from the UTF-16
// that PowerShell writes.
func Text(data []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return data[3:], nil
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		order = binary.BigEndian
	case bytes.IndexByte(data, 0) >= 0:
		return nil, errNotText // UTF-16 without its mark, or no text at all
	default:
		return data, nil
	}
	if data = data[2:]; len(data)%2 != 0 {
		return nil, errNotText
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return []byte(string(utf16.Decode(units))), nil
}
