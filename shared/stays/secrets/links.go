package secrets

import (
	"crypto/subtle"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/seal"
)

// linkOf is what a link's digest is of.
const linkOf = "sign-in link"

// LinkToken is what lets an owner in by the link of an id: the id with a digest of it that only the keys make. So what
// is kept of a link does not let in.
func LinkToken(keys *seal.Keys, id string) string { return id + "." + keys.Digest(linkOf, id) }

// LinkID is the id in a token that our keys have made, or "".
func LinkID(keys *seal.Keys, token string) string {
	id, digest, _ := strings.Cut(token, ".")
	for _, right := range keys.Digests(linkOf, id) {
		if subtle.ConstantTimeCompare([]byte(digest), []byte(right)) == 1 {
			return id
		}
	}
	return ""
}
