package blobs_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/appendblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/blobs/blobstest"
)

// A fixture is a container of its own in a store.
type fixture struct {
	*testing.T

	account   blobs.Account
	name      string
	container *container.Client
	azurite   bool // the store is the real Azurite, and may differ where a case says so
}

var cases = map[string]func(*fixture){
	"containers":         containers,
	"put_and_get":        putAndGet,
	"ranges":             ranges,
	"conditions":         conditions,
	"md5":                checksums,
	"blocks":             blocks,
	"append":             appendBlobs,
	"list":               list,
	"names":              blobNames,
	"delete":             deletes,
	"lease":              leases,
	"snapshots":          snapshots,
	"access":             access,
	"shared_key":         sharedKey,
	"tier":               tiers,
	"headers":            headers,
	"version_read":       versionRead,
	"one_of_two_writers": oneOfTwoWriters,
	"bad_requests":       badRequests,
}

// TestConformance runs the same cases with the simulated store and with Azurite.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) (blobs.Account, func()){
		"simulated": func(t *testing.T) (blobs.Account, func()) { t.Helper(); return blobstest.Simulated(t, t.TempDir()) },
		"azurite": func(t *testing.T) (blobs.Account, func()) {
			t.Helper()
			return blobstest.Azurite(t, t.TempDir())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			account, stop := start(t)
			t.Cleanup(stop)
			for name, run := range cases {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					run(newFixture(t, account))
				})
			}
		})
	}
}

var made atomic.Int32

func newFixture(t *testing.T, account blobs.Account) *fixture {
	t.Helper()
	f := &fixture{
		T:       t,
		account: account,
		name:    fmt.Sprintf("c%06d", made.Add(1)),
		azurite: strings.Contains(t.Name(), "/azurite/"),
	}
	var err error
	if f.container, err = account.Container(f.name); err != nil {
		t.Fatal(err)
	}
	f.must(f.container.Create(t.Context(), nil))
	return f
}

// must fails the test for an error of the SDK.
func (f *fixture) must(_ any, err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// refused checks the code of the SDK's error.
func (f *fixture) refused(what string, err error, code bloberror.Code) {
	f.Helper()
	if !bloberror.HasCode(err, code) {
		f.Errorf("%s: %v, want %s", what, err, code)
	}
}

func (f *fixture) put(name, text string) blockblob.UploadResponse {
	f.Helper()
	answer, err := f.container.NewBlockBlobClient(name).Upload(f.Context(), body(text), nil)
	f.must(answer, err)
	return answer
}

// body is a text as the SDK takes it.
func body(text string) io.ReadSeekCloser {
	return struct {
		*strings.Reader
		io.Closer
	}{strings.NewReader(text), io.NopCloser(nil)}
}

func (f *fixture) text(name string) string {
	f.Helper()
	answer, err := f.container.NewBlobClient(name).DownloadStream(f.Context(), nil)
	f.must(answer, err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	f.must(data, err)
	return string(data)
}

// An answer is what came to a request that was made without the SDK.
type answer struct {
	*http.Response

	text string
}

// all are the rights of a SAS that allows everything.
const all = "racwdl"

// raw makes a request with a SAS of some rights; what is the blob and the query. Headers are "Name: value".
func (f *fixture) raw(rights, method, what, text string, headers ...string) answer {
	f.Helper()
	token, err := f.account.Token(f.name, rights, time.Now().Add(time.Hour))
	f.must(token, err)
	return f.send(method, what, token, text, headers...)
}

func (f *fixture) send(method, what, token, text string, headers ...string) answer {
	f.Helper()
	path, query, _ := strings.Cut(what, "?")
	address := f.account.URL + f.name
	if path != "" {
		address += "/" + path
	}
	r, err := http.NewRequestWithContext(
		f.Context(),
		method,
		address+"?"+strings.Trim(query+"&"+token, "&"),
		strings.NewReader(text),
	)
	f.must(r, err)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}).Do(r)
	f.must(resp, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	f.must(data, err)
	return answer{resp, string(data)}
}

// wants checks an answer's status, and its error's code, which stands in its header and in its body.
func (f *fixture) wants(what string, got answer, status int, code string) {
	f.Helper()
	if got.StatusCode != status || got.Header.Get("X-Ms-Error-Code") != code {
		f.Errorf(
			"%s: %s %s, want %d %s\n%s",
			what,
			got.Status,
			got.Header.Get("X-Ms-Error-Code"),
			status,
			code,
			got.text,
		)
	}
	bodiless := got.Request.Method == http.MethodHead || status == http.StatusNotModified
	if code != "" && !bodiless && !strings.Contains(got.text, "<Code>"+code+"</Code>") {
		f.Errorf("%s: the body is %s", what, got.text)
	}
	for _, name := range []string{"Date", "X-Ms-Request-Id", "X-Ms-Version"} {
		if got.Header.Get(name) == "" && (!f.azurite || code == "") { // Azurite's refusals lack some
			f.Errorf("%s: no %s", what, name)
		}
	}
}

// wantHeaders checks headers, "Name: value" each.
func (f *fixture) wantHeaders(what string, got answer, headers ...string) {
	f.Helper()
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if got.Header.Get(name) != value {
			f.Errorf("%s: %s is %q, want %q", what, name, got.Header.Get(name), value)
		}
	}
}

func sum(text string) string {
	s := md5.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(s[:])
}

func containers(f *fixture) {
	_, err := f.container.Create(f.Context(), nil)
	f.refused("a second creation", err, bloberror.ContainerAlreadyExists)
	f.must(f.container.GetProperties(f.Context(), nil))
	f.put("a", "1")
	f.must(f.container.Delete(f.Context(), nil))
	f.wants("reading in a container that is gone", f.raw(all, "GET", "a", ""), 404, "ContainerNotFound")
	f.wants("listing one", f.raw(all, "GET", "?restype=container&comp=list", ""), 404, "ContainerNotFound")
	f.wants("writing to one", f.raw(all, "PUT", "a", "1", "x-ms-blob-type: BlockBlob"), 404, "ContainerNotFound")
}

func putAndGet(f *fixture) {
	written := f.put("a.csv", "a;b\n")
	if string(*written.ETag) == "" || base64.StdEncoding.EncodeToString(written.ContentMD5) != sum("a;b\n") {
		f.Errorf("written %+v", written)
	}
	for _, method := range []string{"GET", "HEAD"} {
		got := f.raw("r", method, "a.csv", "")
		f.wants(method, got, 200, "")
		f.wantHeaders(
			method,
			got,
			"ETag: "+string(*written.ETag),
			"Content-Md5: "+sum("a;b\n"),
			"Content-Length: 4",
			"Last-Modified: "+written.LastModified.Format(http.TimeFormat),
			"X-Ms-Blob-Type: BlockBlob",
			"Content-Type: application/octet-stream",
			"Accept-Ranges: bytes",
			"X-Ms-Lease-State: available",
			"X-Ms-Lease-Status: unlocked",
		)
		if method == "GET" && got.text != "a;b\n" {
			f.Errorf("text %q", got.text)
		}
	}
	if again := f.put("a.csv", "a;b\n"); *again.ETag == *written.ETag {
		f.Error("a blob that is written again with the same contents keeps its ETag")
	}
	f.put("empty", "")
	got := f.raw("r", "GET", "empty", "")
	f.wants("an empty blob", got, 200, "")
	f.wantHeaders("an empty blob", got, "Content-Length: 0", "Content-Md5: "+sum(""))
	f.wants("one that is not there", f.raw("r", "GET", "b.csv", ""), 404, "BlobNotFound")
	f.wants("its properties", f.raw("r", "HEAD", "b.csv", ""), 404, "BlobNotFound")
}

func ranges(f *fixture) {
	f.put("a", "0123456789")
	for header, want := range map[string]string{
		"Range: bytes=2-4": "234 bytes 2-4/10", "Range: bytes=7-": "789 bytes 7-9/10",
		"Range: bytes=8-100":    "89 bytes 8-9/10",
		"x-ms-range: bytes=0-0": "0 bytes 0-0/10",
	} {
		got := f.raw("r", "GET", "a", "", header)
		f.wants(header, got, 206, "")
		f.wantHeaders(header, got, "X-Ms-Blob-Content-Md5: "+sum("0123456789"))
		if both := got.text + " " + got.Header.Get("Content-Range"); both != want {
			f.Errorf("%s: %s", header, both)
		}
	}
	if !f.azurite { // it answers 206 and nothing; rest/api/storageservices/get-blob has 416 for it
		f.wants("beyond the end", f.raw("r", "GET", "a", "", "Range: bytes=10-"), 416, "InvalidRange")
	}
	got := f.raw("r", "GET", "a", "", "Range: bytes=1-2", "x-ms-range: bytes=3-4")
	if f.wants("both", got, 206, ""); got.text != "34" {
		f.Errorf("x-ms-range counts, but %q came", got.text)
	}
}

func conditions(f *fixture) {
	first := f.put("a", "1")
	old := "If-Match: " + string(*first.ETag)
	f.wants("this version", f.raw(all, "GET", "a", "", old), 200, "")
	f.wants(
		"if it is another one",
		f.raw(all, "GET", "a", "", "If-None-Match: "+string(*first.ETag)),
		304,
		"ConditionNotMet",
	)
	f.wants(
		"since a past time",
		f.raw(all, "GET", "a", "", "If-Modified-Since: "+first.LastModified.Add(-time.Second).Format(http.TimeFormat)),
		200,
		"",
	)
	f.wants(
		"since its time",
		f.raw(all, "GET", "a", "", "If-Modified-Since: "+first.LastModified.Format(http.TimeFormat)),
		304,
		"ConditionNotMet",
	)
	past := "If-Unmodified-Since: " + first.LastModified.Add(-time.Second).Format(http.TimeFormat)
	f.wants("unmodified since a past time", f.raw(all, "GET", "a", "", past), 412, "ConditionNotMet")
	f.put("a", "2")
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		f.wants(method+" of an old version", f.raw(all, method, "a", "", old), 412, "ConditionNotMet")
	}
	put := func(what, header string, status int, code string) {
		f.Helper()
		f.wants(what, f.raw(all, "PUT", "a", "3", "x-ms-blob-type: BlockBlob", header), status, code)
	}
	put("writing over an old version", old, 412, "ConditionNotMet")
	put("writing one that is there", "If-None-Match: *", 409, "BlobAlreadyExists")
	put("writing over any version", "If-Match: *", 201, "")
	f.wants("deleting any version", f.raw(all, "DELETE", "a", "", "If-Match: *"), 202, "")
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		f.wants(method+" of a version that is gone", f.raw(all, method, "a", "", old), 412, "ConditionNotMet")
	}
	put("writing over one that is gone", old, 412, "ConditionNotMet")
	put("writing one that is not there", "If-None-Match: *", 201, "")
	f.wants("reading, if it is there", f.raw(all, "GET", "a", "", "If-Match: *"), 200, "")
}

func checksums(f *fixture) {
	put := func(headers ...string) answer {
		return f.raw(all, "PUT", "a", "abc", append(headers, "x-ms-blob-type: BlockBlob")...)
	}
	f.wants("another MD5", put("Content-MD5: "+sum("abd")), 400, "Md5Mismatch")
	f.wants("nothing was written", f.raw(all, "GET", "a", ""), 404, "BlobNotFound")
	f.wants("no MD5", put("Content-MD5: x"), 400, "InvalidMd5")
	f.wants("the MD5", put("Content-MD5: "+sum("abc")), 201, "")
	f.wants("another one to be kept", put("x-ms-blob-content-md5: "+sum("other")), 400, "Md5Mismatch")
	before := f.raw(all, "HEAD", "a", "").Header.Get("ETag")
	f.wants(
		"set",
		f.raw(
			all,
			"PUT",
			"a?comp=properties",
			"",
			"x-ms-blob-content-md5: "+sum("third"),
			"x-ms-blob-content-type: text/csv",
		),
		200,
		"",
	)
	got := f.raw(all, "GET", "a", "")
	f.wantHeaders("set", got, "Content-Md5: "+sum("third"), "Content-Type: text/csv")
	if got.Header.Get("ETag") == before {
		f.Error("other properties, and the same ETag")
	}
	f.wants("taken away", f.raw(all, "PUT", "a?comp=properties", "", "x-ms-blob-content-type: text/plain"), 200, "")
	f.wantHeaders("taken away", f.raw(all, "HEAD", "a", ""), "Content-Md5: ", "Content-Type: text/plain")
}

func blocks(f *fixture) {
	id := func(n int) string {
		return url.QueryEscape(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%03d", n)))
	}
	for n, text := range []string{"zero,", "one,", "two"} {
		got := f.raw("w", "PUT", "a?comp=block&blockid="+id(n), text, "Content-MD5: "+sum(text))
		f.wants("a block", got, 201, "")
		if !f.azurite { // it does not return the header that rest/api/storageservices/put-block has
			f.wantHeaders("a block", got, "Content-Md5: "+sum(text))
		}
	}
	f.wants(
		"a block of another MD5",
		f.raw("w", "PUT", "a?comp=block&blockid="+id(3), "x", "Content-MD5: "+sum("y")),
		400,
		"Md5Mismatch",
	)
	f.wants("reading what no list has committed", f.raw(all, "GET", "a", ""), 404, "BlobNotFound")
	if got := f.raw(all, "GET", "?restype=container&comp=list", ""); strings.Contains(got.text, "<Name>") {
		f.Errorf("what is not committed is listed: %s", got.text)
	}
	commit := func(what string, status int, code string, elements ...string) {
		f.Helper()
		text := `<?xml version="1.0" encoding="utf-8"?><BlockList>` + strings.Join(elements, "") + "</BlockList>"
		f.wants(what, f.raw(all, "PUT", "a?comp=blocklist", text, "x-ms-meta-who: me"), status, code)
	}
	element := func(kind string, n int) string {
		plain, _ := url.QueryUnescape(id(n))
		return "<" + kind + ">" + plain + "</" + kind + ">"
	}
	commit("an unknown block", 400, "InvalidBlockList", element("Latest", 0), element("Latest", 7))
	commit("not committed yet", 400, "InvalidBlockList", element("Committed", 0))
	commit("another order", 201, "", element("Uncommitted", 2), element("Latest", 0))
	if text := f.text("a"); text != "twozero," {
		f.Errorf("text %q", text)
	}
	f.wantHeaders("its MD5 is not known", f.raw(all, "HEAD", "a", ""), "Content-Md5: ", "X-Ms-Meta-Who: me")
	commit("one that the list before has left out", 400, "InvalidBlockList", element("Latest", 1))
	f.wants("a block", f.raw("w", "PUT", "a?comp=block&blockid="+id(0), "null,"), 201, "")
	commit("old and new", 201, "", element("Committed", 0), element("Uncommitted", 0), element("Latest", 2))
	if text := f.text("a"); text != "zero,null,two" {
		f.Errorf("text %q", text)
	}
	large := make([]byte, 20<<20+17)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(large)
	f.must(
		f.container.NewBlockBlobClient("large").
			UploadStream(f.Context(), bytes.NewReader(large), &blockblob.UploadStreamOptions{
				BlockSize: 3 << 20, Concurrency: 3,
			}),
	)
	if text := f.text("large"); text != string(large) {
		f.Error("20 MB in blocks come back as something else")
	}
	f.must(f.container.NewBlockBlobClient("whole").UploadBuffer(f.Context(), large, nil))
	if got := f.raw(all, "GET", "whole", "", "Range: bytes=3145720-3145735"); got.text != string(
		large[3145720:3145736],
	) {
		f.Error("a range of 20 MB comes back as something else")
	}
	if got := f.raw(all, "GET", "large", "", "Range: bytes=3145720-3145735"); got.text != string(
		large[3145720:3145736],
	) {
		f.Error("a range across blocks comes back as something else")
	}
}

func appendBlobs(f *fixture) {
	client := f.container.NewAppendBlobClient("log")
	f.must(client.Create(f.Context(), nil))
	tags := map[azcore.ETag]bool{}
	for i, text := range []string{"one,", "two"} {
		got, err := client.AppendBlock(f.Context(), body(text), nil)
		f.must(got, err)
		if *got.BlobAppendOffset != strconv.Itoa(4*i) || *got.BlobCommittedBlockCount != int32(i+1) {
			f.Errorf("appended at %s, %d blocks", *got.BlobAppendOffset, *got.BlobCommittedBlockCount)
		}
		tags[*got.ETag] = true
	}
	got := f.raw(all, "GET", "log", "")
	if got.text != "one,two" || len(tags) != 2 {
		f.Errorf("text %q, ETags %v", got.text, tags)
	}
	f.wantHeaders("append blob", got, "X-Ms-Blob-Type: AppendBlob", "X-Ms-Blob-Committed-Block-Count: 2")
	f.wantHeaders("its MD5 is not known", f.raw(all, "HEAD", "log", ""), "Content-Md5: ")
	_, err := client.AppendBlock(
		f.Context(),
		body("x"),
		&appendblob.AppendBlockOptions{
			AppendPositionAccessConditions: &appendblob.AppendPositionAccessConditions{AppendPosition: new(int64(3))},
		},
	)
	f.refused("another place", err, bloberror.AppendPositionConditionNotMet)
	_, err = client.AppendBlock(
		f.Context(),
		body("x"),
		&appendblob.AppendBlockOptions{
			AppendPositionAccessConditions: &appendblob.AppendPositionAccessConditions{MaxSize: new(int64(7))},
		},
	)
	f.refused("a larger one", err, bloberror.MaxBlobSizeConditionNotMet)
	f.put("block", "x")
	_, err = f.container.NewAppendBlobClient("block").AppendBlock(f.Context(), body("x"), nil)
	f.refused("appending to a block blob", err, bloberror.InvalidBlobType)
}

func list(f *fixture) {
	for i := range 7 {
		f.put(fmt.Sprintf("a/%d", i), "12345"[:i%5])
	}
	f.put("b", "x")
	f.must(f.container.NewBlobClient("b").SetMetadata(f.Context(), map[string]*string{"kind": new("x & y")}, nil))
	f.must(f.container.NewBlobClient("b").CreateSnapshot(f.Context(), nil))
	collect := func(o *container.ListBlobsFlatOptions) (names []string, pages int) {
		pager := f.container.NewListBlobsFlatPager(o)
		for pager.More() {
			page, err := pager.NextPage(f.Context())
			f.must(page, err)
			pages++
			for _, item := range page.Segment.BlobItems {
				name := *item.Name
				if item.Snapshot != nil && *item.Snapshot != "" {
					name += "@"
				}
				names = append(names, name)
			}
		}
		return names, pages
	}
	withSnapshots := container.ListBlobsInclude{Snapshots: true}
	for _, tt := range []struct {
		o     container.ListBlobsFlatOptions
		want  string
		pages int
	}{
		{container.ListBlobsFlatOptions{}, "a/0 a/1 a/2 a/3 a/4 a/5 a/6 b", 1},
		{container.ListBlobsFlatOptions{MaxResults: new(int32(3))}, "a/0 a/1 a/2 a/3 a/4 a/5 a/6 b", 3},
		{container.ListBlobsFlatOptions{MaxResults: new(int32(8))}, "a/0 a/1 a/2 a/3 a/4 a/5 a/6 b", 1},
		{
			container.ListBlobsFlatOptions{Prefix: new("a/"), MaxResults: new(int32(4))},
			"a/0 a/1 a/2 a/3 a/4 a/5 a/6", 2,
		},
		{container.ListBlobsFlatOptions{Prefix: new("b"), Include: withSnapshots}, "b b@", 1},
		{
			container.ListBlobsFlatOptions{Prefix: new("b"), MaxResults: new(int32(1)), Include: withSnapshots},
			"b b@", 2,
		},
		{container.ListBlobsFlatOptions{Prefix: new("none")}, "", 1},
	} {
		if f.azurite && tt.want == "b b@" && tt.o.MaxResults != nil {
			continue // Azurite's marker is a name: it leaves out the rest of a name's snapshots
		}
		names, pages := collect(&tt.o)
		slices.Sort(names) // the reference does not say whether a blob comes before its snapshots
		if strings.Join(names, " ") != tt.want || pages != tt.pages {
			f.Errorf("%+v: %v in %d pages, want %s in %d", tt.o, names, pages, tt.want, tt.pages)
		}
	}
	page, err := f.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: new("b"), Include: container.ListBlobsInclude{Metadata: true},
	}).
		NextPage(f.Context())
	f.must(page, err)
	item := page.Segment.BlobItems[0]
	got := f.raw(all, "GET", "b", "")
	p := item.Properties
	if strings.Trim(string(*p.ETag), `"`) != strings.Trim(got.Header.Get("ETag"), `"`) || *p.ContentLength != 1 ||
		base64.StdEncoding.EncodeToString(p.ContentMD5) != sum("x") ||
		p.LastModified.UTC().Format(http.TimeFormat) != got.Header.Get("Last-Modified") ||
		*p.BlobType != container.BlobTypeBlockBlob ||
		*item.Metadata["kind"] != "x & y" {
		f.Errorf("listed %+v, metadata %v; read %v", *p, item.Metadata, got.Header)
	}
	if f.azurite {
		return // it answers 400 without a code
	}
	f.wants(
		"no results",
		f.raw(all, "GET", "?restype=container&comp=list&maxresults=0", ""),
		400,
		"OutOfRangeQueryParameterValue",
	)
}

func blobNames(f *fixture) {
	names := []string{
		"DB 1/été; paie.csv",
		"a%20b",
		"a//b",
		"folder/",
		"q?x#y",
		"x&y<z>'\"",
		"a+b",
		"日本",
		"UPPER",
		"lower",
	}
	if !f.azurite { // it lists a/b; a name has any character (naming-and-referencing-containers--blobs--and-metadata)
		names = append(names, "a\\b")
	}
	for _, name := range names {
		f.put(name, name)
		if text := f.text(name); text != name {
			f.Errorf("%q holds %q", name, text)
		}
	}
	page, err := f.container.NewListBlobsFlatPager(nil).NextPage(f.Context())
	f.must(page, err)
	listed := map[string]bool{}
	for _, item := range page.Segment.BlobItems {
		listed[*item.Name] = true
	}
	for _, name := range names {
		if !listed[name] {
			f.Errorf("%q is not listed: %v", name, listed)
		}
	}
}

func deletes(f *fixture) {
	f.wants("one that is not there", f.raw(all, "DELETE", "a", ""), 404, "BlobNotFound")
	f.put("a", "1")
	f.wants("once", f.raw("d", "DELETE", "a", ""), 202, "")
	f.wants("twice", f.raw("d", "DELETE", "a", ""), 404, "BlobNotFound")
	f.put("a", "1")
	f.must(f.container.NewBlobClient("a").CreateSnapshot(f.Context(), nil))
	f.wants("with a snapshot", f.raw(all, "DELETE", "a", ""), 409, "SnapshotsPresent")
	f.put("a", "2") // its snapshots stay
	f.wants("written again", f.raw(all, "DELETE", "a", ""), 409, "SnapshotsPresent")
	f.wants("the snapshots alone", f.raw(all, "DELETE", "a", "", "x-ms-delete-snapshots: only"), 202, "")
	f.wants("then", f.raw(all, "GET", "a", ""), 200, "")
	f.must(f.container.NewBlobClient("a").CreateSnapshot(f.Context(), nil))
	f.wants("the snapshots too", f.raw(all, "DELETE", "a", "", "x-ms-delete-snapshots: include"), 202, "")
	f.wants("then", f.raw(all, "GET", "a", ""), 404, "BlobNotFound")
}

func leases(f *fixture) {
	f.put("a", "1")
	lease := func(what, action string, status int, code string, headers ...string) string {
		f.Helper()
		got := f.raw(all, "PUT", "a?comp=lease", "", append(headers, "x-ms-lease-action: "+action)...)
		f.wants(what, got, status, code)
		return got.Header.Get("X-Ms-Lease-Id")
	}
	lease(
		"releasing none",
		"release",
		409,
		"LeaseIdMismatchWithLeaseOperation",
		"x-ms-lease-id: 11111111-1111-4111-8111-111111111111",
	)
	lease("breaking none", "break", 409, "LeaseNotPresentWithLeaseOperation")
	lease("ten seconds", "acquire", 400, "InvalidHeaderValue", "x-ms-lease-duration: 10")
	id := lease("an infinite one", "acquire", 201, "", "x-ms-lease-duration: -1")
	mine, other := "x-ms-lease-id: "+id, "x-ms-lease-id: 11111111-1111-4111-8111-111111111111"
	f.wantHeaders("leased", f.raw(all, "HEAD", "a", ""), "X-Ms-Lease-State: leased", "X-Ms-Lease-Status: locked")
	lease("a second one", "acquire", 409, "LeaseAlreadyPresent", "x-ms-lease-duration: 15")
	for _, change := range []string{"PUT a", "DELETE a", "PUT a?comp=properties", "PUT a?comp=metadata"} {
		method, what, _ := strings.Cut(change, " ")
		f.wants(
			change+" without the lease",
			f.raw(all, method, what, "", "x-ms-blob-type: BlockBlob"),
			412,
			"LeaseIdMissing",
		)
		f.wants(
			change+" with another one",
			f.raw(all, method, what, "", "x-ms-blob-type: BlockBlob", other),
			412,
			"LeaseIdMismatchWithBlobOperation",
		)
	}
	f.wants("reading", f.raw(all, "GET", "a", ""), 200, "")
	f.wants("reading with another lease", f.raw(all, "GET", "a", "", other), 412, "LeaseIdMismatchWithBlobOperation")
	f.wants("writing with it", f.raw(all, "PUT", "a", "2", "x-ms-blob-type: BlockBlob", mine), 201, "")
	lease("renewing", "renew", 200, "", mine)
	lease("renewing another one", "renew", 409, "LeaseIdMismatchWithLeaseOperation", other)
	lease("breaking", "break", 202, "")
	f.wantHeaders("broken", f.raw(all, "HEAD", "a", ""), "X-Ms-Lease-State: broken", "X-Ms-Lease-Status: unlocked")
	lease("renewing a broken one", "renew", 409, "LeaseIsBrokenAndCannotBeRenewed", mine)
	f.wants("writing", f.raw(all, "PUT", "a", "3", "x-ms-blob-type: BlockBlob"), 201, "")
	id = lease(
		"a short one",
		"acquire",
		201,
		"",
		"x-ms-lease-duration: 60",
		"x-ms-proposed-lease-id: 22222222-2222-4222-8222-222222222222",
	)
	if id != "22222222-2222-4222-8222-222222222222" {
		f.Errorf("the lease is %s", id)
	}
	lease("a break that takes its time", "break", 202, "", "x-ms-lease-break-period: 30")
	f.wantHeaders("breaking", f.raw(all, "HEAD", "a", ""), "X-Ms-Lease-State: breaking", "X-Ms-Lease-Status: locked")
	f.wants("deleting meanwhile", f.raw(all, "DELETE", "a", ""), 412, "LeaseIdMissing")
	lease("releasing", "release", 200, "", "x-ms-lease-id: "+id)
	f.wants(
		"with a lease that was released",
		f.raw(all, "PUT", "a", "3", "x-ms-blob-type: BlockBlob", mine),
		412,
		"LeaseNotPresentWithBlobOperation",
	)
	f.wants("deleting", f.raw(all, "DELETE", "a", ""), 202, "")
}

func snapshots(f *fixture) {
	f.put("a", "old")
	taken, err := f.container.NewBlobClient("a").CreateSnapshot(f.Context(), nil)
	f.must(taken, err)
	f.put("a", "new")
	at, err := f.container.NewBlobClient("a").WithSnapshot(*taken.Snapshot)
	f.must(at, err)
	got, err := at.DownloadStream(f.Context(), nil)
	f.must(got, err)
	text, err := io.ReadAll(got.Body)
	_ = got.Body.Close()
	if err != nil || string(text) != "old" || f.text("a") != "new" {
		f.Errorf("the snapshot holds %q, %v, the blob %q", text, err, f.text("a"))
	}
	if !f.azurite { // it takes the snapshot for signed; create-service-sas signs it for a snapshot (sr=bs) alone
		raw := f.raw(all, "GET", "a?snapshot="+url.QueryEscape(*taken.Snapshot), "")
		if f.wants("by a SAS", raw, 200, ""); raw.text != "old" {
			f.Errorf("the snapshot holds %q", raw.text)
		}
	}
	never, err := f.container.NewBlobClient("a").WithSnapshot("2020-01-01T00:00:00.0000000Z")
	f.must(never, err)
	_, err = never.GetProperties(f.Context(), nil)
	f.refused("another instant", err, bloberror.BlobNotFound)
	f.must(at.Delete(f.Context(), nil))
	_, err = at.GetProperties(f.Context(), nil)
	f.refused("a snapshot that is gone", err, bloberror.BlobNotFound)
	f.wants("deleting the blob", f.raw(all, "DELETE", "a", ""), 202, "")
}

func access(f *fixture) {
	f.put("a", "1")
	for _, tt := range []struct{ rights, method, what string }{
		{"wdl", "GET", "a"},
		{"wdl", "HEAD", "a"},
		{"rdl", "PUT", "a"},
		{"rwl", "DELETE", "a"},
		{"rwd", "GET", "?restype=container&comp=list"},
		{"rdl", "PUT", "a?comp=lease"},
		{"rdl", "PUT", "a?comp=properties"},
		{"rdl", "PUT", "a?comp=block&blockid=MDAw"},
	} {
		f.wants(
			tt.method+" "+tt.what+" with "+tt.rights,
			f.raw(tt.rights, tt.method, tt.what, "", "x-ms-blob-type: BlockBlob"),
			403,
			"AuthorizationPermissionMismatch",
		)
	}
	token := func(container string, until time.Time) string {
		token, err := f.account.Token(container, all, until)
		f.must(token, err)
		return token
	}
	good := token(f.name, time.Now().Add(time.Hour))
	for what, tt := range map[string]string{
		"expired":              token(f.name, time.Now().Add(-time.Minute)),
		"of another container": token("other", time.Now().Add(time.Hour)),
		"with other rights":    strings.Replace(good, "&sp=", "&sp=x", 1),
		"that starts later":    good + "&st=2099-01-01T00%3A00%3A00Z",
		"unsigned":             strings.Replace(good, "sig=", "sig=AAAA", 1),
	} {
		code := "AuthenticationFailed"
		// Azurite answers AuthorizationFailure to all of these; the reference: common-rest-api-error-codes.
		if f.azurite {
			code = f.send("GET", "a", tt, "").Header.Get("X-Ms-Error-Code")
		}
		f.wants("an access "+what, f.send("GET", "a", tt, ""), 403, code)
	}
	got := f.send("GET", "a", "", "")
	if f.azurite { // 403 AuthorizationFailure; the reference's common error codes have 401 NoAuthenticationInformation
		f.wants("nothing", got, 403, "AuthorizationFailure")
		return
	}
	f.wants("nothing", got, 401, "NoAuthenticationInformation")
}

func sharedKey(f *fixture) {
	wrong := blobs.Account{URL: f.account.URL, Key: base64.StdEncoding.EncodeToString(make([]byte, 32))}
	client, err := wrong.Container(f.name)
	f.must(client, err)
	_, err = client.NewBlobClient("a").GetProperties(f.Context(), nil)
	code := bloberror.AuthenticationFailed
	if f.azurite { // as above
		code = bloberror.AuthorizationFailure
	}
	f.refused("another key", err, code)
	f.put("a b/é", "1") // what is signed has the name as it stands in the address
	f.must(
		f.container.NewBlobClient("a b/é").
			SetMetadata(f.Context(), map[string]*string{"b_c": new("1"), "ba": new("2"), "B": new("3")}, nil),
	)
}

func tiers(f *fixture) {
	f.put("a", "1")
	f.wantHeaders("by itself", f.raw(all, "HEAD", "a", ""), "X-Ms-Access-Tier: Hot", "X-Ms-Access-Tier-Inferred: true")
	f.must(f.container.NewBlobClient("a").SetTier(f.Context(), blob.AccessTierArchive, nil))
	f.wants("reading", f.raw(all, "GET", "a", ""), 409, "BlobArchived")
	f.wantHeaders("its properties", f.raw(all, "HEAD", "a", ""), "X-Ms-Access-Tier: Archive")
	f.wants("deleting", f.raw(all, "DELETE", "a", ""), 202, "")
}

func headers(f *fixture) {
	f.wants(
		"writing",
		f.raw(
			all,
			"PUT",
			"a",
			"\x1f\x8b",
			"x-ms-blob-type: BlockBlob",
			"x-ms-blob-content-encoding: gzip",
			"x-ms-blob-content-type: text/csv",
			"x-ms-blob-cache-control: no-cache",
			"x-ms-blob-content-language: fr",
			"x-ms-meta-hdi_isfolder: true",
			"x-ms-client-request-id: mine",
		),
		201,
		"",
	)
	got := f.raw(all, "GET", "a", "", "x-ms-client-request-id: mine")
	f.wants("reading", got, 200, "")
	f.wantHeaders(
		"reading",
		got,
		"Content-Encoding: gzip",
		"Content-Type: text/csv",
		"Cache-Control: no-cache",
		"Content-Language: fr",
		"X-Ms-Meta-Hdi_isfolder: true",
		"X-Ms-Client-Request-Id: mine",
	)
	if got.text != "\x1f\x8b" {
		f.Errorf("text %q", got.text)
	}
}

// versionRead: a reader gets one version to its end, whatever is written meanwhile.
func versionRead(f *fixture) {
	first, second := bytes.Repeat([]byte("1"), 20<<20), bytes.Repeat([]byte("2"), 20<<20)
	client := f.container.NewBlockBlobClient("a")
	f.must(client.UploadBuffer(f.Context(), first, nil))
	got, err := client.DownloadStream(f.Context(), nil)
	f.must(got, err)
	defer got.Body.Close()
	piece := make([]byte, 1000)
	f.must(io.ReadFull(got.Body, piece))
	f.must(client.UploadBuffer(f.Context(), second, nil))
	rest, err := io.ReadAll(got.Body)
	if err != nil || len(rest) != len(first)-len(piece) || bytes.Contains(rest, []byte("2")) {
		f.Errorf("a blob that was written while it was read: %d bytes, %v", len(rest), err)
	}
}

func oneOfTwoWriters(f *fixture) {
	tag := f.put("a", "0").ETag
	var won atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := f.container.NewBlockBlobClient("a").
				Upload(context.WithoutCancel(f.Context()), body("x"), &blockblob.UploadOptions{
					AccessConditions: &blob.AccessConditions{
						ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: tag},
					},
				})
			if err == nil {
				won.Add(1)
			}
		})
	}
	group.Wait()
	if won.Load() != 1 {
		f.Errorf("%d of eight writers over one version have won", won.Load())
	}
}

func badRequests(f *fixture) {
	if f.azurite {
		return // it answers 400 without a code, or accepts them
	}
	f.wants("no type", f.raw(all, "PUT", "a", "1"), 400, "MissingRequiredHeader")
	f.wants("a page blob", f.raw(all, "PUT", "a", "1", "x-ms-blob-type: PageBlob"), 400, "InvalidHeaderValue")
	f.wants("a block without an id", f.raw(all, "PUT", "a?comp=block&blockid=", "1"), 400, "InvalidBlockId")
	f.wants("a list that is not XML", f.raw(all, "PUT", "a?comp=blocklist", "<"), 400, "InvalidXmlDocument")
	f.wants("another tier", f.raw(all, "PUT", "a?comp=tier", ""), 404, "BlobNotFound")
	f.wants("what is not simulated", f.raw(all, "PUT", "a?comp=page", ""), 400, "UnsupportedQueryParameter")
	f.wants("nothing was written", f.raw(all, "GET", "a", ""), 404, "BlobNotFound")
}
