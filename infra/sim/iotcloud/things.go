package iotcloud

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// AddThing makes a Thing with String variables and the Integer busynow, if there is none of the name.
func (s *Server) AddThing(name, zone string, variables ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.things {
		if t.Name == name {
			return nil
		}
	}
	t := s.newThing(name, zone)
	for _, v := range variables {
		kind := "CHARSTRING"
		if v == "busynow" {
			kind = "INT"
		}
		t.add(v, kind)
	}
	if e := s.save(t); e != nil {
		return e
	}
	return nil
}

// AddVariable gives a Thing a variable of a type, as INT.
func (s *Server) AddVariable(thing, name, kind string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.things {
		if t.Name != thing {
			continue
		}
		t.add(name, kind)
		if e := s.save(t); e != nil {
			return e
		}
		return nil
	}
	return notFound("thing")
}

// RemoveThing deletes a Thing.
func (s *Server) RemoveThing(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.things {
		if t.Name != name {
			continue
		}
		delete(s.things, id)
		return s.Save(id, struct{}{})
	}
	return notFound("thing")
}

func (s *Server) newThing(name, zone string) *thing {
	id := uuid.NewString()
	t := &thing{
		Href: "/iot/v2/things/" + id, ID: id, Name: name, Timezone: zone, UserID: uuid.NewString(),
		OrganizationID: s.account.Organization,
	}
	s.things[id] = t
	return t
}

func (t *thing) add(name, kind string) *property {
	id := uuid.NewString()
	p := &property{
		Href: t.Href + "/properties/" + id, ID: id, Name: name, VariableName: name, ThingID: t.ID, ThingName: t.Name,
		Type: kind, Permission: "READ_WRITE", UpdateStrategy: "ON_CHANGE",
	}
	t.Properties = append(t.Properties, p)
	t.PropertiesCount = len(t.Properties)
	return p
}

// Values returns a Thing's values by variable.
func (s *Server) Values(name string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]any{}
	for _, t := range s.things {
		if t.Name == name {
			for _, p := range t.Properties {
				values[p.VariableName] = p.LastValue
			}
		}
	}
	return values
}

// Calls returns the values that were published, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// visible reports whether the caller speaks for the organisation that a Thing belongs to.
func visible(t *thing, r *http.Request) bool {
	return t.OrganizationID == r.Header.Get("X-Organization")
}

func (s *Server) list(r *http.Request) (any, *apiError) {
	q := r.URL.Query()
	found := []*thing{}
	for _, t := range s.things {
		if visible(t, r) && (!q.Has("ids") || slices.Contains(q["ids"], t.ID)) {
			found = append(found, t.shown(q.Get("show_properties") == "true"))
		}
	}
	slices.SortFunc(found, func(a, b *thing) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (t *thing) shown(properties bool) *thing {
	c := *t
	if !properties {
		c.Properties = nil
	}
	return &c
}

func (s *Server) find(r *http.Request) (*thing, *apiError) {
	t := s.things[r.PathValue("id")]
	if t == nil || !visible(t, r) {
		return nil, notFound("thing")
	}
	return t, nil
}

func (s *Server) show(r *http.Request) (any, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, e
	}
	return t.shown(r.URL.Query().Get("show_properties") == "true"), nil
}

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9_. -]{1,64}$`)

func (s *Server) create(r *http.Request) (any, *apiError) {
	var body struct{ Name, Timezone string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || !nameRule.MatchString(body.Name) {
		return nil, &apiError{
			400, "invalid_value", "name is missing or has other characters than letters, digits, _ . - and spaces",
		}
	}
	if body.Timezone == "" {
		body.Timezone = "America/New_York"
	}
	t := s.newThing(body.Name, body.Timezone)
	return t, s.save(t)
}

func (s *Server) remove(r *http.Request) (any, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, e
	}
	delete(s.things, t.ID)
	if s.Save(t.ID, struct{}{}) != nil {
		return nil, &apiError{500, "internal", "not stored"}
	}
	return nil, nil
}

func (s *Server) properties(r *http.Request) (any, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, e
	}
	return append([]*property{}, t.Properties...), nil
}

func (s *Server) createProperty(r *http.Request) (any, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, e
	}
	var body struct {
		Name, Permission, Type string
		UpdateStrategy         string `json:"update_strategy"`
		VariableName           string `json:"variable_name"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Name == "" || body.Type == "" || body.Permission == "" ||
		body.UpdateStrategy == "" {
		return nil, &apiError{400, "invalid_value", "name, permission, type and update_strategy are required"}
	}
	p := t.add(body.Name, body.Type)
	p.Permission, p.UpdateStrategy = body.Permission, body.UpdateStrategy
	if body.VariableName != "" {
		p.VariableName = body.VariableName
	}
	return p, s.save(t)
}

func (s *Server) property(r *http.Request) (*thing, *property, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, nil, e
	}
	for _, p := range t.Properties {
		if p.ID == r.PathValue("pid") {
			return t, p, nil
		}
	}
	return nil, nil, notFound("property")
}

func (s *Server) showProperty(r *http.Request) (any, *apiError) {
	_, p, e := s.property(r)
	if e != nil {
		return nil, e
	}
	return p, nil
}

func (s *Server) publish(r *http.Request) (any, *apiError) {
	t, p, e := s.property(r)
	if e != nil {
		return nil, e
	}
	body := map[string]any{}
	if json.NewDecoder(r.Body).Decode(&body) != nil || body["value"] == nil {
		return nil, &apiError{400, "invalid_request", "attribute \"value\" of body is missing and required"}
	}
	if device, given := body["device_id"]; given {
		if text, ok := device.(string); !ok || uuid.Validate(text) != nil {
			return nil, &apiError{400, "invalid_request", "body.device_id must be formatted as a uuid"}
		}
	}
	if e := s.set(t, p, body["value"]); e != nil {
		return nil, e
	}
	return nil, s.save(t)
}

func (s *Server) publishMulti(r *http.Request) (any, *apiError) {
	t, e := s.find(r)
	if e != nil {
		return nil, e
	}
	var body struct {
		Properties []struct {
			Property *string
			Value    any
		}
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || len(body.Properties) == 0 {
		return nil, &apiError{400, "invalid_value", "length of properties must be greater than or equal to 1"}
	}
	byName := map[string]*property{}
	for _, p := range t.Properties {
		byName[p.Name] = p
	}
	for _, v := range body.Properties {
		if v.Property == nil || v.Value == nil {
			return nil, &apiError{400, "invalid_request", "property and value are required"}
		}
	}
	for _, v := range body.Properties {
		if byName[*v.Property] == nil {
			return nil, notFound("property")
		}
		if e := s.set(t, byName[*v.Property], v.Value); e != nil {
			return nil, e
		}
	}
	return nil, s.save(t)
}

// set takes a value of the property's type.
func (s *Server) set(t *thing, p *property, value any) *apiError {
	_, number := value.(float64)
	_, text := value.(string)
	if p.Type == "INT" && !number || p.Type == "CHARSTRING" && !text {
		return &apiError{400, "invalid_value", "the value is not of the property's type"}
	}
	now := time.Now().UTC()
	p.LastValue, p.ValueUpdatedAt = value, &now
	s.calls = append(s.calls, Call{now, t.Name, p.VariableName, value})
	if len(s.calls) > 10_000 {
		s.calls = slices.Clone(s.calls[len(s.calls)-5_000:])
	}
	return nil
}
