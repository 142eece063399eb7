// Package secrets makes partners' secrets and checks them. What is kept of one is a hash: of a secret that was made
// here, which nobody can guess, SHA-256; of one that a person chose, argon2id (RFC 9106).
package secrets

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of argon2id: what OWASP's password storage cheat sheet asks for at least.
const (
	memory  = 19 << 10 // KiB
	passes  = 2
	threads = 1
	length  = 32
)

const (
	fast   = "sha256:"
	slow   = "argon2id:"
	random = 20 // bytes of a secret: 160 bits
)

// New makes a secret: 32 characters that can be read out.
func New() string {
	b := make([]byte, random)
	_, _ = rand.Read(b) // it does not fail
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// ID makes the name by which a secret is listed.
func ID() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // it does not fail
	return hex.EncodeToString(b)
}

// Hash is what is kept of a secret that [New] made.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return fast + hex.EncodeToString(sum[:])
}

// HashChosen is what is kept of a secret that a person chose.
func HashChosen(secret string) string {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // it does not fail
	enc := base64.RawStdEncoding
	return slow + enc.EncodeToString(salt) + ":" + enc.EncodeToString(derive(secret, salt))
}

func derive(secret string, salt []byte) []byte {
	return argon2.IDKey([]byte(secret), salt, passes, memory, threads, length)
}

// Costly reports whether checking against a hash takes tens of milliseconds and 19 MiB.
func Costly(hash string) bool { return strings.HasPrefix(hash, slow) }

// Right reports whether a secret is the one of a hash.
func Right(hash, secret string) (bool, error) {
	if !Costly(hash) {
		return subtle.ConstantTimeCompare([]byte(hash), []byte(Hash(secret))) == 1, nil
	}
	salt, sum, _ := strings.Cut(strings.TrimPrefix(hash, slow), ":")
	s, err := base64.RawStdEncoding.DecodeString(salt)
	if err != nil {
		return false, fmt.Errorf("a hash that cannot be read: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(sum)
	if err != nil || len(want) != length {
		return false, fmt.Errorf("a hash that cannot be read: %w", err)
	}
	return subtle.ConstantTimeCompare(derive(secret, s), want) == 1, nil
}
