// Package azurite runs Azurite, Microsoft's stand-in for Azure Blob Storage (npm azurite), as a process of its own.
package azurite

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/blobs"
)

// Version is the one that is tried; the simulators install it.
const Version = "3.37.0"

// Server is a running Azurite.
type Server struct {
	blobs.Account // its key is made anew with each start

	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  tail // on standard error
	done  chan struct{}
}

// leash ends Azurite with its standard input, so that it lives no longer than who started it, however that ends.
// Whoever writes to it first lets it shut down as it would for a message, and save what it keeps.
const leash = `data:text/javascript,let stopping=false;const stop=()=>{if(stopping)return;stopping=true;setTimeout(()=>process.exit(1),4000).unref();const t=setInterval(()=>{if(process.emit('message','shutdown'))clearInterval(t)},20)};const end=()=>{if(!stopping)process.exit(0)};process.stdin.on('data',stop);process.stdin.on('end',end);process.stdin.on('error',end)`

// startTime bounds how long Azurite may take to answer.
const startTime = time.Minute

// Start starts Azurite with its data in dir.
func Start(ctx context.Context, script, dir string) (*Server, error) {
	node, err := Node(ctx)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Account: blobs.NewAccount(fmt.Sprintf("http://127.0.0.1:%d", port)), done: make(chan struct{})}
	s.cmd = exec.Command(node, "--import", leash, script, //nolint:gosec,noctx // our own arguments; it ends with our standard input
		"--blobHost", "127.0.0.1", "--blobPort", strconv.Itoa(port), "--location", dir, "--silent", "--disableTelemetry",
		"--skipApiVersionCheck")
	s.cmd.Env = append(os.Environ(), "AZURITE_ACCOUNTS="+blobs.Name+":"+s.Key)
	s.cmd.Stderr = &s.said
	apart(s.cmd)
	s.stdin, err = s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting Azurite: %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	if err := s.wait(ctx, port); err != nil {
		_ = s.cmd.Process.Kill() // it has acknowledged nothing yet
		<-s.done
		return nil, err
	}
	return s, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening does not wait
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil //nolint:errcheck // of a TCP listener
}

func (s *Server) wait(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("starting Azurite: %w", ctx.Err())
		case <-s.done:
			return fmt.Errorf("starting Azurite: %w", s.said.reason("it ended at once"))
		case <-time.After(50 * time.Millisecond):
		}
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
