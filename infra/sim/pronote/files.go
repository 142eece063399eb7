package pronote

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Kinds of attachments: values of G.
const (
	attachedLink = 0
	attachedFile = 1
)

// attach is a file of the school: its key is its owner's and its name.
func (c *call) attach(owner, name string) obj {
	return obj{"N": c.sess.n(kindFile, owner+"/"+name), "L": name, "G": attachedFile}
}

// link is an attached address.
func (c *call) link(owner, title, address string) obj {
	return obj{"N": c.sess.n(kindFile, owner+"/"+address), "L": title, "G": attachedLink, "url": address}
}

// file gives the bytes of a file. Its address is encrypted with the session's keys, and works as long as they do.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	name, ok := s.fileName(r)
	if !ok {
		message(w, http.StatusNotFound, expired+" (3)")
		return
	}
	s.Count(Files)
	data, kind := content(name)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", "inline; filename*=UTF-8''"+url.PathEscape(name))
	_, _ = w.Write(data)
}

// fileName returns which file a request is for.
func (s *Server) fileName(r *http.Request) (string, bool) {
	id, err := strconv.Atoi(r.URL.Query().Get("Session"))
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.sessions[id]
	if err != nil || one == nil || one.over != 0 || one.phase != open || s.Now().Sub(one.used) > idleLife {
		return "", false
	}
	plain, err := decryptHex(one.key, one.iv, r.PathValue("id"))
	var in struct {
		N     string
		Actif bool
		G     string
	}
	if err != nil || json.Unmarshal([]byte(plain), &in) != nil || !in.Actif {
		return "", false
	}
	return one.fileOf(one.objects[in.N], in.G)
}

// fileOf returns the name of an object's file: a pupil's is the photo, a grade's are told apart by G.
func (one *session) fileOf(found object, g string) (string, bool) {
	switch found.kind {
	case kindFile:
		return path.Base(found.key), g == ""
	case kindGrade:
		name, ok := gradeFiles[g]
		return name, ok
	case kindPupil:
		for _, p := range one.account.pupils {
			if p.key == found.key {
				return "photo.png", p.photo && g == ""
			}
		}
	}
	return "", false
}

// gradeFiles are the files of a grade, by the G within their addresses.
var gradeFiles = map[string]string{"DevoirSujet": "sujet.pdf", "DevoirCorrige": "corrigé.pdf"}

// content is a file's, by its name's end.
func content(name string) (data []byte, kind string) {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return []byte(pdf), "application/pdf"
	case ".png", ".jpg":
		return picture(), "image/png"
	case ".html":
		return []byte("<!DOCTYPE html><title>Document</title><script>document.title = 'ouvert'</script><p>Document"),
			"text/html; charset=utf-8"
	case ".svg":
		return []byte(
				`<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>1</script><circle r="5"/></svg>`),
			"image/svg+xml"
	}
	return []byte("Document de démonstration"), "text/plain; charset=utf-8"
}

const pdf = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n" +
	"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\n" +
	"trailer<</Root 1 0 R>>\n%%EOF\n"

// picture is a small photo: a gradient.
func picture() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 32, 40))
	for y := range 40 {
		for x := range 32 {
			m.Set(x, y, color.RGBA{uint8(8 * x), uint8(6 * y), 128, 255})
		}
	}
	var out bytes.Buffer
	_ = png.Encode(&out, m) // a buffer takes everything
	return out.Bytes()
}
