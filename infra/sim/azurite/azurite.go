// Package azurite runs Azurite, Microsoft's stand-in for Azure Blob Storage (npm azurite), as a process of its own.
package azurite

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/blobs"
)

// Version is the one that is tried; the simulators install it.
const Version = "3.37.0"

// Server is a running Azurite.
type Server struct {
	blobs.Account // its key is made anew with each start

	cmd     *exec.Cmd
	stdin   io.WriteCloser
	said    tail // on standard error
	address chan string
	done    chan struct{}
}

// leash ends Azurite with its standard input, so that it lives no longer than who started it, however that ends.
// Whoever writes to it first lets it shut down as it would for a message, and save what it keeps.
const leash = `data:text/javascript,let stopping=false;const stop=()=>{if(stopping)return;stopping=true;setTimeout(()=>process.exit(1),4000).unref();const t=setInterval(()=>{if(process.emit('message','shutdown'))clearInterval(t)},20)};const end=()=>{if(!stopping)process.exit(0)};process.stdin.on('data',stop);process.stdin.on('end',end);process.stdin.on('error',end)`

// startTime bounds how long Azurite may take to answer.
const startTime = time.Minute

// Start starts Azurite with its data in dir, at a free port.
func Start(ctx context.Context, script, dir string) (*Server, error) {
	node, err := Node(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{Account: blobs.NewAccount(""), address: make(chan string, 1), done: make(chan struct{})}
	s.cmd = exec.Command(node, "--import", leash, script, //nolint:gosec,noctx // our own arguments; it ends with our standard input
		"--blobHost", "127.0.0.1", "--blobPort", "0", "--location", dir, "--silent", "--disableTelemetry",
		"--skipApiVersionCheck")
	s.cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+blobs.Name+":"+s.Key)
	s.cmd.Stderr = &s.said
	s.cmd.Stdout = &listening{address: s.address}
	apart(s.cmd)
	s.stdin, err = s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting Azurite: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	if err := s.wait(ctx); err != nil {
		_ = s.cmd.Process.Kill() // it has acknowledged nothing yet
		<-s.done
		return nil, err
	}
	return s, nil
}

// listening reads, from what Azurite prints, the address at which it listens.
type listening struct {
	address chan string // nil once it was found
	text    []byte
}

var listens = regexp.MustCompile(`successfully listens on (http://127\.0\.0\.1:\d+)\n`)

func (l *listening) Write(p []byte) (int, error) {
	if l.address == nil {
		return len(p), nil
	}
	l.text = append(l.text, p...)
	if found := listens.FindSubmatch(l.text); found != nil {
		l.address <- string(found[1])
		l.address, l.text = nil, nil
	}
	return len(p), nil
}

// wait returns when Azurite listens, which it prints after it has opened its data.
func (s *Server) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	select {
	case address := <-s.address:
		s.Account = s.At(address)
		return nil
	case <-ctx.Done():
		return fmt.Errorf("starting Azurite: %w", ctx.Err())
	case <-s.done:
		return fmt.Errorf("starting Azurite: %w", s.said.reason("it ended at once"))
	}
}

// Stop ends it; what it has acknowledged is on disk then.
func (s *Server) Stop() {
	_, _ = io.WriteString(s.stdin, "stop\n")
	_ = s.stdin.Close()
	select {
	case <-s.done:
	case <-time.After(5 * time.Second):
		_ = s.cmd.Process.Kill()
	}
}
