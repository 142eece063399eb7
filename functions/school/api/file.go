package api

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// mostFile is how large a file may be, in bytes.
const mostFile = 50 << 20

// types are those that a file may have, by the end of its name. Another one is bytes that no browser opens: a page or a
// drawing with scripts in it would run as this API.
var types = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".pdf": "application/pdf", ".txt": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8",
	".zip": "application/zip", ".odt": "application/vnd.oasis.opendocument.text",
	".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odp": "application/vnd.oasis.opendocument.presentation",
	".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".mp3":  "audio/mpeg", ".m4a": "audio/mp4", ".ogg": "audio/ogg", ".mp4": "video/mp4", ".webm": "video/webm",
}

// file passes a file of PRONOTE's on. Its address there ends with the session, and has the session's number in it.
func (f *function) file(c *call) error {
	if err := c.params.require("id"); err != nil {
		return err
	}
	asked := c.params.text("kind")
	if asked != "" && asked != pronote.FilePaper && asked != pronote.FileCorrected {
		return errParams{"kind": "It must be " + pronote.FilePaper + " or " + pronote.FileCorrected}
	}
	name := path.Base("/" + c.params.text("name"))
	if name == "/" {
		name = "file"
	}
	var resp *http.Response
	err := f.sessions.with(c, func(ctx context.Context, conn *pronote.Conn) (err error) {
		r, _, _, _ := c.live.state()
		if err := f.sessions.pace(ctx, c.settings, r.Account, r.School); err != nil {
			return err
		}
		resp, err = conn.Open(ctx, c.params.text("id"), asked, name) //nolint:bodyclose // closed below
		return err
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.ContentLength > mostFile {
		return &refusal{http.StatusRequestEntityTooLarge, map[string]any{
			"status": "error", "message": fmt.Sprintf("The file is larger than %d MB.", mostFile>>20),
		}, nil}
	}
	kind := types[strings.ToLower(path.Ext(name))]
	h := c.w.Header()
	disposition := "attachment"
	if strings.HasPrefix(kind, "image/") {
		disposition = "inline"
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	if resp.ContentLength >= 0 && !resp.Uncompressed { // so that half a file does not look whole
		h.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	text := mime.FormatMediaType(disposition, map[string]string{"filename": name})
	if text == "" { // a name that cannot be written
		text = "attachment"
	}
	h.Set("Content-Disposition", text)
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	n, err := io.Copy(c.w, io.LimitReader(resp.Body, mostFile+1))
	if err != nil || n > mostFile {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
	return nil
}
