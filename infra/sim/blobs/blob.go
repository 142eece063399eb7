package blobs

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A blob is the version that is there now, and the snapshots of earlier ones, the oldest first.
type blob struct {
	version

	lease     lease
	snapshots []version
}

// A version is a blob's contents and properties as they were at one time.
type version struct {
	snapshot          string // its instant, for a snapshot
	kind              string // BlockBlob or AppendBlob
	content           content
	etag              string // without quotes
	created, modified time.Time
	headers           map[string]string // that come with the contents
	md5               []byte
	metadata          map[string]string
	tier              string // "" as it was created
	rehydrating       bool   // in Azure for hours, here for good
}

// touch gives a version a new ETag and time. The lock is held.
func (s *Server) touch(v *version) {
	v.etag = fmt.Sprintf("0x%X", s.tick())
	v.modified = s.Now().UTC()
	if v.created.IsZero() {
		v.created = v.modified
	}
}

// tick is the time in units of 100 ns; it is never given out twice. The lock is held.
func (s *Server) tick() int64 {
	s.last = max(s.last+1, s.Now().UnixNano()/100)
	return s.last
}

var containerName = regexp.MustCompile(`^(\$root|\$web|[a-z0-9](-?[a-z0-9]){2,62})$`)

func (s *Server) createContainer(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !containerName.MatchString(c.container) {
		return errName
	}
	if s.containers[c.container] != nil {
		return errContainerExists
	}
	made := &container{blobs: map[string]*blob{}, blocks: map[string]map[string]piece{}}
	made.metadata = metadataOf(c.r.Header)
	s.touch(&made.version)
	s.containers[c.container] = made
	c.done(http.StatusCreated, &made.version)
	return nil
}

func (s *Server) deleteContainer(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.containers[c.container] == nil {
		return errNoContainer
	}
	delete(s.containers, c.container)
	c.WriteHeader(http.StatusAccepted)
	return nil
}

func (s *Server) containerProperties(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.containers[c.container]
	if found == nil {
		return errNoContainer
	}
	c.setMetadata(found.metadata)
	c.done(http.StatusOK, &found.version)
	return nil
}

// done answers with a version's ETag and time, and no body.
func (c *call) done(status int, v *version) {
	c.Header().Set("ETag", `"`+v.etag+`"`)
	c.Header().Set("Last-Modified", v.modified.Format(http.TimeFormat))
	c.WriteHeader(status)
}

func (c *call) setMetadata(metadata map[string]string) {
	for name, value := range metadata {
		c.Header()["x-ms-meta-"+name] = []string{value}
	}
}

func metadataOf(h http.Header) map[string]string {
	metadata := map[string]string{}
	for name := range h {
		if lower, ok := strings.CutPrefix(strings.ToLower(name), "x-ms-meta-"); ok {
			metadata[lower] = h.Get(name)
		}
	}
	return metadata
}

// find returns the call's container and blob; the blob is nil where there is none. The lock is held.
func (s *Server) find(c *call) (*container, *blob, *apiError) {
	found := s.containers[c.container]
	if found == nil {
		return nil, nil, errNoContainer
	}
	return found, found.blobs[c.blob], nil
}

// version returns the version that a call reads. The lock is held.
func (s *Server) version(c *call) (*blob, *version, *apiError) {
	_, b, err := s.find(c)
	if err != nil {
		return nil, nil, err
	}
	if b == nil {
		return nil, nil, absent(c.r)
	}
	at := c.query.Get("snapshot")
	if at == "" {
		return b, &b.version, nil
	}
	if i := slices.IndexFunc(b.snapshots, func(v version) bool { return v.snapshot == at }); i >= 0 {
		return b, &b.snapshots[i], nil
	}
	return nil, nil, errNoBlob
}

// absent is the answer where there is no blob: a condition on its ETag is not met either (RFC 9110, 13.1.1).
func absent(r *http.Request) *apiError {
	if r.Header.Get("If-Match") != "" {
		return errCondition
	}
	return errNoBlob
}

// change finds the blob that a call changes, of one type or of any for "", if its conditions and lease let it. The lock
// is held.
func (s *Server) change(c *call, kind string) (*blob, *apiError) {
	_, b, err := s.find(c)
	switch {
	case err != nil:
		return nil, err
	case b == nil:
		return nil, absent(c.r)
	case kind != "" && b.kind != kind:
		return nil, errBlobType
	}
	if err := conditions(c.r, &b.version); err != nil {
		return nil, err
	}
	return b, b.lease.admits(c.r, s.Now(), true)
}

// create finds or makes the blob that a call writes whole, if the conditions and a lease let it. The lock is held.
func (s *Server) create(c *call) (*blob, *apiError) {
	in, b, err := s.find(c)
	if err != nil {
		return nil, err
	}
	if b == nil {
		if c.r.Header.Get("If-Match") != "" {
			return nil, errCondition
		}
		b = &blob{}
		if err := b.lease.admits(c.r, s.Now(), true); err != nil {
			return nil, err
		}
		in.blobs[c.blob] = b
		return b, nil
	}
	if c.r.Header.Get("If-None-Match") == "*" {
		return nil, errBlobExists
	}
	if err := conditions(c.r, &b.version); err != nil {
		return nil, err
	}
	return b, b.lease.admits(c.r, s.Now(), true)
}

// conditions checks the conditional headers of a call against a version.
func conditions(r *http.Request, v *version) *apiError {
	unmet := errCondition
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		unmet = errNotModified
	}
	h := r.Header
	if tag := h.Get("If-Match"); tag != "" && !v.is(tag) {
		return errCondition
	}
	if tag := h.Get("If-None-Match"); tag != "" && v.is(tag) {
		return unmet
	}
	whole := v.modified.Truncate(time.Second)
	if at, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && whole.After(at) {
		return errCondition
	}
	if at, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !whole.After(at) {
		return unmet
	}
	return nil
}

func (v *version) is(tag string) bool { return tag == "*" || strings.Trim(tag, `"`) == v.etag }

// get answers Get Blob and Get Blob Properties.
func (s *Server) get(c *call) *apiError {
	s.mu.Lock()
	b, v, err := s.version(c)
	if err == nil {
		err = b.lease.admits(c.r, s.Now(), false)
	}
	if err == nil {
		err = conditions(c.r, v)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	read := *v // what comes is this version, also if the blob is written again meanwhile
	state := b.lease.state(s.Now())
	s.mu.Unlock()
	if c.r.Method == http.MethodHead {
		c.setProperties(&read, state)
		c.setMD5("Content-MD5", read.md5)
		c.Header().Set("Content-Length", strconv.FormatInt(read.content.size(), 10))
		c.done(http.StatusOK, &read)
		return nil
	}
	return c.send(&read, state)
}

func (c *call) send(v *version, lease string) *apiError {
	switch {
	case v.rehydrating:
		return errRehydrating
	case v.tier == "Archive":
		return errArchived
	}
	size := v.content.size()
	offset, n, part, err := rangeOf(first(c.r.Header.Get("X-Ms-Range"), c.r.Header.Get("Range")), size)
	if err != nil {
		c.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return err
	}
	c.setProperties(v, lease)
	c.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	status := http.StatusOK
	if part {
		status = http.StatusPartialContent
		c.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+n-1, size))
		c.setMD5("X-Ms-Blob-Content-Md5", v.md5)
	} else {
		c.setMD5("Content-MD5", v.md5)
	}
	c.done(status, v)
	_, _ = io.Copy(c.ResponseWriter, v.content.from(offset, n)) // the reader has gone if this fails
	return nil
}

// rangeOf reads bytes=FIRST- or bytes=FIRST-LAST. Other forms are ignored, as the reference has none.
func rangeOf(header string, size int64) (offset, n int64, part bool, err *apiError) {
	text, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(text, "-")
	offset, perr := strconv.ParseInt(from, 10, 64)
	if !ok || !dash || perr != nil || offset < 0 {
		return 0, size, false, nil
	}
	last := size - 1
	if to != "" {
		end, perr := strconv.ParseInt(to, 10, 64)
		if perr != nil || end < offset {
			return 0, size, false, nil
		}
		last = min(last, end)
	}
	if offset >= size {
		return 0, 0, false, errRange
	}
	return offset, last - offset + 1, true, nil
}

func (c *call) setMD5(header string, sum []byte) {
	if sum != nil {
		c.Header().Set(header, base64.StdEncoding.EncodeToString(sum))
	}
}

// setProperties sets the headers of a version's properties.
func (c *call) setProperties(v *version, lease string) {
	h := c.Header()
	for name, value := range v.headers {
		h.Set(name, value)
	}
	c.setMetadata(v.metadata)
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Ms-Blob-Type", v.kind)
	h.Set("X-Ms-Creation-Time", v.created.Format(http.TimeFormat))
	h.Set("X-Ms-Server-Encrypted", "true")
	if v.snapshot == "" {
		h.Set("X-Ms-Lease-State", lease)
		h.Set("X-Ms-Lease-Status", leaseStatus(lease))
	}
	if v.kind == appendBlob {
		h.Set("X-Ms-Blob-Committed-Block-Count", strconv.Itoa(len(v.content)))
		return
	}
	h.Set("X-Ms-Access-Tier", first(v.tier, "Hot"))
	if v.tier == "" {
		h.Set("X-Ms-Access-Tier-Inferred", "true")
	}
	if v.rehydrating {
		h.Set("X-Ms-Archive-Status", "rehydrate-pending-to-hot")
	}
}

// deleteBlob deletes a blob with its snapshots, a snapshot, or the snapshots alone.
func (s *Server) deleteBlob(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.version(c)
	if err != nil {
		return err
	}
	if err := conditions(c.r, v); err != nil {
		return err
	}
	if v.snapshot != "" {
		b.snapshots = slices.DeleteFunc(b.snapshots, func(one version) bool { return one.snapshot == v.snapshot })
		c.WriteHeader(http.StatusAccepted)
		return nil
	}
	if err := b.lease.admits(c.r, s.Now(), true); err != nil {
		return err
	}
	switch how := c.r.Header.Get("X-Ms-Delete-Snapshots"); {
	case how == "only":
		b.snapshots = nil
	case how != "" && how != "include":
		return errHeaderValue
	case how == "" && len(b.snapshots) > 0:
		return errSnapshots
	default:
		delete(s.containers[c.container].blobs, c.blob)
	}
	c.WriteHeader(http.StatusAccepted)
	return nil
}

// snapshot makes a snapshot of a blob.
func (s *Server) snapshot(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.version(c)
	if err != nil {
		return err
	}
	if err := conditions(c.r, v); err != nil {
		return err
	}
	if err := b.lease.admits(c.r, s.Now(), false); err != nil {
		return err
	}
	made := *v
	made.snapshot = time.Unix(0, s.tick()*100).UTC().Format("2006-01-02T15:04:05.0000000Z")
	if metadata := metadataOf(c.r.Header); len(metadata) > 0 {
		made.metadata = metadata
		s.touch(&made)
	}
	b.snapshots = append(b.snapshots, made)
	c.Header().Set("X-Ms-Snapshot", made.snapshot)
	c.done(http.StatusCreated, &made)
	return nil
}

// setTier moves a block blob to another access tier.
func (s *Server) setTier(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, v, err := s.version(c)
	if err != nil {
		return err
	}
	if err := b.lease.admits(c.r, s.Now(), false); err != nil {
		return err
	}
	tier := c.r.Header.Get("X-Ms-Access-Tier")
	if v.kind != blockBlob {
		return errBlobType
	}
	if !slices.Contains([]string{"Hot", "Cool", "Cold", "Archive"}, tier) {
		return errHeaderValue
	}
	if v.tier == "Archive" && tier != "Archive" {
		v.rehydrating = true
		c.WriteHeader(http.StatusAccepted)
		return nil
	}
	v.tier = tier
	c.WriteHeader(http.StatusOK)
	return nil
}

// setProperties replaces the headers that come with a blob and its MD5, all of them, if the call has one of them.
func (s *Server) setProperties(c *call) *apiError {
	sum, err := md5Of(c.r.Header.Get("X-Ms-Blob-Content-Md5"))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.change(c, "")
	if err != nil {
		return err
	}
	if hasBlobHeader(c.r.Header) {
		b.headers, b.md5 = contentHeaders(c.r.Header, false), sum
	}
	s.touch(&b.version)
	c.done(http.StatusOK, &b.version)
	return nil
}

func hasBlobHeader(h http.Header) bool {
	for name := range h {
		if strings.HasPrefix(name, "X-Ms-Blob-") {
			return true
		}
	}
	return false
}

// setMetadata replaces a blob's metadata.
func (s *Server) setMetadata(c *call) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.change(c, "")
	if err != nil {
		return err
	}
	b.metadata = metadataOf(c.r.Header)
	s.touch(&b.version)
	c.done(http.StatusOK, &b.version)
	return nil
}

// contentHeaders are those that come with a blob when it is read; plain says that a request's own headers count too.
func contentHeaders(h http.Header, plain bool) map[string]string {
	headers := map[string]string{}
	for _, name := range []string{
		"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Cache-Control",
	} {
		value := h.Get("X-Ms-Blob-" + name)
		if value == "" && plain {
			value = h.Get(name)
		}
		if value != "" {
			headers[name] = value
		}
	}
	if headers["Content-Type"] == "" {
		headers["Content-Type"] = "application/octet-stream"
	}
	return headers
}
