package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// upMemory measures the most memory (VmHWM) that `carillon up`, built as it is released, holds with the sample's rooms,
// campus and exports and their simulators: at rest, and after work.
func upMemory(ctx context.Context) error {
	home, err := os.MkdirTemp("", "carillon-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	program, data := filepath.Join(home, "carillon"), filepath.Join(home, "data")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./infra/carillon")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	up := exec.CommandContext(ctx, program, "up", "--data", data, "--listen", address)
	if err := up.Start(); err != nil {
		return err
	}
	defer func() { _ = up.Process.Signal(os.Interrupt); _ = up.Wait() }()
	if err := healthy(ctx, "http://"+address); err != nil {
		return err
	}
	fmt.Printf("%-22s %5.1f MiB\n", "up and healthy", float64(highWater(up.Process.Pid))/1024)
	for range 2000 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet,
			"http://"+address+"/meetings?client_id=demo-client&room_name=blue_room", http.NoBody)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer demo-secret")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
	}
	for _, command := range []string{"campus sync", "exports transfer", "rooms status", "doctor"} {
		if out, err := exec.CommandContext(ctx, program,
			append(strings.Fields(command), "--data", data)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command, err, out)
		}
	}
	fmt.Printf("%-22s %5.1f MiB\n", "after work", float64(highWater(up.Process.Pid))/1024)
	return nil
}

// healthy waits until all bridges have come up.
func healthy(ctx context.Context, base string) error {
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("not healthy in two minutes")
}
