package exports

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// A Finding is why a file is not handed on. It names the place and never the value: these are payrolls and ledgers.
type Finding struct {
	Line   int           `json:"line,omitempty"` // from 1, the header's; 0: the whole file
	Column string        `json:"column,omitempty"`
	Reason string        `json:"reason"`         // in English, or in the language that was asked for
	Code   string        `json:"code,omitempty"` // names the reason; reports of older versions have none, or lack params
	Params faults.Params `json:"params,omitempty"`
}

//go:embed texts
var textFiles embed.FS

// reasons are the texts of findings, by their codes.
var reasons = faults.Load(textFiles, "texts")

// In is the finding with its reason in a language.
func (f Finding) In(lang string) Finding {
	if text := reasons.Text(lang, f.Code, f.Params); text != "" {
		f.Reason = text
	}
	return f
}

// Codes of findings, stable for programs. Their texts are in texts/.
const (
	codeEmpty            = "empty"
	codeNoRows           = "no_rows"
	codeNul              = "nul"
	codeNoText           = "no_text"
	codeUnended          = "unended"
	codeUnknown          = "unknown_table"
	codeColumnTwice      = "column_twice"
	codeColumnUnknown    = "column_unknown"
	codeRowQuote         = "row_quote"
	codeRowLong          = "row_long"
	codeRowColumns       = "row_columns"
	codeValueMissing     = "value_missing"
	codeNoNumber         = "no_number"
	codeAmbiguous        = "ambiguous"
	codeDecimals         = "decimals"
	codeTooLarge         = "too_large"
	codeNoInteger        = "no_integer"
	codeNoDate           = "no_date"
	codeTooOld           = "too_old"
	codeMisreadValue     = "misread_value"
	codeMisreadEncoding  = "misread_encoding"
	codeMisreadDelimiter = "misread_delimiter"
	codeDuplicate        = "duplicate"
	codeUnbalanced       = "unbalanced"
	codeShrunk           = "shrunk"
)

// A Report is what was found in a file.
type Report struct {
	Table     string `json:"table,omitempty"`
	Encoding  string `json:"encoding,omitempty"`
	Delimiter string `json:"delimiter,omitempty"`
	Rows      int    `json:"rows"`
	// Unended says that the last line has no line end, though the others have one.
	Unended bool `json:"unended,omitempty"`
	// Misread is how much of the file the importer would take for something else: values, its encoding, its delimiter.
	Misread  int       `json:"misread,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// More is how many findings there were beyond those that are listed.
	More int `json:"more,omitempty"`
}

// OK reports whether the file may be handed on.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Unknown reports whether the file is whole as far as it was read, and of a table that the importer does not know.
func (r *Report) Unknown() bool { return len(r.Findings) == 1 && r.Findings[0].Code == codeUnknown }

// In is the report with its findings in a language.
func (r *Report) In(lang string) *Report {
	if r == nil {
		return nil
	}
	said := *r
	said.Findings = make([]Finding, len(r.Findings))
	for i, f := range r.Findings {
		said.Findings[i] = f.In(lang)
	}
	return &said
}

// Summary is the first finding in a language, with its place, and how many more there are; "" where there is none.
func (r *Report) Summary(lang string) string {
	if r == nil || len(r.Findings) == 0 {
		return ""
	}
	first := r.Findings[0].In(lang)
	text := first.Reason
	if first.Column != "" {
		text = reasons.Text(lang, "summary.column", faults.Params{"column": first.Column, "text": text})
	}
	if first.Line > 0 {
		text = reasons.Text(lang, "summary.line", faults.Params{"line": strconv.Itoa(first.Line), "text": text})
	}
	if more := len(r.Findings) - 1 + r.More; more > 0 {
		text = reasons.Text(lang, "summary.more", faults.Params{"more": strconv.Itoa(more), "text": text})
	}
	return text
}

// maxFindings is how many findings a report lists.
const maxFindings = 200

// find notes a finding; params are of its text.
func (r *Report) find(line int, column, code string, params faults.Params) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	f := Finding{Line: line, Column: column, Code: code, Params: params}
	r.Findings = append(r.Findings, f.In(faults.English))
}

// misread notes what the importer would take for something else.
func (c *check) misread(line int, column, code string) {
	c.Misread++
	if c.o.AsItIs {
		c.find(line, column, code, nil)
	}
}

// An Opener opens a file from its beginning; it is read twice.
type Opener func() (io.ReadCloser, error)

// Check looks at a file: its header, encoding and delimiter, that rows are complete, values readable, keys
// unique, debit equal to credit, and that it has not shrunk by more than half. Memory does not
// grow with the file, but for sixteen bytes for each key that must be unique. An error means that the file could not be
// read.
func Check(open Opener, o Options) (Report, error) {
	return walk(open, o, nil)
}

// Rewrite writes the rows of a file that passes [Check] in the one form that the importer reads without
// guessing: UTF-8, semicolons, ISO dates, points before decimals. Where the report has findings, what was written is to
// be thrown away.
func Rewrite(open Opener, o Options, w io.Writer) (Report, error) {
	out := csv.NewWriter(w)
	out.Comma = ';'
	r, err := walk(open, o, out)
	if err == nil {
		out.Flush()
		err = out.Error()
	}
	return r, err
}

// walk reads a file, and writes its rows to out, if any.
func walk(open Opener, o Options, out *csv.Writer) (Report, error) {
	var r Report
	encoding, latin1, err := encodingOf(open, o, &r)
	if r.Encoding = encoding; err != nil || encoding == "" {
		return r, err
	}
	file, err := open()
	if err != nil {
		return r, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	c := &check{Report: &r, o: o, out: out, seen: map[[16]byte]int{}}
	if encoding == Windows1252 && !latin1 {
		c.misread(0, "", codeMisreadEncoding)
	}
	reader := bufio.NewReaderSize(decoded(file, r.Encoding), 64<<10)
	if !c.header(reader) {
		return r, c.err
	}
	c.rows()
	c.totals()
	return r, c.err
}

// A check is a file being looked at.
type check struct {
	*Report

	o       Options
	out     *csv.Writer
	csv     *rowReader
	blank   bool // each row ends in a delimiter
	table   Table
	columns []Column // in the file's order
	headed  bool     // the header has known columns, each once
	unique  []int
	debit   int // indexes, -1 for none
	credit  int
	balance int64 // hundredths
	seen    map[[16]byte]int
	err     error
}

func (c *check) rows() {
	for {
		row, line, fault, err := c.csv.read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.err = fmt.Errorf("reading the file: %w", err)
			return
		}
		c.Rows++
		n, columns := len(row), len(c.columns)
		if c.blank {
			columns++
		}
		switch {
		case fault != "":
			c.find(line, "", fault, nil)
			continue
		case n != columns || c.blank && strings.TrimSpace(row[n-1]) != "":
			c.find(line, "", codeRowColumns, faults.Params{"columns": strconv.Itoa(n), "header": strconv.Itoa(columns)})
			continue
		}
		row = row[:len(c.columns)]
		c.row(line, row)
		if c.out != nil && c.OK() {
			if c.err = c.out.Write(row); c.err != nil {
				return
			}
		}
	}
}

// row checks a row's values, and puts them into the importer's form.
func (c *check) row(line int, row []string) {
	for i, column := range c.columns {
		if strings.TrimSpace(row[i]) == "" {
			if column.Required {
				c.find(line, column.Name, codeValueMissing, nil)
			}
			continue
		}
		value, hundredths, err := c.value(column.Kind, row[i])
		if err != nil {
			c.find(line, column.Name, faults.CodeOf(err, nil), nil)
			continue
		}
		if importerMisreads(column.Kind, row[i], value) {
			c.misread(line, column.Name, codeMisreadValue)
		}
		row[i] = value
		switch i {
		case c.debit:
			c.balance += hundredths
		case c.credit:
			c.balance -= hundredths
		}
	}
	c.key(line, row)
}

// value returns a value in the importer's form, and an amount's hundredths.
func (c *check) value(kind Kind, text string) (string, int64, error) {
	switch kind {
	case Amount:
		n, err := ParseAmount(text, c.o.Decimal)
		return formatAmount(n), n, err
	case Integer:
		n, err := ParseInteger(text, c.o.Decimal)
		return strconv.FormatInt(n, 10), 0, err
	case Moment:
		t, ok, err := ParseMoment(text, c.o.DateOrder)
		if !ok || err != nil {
			return "", 0, err
		}
		return t.Format(time.DateTime), 0, err
	default:
		return strings.ReplaceAll(text, "\r", "\n"), 0, nil
	}
}

// key notes the values that must stand together once.
func (c *check) key(line int, row []string) {
	if len(c.unique) == 0 {
		return
	}
	hash := sha256.New()
	for _, i := range c.unique {
		var size [4]byte
		value := strings.TrimSpace(row[i])                      // the importer strips it
		binary.BigEndian.PutUint32(size[:], uint32(len(value))) //nolint:gosec // a cell is far shorter
		_, _ = hash.Write(size[:])
		_, _ = io.WriteString(hash, value)
	}
	key := [16]byte(hash.Sum(nil)[:16])
	if first, twice := c.seen[key]; twice {
		c.find(line, strings.Join(c.table.Unique, ", "), codeDuplicate, faults.Params{"first": strconv.Itoa(first)})
		return
	}
	c.seen[key] = line
}

// totals checks what only the whole file shows.
func (c *check) totals() {
	if c.err != nil {
		return
	}
	if c.Rows == 0 {
		c.find(0, "", codeNoRows, nil)
	}
	if c.balance != 0 && c.table.Debit != "" {
		c.find(0, "", codeUnbalanced, faults.Params{"amount": formatAmount(c.balance)})
	}
	if c.Rows > 0 && 2*c.Rows < c.o.PreviousRows {
		c.find(0, "", codeShrunk, faults.Params{"rows": strconv.Itoa(c.Rows), "before": strconv.Itoa(c.o.PreviousRows)})
	}
}
