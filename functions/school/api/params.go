package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/school"
)

// params are a request's parameters: those of the address, and of a form or the members of a JSON object in the body.
type params map[string]any

// errParams is the answer to parameters that are missing or cannot be read, by name.
type errParams map[string]string

func (errParams) Error() string { return "parameters are missing or cannot be read" }

func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	p := params{}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errParams{"query": "The address has parameters that cannot be read."}
	}
	p.add(query)
	if r.Method != http.MethodPost {
		return p, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, web.NewProblem(http.StatusRequestEntityTooLarge,
			fmt.Sprintf("The body is larger than %d bytes.", web.MaxBody), nil)
	}
	if err != nil {
		return nil, errParams{"body": "The body could not be read."}
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	if text == "" {
		return p, nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" || text[0] == '{' {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		members := map[string]any{}
		if err := dec.Decode(&members); err != nil {
			return nil, errParams{"body": "The body must be a JSON object."}
		}
		maps.Copy(p, members)
		return p, nil
	}
	form, err := url.ParseQuery(text)
	if err != nil {
		return nil, errParams{"body": "The body must be a JSON object or a form."}
	}
	p.add(form)
	return p, nil
}

func (p params) add(values url.Values) {
	for name, list := range values {
		if len(list) == 1 {
			p[name] = list[0]
			continue
		}
		all := make([]any, len(list))
		for i, v := range list {
			all[i] = v
		}
		p[name] = all
	}
}

// text is a parameter as text; of a list the first.
func (p params) text(name string) string {
	switch v := p[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case []any:
		if len(v) > 0 {
			return params{name: v[0]}.text(name)
		}
	}
	return ""
}

// texts is a list: a JSON list, a parameter that is repeated, or a text that is a JSON list or has commas.
func (p params) texts(name string) (found []string) {
	switch v := p[name].(type) {
	case []any:
		for _, item := range v {
			if object, ok := item.(map[string]any); ok { // an entry of /recipients
				item = object["id"]
			}
			if text := (params{name: item}).text(name); text != "" {
				found = append(found, text)
			}
		}
	case string:
		var list []string
		if strings.HasPrefix(v, "[") && json.Unmarshal([]byte(v), &list) == nil {
			return list
		}
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				found = append(found, part)
			}
		}
	}
	return found
}

// flag is a parameter that is true or false; what is neither is the default.
func (p params) flag(name string, other bool) bool {
	switch strings.ToLower(p.text(name)) {
	case "true", "1", "yes", "on":
		return true
	case "false", "0", "no", "off":
		return false
	}
	if v, there := p[name]; there && v == "" {
		return false // ?allPeriods= says that it is not wanted
	}
	return other
}

func (p params) has(name string) bool {
	v, ok := p[name]
	return ok && v != nil && v != ""
}

// require finds parameters that are missing.
func (p params) require(names ...string) error {
	missing := errParams{}
	for _, name := range names {
		if !p.has(name) {
			missing[name] = "Required parameter '" + name + "' not supplied"
		}
	}
	if len(missing) > 0 {
		return missing
	}
	return nil
}

// days reads days that a request must have.
func (p params) days(names ...string) ([]school.Date, error) {
	if err := p.require(names...); err != nil {
		return nil, err
	}
	wrong := errParams{}
	days := make([]school.Date, len(names))
	for i, name := range names {
		day, err := school.ParseDay(p.text(name))
		if err != nil || day.Year() < 1990 || day.Year() > 2200 {
			wrong[name] = "It must be a date, YYYY-MM-DD"
		}
		days[i] = day
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return days, nil
}

// mostDays is how many days a request may ask for: a school year.
const mostDays = 400

// span reads dateFrom and dateTo.
func (p params) span() (from, to school.Date, err error) {
	days, err := p.days("dateFrom", "dateTo")
	if err != nil {
		return from, to, err
	}
	from, to = days[0], days[1]
	switch {
	case to.Before(from.Time):
		return from, to, errParams{"dateTo": "It must not be before dateFrom"}
	case to.Sub(from.Time).Hours() > mostDays*24:
		return from, to, errParams{"dateTo": fmt.Sprintf("It must be at most %d days after dateFrom", mostDays)}
	}
	return from, to, nil
}
