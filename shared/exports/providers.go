package exports

import (
	"errors"
	"fmt"
	"regexp"
)

// ProvidersName is the document of the providers in the state bucket. Only exports/queries writes it.
const ProvidersName = "exports/providers.json"

// Providers are whose queries the sources control, as they were found at Cegid and saved.
type Providers struct {
	Version int                      `json:"version"`
	Sources map[string]SavedProvider `json:"sources"` // by name
}

// A SavedProvider is a source's provider.
type SavedProvider struct {
	ID string `json:"id"`
	// Over stands for what exports.json said when this one was saved, which may be a secret by mistake. When it says
	// something else, that is newer.
	Over string `json:"over,omitempty"`
}

// digest stands for an id; "" for none.
func digest(id string) string {
	if id == "" {
		return ""
	}
	return EntryID(id, "")
}

// Save keeps a provider for a source, over the one of its settings.
func (p *Providers) Save(src Source, id string) {
	if p.Sources == nil {
		p.Sources = map[string]SavedProvider{}
	}
	p.Version, p.Sources[src.Name] = 1, SavedProvider{ID: id, Over: digest(src.ProviderID)}
}

var (
	// ErrNoProvider says that a source's provider is not set.
	ErrNoProvider = errors.New("cegid_provider_id is not set")
	// ErrProviderForm says that an id cannot be a provider's.
	ErrProviderForm = errors.New("a provider's id has letters, digits, spaces, points, hyphens and underscores, begins " +
		"with a letter or digit, and has 100 characters at most")
)

// Of returns a source's provider: the saved one or that of exports.json, whichever was written last.
func (p Providers) Of(src Source) (string, error) {
	id := src.ProviderID
	if saved, ok := p.Sources[src.Name]; ok && (saved.Over == digest(id) || id == "") {
		id = saved.ID
	}
	if id == "" {
		return "", ErrNoProvider
	}
	if err := CheckProvider(id); err != nil {
		return "", fmt.Errorf("cegid_provider_id: %w", err)
	}
	return id, nil
}

// providerForm is that of a GUID, and of the names that Cegid takes in its place. It becomes a part of an address's
// path.
var providerForm = regexp.MustCompile(`^[\pL\pN][\pL\pN ._-]{0,99}$`)

// CheckProvider reports with [ErrProviderForm] what cannot be a provider's id. It never quotes it: it may be a secret's
// value.
func CheckProvider(id string) error {
	if !providerForm.MatchString(id) {
		return ErrProviderForm
	}
	return nil
}
