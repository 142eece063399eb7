package web

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// Compress returns h with its answers compressed by gzip for clients that take it. Both forms of an answer share
// their ETag, so it must be a weak one (RFC 9110, 8.8.1): W/"...". Answers that hold a secret beside what the client
// chose must not be compressed: their length would tell of it.
func Compress(h http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false))
	if err != nil {
		panic("web: " + err.Error()) // the options are constant
	}
	return wrap(h)
}
