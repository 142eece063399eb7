package pronote

import (
	"errors"
	"net/url"
	"path"
	"strings"
)

// Hosts are those that a client may speak to: names with patterns (*.index-education.net, or * for all), which are
// reached by https and at public addresses only, and origins (http://127.0.0.1:8400), each as it is.
type Hosts []string

// ErrHost is an address that is not allowed.
var ErrHost = errors.New("this server may not be asked: its address must be https and one that the settings allow")

// Check reports whether an address may be asked.
func (h Hosts) Check(address string) error {
	_, _, err := h.check(address)
	return err
}

// check returns the address of a page; local: an origin of the settings, which may be anywhere.
func (h Hosts) check(address string) (u *url.URL, local bool, err error) {
	u, err = url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" || u.User != nil || len(address) > 2000 {
		return nil, false, ErrHost
	}
	u.Fragment = ""
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == ".." || segment == "." {
			return nil, false, ErrHost
		}
	}
	for _, allowed := range h {
		if strings.Contains(allowed, "://") {
			if origin, err := url.Parse(allowed); err == nil && strings.EqualFold(u.Scheme, origin.Scheme) &&
				strings.EqualFold(u.Host, origin.Host) &&
				strings.HasPrefix(u.Path+"/", strings.TrimSuffix(origin.Path, "/")+"/") {
				return u, true, nil
			}
			continue
		}
		host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		if ok, err := path.Match(strings.ToLower(allowed), host); err == nil && ok && u.Scheme == "https" &&
			(u.Port() == "" || u.Port() == "443") {
			return u, false, nil
		}
	}
	return nil, false, ErrHost
}
