package azurite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/azurite"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

func TestStart(t *testing.T) {
	t.Parallel()
	script, err := azurite.Script(filepath.Join(peers.Dir(t), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := azurite.Start(t.Context(), script, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	c, err := s.Container("paie")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if token, err := s.Token("paie", "rdl", time.Now().Add(time.Hour)); err != nil || token == "" {
		t.Errorf("token %q, %v", token, err)
	}
}
