// Package compress makes answers of functions smaller. It is apart from web so that functions without large answers
// do not link it.
package compress

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// Handler returns h with its answers compressed by gzip for clients that take it. Both forms of an answer share
// their ETag, so it must be a weak one (RFC 9110, 8.8.1): W/"...". Answers that hold a secret beside text that the
// client chose must not be compressed: their length would reveal it.
func Handler(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false))
	if err != nil {
		panic("compress: " + err.Error()) // the options are constant
	}
	return wrap(h)
}
