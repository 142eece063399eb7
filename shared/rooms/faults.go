package rooms

import (
	"cmp"
	"embed"
	"maps"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// A Fault is something that a person must mend.
type Fault struct {
	Code   string        `json:"code"` // ours, or Google's reason
	Params faults.Params `json:"params,omitempty"`
	Detail string        `json:"detail"` // what to do, in an English sentence
	Since  time.Time     `json:"since"`
}

//go:embed texts
var textFiles embed.FS

// texts are what to do about faults, by code and language.
var texts = faults.Load(textFiles, "texts")

// NewFault is a fault since an instant; params are of its text in texts/. A code that has none is a reason of Google's.
func NewFault(code string, params faults.Params, since time.Time) *Fault {
	params = maps.Clone(params)
	if texts.Text(faults.English, code, params) == "" {
		params = faults.Params{"reason": code}
	}
	f := &Fault{Code: code, Params: params, Since: since}
	f.Detail = f.In(faults.English)
	return f
}

// Advice says in English what to do about a reason of Google's.
func Advice(reason string) string { return NewFault(reason, nil, time.Time{}).Detail }

// In says in a language what to do.
func (f *Fault) In(lang string) string {
	return cmp.Or(texts.Text(lang, f.Code, f.Params), texts.Text(lang, "refused", f.Params), f.Detail)
}

// Same reports whether it is the same fault as another one, whenever that began.
func (f *Fault) Same(other *Fault) bool {
	return f != nil && other != nil && f.Code == other.Code && maps.Equal(f.Params, other.Params)
}
