package exports

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// A rowReader reads the rows of a CSV file as Python's csv does, with which the importer reads: a quotation mark in an
// unquoted value is a character as any other, and empty lines are not rows. encoding/csv is stricter there. Unlike
// Python it says where a quoted value has no end, or more behind it.
type rowReader struct {
	r     *bufio.Reader
	comma byte
	line  int // of the next byte, from 1
	buf   []byte
	ends  []int // of the cells in buf
	cells []string
	fault string
}

// maxRow bounds a row: a quotation mark without an end would take in the rest of the file.
const maxRow = 4 << 20

// read returns a row's cells, which are good until the next call, its first line, and what is wrong with it; or io.EOF.
func (r *rowReader) read() (cells []string, line int, fault string, err error) {
	r.buf, r.ends, r.cells, r.fault = r.buf[:0], r.ends[:0], r.cells[:0], ""
	b := byte('\n')
	for b == '\n' {
		line = r.line
		if b, err = r.next(); err != nil {
			return nil, line, "", err
		}
	}
	for {
		var more bool
		if more, err = r.cell(b, err); err != nil {
			return nil, line, "", err
		}
		if r.ends = append(r.ends, len(r.buf)); !more {
			break
		}
		b, err = r.next()
	}
	text, start := string(r.buf), 0
	for _, end := range r.ends {
		r.cells = append(r.cells, text[start:end])
		start = end
	}
	return r.cells, line, r.fault, nil
}

// cell reads a cell into buf, of which b, or the error instead, is the first byte; more says that another one follows.
func (r *rowReader) cell(b byte, err error) (more bool, _ error) {
	quoted := err == nil && b == '"'
	if quoted {
		if err := r.quoted(); err != nil {
			return false, err
		}
		b, err = r.next()
	}
	for ; ; b, err = r.next() {
		switch {
		case errors.Is(err, io.EOF):
			return false, nil
		case err != nil:
			return false, err
		case b == r.comma:
			return true, nil
		case b == '\n':
			return false, nil
		}
		if quoted {
			r.fault = codeRowQuote
		}
		r.put(b)
	}
}

// quoted reads a quoted value up to its closing mark.
func (r *rowReader) quoted() error {
	for {
		b, err := r.next()
		if errors.Is(err, io.EOF) {
			r.fault = codeRowQuote
			return nil
		}
		if err != nil {
			return err
		}
		if b == '"' {
			next, _ := r.r.Peek(1) // a failure shows at the next read
			if len(next) == 0 || next[0] != '"' {
				return nil
			}
			_, _ = r.r.Discard(1)
		}
		r.put(b)
	}
}

func (r *rowReader) put(b byte) {
	if len(r.buf) == maxRow {
		r.fault = codeRowLong
		return
	}
	r.buf = append(r.buf, b)
}

// next reads a byte; a line's end is one, however it is written.
func (r *rowReader) next() (byte, error) {
	b, err := r.r.ReadByte()
	if err != nil {
		return 0, err
	}
	if b == '\r' {
		if next, err := r.r.Peek(1); err == nil && next[0] == '\n' {
			b, _ = r.r.ReadByte()
		} else if errors.Is(err, io.EOF) {
			b = '\n'
		}
	}
	if b == '\n' {
		r.line++
	}
	return b, nil
}

// oneRow reads the cells of a line.
func oneRow(line string, comma byte) []string {
	r := rowReader{r: bufio.NewReader(strings.NewReader(line)), comma: comma}
	cells, _, fault, err := r.read()
	if err != nil || fault != "" {
		return nil
	}
	return cells
}
