package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Query reads the parameters of an address, of which each must be known.
func Query(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, NewProblem(http.StatusBadRequest, "The address has parameters that cannot be read.", nil)
	}
	for name := range q {
		if !slices.Contains(known, name) {
			return nil, NewProblem(http.StatusBadRequest,
				fmt.Sprintf("There is no parameter %.40q here: %s are.", name, strings.Join(known, ", ")), nil)
		}
	}
	return q, nil
}

// Number reads a parameter that is a whole number of a range.
func Number(q url.Values, name string, other, least, most int64) (int64, error) {
	text := q.Get(name)
	if text == "" {
		return other, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most {
		return 0, NewProblem(http.StatusBadRequest,
			fmt.Sprintf("The parameter %s must be a whole number from %d to %d.", name, least, most), nil)
	}
	return n, nil
}

// Unchanged sets an ETag over the facts of an answer. Where the client has it already it answers 304, and reports so.
func Unchanged(w http.ResponseWriter, r *http.Request, facts []byte) bool {
	sum := sha256.Sum256(facts)
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", etag)
	if !Matches(r, etag) {
		return false
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// WriteTagged answers with an ETag over the facts, or that the client has them already.
func WriteTagged(w http.ResponseWriter, r *http.Request, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if Unchanged(w, r, data) {
		return nil
	}
	return WriteJSON(w, http.StatusOK, json.RawMessage(data))
}
