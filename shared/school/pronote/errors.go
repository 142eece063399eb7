package pronote

import (
	"errors"
	"fmt"
)

// Codes of PRONOTE's own errors.
const (
	CodeNotDone     = 0  // a sentence for the person: something in the request is not as it should be
	CodeNoRight     = 3  // the function or tab is not the account's
	CodeSuspended   = 5  // this network address is kept out for hours
	CodeEnded       = 7  // by the server
	CodeReplaced    = 8  // by another login; the page has expired (1)
	CodeExpired     = 10 // or the order was broken
	CodeReplaced2   = 11 // the page has expired (4)
	CodeReplaced3   = 13 // the page has expired (6)
	CodeRefused     = 21 // cookies, an ENT's hop, or a client that is too old
	CodeOtherObject = 22 // an id of another session
	CodeTooMany     = 25 // wrong answers to challenges
)

// An Error is one that PRONOTE answered with.
type Error struct{ Code int }

func (e *Error) Error() string {
	if e.Code == CodeNotDone {
		return "PRONOTE did not accept the request"
	}
	return fmt.Sprintf("PRONOTE answered with its error %d", e.Code)
}

// Is reports whether a target is [ErrSessionLost], and the error says so.
func (e *Error) Is(target error) bool {
	if target != ErrSessionLost {
		return false
	}
	switch e.Code {
	case CodeEnded, CodeReplaced, CodeExpired, CodeReplaced2, CodeReplaced3:
		return true
	}
	return false
}

// Errors of a session and of logins. None has what a person typed, or an address, in it.
var (
	ErrSessionLost   = errors.New("the session has ended")
	ErrNoPage        = errors.New("there is no PRONOTE session page at this address")
	ErrClosed        = errors.New("the school's PRONOTE is closed just now")
	ErrOldVersion    = errors.New("this PRONOTE is older than 2025.1.3, which is not understood")
	ErrWrongPassword = errors.New("the username or the password is wrong")
	ErrNeedsPIN      = errors.New("a PIN is required for this account: send it as pin")
	ErrWrongPIN      = errors.New("the PIN is wrong")
	ErrNeedsDevice   = errors.New("a device name is required for this account: send it as deviceName")
	ErrNewPassword   = errors.New("PRONOTE asks for a new password: sign in once on the school's own page")
	ErrChooseMode    = errors.New("PRONOTE asks how the account is to be secured: sign in once on the school's own page")
	ErrQRCode        = errors.New("the QR code cannot be read with this PIN, or is no longer valid")
	ErrNoENT         = errors.New("signing in through an ENT is not possible yet: use a QR code, or a PRONOTE password")
	ErrSpace         = errors.New("this space is neither of pupils nor of parents")
	ErrNoTab         = errors.New("the school does not show this page to the account")
	ErrAnswer        = errors.New("PRONOTE's answer cannot be read")
	ErrUnreachable   = errors.New("the school's PRONOTE does not answer")
	ErrNotFound      = errors.New("there is no such object")
)

// A Denied is a login that PRONOTE understood and does not allow.
type Denied struct{ Access int }

func (d *Denied) Error() string {
	texts := map[int]string{
		2: "the account may not use this space", 3: "class accounts may not use this space",
		4: "no pupil or parent belongs to the account", 5: "the login may not be used here",
		6: "the account is blocked by the school", 7: "assistants may not use this space",
		8: "assistants may not use this space", 9: "the school has closed the space to the account",
		10: "the account is disabled",
	}
	if text, ok := texts[d.Access]; ok {
		return text
	}
	return fmt.Sprintf("PRONOTE does not allow the login (%d)", d.Access)
}
