package pickle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Read reads a message in protocol 0, 1 or 2. An error says where the body is wrong and how, and quotes nothing of it,
// because it may hold personal data.
//
// An 8-bit string is UTF-8 where it is valid UTF-8, otherwise Latin-1.
func Read(body []byte) (Dict, error) {
	if len(body) > maxBytes {
		return nil, fmt.Errorf("the pickle has %d bytes: a message has at most %d", len(body), maxBytes)
	}
	r := reader{rest: body, memo: map[int64]any{}}
	for range maxOpcodes {
		at := len(body) - len(r.rest)
		code, err := r.take(1)
		if err != nil {
			return nil, fmt.Errorf("the pickle ends at byte %d without STOP", at)
		}
		op, ok := opcodes[code[0]]
		switch {
		case !ok:
			return nil, fmt.Errorf("the pickle, byte %d: the opcode 0x%02x is not one of a message", at, code[0])
		case at > 0 && code[0] == proto:
			err = errors.New("it is not at the beginning")
		case code[0] == stop:
			err = r.stop()
		default:
			err = op.do(&r)
		}
		if err != nil {
			return nil, fmt.Errorf("the pickle, byte %d, %s: %w", at, op.name, err)
		}
		if code[0] == stop {
			return r.dict, nil
		}
	}
	return nil, fmt.Errorf("the pickle has more than the %d opcodes of a message", maxOpcodes)
}

// On the stack and in the memo are string, int64, Date and what these types are for.
type (
	mark  struct{} // where the items of a DICT, SETITEMS or TUPLE begin
	whole struct{} // the dict; its items are in reader.dict
	// An eightBit is a str of Python 2. Dates are made from its bytes.
	eightBit struct{ raw, text string }
	// A state is the tuple of arguments of a constructor: one str.
	state struct{ raw string }
	// A constructor is datetime.date or datetime.datetime, as the length of its state.
	constructor int
)

const (
	date     constructor = 4
	datetime constructor = 10
)

type reader struct {
	rest  []byte
	stack []any
	memo  map[int64]any
	dict  Dict // nil until there is one
}

const (
	proto = 0x80
	stop  = '.'
)

var opcodes = map[byte]struct {
	name string
	do   func(*reader) error
}{
	proto: {"PROTO", (*reader).proto},
	stop:  {"STOP", nil},
	'(':   {"MARK", func(r *reader) error { return r.push(mark{}) }},
	'}':   {"EMPTY_DICT", (*reader).begin},
	'd':   {"DICT", (*reader).beginWith},
	's':   {"SETITEM", (*reader).setItem},
	'u':   {"SETITEMS", (*reader).setItems},
	'S':   {"STRING", (*reader).quoted},
	'U':   {"SHORT_BINSTRING", func(r *reader) error { return r.eightBit(1) }},
	'T':   {"BINSTRING", func(r *reader) error { return r.eightBit(4) }},
	'V':   {"UNICODE", (*reader).escaped},
	'X':   {"BINUNICODE", (*reader).utf8},
	'I':   {"INT", (*reader).decimal},
	'J':   {"BININT", (*reader).signed},
	'K':   {"BININT1", func(r *reader) error { return r.unsigned(1) }},
	'M':   {"BININT2", func(r *reader) error { return r.unsigned(2) }},
	'L':   {"LONG", (*reader).long},
	0x8a:  {"LONG1", (*reader).long1},
	'c':   {"GLOBAL", (*reader).global},
	't':   {"TUPLE", (*reader).tuple},
	0x85:  {"TUPLE1", (*reader).tuple1},
	'R':   {"REDUCE", (*reader).reduce},
	'p':   {"PUT", func(r *reader) error { return r.memoized(r.put) }},
	'q':   {"BINPUT", func(r *reader) error { return r.indexed(1, r.put) }},
	'r':   {"LONG_BINPUT", func(r *reader) error { return r.indexed(4, r.put) }},
	'g':   {"GET", func(r *reader) error { return r.memoized(r.get) }},
	'h':   {"BINGET", func(r *reader) error { return r.indexed(1, r.get) }},
	'j':   {"LONG_BINGET", func(r *reader) error { return r.indexed(4, r.get) }},
}

var (
	errShort = errors.New("its argument is longer than the rest of the body")
	errStack = errors.New("the stack does not hold what it needs")
)

// take returns the next n bytes.
func (r *reader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.rest)) {
		return nil, errShort
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b, nil
}

// line returns the bytes up to the next newline, which is taken too.
func (r *reader) line() ([]byte, error) {
	b, rest, ok := bytes.Cut(r.rest, []byte("\n"))
	if !ok {
		return nil, errShort
	}
	r.rest = rest
	return b, nil
}

// little reads a little-endian number of n bytes, at most 8.
func (r *reader) little(n uint64) (uint64, error) {
	b, err := r.take(n)
	var wide [8]byte
	copy(wide[:], b)
	return binary.LittleEndian.Uint64(wide[:]), err
}

func (r *reader) push(v any) error {
	r.stack = append(r.stack, v)
	return nil
}

// pop returns the top of the stack; it is nil where there is none.
func (r *reader) pop() any {
	if len(r.stack) == 0 {
		return nil
	}
	last := len(r.stack) - 1
	v := r.stack[last]
	r.stack = r.stack[:last]
	return v
}

// popMark returns what is above the topmost mark.
func (r *reader) popMark() ([]any, error) {
	for i, v := range slices.Backward(r.stack) {
		if v == (mark{}) {
			items := r.stack[i+1:]
			r.stack = r.stack[:i]
			return items, nil
		}
	}
	return nil, errors.New("there is no MARK")
}

func (r *reader) proto() error {
	b, err := r.take(1)
	if err == nil && b[0] != 2 {
		err = errors.New("the protocol is not 2") // 0 and 1 do not name themselves
	}
	return err
}

func (r *reader) stop() error {
	switch {
	case len(r.stack) != 1 || r.stack[0] != whole{}:
		return errors.New("the pickle is not one dict")
	case len(r.rest) > 0:
		return errors.New("the body continues after it")
	}
	return nil
}

// put memoizes the top of the stack. A pickler numbers each object once.
func (r *reader) put(i int64) error {
	v := r.pop()
	if v == nil || v == (mark{}) {
		return errStack
	}
	if _, ok := r.memo[i]; ok {
		return errors.New("the memo already has this number")
	}
	r.memo[i] = v
	return r.push(v)
}

func (r *reader) get(i int64) error {
	v, ok := r.memo[i]
	switch {
	case !ok:
		return errors.New("the memo does not have this number")
	case v == whole{}:
		return errors.New("the dict would be inside itself")
	}
	return r.push(v)
}

// memoized does what a PUT or GET of protocol 0 says.
func (r *reader) memoized(do func(int64) error) error {
	b, err := r.line()
	if err != nil {
		return err
	}
	i, err := parseNumber(b)
	if err == nil && i < 0 {
		err = errors.New("the memo has no numbers below 0")
	}
	if err != nil {
		return err
	}
	return do(i)
}

// indexed does what a PUT or GET of protocol 1 says; its number has n bytes.
func (r *reader) indexed(n uint64, do func(int64) error) error {
	i, err := r.little(n)
	if err != nil {
		return err
	}
	return do(int64(i)) //nolint:gosec // at most 4 bytes
}
