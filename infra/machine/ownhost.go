package machine

import (
	"net"
	"net/http"
	"strings"
)

// ownHost refuses requests that ask for this machine by a name other than
// localhost: a page elsewhere could have its own name point here (DNS rebinding).
func ownHost(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !unnamed(r.Host) {
			http.Error(w, "Use this machine's IP address or localhost in the address; other names are refused here.",
				http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// unnamed reports whether a Host is an IP address or localhost. Names have no case and may end with a dot.
func unnamed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}
