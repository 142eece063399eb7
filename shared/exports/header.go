package exports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// maxHeader bounds the header's line.
const maxHeader = 32 << 10

// header reads the first line with each delimiter: the right one is that under which its columns are a table's.
func (c *check) header(r *bufio.Reader) bool {
	start, err := r.Peek(maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = fmt.Errorf("reading the file: %w", err)
		return false
	}
	line, _, _ := bytes.Cut(start, []byte("\n"))
	var names []string
	for _, delimiter := range []byte{';', ',', '\t', '|'} {
		cells := oneRow(string(line), delimiter)
		for i := range cells {
			cells[i] = headerName(cells[i])
		}
		if table, ok := identify(cells); ok {
			c.table, c.Table, c.Delimiter, names = table, table.Name, string(delimiter), cells
			break
		}
	}
	if c.Table == "" {
		c.find(1, "", codeUnknown, faults.Params{"tables": strings.Join(tableNames(), ", ")})
		return false
	}
	if importerDelimiter(start, c.Encoding) != c.Delimiter {
		c.misread(0, "", codeMisreadDelimiter)
	}
	if n := len(names) - 1; names[n] == "" {
		c.blank, names = true, names[:n]
	}
	c.csv = &rowReader{r: r, comma: c.Delimiter[0], line: 1}
	_, _, _, _ = c.csv.read() // the header
	c.debit, c.credit, c.headed = -1, -1, true
	for i, name := range names {
		c.take(i, name, slices.Index(names, name) < i)
	}
	if c.out != nil {
		c.err = c.out.Write(names)
	}
	return c.err == nil && c.headed
}

func tableNames() []string {
	names := make([]string, 0, len(Tables))
	for _, t := range Tables {
		names = append(names, t.Name)
	}
	return names
}

func (c *check) take(i int, name string, twice bool) {
	column, known := c.table.column(name)
	switch {
	case twice:
		c.headed = false
		c.find(1, name, codeColumnTwice, nil)
	case !known:
		c.headed = false
		c.find(1, name, codeColumnUnknown, faults.Params{"table": c.Table})
	}
	c.columns = append(c.columns, column)
	if slices.Contains(c.table.Unique, name) {
		c.unique = append(c.unique, i)
	}
	switch name {
	case c.table.Debit:
		c.debit = i
	case c.table.Credit:
		c.credit = i
	}
}
