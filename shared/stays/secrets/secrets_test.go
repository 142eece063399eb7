package secrets_test

import (
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// TestSecrets: what is kept of a secret lets that one in and no other, and does not tell it.
func TestSecrets(t *testing.T) {
	t.Parallel()
	made := secrets.New()
	if len(made) != 32 || made == secrets.New() {
		t.Errorf("%q", made)
	}
	for name, hash := range map[string]func(string) string{"made": secrets.Hash, "chosen": secrets.HashChosen} {
		kept := hash("été2012")
		if strings.Contains(kept, "2012") || secrets.Costly(kept) != (name == "chosen") {
			t.Errorf("%s: %s", name, kept)
		}
		for secret, want := range map[string]bool{"été2012": true, "été2013": false, "": false, kept: false} {
			if ok, err := secrets.Right(kept, secret); ok != want || err != nil {
				t.Errorf("%s, %q: %v, %v", name, secret, ok, err)
			}
		}
	}
	if one, other := secrets.HashChosen("x"), secrets.HashChosen("x"); one == other {
		t.Error("two hashes of one secret are the same")
	}
	for _, broken := range []string{"argon2id:", "argon2id:AAAA:", "argon2id:!:AAAA", "argon2id:AAAA:AAAA"} {
		if ok, err := secrets.Right(broken, "x"); ok || err == nil {
			t.Errorf("%q: %v, %v", broken, ok, err)
		}
	}
}
