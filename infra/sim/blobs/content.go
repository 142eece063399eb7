package blobs

import (
	"bytes"
	"crypto/md5" //nolint:gosec // what the store keeps of a blob's contents
	"encoding/base64"
	"io"
	"os"
)

// A content is what a blob holds: pieces, one for each block. It never changes.
type content []piece

type piece struct {
	id   string // of a block that was committed
	data io.ReaderAt
	size int64
}

func (c content) size() (n int64) {
	for _, p := range c {
		n += p.size
	}
	return n
}

// from reads n bytes that begin at an offset.
func (c content) from(offset, n int64) io.Reader {
	var parts []io.Reader
	for _, p := range c {
		take := min(n, p.size-offset)
		if take > 0 {
			parts = append(parts, io.NewSectionReader(p.data, offset, take))
			n -= take
		}
		offset = max(0, offset-p.size)
	}
	return io.MultiReader(parts...)
}

// inMemory is the largest piece that is not kept in a file.
const inMemory = 1 << 20

// receive reads the body of a request; sum is its MD5, which must be the one of Content-MD5, if that is given.
func (s *Server) receive(c *call) (p piece, sum []byte, e *apiError) {
	if c.r.ContentLength < 0 {
		return p, nil, errNoLength
	}
	want, e := md5Of(c.r.Header.Get("Content-Md5"))
	if e != nil {
		return p, nil, e
	}
	hash := md5.New() //nolint:gosec // as above
	body := io.TeeReader(c.r.Body, hash)
	var err error
	if c.r.ContentLength > inMemory && s.dir != "" {
		p, err = toFile(s.dir, body)
	} else {
		var data []byte
		data, err = io.ReadAll(body)
		p = piece{data: bytes.NewReader(data), size: int64(len(data))}
	}
	sum = hash.Sum(nil)
	switch {
	case err != nil || p.size != c.r.ContentLength:
		return p, nil, errBody
	case want != nil && !bytes.Equal(want, sum):
		return p, nil, errMD5
	}
	return p, sum, nil
}

// toFile keeps a body in a file. The name goes at once, the file with the last blob that uses it; where the system does
// not remove a file that is open, it goes with its folder.
func toFile(dir string, body io.Reader) (piece, error) {
	file, err := os.CreateTemp(dir, "blob")
	if err != nil {
		return piece{}, err
	}
	_ = os.Remove(file.Name())
	n, err := io.Copy(file, body)
	return piece{data: file, size: n}, err
}

// md5Of reads an MD5 from a header.
func md5Of(header string) ([]byte, *apiError) {
	if header == "" {
		return nil, nil
	}
	sum, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(sum) != md5.Size {
		return nil, errInvalidMD5
	}
	return sum, nil
}
