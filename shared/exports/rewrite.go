package exports

import "encoding/json"

// A RewriteMode is when a checked file is put into the importer's form; "" is [RewriteWhenNeeded].
type RewriteMode string

// When a file is rewritten.
const (
	RewriteWhenNeeded RewriteMode = "when_needed" // where the importer would misread it
	RewriteAlways     RewriteMode = "always"
	RewriteNever      RewriteMode = "never" // and what the importer would misread is held
)

// UnmarshalJSON implements [json.Unmarshaler]. It also reads true and false, for always and never.
func (r *RewriteMode) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*r = RewriteAlways
		return nil
	case "false":
		*r = RewriteNever
		return nil
	}
	return json.Unmarshal(data, (*string)(r))
}

// Of reports whether a file is rewritten that has passed its check.
func (r RewriteMode) Of(found Report) bool {
	return r == RewriteAlways || r != RewriteNever && found.Misread > 0
}
