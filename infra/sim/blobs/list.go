package blobs

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxResults is how many blobs a listing has at most.
const maxResults = 5000

// A listing is the answer to List Blobs (rest/api/storageservices/list-blobs).
type listing struct {
	XMLName         xml.Name `xml:"EnumerationResults"`
	ServiceEndpoint string   `xml:",attr"`
	ContainerName   string   `xml:",attr"`
	Prefix          string   `xml:",omitempty"`
	Marker          string   `xml:",omitempty"`
	MaxResults      int      `xml:",omitempty"`
	Blobs           struct {
		Blob []listed
	}
	NextMarker string
}

type listed struct {
	Name       string
	Snapshot   string `xml:",omitempty"`
	Properties properties
	Metadata   *pairs

	order string // by name, snapshots before their blob
}

type properties struct {
	CreationTime       string `xml:"Creation-Time"`
	LastModified       string `xml:"Last-Modified"`
	Etag               string
	ContentLength      int64  `xml:"Content-Length"`
	ContentType        string `xml:"Content-Type"`
	ContentEncoding    string `xml:"Content-Encoding"`
	ContentLanguage    string `xml:"Content-Language"`
	ContentMD5         string `xml:"Content-MD5"`
	CacheControl       string `xml:"Cache-Control"`
	ContentDisposition string `xml:"Content-Disposition"`
	BlobType           string
	AccessTier         string `xml:",omitempty"`
	AccessTierInferred bool   `xml:",omitempty"`
	ArchiveStatus      string `xml:",omitempty"`
	LeaseStatus        string `xml:",omitempty"`
	LeaseState         string `xml:",omitempty"`
	ServerEncrypted    bool
}

// pairs are elements that are named as the metadata.
type pairs struct{ Elements []pair }

type pair struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

// list answers List Blobs, without folders.
func (s *Server) list(c *call) *apiError {
	q := c.query
	most := maxResults
	if q.Has("maxresults") {
		n, err := strconv.Atoi(q.Get("maxresults"))
		if err != nil {
			return errQueryValue
		}
		if n < 1 {
			return errQueryOutOfRange
		}
		most = min(n, maxResults)
	}
	marker, err := base64.StdEncoding.DecodeString(q.Get("marker"))
	if err != nil {
		return errQueryValue
	}
	if q.Get("delimiter") != "" {
		return errUnsupported
	}
	all, e := s.listed(c)
	if e != nil {
		return e
	}
	from, _ := slices.BinarySearchFunc(
		all,
		string(marker),
		func(l listed, at string) int { return strings.Compare(l.order, at) },
	)
	all = all[from:]
	answer := listing{
		ServiceEndpoint: "http://" + c.r.Host + "/" + Name, ContainerName: c.container,
		Prefix: q.Get("prefix"), Marker: q.Get("marker"),
	}
	if q.Has("maxresults") {
		answer.MaxResults = most
	}
	if len(all) > most {
		answer.NextMarker = base64.StdEncoding.EncodeToString([]byte(all[most].order))
		all = all[:most]
	}
	answer.Blobs.Blob = all
	writeXML(c, http.StatusOK, answer)
	return nil
}

// listed are the blobs that a listing has, in its order.
func (s *Server) listed(c *call) ([]listed, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.containers[c.container]
	if found == nil {
		return nil, errNoContainer
	}
	include := strings.Split(c.query.Get("include"), ",")
	var all []listed
	for _, name := range slices.Sorted(maps.Keys(found.blobs)) {
		if !strings.HasPrefix(name, c.query.Get("prefix")) {
			continue
		}
		b := found.blobs[name]
		if slices.Contains(include, "snapshots") {
			for i := range b.snapshots {
				all = append(all, listedOf(name, &b.snapshots[i], include))
			}
		}
		one := listedOf(name, &b.version, include)
		one.Properties.LeaseState = b.lease.state(s.Now())
		one.Properties.LeaseStatus = leaseStatus(one.Properties.LeaseState)
		all = append(all, one)
	}
	return all, nil
}

func listedOf(name string, v *version, include []string) listed {
	one := listed{
		Name:     name,
		Snapshot: v.snapshot,
		order:    name + "\x00" + first(v.snapshot, "~"),
		Properties: properties{
			CreationTime:       v.created.Format(http.TimeFormat),
			LastModified:       v.modified.Format(http.TimeFormat),
			Etag:               v.etag,
			ContentLength:      v.content.size(),
			ContentType:        v.headers["Content-Type"],
			BlobType:           v.kind,
			ServerEncrypted:    true,
			ContentEncoding:    v.headers["Content-Encoding"],
			ContentLanguage:    v.headers["Content-Language"],
			CacheControl:       v.headers["Cache-Control"],
			ContentDisposition: v.headers["Content-Disposition"],
			ContentMD5:         base64.StdEncoding.EncodeToString(v.md5),
		},
	}
	if v.kind == blockBlob {
		one.Properties.AccessTier, one.Properties.AccessTierInferred = first(v.tier, "Hot"), v.tier == ""
	}
	if v.rehydrating {
		one.Properties.ArchiveStatus = "rehydrate-pending-to-hot"
	}
	if slices.Contains(include, "metadata") {
		one.Metadata = &pairs{}
		for _, name := range slices.Sorted(maps.Keys(v.metadata)) {
			one.Metadata.Elements = append(one.Metadata.Elements, pair{xml.Name{Local: name}, v.metadata[name]})
		}
	}
	return one
}
