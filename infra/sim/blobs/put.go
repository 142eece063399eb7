package blobs

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strconv"
)

// The types of blobs.
const (
	blockBlob  = "BlockBlob"
	appendBlob = "AppendBlob"
)

// putBlob writes a block blob whole, or makes an empty append blob.
func (s *Server) putBlob(c *call) *apiError {
	kind := c.r.Header.Get("X-Ms-Blob-Type")
	switch {
	case kind == "":
		return errHeaderMissing
	case kind != blockBlob && kind != appendBlob, kind == appendBlob && c.r.ContentLength > 0:
		return errHeaderValue
	}
	stored, err := md5Of(c.r.Header.Get("X-Ms-Blob-Content-Md5"))
	if err != nil {
		return err
	}
	p, sum, err := s.receive(c)
	if err != nil {
		return err
	}
	if kind == blockBlob && stored != nil && !bytes.Equal(stored, sum) {
		return errMD5
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.create(c)
	if err != nil {
		return err
	}
	delete(s.containers[c.container].blocks, c.blob)
	b.version = version{
		kind: kind, created: b.created, tier: c.r.Header.Get("X-Ms-Access-Tier"),
		headers: contentHeaders(c.r.Header, true), metadata: metadataOf(c.r.Header),
	}
	if b.md5 = stored; kind == blockBlob {
		b.content, b.md5 = content{p}, sum
	}
	s.touch(&b.version)
	c.setMD5("Content-MD5", sum)
	c.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	c.done(http.StatusCreated, &b.version)
	return nil
}

// maxBlockID is the longest id of a block, in bytes.
const maxBlockID = 64

// putBlock keeps a block until a list commits it.
func (s *Server) putBlock(c *call) *apiError {
	id := c.query.Get("blockid")
	raw, derr := base64.StdEncoding.DecodeString(id)
	if derr != nil || len(raw) == 0 || len(raw) > maxBlockID {
		return errBlockID
	}
	p, sum, err := s.receive(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, b, err := s.find(c)
	if err != nil {
		return err
	}
	if b != nil && b.kind != blockBlob {
		return errBlobType
	}
	if b != nil {
		if err := b.lease.admits(c.r, s.Now(), true); err != nil {
			return err
		}
	}
	if in.blocks[c.blob] == nil {
		in.blocks[c.blob] = map[string]piece{}
	}
	p.id = id
	in.blocks[c.blob][id] = p
	c.setMD5("Content-MD5", sum)
	c.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	c.WriteHeader(http.StatusCreated)
	return nil
}

// A blockList is the body of Put Block List.
type blockList struct {
	Blocks []struct {
		XMLName xml.Name // Committed, Uncommitted or Latest
		ID      string   `xml:",chardata"`
	} `xml:",any"`
}

// putBlockList makes a blob of blocks. Its MD5 is what the writer says, if anything.
func (s *Server) putBlockList(c *call) *apiError {
	stored, err := md5Of(c.r.Header.Get("X-Ms-Blob-Content-Md5"))
	if err != nil {
		return err
	}
	p, _, err := s.receive(c)
	if err != nil {
		return err
	}
	var list blockList
	if xml.NewDecoder(io.NewSectionReader(p.data, 0, p.size)).Decode(&list) != nil {
		return errXML
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, before, err := s.find(c)
	if err != nil {
		return err
	}
	var committed content
	if before != nil {
		committed = before.content
		if before.kind != blockBlob {
			return errBlobType
		}
	}
	whole, err := list.content(committed, in.blocks[c.blob])
	if err != nil {
		return err
	}
	b, err := s.create(c)
	if err != nil {
		return err
	}
	delete(in.blocks, c.blob)
	b.version = version{
		kind: blockBlob, content: whole, created: b.created, md5: stored, tier: c.r.Header.Get("X-Ms-Access-Tier"),
		headers: contentHeaders(c.r.Header, false), metadata: metadataOf(c.r.Header),
	}
	s.touch(&b.version)
	c.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	c.done(http.StatusCreated, &b.version)
	return nil
}

// content is what a list makes of the blocks of a blob.
func (l blockList) content(committed content, uncommitted map[string]piece) (content, *apiError) {
	var whole content
	for _, one := range l.Blocks {
		p, found := uncommitted[one.ID]
		found = found && one.XMLName.Local != "Committed"
		if !found && one.XMLName.Local != "Uncommitted" {
			i := slices.IndexFunc(committed, func(p piece) bool { return p.id == one.ID })
			if found = i >= 0; found {
				p = committed[i]
			}
		}
		if !found {
			return nil, errBlockList
		}
		whole = append(whole, p)
	}
	return whole, nil
}

// appendBlock adds to an append blob.
func (s *Server) appendBlock(c *call) *apiError {
	p, sum, err := s.receive(c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.change(c, appendBlob)
	if err != nil {
		return err
	}
	offset := b.content.size()
	if at := c.r.Header.Get("X-Ms-Blob-Condition-Appendpos"); at != "" && at != strconv.FormatInt(offset, 10) {
		return errAppendPosition
	}
	most, perr := strconv.ParseInt(c.r.Header.Get("X-Ms-Blob-Condition-Maxsize"), 10, 64)
	if perr == nil && offset+p.size > most {
		return errMaxSize
	}
	b.content = append(slices.Clip(b.content), p)
	s.touch(&b.version)
	c.setMD5("Content-MD5", sum)
	c.Header().Set("X-Ms-Blob-Append-Offset", strconv.FormatInt(offset, 10))
	c.Header().Set("X-Ms-Blob-Committed-Block-Count", strconv.Itoa(len(b.content)))
	c.Header().Set("X-Ms-Request-Server-Encrypted", "true")
	c.done(http.StatusCreated, &b.version)
	return nil
}
