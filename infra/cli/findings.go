package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// The width of tables that are wrapped.
const (
	usualWidth = 100
	leastWidth = 60
)

// widthOf is how wide a terminal is; what is none is read at the usual width.
func widthOf(w io.Writer) int {
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return max(width, leastWidth)
		}
	}
	return usualWidth
}

// findingsTable is a line for each finding, wrapped, with what to do below it.
func findingsTable(t *tabwriter.Writer, found []machine.Finding, width int) {
	Row(t, "STATE", "CHECK", "FOUND")
	check := len("CHECK")
	for _, f := range found {
		check = max(check, utf8.RuneCountInString(f.Check))
	}
	room := max(width-len(machine.FindingMissing)-check-4, leastWidth/2)
	for _, f := range found {
		state, name := f.State, f.Check
		var text []string
		for line := range strings.SplitSeq(f.Found, "\n") {
			if quoted, ok := strings.CutPrefix(line, "\t"); ok {
				text = append(text, machine.Plain(quoted)) // of a settings file, with a mark below the place
			} else {
				text = append(text, wrap(machine.Plain(line), room)...)
			}
		}
		if f.Do != "" {
			text = append(text, wrap("-> "+machine.Plain(f.Do), room)...)
		}
		for _, line := range text {
			Row(t, state, name, line)
			state, name = "", ""
		}
	}
}

// wrap breaks a text into lines between words.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(fmt.Sprint(line, " ", word))
	}
	return append(lines, line)
}
