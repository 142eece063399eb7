package pickle

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxDigits = 18

var errNumber = errors.New("it is not a whole number of at most 18 digits")

// parseNumber reads a number as Python writes it: with no sign but a minus, and no zeros before it.
func parseNumber(b []byte) (int64, error) {
	digits := strings.TrimPrefix(string(b), "-")
	if len(digits) > maxDigits {
		return 0, errNumber
	}
	v, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || strconv.FormatInt(v, 10) != string(b) {
		return 0, errNumber
	}
	return v, nil
}

// decimal is an INT. I00 and I01 are False and True.
func (r *reader) decimal() error {
	b, err := r.line()
	if err != nil {
		return err
	}
	v, err := parseNumber(b)
	if err != nil {
		return err
	}
	return r.push(v)
}

// long is a LONG of protocol 0: it ends in L.
func (r *reader) long() error {
	b, err := r.line()
	if err != nil {
		return err
	}
	digits, ok := strings.CutSuffix(string(b), "L")
	v, err := parseNumber([]byte(digits))
	if err != nil || !ok {
		return errNumber
	}
	return r.push(v)
}

// long1 is a LONG1: its length, then two's complement.
func (r *reader) long1() error {
	n, err := r.little(1)
	if err != nil {
		return err
	}
	if n > 8 {
		return errNumber
	}
	bits, err := r.little(n)
	if err != nil {
		return err
	}
	unused := 64 - 8*n
	v := int64(bits<<unused) >> unused //nolint:gosec // the sign is meant
	if _, err := parseNumber(strconv.AppendInt(nil, v, 10)); err != nil {
		return err
	}
	return r.push(v)
}

func (r *reader) signed() error {
	v, err := r.little(4)
	if err != nil {
		return err
	}
	return r.push(int64(int32(uint32(v)))) //nolint:gosec // the sign is meant
}

func (r *reader) unsigned(n uint64) error {
	v, err := r.little(n)
	if err != nil {
		return err
	}
	return r.push(int64(v)) //nolint:gosec // at most 2 bytes
}

// begin makes the dict, of which there is one.
func (r *reader) begin() error {
	if r.dict != nil {
		return errors.New("there is more than one dict")
	}
	r.dict = Dict{}
	return r.push(whole{})
}

func (r *reader) beginWith() error {
	items, err := r.popMark()
	if err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	return r.set(items)
}

func (r *reader) setItem() error {
	value, key := r.pop(), r.pop()
	return r.set([]any{key, value})
}

func (r *reader) setItems() error {
	items, err := r.popMark()
	if err != nil {
		return err
	}
	return r.set(items)
}

// set adds keys, each with its value, to the dict, which must be on top of the stack.
func (r *reader) set(items []any) error {
	if v := r.pop(); v != (whole{}) || len(items)%2 != 0 {
		return errStack
	}
	for pair := range slices.Chunk(items, 2) {
		key, ok := value(pair[0]).(string)
		if !ok {
			return errors.New("a key is not text")
		}
		if _, ok := r.dict[key]; ok {
			return errors.New("a key occurs twice")
		}
		v := value(pair[1])
		if v == nil {
			return errors.New("a value is not text, a number or a date")
		}
		r.dict[key] = v
	}
	return r.push(whole{})
}

// value returns an item as a Dict has it, nil if that has no such values.
func value(item any) any {
	switch item := item.(type) {
	case string, int64, Date:
		return item
	case eightBit:
		return item.text
	default:
		return nil
	}
}

func (r *reader) global() error {
	module, err := r.line()
	if err != nil {
		return err
	}
	name, err := r.line()
	if err != nil {
		return err
	}
	switch string(module) + "." + string(name) {
	case "datetime.date":
		return r.push(date)
	case "datetime.datetime":
		return r.push(datetime)
	default:
		return errors.New("it names something other than datetime.date or datetime.datetime")
	}
}

func (r *reader) tuple() error {
	items, err := r.popMark()
	if err != nil {
		return err
	}
	if len(items) != 1 {
		return errors.New("a date has not exactly one argument: it may have a time zone")
	}
	return r.newState(items[0])
}

func (r *reader) tuple1() error { return r.newState(r.pop()) }

func (r *reader) newState(item any) error {
	s, ok := item.(eightBit)
	if !ok {
		return errors.New("the argument of a date is not an 8-bit string")
	}
	return r.push(state{s.raw})
}

// reduce makes a date. The state is the year in two bytes, the month and the day; that of a datetime has six more for
// the time, as in date.__reduce__ and datetime.__reduce__ of CPython 2.7's Modules/datetimemodule.c.
func (r *reader) reduce() error {
	s, isState := r.pop().(state)
	of, isConstructor := r.pop().(constructor)
	switch {
	case !isState || !isConstructor:
		return errStack
	case len(s.raw) != int(of):
		return errors.New("the argument of a date has the wrong length")
	case strings.Trim(s.raw[date:], "\x00") != "":
		return errors.New("a datetime is not at midnight")
	}
	d := Date{int(s.raw[0])<<8 | int(s.raw[1]), time.Month(s.raw[2]), int(s.raw[3])}
	if !d.Valid() {
		return errors.New("the calendar does not have the date")
	}
	return r.push(d)
}
