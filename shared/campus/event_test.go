package campus

import "testing"

// TestFingerprintOfLinks is of the form that earlier versions kept: another one would send every event again.
func TestFingerprintOfLinks(t *testing.T) {
	t.Parallel()
	links := QuickLinks{
		"2": {Name: "b", URL: "https://b.example", OriginalURL: "https://long.example"},
		"1": {Name: "a", URL: "https://a.example"},
	}
	const kept = `{"1":{"name":"a","url":"https://a.example"},` +
		`"2":{"name":"b","url":"https://b.example","original_url":"https://long.example"}}`
	if got := links.fingerprint(); got != digest(kept) {
		t.Errorf("the fingerprint of the links is not that of %s", kept)
	}
	if (QuickLinks{}).fingerprint() != digest("") || QuickLinks(nil).fingerprint() != digest("") {
		t.Error("no links have another fingerprint")
	}
}
