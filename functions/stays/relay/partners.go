package relay

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// A Partner is a partner in operators' answers; of its secrets there is no more than their names.
type Partner struct {
	Name      string     `json:"name"`
	Rights    []string   `json:"rights"`
	All       bool       `json:"all_units"`
	Units     []string   `json:"units"`
	Conflicts string     `json:"conflicts"`
	Email     string     `json:"email,omitempty"`
	Secrets   []Secret   `json:"secrets"`
	Revoked   *time.Time `json:"revoked"`
}

// A Secret is when a partner's secret was made and ends.
type Secret struct {
	ID    string     `json:"id"`
	Added time.Time  `json:"added"`
	Ends  *time.Time `json:"ends"`
}

func (f *function) partners(w http.ResponseWriter, r *http.Request) error {
	found, err := f.Ledger.Partners(r.Context())
	if err != nil {
		return err
	}
	list := make([]Partner, len(found))
	for i, p := range found {
		list[i] = f.partnerOf(p)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

func (f *function) partnerOf(p ledger.Partner) Partner {
	v := Partner{
		Name: p.Name, Rights: p.Rights, All: p.All, Units: append([]string{}, p.Units...), Conflicts: p.Conflicts,
		Email: p.Email, Secrets: []Secret{}, Revoked: instant(p.Revoked),
	}
	for _, s := range p.Secrets {
		if s.Ends.IsZero() || s.Ends.After(f.Now()) {
			v.Secrets = append(v.Secrets, Secret{s.ID, s.Added, instant(s.Ends)})
		}
	}
	return v
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// A PutPartner is the body of PUT /partners/{name}.
type PutPartner struct {
	Rights    []string `json:"rights"` // default add and view
	All       bool     `json:"all_units"`
	Units     []string `json:"units"`
	Conflicts string   `json:"conflicts"` // refuse, the default, or overwrite
	Email     string   `json:"email"`
	// New refuses the name of an existing partner. Change, where it is given, changes only an existing one, in the named
	// parts: rights, units, conflicts, email.
	New    bool     `json:"new"`
	Change []string `json:"change"`
	// Secret is one that the partner has already; without it a new partner gets one.
	Secret string `json:"secret"`
}

// A Made is a partner with the secret that was made for it, which is shown this once.
type Made struct {
	Partner

	Secret string `json:"secret,omitempty"`
}

// partnerName is what a partner may be called: it stands in Basic authentication, where a colon ends it.
var partnerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (b *PutPartner) check(name string) error {
	bad := func(format string, args ...any) error {
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf(format, args...), nil)
	}
	if len(b.Rights) == 0 {
		b.Rights = []string{ledger.RightAdd, ledger.RightView}
	}
	if b.Conflicts == "" {
		b.Conflicts = ledger.ConflictsRefuse
	}
	for _, right := range b.Rights {
		if right != ledger.RightAdd && right != ledger.RightView {
			return bad("There is no right %.40q: there are add and view.", right)
		}
	}
	switch {
	case !partnerName.MatchString(name):
		return bad("A partner's name is 1 to 64 letters, digits, dots, hyphens and underscores.")
	case b.Conflicts != ledger.ConflictsRefuse && b.Conflicts != ledger.ConflictsOverwrite:
		return bad("conflicts must be refuse or overwrite.")
	case b.All == (len(b.Units) > 0):
		return bad("Name the partner's units, or give it all.")
	case b.Email != "" && !isAddress(b.Email):
		return bad("email must be an address, as ops@channel.example.")
	case b.Secret != "" && len(b.Secret) > mostName:
		return bad("A secret has at most %d bytes.", mostName)
	}
	return nil
}

// isAddress reports whether a text is an e-mail address alone.
func isAddress(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

// keep leaves what is not to be changed as the partner has it.
func (b *PutPartner) keep(p ledger.Partner) {
	if !slices.Contains(b.Change, "rights") {
		b.Rights = p.Rights
	}
	if !slices.Contains(b.Change, "units") {
		b.All, b.Units = p.All, p.Units
	}
	if !slices.Contains(b.Change, "conflicts") {
		b.Conflicts = p.Conflicts
	}
	if !slices.Contains(b.Change, "email") {
		b.Email = p.Email
	}
}

// present is a partner that has access, or nil.
func (f *function) present(r *http.Request, name string) (*ledger.Partner, error) {
	p, err := f.Ledger.Partner(r.Context(), name)
	if errors.Is(err, ledger.ErrNoPartner) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil || !p.Revoked.IsZero() {
		return nil, err
	}
	return &p, nil
}

// putPartner adds a partner with a secret, or changes what it may.
func (f *function) putPartner(w http.ResponseWriter, r *http.Request) error {
	var body PutPartner
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	name := r.PathValue("name")
	there, err := f.present(r, name)
	if err != nil {
		return err
	}
	switch {
	case there != nil && body.New:
		return web.NewProblem(http.StatusConflict, fmt.Sprintf("There is a partner %s already.", name), nil)
	case there == nil && body.Change != nil:
		return web.NewProblem(http.StatusNotFound, fmt.Sprintf("There is no partner %.70q to change.", name), nil)
	case there != nil && body.Change != nil:
		body.keep(*there)
	}
	if err := body.check(name); err != nil {
		return err
	}
	p := ledger.Partner{
		Name: name, Rights: body.Rights, All: body.All, Units: body.Units, Conflicts: body.Conflicts, Email: body.Email,
	}
	if err := f.Ledger.PutPartner(r.Context(), p); err != nil {
		return err
	}
	made := Made{}
	if body.Secret != "" {
		err = f.Ledger.AddSecret(r.Context(), name,
			ledger.Secret{ID: secrets.ID(), Hash: secrets.HashChosen(body.Secret)}, time.Time{})
	} else if there == nil {
		made.Secret, err = f.newSecret(r, name, time.Time{})
	}
	if err != nil {
		return err
	}
	return f.answerMade(w, r, name, made)
}

func (f *function) newSecret(r *http.Request, partner string, others time.Time) (string, error) {
	secret := secrets.New()
	err := f.Ledger.AddSecret(r.Context(), partner, ledger.Secret{ID: secrets.ID(), Hash: secrets.Hash(secret)}, others)
	return secret, err
}

func (f *function) answerMade(w http.ResponseWriter, r *http.Request, name string, made Made) error {
	p, err := f.Ledger.Partner(r.Context(), name)
	if err != nil {
		return err
	}
	made.Partner = f.partnerOf(p)
	return web.WriteJSON(w, http.StatusOK, made)
}

// A Rotate is the body of POST /partners/{name}/secrets.
type Rotate struct {
	// Hours is for how long the secrets of before still let in; default 48.
	Hours *int `json:"hours"`
}

const (
	defaultHours = 48
	mostHours    = 24 * 90
)

// addSecret gives a partner a new secret; those of before end after a while, so that its programs can be changed.
func (f *function) addSecret(w http.ResponseWriter, r *http.Request) error {
	var body Rotate
	if err := web.DecodeIfAny(w, r, &body); err != nil {
		return err
	}
	hours := defaultHours
	if body.Hours != nil {
		hours = *body.Hours
	}
	if hours < 0 || hours > mostHours {
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("hours must be from 0 to %d.", mostHours), nil)
	}
	name := r.PathValue("name")
	p, err := f.Ledger.Partner(r.Context(), name)
	if err != nil {
		return err
	}
	if !p.Revoked.IsZero() {
		return web.NewProblem(http.StatusConflict,
			fmt.Sprintf("The partner %s is revoked: add it again, which gives it a secret.", name), nil)
	}
	secret, err := f.newSecret(r, name, f.Now().Add(time.Duration(hours)*time.Hour))
	if err != nil {
		return err
	}
	return f.answerMade(w, r, name, Made{Secret: secret})
}

// revoke takes a partner's access away; the days that it holds stay.
func (f *function) revoke(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if err := f.Ledger.Revoke(r.Context(), name); err != nil {
		return err
	}
	return f.answerMade(w, r, name, Made{})
}
