package azurite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// ErrMissing says that Node.js, npm, or a folder to install into is missing: a person has to act.
var ErrMissing = errors.New("Azurite needs") //nolint:staticcheck // the name

// minNode is the first Node.js that has what we use.
const minNode = 20

// Node finds Node.js, new enough.
func Node(ctx context.Context) (string, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("%w Node.js %d or newer, which is not installed", ErrMissing, minNode)
	}
	out, err := exec.CommandContext(ctx, node, "--version").Output() //nolint:gosec // found in PATH
	if err != nil {
		return "", fmt.Errorf("asking Node.js for its version: %w", err)
	}
	found := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(found, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < minNode {
		return "", fmt.Errorf("%w Node.js %d or newer; this machine has %s", ErrMissing, minNode, found)
	}
	return node, nil
}

// Script is Azurite's program below a folder of npm packages that was installed whole.
func Script(modules string) (string, error) {
	data, err := os.ReadFile(filepath.Join(modules, ".package-lock.json")) //nolint:gosec // npm writes it last
	if err != nil {
		return "", fmt.Errorf("%s is not a whole installation of npm packages: %w", modules, err)
	}
	var lock struct {
		Packages map[string]struct {
			Optional, DevOptional bool
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		return "", fmt.Errorf("%s is not a whole installation of npm packages: %w", modules, err)
	}
	for name, p := range lock.Packages {
		if p.Optional || p.DevOptional {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(modules), filepath.FromSlash(name), "package.json")); err != nil {
			return "", fmt.Errorf("%s is not a whole installation of npm packages: %w", modules, err)
		}
	}
	script := filepath.Join(modules, "azurite", "dist", "src", "blob", "main.js")
	if _, err := os.Stat(script); err != nil {
		return "", err
	}
	return filepath.Abs(script)
}

// Open starts Azurite with its data in dir: from the first of the folders of npm packages that has a whole installation
// that starts, else from the user's cache, where it is installed if need be. told hears that it is being installed.
func Open(ctx context.Context, folders []string, dir string, told func()) (*Server, error) {
	if _, err := Node(ctx); err != nil {
		return nil, err
	}
	for _, modules := range folders {
		script, err := Script(modules)
		if err != nil {
			continue
		}
		if s, err := Start(ctx, script, dir); err == nil || ctx.Err() != nil {
			return s, err
		}
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "carillon")
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("%w a folder to be installed in: set HOME, or XDG_CACHE_HOME, to one that can be "+
			"written to (%w)", ErrMissing, err)
	}
	return openCached(ctx, cache, dir, told)
}

// installTime bounds how long the installation may take.
const installTime = 10 * time.Minute

// installedAnew are the copies, by folder, that this process has installed.
var installedAnew sync.Map

// openCached starts the copy in the cache. One that is not whole, or does not start, is installed anew, once.
func openCached(ctx context.Context, cache, dir string, told func()) (*Server, error) {
	lock := flock.New(filepath.Join(cache, "azurite.lock")) // two may start at once
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return nil, fmt.Errorf("%w a folder to be installed in: %s cannot be written to (%w)", ErrMissing, cache, err)
	}
	defer lock.Unlock() //nolint:errcheck // it goes with the process
	home := filepath.Join(cache, "azurite-"+Version)
	modules := filepath.Join(home, "node_modules")
	if script, err := Script(modules); err == nil {
		s, err := Start(ctx, script, dir)
		_, whole := installedAnew.Load(home)
		if err == nil || ctx.Err() != nil || whole {
			return s, err // what was installed a moment ago is whole: the fault is another one
		}
	}
	told()
	if err := install(ctx, home); err != nil {
		return nil, err
	}
	installedAnew.Store(home, true)
	script, err := Script(modules)
	if err != nil {
		return nil, err
	}
	return Start(ctx, script, dir)
}

// install makes home anew: beside it, and then it gets its name, so that what was interrupted is never taken for whole.
func install(ctx context.Context, home string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("%w npm, which comes with Node.js, to be installed", ErrMissing)
	}
	left, _ := filepath.Glob(home + ".new*") // the pattern is ours
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(home), filepath.Base(home)+".new")
	if err != nil {
		return fmt.Errorf("%w a folder to be installed in: %w", ErrMissing, err)
	}
	defer os.RemoveAll(fresh)
	limited, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	cmd := exec.CommandContext(limited, npm, "install", "--prefix", fresh, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "azurite@"+Version) //nolint:gosec // our own arguments
	cmd.WaitDelay = time.Second
	apart(cmd)
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return fmt.Errorf("installing Azurite: npm did not end within %s: start again", installTime)
	case err != nil:
		return fmt.Errorf("installing Azurite: npm: %s", npmReason(string(out)))
	}
	if err := os.RemoveAll(home); err != nil {
		return err
	}
	return os.Rename(fresh, home)
}
