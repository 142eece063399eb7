package web_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// TestProblemHasItsExtraMembersBesideTheOthers (RFC 9457, section 3.2).
func TestProblemHasItsExtraMembersBesideTheOthers(t *testing.T) {
	t.Parallel()
	p := web.NewProblem(http.StatusConflict, "It is taken.", nil)
	bare, err := json.Marshal(p)
	if want := `{"type":"urn:carillon:problem:conflict","title":"Conflict","status":409,"detail":"It is taken."}`; err != nil || string(bare) != want {
		t.Errorf("%s, %v", bare, err)
	}
	p.Extra = map[string]any{"free_at": "14:00", "left": 0}
	with, err := json.Marshal(p)
	want := `{"type":"urn:carillon:problem:conflict","title":"Conflict","status":409,"detail":"It is taken.","free_at":"14:00","left":0}`
	if err != nil || string(with) != want {
		t.Errorf("%s, %v", with, err)
	}
	p.Extra = map[string]any{"bad": make(chan int)}
	if _, err := json.Marshal(p); err == nil {
		t.Error("what has no JSON is written")
	}
}
