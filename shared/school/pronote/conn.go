package pronote

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/school"
)

// A Conn calls PRONOTE in a session, for one pupil. One call is made at a time.
type Conn struct {
	Client  *Client
	Session *Session
	Orders  Orders
	Pupil   Person
	// Link is the address under which a stored file can be had; PRONOTE's own ends with the session.
	Link func(id, kind, name string) string
	// Known are texts that this session has read before; nil: none are kept.
	Known *Known
	// Partial says that the last answer lacks texts that the next one will have: see [mostRead].
	Partial bool
}

// Known are texts of a session that need not be read again: of news by their id, and of discussions as long as their
// line in the list stays the same. Each is a call of its own, and a school bears some only.
type Known struct {
	news    map[string][]json.RawMessage
	threads map[string]knownThread
}

type knownThread struct {
	line   string // of the list
	thread wireThread
}

// mostRead is how many texts are read for one request, the newest first; who asks again gets more. mostKnown are kept.
const (
	mostRead  = 30
	mostKnown = 500
)

func (c *Conn) known() *Known {
	if c.Known == nil {
		c.Known = &Known{}
	}
	if c.Known.news == nil || len(c.Known.news) > mostKnown {
		c.Known.news = map[string][]json.RawMessage{}
	}
	if c.Known.threads == nil || len(c.Known.threads) > mostKnown {
		c.Known.threads = map[string]knownThread{}
	}
	return c.Known
}

// kindPupil is what PRONOTE numbers pupils with.
const kindPupil = 4

// call asks a function of a tab. A parent's calls say which child they are about.
func (c *Conn) call(ctx context.Context, function string, tab int, data, into any) error {
	if !c.Session.Has(tab) {
		return ErrNoTab
	}
	signature := map[string]any{"onglet": tab}
	if c.Session.Parent() {
		signature["membre"] = map[string]any{"N": c.Pupil.ID, "G": kindPupil}
	}
	return c.Client.call(ctx, c.Session, c.Orders, function, map[string]any{"Signature": signature, "data": data}, into)
}

// Close ends the session.
func (c *Conn) Close(ctx context.Context) error {
	return c.Client.call(ctx, c.Session, c.Orders, "SaisieDeconnexion", map[string]any{"data": struct{}{}}, nil)
}

// A wireFile is an attachment as PRONOTE lists it.
type wireFile struct {
	element

	URL text `json:"url"`
}

// file is an attachment. A stored one has an address of ours.
func (c *Conn) file(w wireFile) school.File {
	f := school.File{ID: string(w.N), Name: string(w.L), Type: int(w.G)}
	if f.Type == school.FileLink {
		f.URL = string(w.URL)
		if f.URL == "" {
			f.URL = f.Name
		}
		if scheme, _, ok := strings.Cut(f.URL, ":"); !ok || !strings.EqualFold(scheme, "http") &&
			!strings.EqualFold(scheme, "https") {
			f.URL = "http://" + strings.TrimLeft(f.URL[strings.LastIndex(f.URL, "://")+1:], ":/")
		}
		return f
	}
	f.URL = c.Link(f.ID, "", f.Name)
	return f
}

func (c *Conn) files(wire []wireFile) []school.File {
	found := make([]school.File, 0, len(wire))
	for _, w := range wire {
		found = append(found, c.file(w))
	}
	return found
}

// Kinds of stored files that are known by the id of what they belong to. Others have an id of their own, and no kind.
const (
	FilePaper     = "DevoirSujet"
	FileCorrected = "DevoirCorrige"
)

// Open reads a stored file as it comes; the caller closes the body. PRONOTE makes its address of the id and the kind,
// which the session's key encrypts.
func (c *Conn) Open(ctx context.Context, id, kind, name string) (*http.Response, error) {
	sealed, err := json.Marshal(struct {
		N     string
		Actif bool
		G     string `json:",omitempty"`
	}{id, true, kind})
	if err != nil {
		return nil, err
	}
	s := c.Session
	address := s.Root + "/FichiersExternes/" + hex.EncodeToString(s.secret().encrypt(sealed)) + "/" + escaped(name) +
		"?Session=" + strconv.FormatInt(s.H, 10)
	u, local, err := c.Client.Hosts.check(address)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, ErrHost
	}
	r.Header.Set("User-Agent", s.agent())
	setCookies(r, s.Cookies)
	client := outbound.New(outbound.Options{Stream: true, Step: true, PublicOnly: !local})
	resp, err := client.Do(r)
	if err != nil {
		return nil, ErrUnreachable
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		if resp.StatusCode >= http.StatusInternalServerError {
			return nil, ErrUnreachable
		}
		return nil, ErrNotFound
	}
	return resp, nil
}

// escaped is a file's name in an address, as PRONOTE's own page writes it.
func escaped(name string) string {
	text := url.PathEscape(name)
	for _, kept := range []string{"(", ")", "*", "!", "'"} {
		text = strings.ReplaceAll(text, "%"+strings.ToUpper(hex.EncodeToString([]byte(kept))), kept)
	}
	return text
}
