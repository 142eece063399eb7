package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/infra/sim/azurite"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/shared/exports"
)

const moveRounds = 3

// A load is what is moved.
type load struct {
	name        string
	count, size int
}

var loads = []load{
	{"200 files of 1 MiB", 200, 1 << 20}, {"2,000 files of 10 KiB", 2000, 10 << 10}, {"2 files of 1 GiB", 2, 1 << 30},
}

// A mover moves all blobs of a container into a folder.
type mover struct {
	name string
	cmd  func(ctx context.Context, address, dir string) (*exec.Cmd, error)
}

// A bout is one move.
type bout struct {
	took, safe time.Duration // until its end; until all of it is on the disk
	peak       int64         // KiB
}

// move measures a run against rclone move, on the same container of the same Azurite, and shows what each does when a
// blob is written anew in the middle. It needs Azurite (make setup) and rclone: go install
// github.com/rclone/rclone@v1.76.0.
func move(ctx context.Context) error {
	if _, err := exec.LookPath("rclone"); err != nil {
		return errors.New("rclone is not there: go install github.com/rclone/rclone@v1.76.0")
	}
	script, err := azurite.Script(filepath.Join("infra", "sim", "peers", "node_modules"))
	if err != nil {
		return fmt.Errorf("%w: make setup", err)
	}
	home, err := os.MkdirTemp("", "carillon-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	store, err := azurite.Start(ctx, script, home)
	if err != nil {
		return err
	}
	defer store.Stop()
	program, err := build(ctx, home)
	if err != nil {
		return err
	}
	movers := []mover{
		{"Carillon", carillonMove(program)},
		{"rclone 4/8", rcloneMove()},
		{"rclone 16/16", rcloneMove("--transfers", "16", "--checkers", "16")},
	}
	n := 0
	for _, l := range loads {
		if err := compare(ctx, store, home, l, movers, &n); err != nil {
			return err
		}
	}
	return rewrites(ctx, store, home, movers[:2], &n)
}

// compare lets the movers take turns with a load.
func compare(ctx context.Context, store *azurite.Server, home string, l load, movers []mover, n *int) error {
	bouts := make([][]bout, len(movers))
	for round := range moveRounds {
		for k := range movers {
			i := (round + k) % len(movers) // nobody is always the first
			m := movers[i]
			*n++
			b, err := onceMoved(ctx, store, home, fmt.Sprintf("c%06d", *n), l, m)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", l.name, m.name, err)
			}
			bouts[i] = append(bouts[i], b)
		}
	}
	took, safe := func(b bout) time.Duration { return b.took }, func(b bout) time.Duration { return b.safe }
	for i, m := range movers {
		fmt.Printf("%-22s %-13s %6.2f s  ratio %.2f  on the disk after %6.2f s  ratio %.2f  %5.1f MiB at most\n", l.name,
			m.name,
			median(bouts[i], took).Seconds(), median(bouts[i], took).Seconds()/median(bouts[0], took).Seconds(),
			median(bouts[i], safe).Seconds(), median(bouts[i], safe).Seconds()/median(bouts[0], safe).Seconds(),
			float64(worst(bouts[i]))/1024)
	}
	return nil
}

func median(list []bout, of func(bout) time.Duration) time.Duration {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b bout) int { return int(of(a) - of(b)) })
	return of(sorted[len(sorted)/2])
}

func worst(list []bout) int64 {
	return slices.MaxFunc(list, func(a, b bout) int { return int(a.peak - b.peak) }).peak
}

// onceMoved fills a container, lets it be moved, and sees that all is where it should be.
func onceMoved(ctx context.Context, store *azurite.Server, home, name string, l load, m mover) (bout, error) {
	if err := fill(ctx, store, name, l); err != nil {
		return bout{}, err
	}
	dir, err := os.MkdirTemp(home, "to")
	if err != nil {
		return bout{}, err
	}
	defer os.RemoveAll(dir)
	address, err := addressOf(store, store.URL, name)
	if err != nil {
		return bout{}, err
	}
	syscall.Sync() // what was written before is nobody's burden
	cmd, err := m.cmd(ctx, address, dir)
	if err != nil {
		return bout{}, err
	}
	began := time.Now()
	peak, out, err := watched(cmd)
	b := bout{took: time.Since(began), peak: peak}
	syscall.Sync()
	b.safe = time.Since(began)
	if err != nil {
		return b, fmt.Errorf("%w: %s", err, out)
	}
	return b, allMoved(ctx, store, name, dir, l)
}

// watched runs a process and returns the most memory that it held, in KiB. The kernel's own account of it (ru_maxrss)
// would begin with ours.
func watched(cmd *exec.Cmd) (peak int64, out []byte, err error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return peak, said.Bytes(), err
		case <-time.After(10 * time.Millisecond):
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is a process's VmHWM, in KiB.
func highWater(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0 // it has ended
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	var kib int64
	_, _ = fmt.Sscan(rest, &kib)
	return kib
}

func addressOf(store *azurite.Server, base, name string) (string, error) {
	token, err := store.Token(name, "rdl", time.Now().Add(time.Hour))
	return base + name + "?" + token, err
}

// fill makes a container with a load.
func fill(ctx context.Context, store *azurite.Server, name string, l load) error {
	c, err := store.Container(name)
	if err != nil {
		return err
	}
	if _, err := c.Create(ctx, nil); err != nil {
		return err
	}
	data := make([]byte, l.size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i := range l.count {
		group.Go(func() error {
			_, err := c.NewBlockBlobClient(fmt.Sprintf("in/%05d.bin", i)).UploadBuffer(ctx, data,
				&blockblob.UploadBufferOptions{BlockSize: 32 << 20, Concurrency: 2})
			return err
		})
	}
	return group.Wait()
}

// allMoved sees that the container is empty and the files are whole.
func allMoved(ctx context.Context, store *azurite.Server, name, dir string, l load) error {
	c, err := store.Container(name)
	if err != nil {
		return err
	}
	page, err := c.NewListBlobsFlatPager(nil).NextPage(ctx)
	if err != nil {
		return err
	}
	found := 0
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(file) != ".bin" {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Size() == int64(l.size) {
			found++
		}
		return err
	})
	if err == nil && (found != l.count || len(page.Segment.BlobItems) != 0) {
		err = fmt.Errorf("%d of %d files arrived, %d or more are left", found, l.count, len(page.Segment.BlobItems))
	}
	if err == nil {
		_, err = c.Delete(ctx, nil)
	}
	return err
}

// rcloneMove is rclone as a process; transfers/checkers as given, else 4/8.
func rcloneMove(args ...string) func(context.Context, string, string) (*exec.Cmd, error) {
	return func(ctx context.Context, address, dir string) (*exec.Cmd, error) {
		u, err := url.Parse(address)
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, "rclone",
			append([]string{"move", ":azureblob:" + filepath.Base(u.Path), dir, "--azureblob-sas-url", address}, args...)...)
		cmd.Env = append(os.Environ(), "RCLONE_CONFIG=/dev/null")
		return cmd, nil
	}
}

// build makes the program that holds exports/transfer and its journal, with what the deployed function is built with.
func build(ctx context.Context, home string) (program string, err error) {
	program = filepath.Join(home, "mover")
	out, err := exec.CommandContext(ctx, "go", "build", "-tags=disable_grpc_modules", "-o", program,
		"./infra/bench/mover").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building: %w: %s", err, out)
	}
	return program, nil
}

// carillonMove is one run of it.
func carillonMove(program string) func(context.Context, string, string) (*exec.Cmd, error) {
	return func(ctx context.Context, address, dir string) (*exec.Cmd, error) {
		doc, err := json.Marshal(map[string]any{
			"sources": []any{map[string]any{"name": "bench", "mode": exports.ModeSASURL, "sas_url": address}},
		})
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, exports.SettingsFile), doc, 0o600); err != nil {
			return nil, err
		}
		return exec.CommandContext(ctx, program, dir), nil
	}
}

// rewrites shows what becomes of a blob that its writer writes anew: while it is read, and between its copy and its
// deletion.
func rewrites(ctx context.Context, store *azurite.Server, home string, movers []mover, n *int) error {
	for _, when := range []string{"while it is read", "before it is deleted"} {
		for _, m := range movers {
			*n++
			said, err := rewritten(ctx, store, home, fmt.Sprintf("c%06d", *n), m, when)
			if err != nil {
				return err
			}
			fmt.Printf("written anew %-22s %-13s %s\n", when, m.name, said)
		}
	}
	return nil
}

func rewritten(ctx context.Context, store *azurite.Server, home, name string, m mover, when string) (string, error) {
	const size = 8 << 20
	one := load{count: 1, size: size}
	if err := fill(ctx, store, name, one); err != nil {
		return "", err
	}
	c, err := store.Container(name)
	if err != nil {
		return "", err
	}
	second := bytes.Repeat([]byte("second! "), size/8)
	write := func() { _, _ = c.NewBlockBlobClient("in/00000.bin").UploadBuffer(ctx, second, nil) }
	target, err := url.Parse(store.URL)
	if err != nil {
		return "", err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
	}}
	var struck atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		isBlob := r.URL.Query().Get("comp") == ""
		switch {
		case r.Method == http.MethodDelete && when == "before it is deleted" && struck.CompareAndSwap(false, true):
			write()
		case r.Method == http.MethodGet && isBlob && when == "while it is read" && struck.CompareAndSwap(false, true):
			half(proxy, w, r)
			write()
			panic(http.ErrAbortHandler) // the connection breaks, as they do
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	dir, err := os.MkdirTemp(home, "to")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	address, err := addressOf(store, front.URL+"/"+blobs.Name+"/", name)
	if err != nil {
		return "", err
	}
	cmd, err := m.cmd(ctx, address, dir)
	if err != nil {
		return "", err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return "its run failed: " + string(out[max(0, len(out)-200):]), nil
	}
	return whereIs(ctx, store, name, dir, second)
}

// half answers with the first half of a blob.
func half(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	whole := httptest.NewRecorder()
	proxy.ServeHTTP(whole, r)
	maps.Copy(w.Header(), whole.Header())
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
}

// whereIs says where the second version of a blob is now.
func whereIs(ctx context.Context, store *azurite.Server, name, dir string, second []byte) (string, error) {
	c, err := store.Container(name)
	if err != nil {
		return "", err
	}
	page, err := c.NewListBlobsFlatPager(nil).NextPage(ctx)
	if err != nil {
		return "", err
	}
	arrived := false
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(file) == ".bin" {
			data, rerr := os.ReadFile(file)
			arrived = arrived || bytes.Equal(data, second)
			return rerr
		}
		return err
	})
	switch {
	case arrived:
		return "the newer version has arrived", err
	case len(page.Segment.BlobItems) > 0:
		return "the newer version is still at the source", err
	default:
		return "THE NEWER VERSION IS LOST: deleted unread", err
	}
}
