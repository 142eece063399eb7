package exports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// How a source writes what can be read in two ways.
const (
	DayFirst   = "dmy" // 05/06/2025 is the fifth of June
	MonthFirst = "mdy"
)

// Options are how a source writes its values.
type Options struct {
	// DateOrder is of dates with slashes: DayFirst (default) or MonthFirst. The whole file is read in one order.
	DateOrder string
	// Decimal is the decimal mark, "," or "."; "" is whichever a value itself shows.
	Decimal string
	// PreviousRows is how many rows the last file of this query had; 0 where it is unknown.
	PreviousRows int
	// Unended says that a last line without a line end is not a finding.
	Unended bool
	// AsItIs says that the file is handed on as it is or not at all: what the importer would misread is a finding.
	AsItIs bool
}

// Errors of values, with the codes of their findings.
var (
	errNoNumber  = faults.Error{Code: codeNoNumber, Detail: "is not a number"}
	errAmbiguous = faults.Error{Code: codeAmbiguous, Detail: "can be read as two numbers: set the source's decimal mark"}
	errDecimals  = faults.Error{Code: codeDecimals, Detail: "has more than two decimals"}
	errTooLarge  = faults.Error{Code: codeTooLarge, Detail: "has more than ten digits before the decimal mark"}
	errNoInteger = faults.Error{Code: codeNoInteger, Detail: "is not a whole number"}
	errNoDate    = faults.Error{Code: codeNoDate, Detail: "is not a date"}
	errTooOld    = faults.Error{Code: codeTooOld, Detail: "is a date before 1990"}
)

// ParseAmount reads an amount in hundredths: "1 234,56", "1.234,56", "1,234.56", "-12,00" and "12".
// A mark that may be of thousands or of decimals ("1,234") is refused unless decimal says which it is.
func ParseAmount(text, decimal string) (hundredths int64, err error) {
	text = strings.TrimSpace(text)
	negative := strings.HasPrefix(text, "-")
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	whole, fraction, err := splitNumber(digits, decimal)
	if err != nil {
		return 0, err
	}
	if len(strings.TrimRight(fraction, "0")) > 2 {
		return 0, errDecimals
	}
	fraction = (fraction + "00")[:2]
	if whole = strings.TrimLeft(whole, "0"); len(whole) > 10 {
		return 0, errTooLarge
	}
	n, err := strconv.ParseInt("0"+whole+fraction, 10, 64)
	if err != nil {
		return 0, errNoNumber
	}
	if negative {
		n = -n
	}
	return n, nil
}

// splitNumber returns a number's digits before and after its decimal mark, checked, without the marks of thousands.
func splitNumber(text, decimal string) (whole, fraction string, err error) {
	whole = text
	if mark, ok, err := decimalMark(text, decimal); err != nil {
		return "", "", err
	} else if ok {
		i := strings.LastIndex(text, mark)
		whole, fraction = text[:i], text[i+1:]
	}
	groups := strings.FieldsFunc(whole, func(r rune) bool { return strings.ContainsRune(" \u00a0\u202f.,'", r) })
	for i, g := range groups {
		if !digitsOnly(g) || i > 0 && len(g) != 3 || i == 0 && len(groups) > 1 && len(g) > 3 {
			return "", "", errNoNumber
		}
	}
	if len(groups) == 0 && fraction == "" || !digitsOnly(fraction) {
		return "", "", errNoNumber
	}
	return strings.Join(groups, ""), fraction, nil
}

// decimalMark finds a number's decimal mark: the one that is set, the last of two different ones, or the only one where
// it cannot be of thousands.
func decimalMark(text, decimal string) (mark string, ok bool, err error) {
	commas, points := strings.Count(text, ","), strings.Count(text, ".")
	switch {
	case decimal != "":
		if n := strings.Count(text, decimal); n > 1 {
			return "", false, errNoNumber
		}
		return decimal, strings.Contains(text, decimal), nil
	case commas == 0 && points == 0:
		return "", false, nil
	case commas > 0 && points > 0:
		mark = ","
		if strings.LastIndex(text, ".") > strings.LastIndex(text, ",") {
			mark = "."
		}
		if strings.Count(text, mark) > 1 {
			return "", false, errNoNumber
		}
		return mark, true, nil
	case commas+points > 1: // 1.234.567: of thousands
		return "", false, nil
	}
	mark = ","
	if points == 1 {
		mark = "."
	}
	before, after, _ := strings.Cut(text, mark)
	if len(after) == 3 && len(before) > 0 && len(before) <= 3 && before != "0" {
		return "", false, errAmbiguous
	}
	return mark, true, nil
}

func digitsOnly(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}

// ParseInteger reads a whole number; "2,00" is one.
func ParseInteger(text, decimal string) (int64, error) {
	n, err := ParseAmount(text, decimal)
	if err != nil {
		return 0, errNoInteger
	}
	if n%100 != 0 {
		return 0, errNoInteger
	}
	return n / 100, nil
}

// isoForms are the forms of dates that say themselves which part is which.
var isoForms = []string{
	time.DateTime, time.DateOnly, "2006-01-02T15:04:05", time.RFC3339Nano, "2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04",
}

// emptyDate is how Cegid stores no date.
var emptyDate = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// firstYear is the first that a date may be of: 30/12/1899 and 0001-01-01 are other systems' empty dates, or years of
// two digits.
const firstYear = 1990

// ParseMoment reads a date with or without a time, as written: no zone is applied. ok is false for Cegid's empty date,
// 1900-01-01.
func ParseMoment(text, order string) (t time.Time, ok bool, err error) {
	text = strings.TrimSpace(text)
	day := "2/1/2006"
	if order == MonthFirst {
		day = "1/2/2006"
	}
	for _, form := range append(slices.Clone(isoForms), day, day+" 15:04:05", day+" 15:04") {
		if t, err = time.Parse(form, text); err != nil {
			continue
		}
		if t.Equal(emptyDate) {
			return t, false, nil
		}
		if t.Year() < firstYear {
			return t, false, errTooOld
		}
		return t, true, nil
	}
	return time.Time{}, false, errNoDate
}

// formatAmount writes an amount as the importer reads it without guessing: 1234.56.
func formatAmount(hundredths int64) string {
	sign := ""
	if hundredths < 0 {
		sign, hundredths = "-", -hundredths
	}
	return fmt.Sprintf("%s%d.%02d", sign, hundredths/100, hundredths%100)
}
