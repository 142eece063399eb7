package rooms_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

func TestSchemaIsInTheDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/rooms.md")
	if err != nil || !bytes.Contains(page,
		append(append([]byte("```json\n"), bytes.TrimSpace(rooms.Schema)...), "\n```\n"...)) {
		t.Errorf("docs/rooms.md (%v) does not show config.schema.json as it is", err)
	}
}
