// Package seal keeps texts that only we may read or make, where others hold them: in a store, in a browser's cookie, in
// a link. Each is sealed under a name, and opens under that name alone.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// ErrNoKey is settings without a key.
var ErrNoKey = errors.New("there is no key: make one with openssl rand -hex 32")

// ErrSealed is a text that none of the keys opens under its name.
var ErrSealed = errors.New("it was sealed by another key, or under another name")

// MinKey is how many characters a key must have.
const MinKey = 32

// Keys seal texts and open them.
type Keys struct{ keys []key }

type key struct {
	id     string
	aead   cipher.AEAD
	digest []byte
}

// New makes keys of those in the settings, for one purpose; the first one seals, the others open what they have sealed.
// Empty ones are left out. The error is [ErrNoKey] where none is left.
func New(purpose string, texts ...string) (*Keys, error) {
	k := new(Keys)
	for _, text := range texts {
		if text == "" {
			continue
		}
		made, err := newKey(purpose, text)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, made)
	}
	if len(k.keys) == 0 {
		return nil, ErrNoKey
	}
	return k, nil
}

func newKey(purpose, text string) (k key, err error) {
	const length = 32
	sealing, err := hkdf.Key(sha256.New, []byte(text), nil, purpose+" documents", length)
	if err != nil {
		return k, err
	}
	if k.digest, err = hkdf.Key(sha256.New, []byte(text), nil, purpose+" digests", length); err != nil {
		return k, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return k, err
	}
	sum := sha256.Sum256(sealing)
	k.id = base64.RawURLEncoding.EncodeToString(sum[:6])
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// Seal seals a text under a name (AES-256-GCM, the name being the additional data). The id is that of the key.
func (k *Keys) Seal(name string, text []byte) (id string, sealed []byte) {
	first := k.keys[0]
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return first.id, first.aead.Seal(nonce, nonce, text, []byte(name))
}

// Open opens what was sealed under a name by the key of an id; the error is [ErrSealed].
func (k *Keys) Open(name, id string, sealed []byte) ([]byte, error) {
	for _, one := range k.keys {
		n := one.aead.NonceSize()
		if one.id != id || len(sealed) < n {
			continue
		}
		if text, err := one.aead.Open(nil, sealed[:n], sealed[n:], []byte(name)); err == nil {
			return text, nil
		}
	}
	return nil, ErrSealed
}

// Digests are a keyed hash of parts, by each key, the first one's first: the same for the same parts, and unknown to
// all who do not have the key. They are 32 characters of base64url.
func (k *Keys) Digests(parts ...string) []string {
	list := make([]string, len(k.keys))
	for i, one := range k.keys {
		mac := hmac.New(sha256.New, one.digest)
		for _, part := range parts {
			fmt.Fprintf(mac, "%d:%s", len(part), part)
		}
		list[i] = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:24])
	}
	return list
}

// Digest is the first of [Keys.Digests].
func (k *Keys) Digest(parts ...string) string { return k.Digests(parts...)[0] }
