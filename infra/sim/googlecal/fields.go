package googlecal

import (
	"encoding/json"
	"strings"
)

// A mask is a parsed `fields` parameter (guides/performance#partial): nil keeps everything.
type mask map[string]mask

// parseMask reads a,b(c,d),e/f; ok is false for anything else.
func parseMask(text string) (m mask, ok bool) {
	m, rest, ok := parseList(text)
	return m, ok && rest == ""
}

func parseList(text string) (m mask, rest string, ok bool) {
	m = mask{}
	for {
		end := strings.IndexAny(text, ",()")
		if end < 0 {
			end = len(text)
		}
		path := strings.Split(text[:end], "/")
		rest = text[end:]
		var inner mask
		if strings.HasPrefix(rest, "(") {
			if inner, rest, ok = parseList(rest[1:]); !ok || !strings.HasPrefix(rest, ")") {
				return nil, rest, false
			}
			rest = rest[1:]
		}
		if !m.add(path, inner) {
			return nil, rest, false
		}
		if !strings.HasPrefix(rest, ",") {
			return m, rest, true
		}
		text = rest[1:]
	}
}

// add enters a path whose end keeps inner.
func (m mask) add(path []string, inner mask) bool {
	name := strings.TrimSpace(path[0])
	if name == "" {
		return false
	}
	if len(path) == 1 {
		m[name] = inner
		return true
	}
	sub, known := m[name]
	if !known {
		sub = mask{}
		m[name] = sub
	}
	return sub == nil || sub.add(path[1:], inner)
}

// apply returns the parts of an answer that the mask keeps.
func (m mask) apply(answer any) (any, error) {
	data, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	return m.keep(v), nil
}

func (m mask) keep(v any) any {
	if m == nil {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for name, value := range v {
			if sub, ok := m[name]; ok {
				kept[name] = sub.keep(value)
			} else if sub, ok := m["*"]; ok {
				kept[name] = sub.keep(value)
			}
		}
		return kept
	case []any:
		for i := range v {
			v[i] = m.keep(v[i])
		}
	}
	return v
}
