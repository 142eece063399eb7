package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/seal"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/school"
)

// What is kept, in the state bucket. All but the orders are sealed: their contents can be read with the key of the
// settings alone, and each only under its own name.
//
//	tokens/HASH          the session of a token, whose hash it is, and the period and child that its holder has chosen
//	sessions/ID          a session, as it was when it was logged in
//	orders/ID/NUMBER     a call that was made in it, empty, written before the call
//	chains/ID/NUMBER     the token of the next login, where the person chose a chain
//	accounts/DIGEST/...  an account's newest session, its logins of a day, and until when it must not be tried
//	schools/DIGEST       until when a school must not be asked
const (
	tokens   = "tokens/"
	living   = "sessions/"
	orders   = "orders/"
	chains   = "chains/"
	accounts = "accounts/"
	schools  = "schools/"
)

// A vault seals documents.
type vault struct {
	*seal.Keys

	bucket documents.Bucket
}

// errNoKey is a deployment that cannot seal.
var errNoKey = errors.New("school.json has no key: make one with openssl rand -hex 32")

// vault is the store with the keys of the settings.
func (f *function) vault(settings *school.Settings) (*vault, error) {
	if settings.KeyFault != nil {
		return nil, web.Unavailable(settings.KeyFault)
	}
	keys, err := seal.New("carillon school", settings.Key, settings.PreviousKey, f.Key)
	if errors.Is(err, seal.ErrNoKey) {
		return nil, web.Unavailable(errNoKey)
	}
	return &vault{keys, f.State}, err
}

// A sealedDoc is a document as it is kept.
type sealedDoc struct {
	Key  string `json:"key"` // by which it was sealed
	Data []byte `json:"data"`
}

// put writes a document. Its name is part of what is sealed, so that no document can stand in another one's place.
func (v *vault) put(ctx context.Context, name string, gen int64, value any, metadata map[string]string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var sealed sealedDoc
	sealed.Key, sealed.Data = v.Seal(name, text)
	data, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	_, err = v.bucket.Put(ctx, name, gen, data, metadata)
	return kept(err)
}

// get reads a document; one that is not there, or was sealed by no key of ours, is [documents.ErrNotFound].
func (v *vault) get(ctx context.Context, name string, into any) (documents.Document, error) {
	doc, err := v.bucket.Get(ctx, name)
	if err != nil {
		return doc, kept(err)
	}
	var sealed sealedDoc
	if err := json.Unmarshal(doc.Data, &sealed); err != nil {
		return doc, documents.ErrNotFound
	}
	if text, err := v.Open(name, sealed.Key, sealed.Data); err == nil && json.Unmarshal(text, into) == nil {
		return doc, nil
	}
	return doc, documents.ErrNotFound
}

// remove deletes a document, whatever it is by now.
func (v *vault) remove(ctx context.Context, name string) error {
	for range 3 {
		doc, err := v.bucket.Get(ctx, name)
		if errors.Is(err, documents.ErrNotFound) {
			return nil
		}
		if err != nil {
			return kept(err)
		}
		if err = v.bucket.Delete(ctx, name, doc.Generation); !errors.Is(err, documents.ErrConflict) {
			return kept(err)
		}
	}
	return kept(documents.ErrConflict)
}

// removeAll deletes what begins with a prefix.
func (v *vault) removeAll(ctx context.Context, prefix string) error {
	for info, err := range v.bucket.List(ctx, prefix) {
		if err != nil {
			return kept(err)
		}
		if err := v.bucket.Delete(ctx, info.Name, info.Generation); err != nil && !errors.Is(err, documents.ErrConflict) {
			return kept(err)
		}
	}
	return nil
}

// kept makes a store that fails something to try again; that a document is not there, or was changed, stays what it is.
func kept(err error) error {
	if err == nil || isOne(err, documents.ErrNotFound, documents.ErrConflict, context.Canceled,
		context.DeadlineExceeded) {
		return err
	}
	return web.Unavailable(err)
}

// hashOf is a token's name in the store. Tokens have 132 random bits, so that a plain hash is enough.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// newToken is 22 characters that no one can guess.
func newToken() string {
	data := make([]byte, 17)
	_, _ = rand.Read(data) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(data)[:22]
}

func orderName(id string, number int) string { return fmt.Sprintf("%s%s/%08d", orders, id, number) }

// lastOrder is the newest call of a session, and when it was made; 0: none is known.
func (v *vault) lastOrder(ctx context.Context, id string) (number int, at time.Time, err error) {
	for info, err := range v.bucket.List(ctx, orders+id+"/") {
		if err != nil {
			return 0, at, kept(err)
		}
		n, err := strconv.Atoi(info.Name[strings.LastIndexByte(info.Name, '/')+1:])
		if err == nil && n > number {
			number, at = n, instant(info.Metadata)
		}
	}
	return number, at, nil
}

// atKey is the metadata that says when a document was written.
const atKey = "at"

func written(t time.Time) map[string]string {
	return map[string]string{atKey: t.UTC().Format(time.RFC3339Nano)}
}

func instant(metadata map[string]string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, metadata[atKey])
	return t
}
