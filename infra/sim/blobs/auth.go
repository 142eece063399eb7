package blobs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// authorize lets a request through that the account's key signed, or a SAS with one of the rights.
func (s *Server) authorize(c *call, rights string) *apiError {
	switch scheme, signature, _ := strings.Cut(c.r.Header.Get("Authorization"), " "); {
	case scheme == "SharedKey":
		if signature != Name+":"+s.sign(sharedKeyText(c.r)) {
			return denied("The MAC signature found in the HTTP request is not the same as any computed signature.")
		}
		return nil
	case scheme != "":
		return denied("The authorization scheme is not simulated.")
	case c.query.Has("sig"):
		return s.authorizeSAS(c, rights)
	}
	return errNoAuthentication
}

// denied is the answer to a signature that is wrong, or not valid now.
func denied(detail string) *apiError {
	return &apiError{http.StatusForbidden, "AuthenticationFailed", "Server failed to authenticate the request. " +
		"Make sure the value of Authorization header is formed correctly including the signature. " + detail}
}

// sign is a text's HMAC-SHA256 with the account's key.
func (s *Server) sign(text string) string {
	key, err := base64.StdEncoding.DecodeString(s.account.Key)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// sharedKeyText is what a shared key signs (rest/api/storageservices/authorize-with-shared-key).
func sharedKeyText(r *http.Request) string {
	lines := []string{r.Method}
	for _, name := range []string{
		"Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
		"If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
	} {
		value := r.Header.Get(name)
		if name == "Content-Length" && r.ContentLength == 0 || name == "Date" && r.Header.Get("X-Ms-Date") != "" {
			value = ""
		}
		lines = append(lines, value)
	}
	headers := canonical(r.Header)
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if strings.HasPrefix(name, "x-ms-") {
			lines = append(lines, name+":"+strings.TrimSpace(strings.Join(headers[name], ",")))
		}
	}
	lines = append(lines, "/"+Name+r.URL.EscapedPath())
	query := canonical(r.URL.Query())
	for _, name := range slices.Sorted(maps.Keys(query)) {
		lines = append(lines, name+":"+strings.Join(slices.Sorted(slices.Values(query[name])), ","))
	}
	return strings.Join(lines, "\n")
}

// canonical has the names of headers or parameters in lower case.
func canonical(values map[string][]string) map[string][]string {
	lower := make(map[string][]string, len(values))
	for name, list := range values {
		lower[strings.ToLower(name)] = list
	}
	return lower
}

// authorizeSAS checks a service SAS (rest/api/storageservices/create-service-sas).
func (s *Server) authorizeSAS(c *call, rights string) *apiError {
	q := c.query
	resource := "/blob/" + Name + "/" + c.container
	switch q.Get("sr") {
	case "c":
	case "b":
		resource += "/" + c.blob
	default:
		return denied("The signed resource (sr) is not simulated.")
	}
	version := q.Get("sv")
	lines := []string{
		q.Get("sp"), q.Get("st"), q.Get("se"), resource, q.Get("si"), q.Get("sip"), q.Get("spr"), version, q.Get("sr"),
		"", // the instant of a snapshot, for one of a snapshot alone
	}
	if version < "2018-11-09" {
		return denied("The signed version (sv) is not simulated.")
	}
	if version >= "2020-12-06" {
		lines = append(lines, q.Get("ses"))
	}
	lines = append(lines, q.Get("rscc"), q.Get("rscd"), q.Get("rsce"), q.Get("rscl"), q.Get("rsct"))
	if q.Get("sig") != s.sign(strings.Join(lines, "\n")) {
		return denied("Signature did not match.")
	}
	start, startErr := sasTime(q.Get("st"))
	end, endErr := sasTime(q.Get("se"))
	now := s.Now()
	if q.Has("st") && (startErr != nil || now.Before(start)) || endErr != nil || !now.Before(end) {
		return denied("Signature not valid in the specified time frame.")
	}
	if q.Get("spr") == "https" && c.r.TLS == nil {
		return &apiError{403, "AuthorizationProtocolMismatch", "The access is for https."}
	}
	if rights == "" || !strings.ContainsAny(q.Get("sp"), rights) {
		return errNoRight
	}
	return nil
}

// sasTime reads an instant of a SAS, which may lack its time of day or its seconds.
func sasTime(text string) (at time.Time, err error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z", time.DateOnly} {
		if at, err = time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return at, err
}
