package exports

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// A SAS is a shared access signature of a container, from Cegid's API or from its portal
// (learn.microsoft.com/rest/api/storageservices/create-service-sas). Its String and GoString hold no secret.
type SAS struct {
	Container string    // the container's address, without the token
	Rights    string    // sp: r read, l list, d delete
	Starts    time.Time // st; zero where the token does not say
	Expires   time.Time // se; likewise
	token     string
}

// errNoSAS says that an address is no container's with a token.
var errNoSAS = errors.New("this is not a SAS address of a container, such as " +
	"https://ACCOUNT.blob.core.windows.net/CONTAINER?sv=…&se=…&sp=…&sig=…")

// ParseSAS reads a container's address with its token. Its errors never hold the address.
func ParseSAS(address string) (SAS, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") == "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return SAS{}, errNoSAS
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || query.Get("sig") == "" {
		return SAS{}, errNoSAS
	}
	s := SAS{Rights: query.Get("sp"), token: u.RawQuery}
	if text := query.Get("se"); text != "" {
		if s.Expires, err = parseSASTime(text); err != nil {
			return SAS{}, fmt.Errorf("the SAS address's end (se) cannot be read: %w", err)
		}
	}
	if text := query.Get("st"); text != "" {
		if s.Starts, err = parseSASTime(text); err != nil {
			return SAS{}, fmt.Errorf("the SAS address's start (st) cannot be read: %w", err)
		}
	}
	u.RawQuery, u.Fragment = "", ""
	s.Container = strings.TrimRight(u.String(), "/")
	return s, nil
}

// JoinSAS puts together what Cegid's API answers in parts; a slash or question mark may stand on either side, or on
// none.
func JoinSAS(service, container, token string) (SAS, error) {
	return ParseSAS(strings.TrimRight(service, "/") + "/" + strings.Trim(container, "/") + "?" +
		strings.TrimLeft(token, "?"))
}

// parseSASTime reads the forms of time that a SAS may have.
func parseSASTime(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z", "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errNoDate
}

// URL is the container's address with the token: for the client of the store, and nowhere else.
func (s SAS) URL() string { return s.Container + "?" + s.token }

// Allows reports whether the token gives a right, such as d for deletion. A token of a stored policy does not say; the
// store will.
func (s SAS) Allows(right rune) bool { return s.Rights == "" || strings.ContainsRune(s.Rights, right) }

// RenewAt is when a token made at an instant is to be renewed: after four fifths of its life; zero where it has no end.
func (s SAS) RenewAt(made time.Time) time.Time {
	if s.Expires.IsZero() {
		return time.Time{}
	}
	return made.Add(s.Expires.Sub(made) * 4 / 5)
}

// String implements [fmt.Stringer] without the token.
func (s SAS) String() string { return s.Container }

// GoString implements [fmt.GoStringer] without the token.
func (s SAS) GoString() string { return s.Container }
