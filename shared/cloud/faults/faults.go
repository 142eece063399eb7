// Package faults keeps errors as codes with parameters, and makes their texts from a catalogue, in the reader's
// language, where a person reads them.
//
// A catalogue is a folder of JSON files, one for each language: en.json, fr.json. A new language is one more file in
// each catalogue; the settings' schemas offer the same ones. A text is a template of text/template over the parameters,
// as in "{{.source}} does not answer"; texts that count have the plural forms of go-i18n ("one", "other") and choose by
// the parameter n.
package faults

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
)

// Failed is the code of an error that no rule matches.
const Failed = "failed"

// English is the language of logs and APIs, and of texts that a catalogue lacks in another language.
const English = "en"

// Params are the parameters of a text's template.
type Params = map[string]string

// A Fault is an error for programs and for people.
type Fault struct {
	Code   string `json:"code"`             // stable
	Params Params `json:"params,omitempty"` // of the texts
	Detail string `json:"detail"`           // the error in English; after [Catalogue.In], what it means to a person
	Do     string `json:"do,omitempty"`     // what a person can do about it
}

// An Error has its own code, where no [Rule] can tell it from others.
type Error struct{ Code, Detail string }

// Error implements error.
func (e Error) Error() string { return e.Detail }

// A Rule gives errors a code.
type Rule struct {
	Err  error
	Code string
}

// CodeOf is an error's code: an [Error]'s own, else that of the first rule that matches, else "".
func CodeOf(err error, rules []Rule) string {
	if e, ok := errors.AsType[Error](err); ok {
		return e.Code
	}
	for _, r := range rules {
		if errors.Is(err, r.Err) {
			return r.Code
		}
	}
	return ""
}

// A Catalogue has the texts of codes.
type Catalogue struct {
	bundle *i18n.Bundle
	trees  map[string]map[string]any // the files, by language
}

// Load reads the catalogue in a folder that is part of the program; a broken one panics.
func Load(files fs.FS, folder string) *Catalogue {
	c := &Catalogue{bundle: i18n.NewBundle(language.English), trees: map[string]map[string]any{}}
	c.bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	names, err := fs.Glob(files, path.Join(folder, "*.json"))
	if err != nil || len(names) == 0 {
		panic(fmt.Sprintf("a catalogue without languages: %v", err))
	}
	for _, name := range names {
		if _, err := c.bundle.LoadMessageFileFS(files, name); err != nil {
			panic(fmt.Sprintf("the catalogue's %s: %v", name, err))
		}
		data, err := fs.ReadFile(files, name)
		var tree map[string]any
		if err := errors.Join(err, json.Unmarshal(data, &tree)); err != nil {
			panic(fmt.Sprintf("the catalogue's %s: %v", name, err))
		}
		c.trees[strings.TrimSuffix(path.Base(name), ".json")] = tree
	}
	return c
}

// Templates are the texts below an id as the catalogue's file has them, for a page whose script fills in the
// parameters: in a language, those that it lacks in English.
func (c *Catalogue) Templates(lang, id string) map[string]any {
	english, _ := c.trees[English][id].(map[string]any)
	own, _ := c.trees[lang][id].(map[string]any)
	return merged(english, own)
}

// merged is a tree with another one's values where that has them.
func merged(tree, over map[string]any) map[string]any {
	all := maps.Clone(tree)
	if all == nil {
		all = map[string]any{}
	}
	for key, value := range over {
		under, ok := value.(map[string]any)
		if old, both := all[key].(map[string]any); ok && both {
			value = merged(old, under)
		}
		all[key] = value
	}
	return all
}

// Languages are those that the catalogue has, English first.
func (c *Catalogue) Languages() []string {
	found := []string{English}
	for _, tag := range c.bundle.LanguageTags() {
		if name := tag.String(); name != English {
			found = append(found, name)
		}
	}
	return found
}

// strict fails where a parameter is missing: no text is better than one with a gap.
var strict = &template.TextParser{Option: "missingkey=error"}

// Text is a text in a language, else in English; "" where there is none, or a parameter is missing.
func (c *Catalogue) Text(lang, id string, params Params) string {
	localizer := i18n.NewLocalizer(c.bundle, lang, English)
	config := i18n.LocalizeConfig{MessageID: id, TemplateData: params, TemplateParser: strict}
	if n, ok := params["n"]; ok {
		config.PluralCount = n
		if text, err := localizer.Localize(&config); err == nil {
			return text
		}
		config.PluralCount = nil // a text that does not count
	}
	text, err := localizer.Localize(&config)
	if _, missing := errors.AsType[*i18n.MessageNotFoundErr](err); err != nil && !missing {
		return ""
	}
	return text
}

// Mail is the subject and the text of an e-mail: mail.ID.subject and mail.ID.text.
func (c *Catalogue) Mail(lang, id string, params Params) (subject, text string) {
	return c.Text(lang, "mail."+id+".subject", params), c.Text(lang, "mail."+id+".text", params)
}

// Fault is what an error means, by the rules; nil for no error. What to do is the catalogue's CODE.do.
func (c *Catalogue) Fault(err error, rules []Rule, params Params) *Fault {
	if err == nil {
		return nil
	}
	f := &Fault{Code: cmp.Or(CodeOf(err, rules), Failed), Params: params, Detail: err.Error()}
	f.Do = c.Text(English, f.Code+".do", params)
	return f
}

// In is a fault in a language: the texts CODE.what and CODE.do of the catalogue. Without a language, and where the
// catalogue does not know the code, it is as the log has it.
func (c *Catalogue) In(lang string, f *Fault) *Fault {
	if f == nil || lang == "" {
		return f
	}
	said := *f
	said.Detail = cmp.Or(c.Text(lang, f.Code+".what", f.Params), f.Detail)
	said.Do = cmp.Or(c.Text(lang, f.Code+".do", f.Params), f.Do)
	return &said
}
