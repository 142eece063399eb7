package azure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/appendblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/blobs/blobstest"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
)

// TestContainer uses a container as its owner and as we do, in one store.
func TestContainer(t *testing.T) {
	t.Parallel()
	account, stop := blobstest.Start(t, t.TempDir())
	t.Cleanup(stop)
	for name, run := range map[string]func(*testing.T, blobs.Account){
		"versions": versions, "pages": pages, "refusals": refusals,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, account)
		})
	}
}

// opened makes a container: its owner's client, and ours with some rights.
func opened(
	t *testing.T, account blobs.Account, name string,
) (owner *container.Client, ours func(rights string) *azure.Container) {
	t.Helper()
	owner, err := account.Container(name)
	if err == nil {
		_, err = owner.Create(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return owner, func(rights string) *azure.Container {
		token, err := account.Token(name, rights, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		sas, err := exports.ParseSAS(account.URL + name + "?" + token)
		if err != nil {
			t.Fatal(err)
		}
		return azure.New(func(context.Context, bool) (exports.SAS, error) { return sas, nil }, false)
	}
}

func put(t *testing.T, owner *container.Client, name, text string) {
	t.Helper()
	if _, err := owner.NewBlockBlobClient(name).UploadBuffer(t.Context(), []byte(text), nil); err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, c *azure.Container) map[string]exports.Blob {
	t.Helper()
	found := map[string]exports.Blob{}
	for b, err := range c.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		found[b.Name] = b
	}
	return found
}

// versions lists, reads, finds and deletes blobs, each by its version.
func versions(t *testing.T, account blobs.Account) {
	t.Helper()
	owner, ours := opened(t, account, "versions")
	c := ours("rdl")
	put(t, owner, "DB1/é;1.csv", "a;b\n")
	if _, err := owner.NewBlockBlobClient("DB1").UploadBuffer(t.Context(), nil, &blockblob.UploadBufferOptions{
		Metadata: map[string]*string{"hdi_isfolder": new("true")},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.NewAppendBlobClient("log").Create(t.Context(), &appendblob.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	found := listed(t, c)
	b := found["DB1/é;1.csv"]
	if len(found) != 2 || b.Size != 4 || b.ETag == "" || strings.Contains(b.ETag, `"`) || len(b.MD5) != 16 ||
		time.Since(b.Modified) > time.Minute || b.Growing || !found["log"].Growing {
		t.Errorf("listed %+v", found)
	}
	if same, err := c.Find(t.Context(), b.Name); err != nil || fmt.Sprint(same) != fmt.Sprint(b) {
		t.Errorf("found %+v, %v, listed %+v", same, err, b)
	}
	body, md5, err := c.Open(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(body)
	if _ = body.Close(); err != nil || string(text) != "a;b\n" || string(md5) != string(b.MD5) {
		t.Errorf("read %q, MD5 %x, %v", text, md5, err)
	}
	put(t, owner, b.Name, "c;d\n")
	if _, _, err := c.Open(t.Context(), b); !errors.Is(err, azure.ErrChanged) {
		t.Errorf("reading an older version: %v", err)
	}
	if err := c.Delete(t.Context(), b); !errors.Is(err, azure.ErrChanged) {
		t.Errorf("deleting an older version: %v", err)
	}
	b = listed(t, c)[b.Name]
	if err := c.Delete(t.Context(), b); err != nil {
		t.Error(err)
	}
	_, _, opening := c.Open(t.Context(), b)
	_, finding := c.Find(t.Context(), b.Name)
	deleting := c.Delete(t.Context(), b)
	if !errors.Is(opening, azure.ErrChanged) || !errors.Is(finding, azure.ErrGone) ||
		!errors.Is(deleting, azure.ErrChanged) {
		t.Errorf("where the blob has gone: open %v, find %v, delete %v", opening, finding, deleting)
	}
}

// pages: a listing has thousands of blobs a page.
func pages(t *testing.T, account blobs.Account) {
	t.Helper()
	owner, ours := opened(t, account, "pages")
	for i := range 20 {
		put(t, owner, fmt.Sprintf("f%02d", i), "x")
	}
	for b, err := range ours("rl").List(t.Context()) {
		if err != nil || b.Name != "f00" {
			t.Errorf("the first is %+v, %v", b, err)
		}
		break
	}
	if n := len(listed(t, ours("rl"))); n != 20 {
		t.Errorf("%d blobs", n)
	}
}

// refusals: what cannot be done has an error of its own for each reason.
func refusals(t *testing.T, account blobs.Account) {
	t.Helper()
	owner, ours := opened(t, account, "refusals")
	for _, name := range []string{"archived", "leased", "snapshot", "plain"} {
		put(t, owner, name, "x")
	}
	_, err := owner.NewBlobClient("archived").SetTier(t.Context(), blob.AccessTierArchive, nil)
	held, lerr := lease.NewBlobClient(owner.NewBlobClient("leased"), nil)
	if lerr == nil {
		_, lerr = held.AcquireLease(t.Context(), -1, nil)
	}
	_, serr := owner.NewBlobClient("snapshot").CreateSnapshot(t.Context(), nil)
	if err = errors.Join(err, lerr, serr); err != nil {
		t.Fatal(err)
	}
	c := ours("rdl")
	found := listed(t, c)
	_, _, archived := c.Open(t.Context(), found["archived"])
	_, _, unread := ours("dl").Open(t.Context(), found["plain"])
	for _, tt := range []struct {
		what      string
		got, want error
		says      string
	}{
		{"reading from the archive tier", archived, azure.ErrUnreadable, "archive tier"},
		{"deleting under a lease", c.Delete(t.Context(), found["leased"]), azure.ErrHeld, "lease"},
		{"deleting with a snapshot", c.Delete(t.Context(), found["snapshot"]), azure.ErrHeld, "snapshots"},
		{"deleting without the right", ours("rl").Delete(t.Context(), found["plain"]), azure.ErrRefused, "right"},
		{"reading without the right", unread, azure.ErrRefused, "right"},
	} {
		if !errors.Is(tt.got, tt.want) || !strings.Contains(tt.got.Error(), tt.says) ||
			strings.Contains(tt.got.Error(), "sig=") {
			t.Errorf("%s: %v", tt.what, tt.got)
		}
	}
	if _, err := owner.Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range c.List(t.Context()) {
		if !errors.Is(err, azure.ErrNoContainer) {
			t.Errorf("listing a container that is gone: %v", err)
		}
	}
}
