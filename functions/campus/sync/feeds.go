package sync

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// maxFeeds is how many keys an instance may have.
const maxFeeds = 100

// A Feed is a feed key as it is shown; Path is shown once, when the key is made.
type Feed struct {
	campus.FeedKey

	Instance string `json:"instance"`
	Path     string `json:"path,omitempty"`
}

func (f function) feeds(ctx context.Context, name string) (campus.Feeds, error) {
	return documents.LoadIfAny[campus.Feeds](ctx, f.State, campus.FeedsName(name))
}

func shown(inst string, key campus.FeedKey) Feed {
	key.Hash = ""
	return Feed{FeedKey: key, Instance: inst}
}

func (f function) listFeeds(w http.ResponseWriter, r *http.Request) error {
	list := []Feed{}
	for doc, err := range f.State.List(r.Context(), campus.FeedsPrefix) { //nolint:contextcheck // the iterator has it. An instance that has left the settings is listed too
		if err != nil {
			return web.Unavailable(err)
		}
		name := campus.FeedsOf(doc.Name)
		feeds, err := f.feeds(r.Context(), name)
		if err != nil {
			return web.Unavailable(err)
		}
		for _, key := range feeds.Keys {
			list = append(list, shown(name, key))
		}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// createFeed makes a key and shows its address, this once.
func (f function) createFeed(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Instance string `json:"instance"`
		Label    string `json:"label"`
	}
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	settings, err := f.Settings.Fresh(r.Context())
	if err != nil {
		return web.NewProblem(http.StatusServiceUnavailable, err.Error(), err)
	}
	if _, err := instance(settings, body.Instance); err != nil {
		return err
	}
	key, kept := campus.NewFeedKey(body.Label, f.Now())
	_, err = documents.Update(r.Context(), f.State, campus.FeedsName(body.Instance),
		func(feeds *campus.Feeds) (map[string]string, error) {
			if len(feeds.Keys) >= maxFeeds {
				return nil, web.NewProblem(http.StatusConflict, "The instance has too many feed keys: revoke some.", nil)
			}
			feeds.Version, feeds.Keys = 1, append(feeds.Keys, kept)
			return nil, nil
		})
	if err != nil {
		return web.Unavailable(err)
	}
	made := shown(body.Instance, kept)
	made.Path = "/feeds/campus/" + url.PathEscape(body.Instance) + ".ics?key=" + key
	return web.WriteJSON(w, http.StatusCreated, made)
}

// revokeFeed ends a key at once.
func (f function) revokeFeed(w http.ResponseWriter, r *http.Request) error {
	for doc, err := range f.State.List(r.Context(), campus.FeedsPrefix) { //nolint:contextcheck // as above
		if err != nil {
			return web.Unavailable(err)
		}
		found := false
		_, err := documents.Update(r.Context(), f.State, doc.Name, func(feeds *campus.Feeds) (map[string]string, error) {
			kept := slices.DeleteFunc(slices.Clone(feeds.Keys), func(k campus.FeedKey) bool { return k.ID == r.PathValue("id") })
			if found = len(kept) < len(feeds.Keys); !found {
				return nil, documents.ErrUnchanged
			}
			feeds.Keys = kept
			return nil, nil
		})
		if err != nil {
			return web.Unavailable(err)
		}
		if found {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
	}
	return web.NewProblem(http.StatusNotFound, "No feed key has this id.", nil)
}
