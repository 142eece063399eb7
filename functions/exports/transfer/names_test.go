package transfer_test

import (
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// TestFlatten: two blobs of one name become no single file; both stay, and the others go on.
func TestFlatten(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["flatten"] = true })
	f.put("DB1/x.csv", []byte(cumul))
	f.put("DB2/X.csv", []byte(cumul))
	f.put("DB1/y.csv", []byte(cumul))
	r := f.run()
	if r.Transferred != 1 || r.Failed != 2 || r.Fault == nil || r.Fault.Code != "files" ||
		names(f.files()) != "y.csv" ||
		len(f.left()) != 2 ||
		!strings.Contains(line(r, "DB1/x.csv").Why, "DB2/X.csv") {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestOddNames: names that cannot be files stay at the source, and say why.
func TestOddNames(t *testing.T) {
	f := newFixture(t, nil)
	for _, name := range []string{"NUL.csv", "quarantine/x.csv", "a:b.csv", "a?.csv"} {
		f.put(name, []byte(cumul))
	}
	f.put("fine.csv", []byte(cumul))
	if r := f.run(); r.Transferred != 1 || r.Failed != 4 || len(f.left()) != 4 || names(f.files()) != "fine.csv" {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestFolderMark: a blob that stands for a folder by its metadata is no file.
func TestFolderMark(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.container.NewBlockBlobClient("DB1").
		UploadBuffer(t.Context(), nil, &blockblob.UploadBufferOptions{
			Metadata: map[string]*string{"hdi_isfolder": new("true")},
		}); err != nil {
		t.Fatal(err)
	}
	f.put("DB1/x.csv", []byte(cumul))
	if r := f.good(); r.Transferred != 1 || names(f.files()) != "DB1/x.csv" || len(f.left()) != 1 {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}
