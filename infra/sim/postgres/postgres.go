// Package postgres runs a PostgreSQL server for a test, as a process of its own with its data in a folder that goes
// with the test.
package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// A Server is a running PostgreSQL. It listens on a socket in its folder only.
type Server struct {
	// DSN is the address of its database, for the server's owner.
	DSN string

	dir string // of its data
	bin string
}

// Ways to stop a server (postgresql.org/docs/current/app-pg-ctl.html).
const (
	Fast      = "fast"      // breaks off transactions
	Immediate = "immediate" // as a crash
)

// Start starts a server, which is stopped with the test. Without third-party servers the test is skipped.
func Start(t *testing.T) *Server {
	t.Helper()
	return peers.Start(t, Run)
}

// Run starts a server.
func Run() (_ *Server, err error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bins) == 0 {
		return nil, errors.New("PostgreSQL is not installed")
	}
	home, err := os.MkdirTemp("", "pg") // short: it is a socket's path too
	if err != nil {
		return nil, err
	}
	s := &Server{dir: filepath.Join(home, "data"), bin: slices.Max(bins)}
	s.DSN = "host=" + home + " user=postgres dbname=postgres sslmode=disable"
	if err := s.make(home); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// make makes the server's data and starts it.
func (s *Server) make(home string) error {
	if os.Getuid() == 0 { // the server refuses to run as root
		if err := chown(home); err != nil {
			return err
		}
	}
	err := s.run("initdb", "-D", s.dir, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
	if err != nil {
		return err
	}
	conf, err := os.OpenFile(filepath.Join(s.dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(conf,
		"listen_addresses=''\nunix_socket_directories='%s'\nmax_connections=60\nshared_buffers=64MB\n",
		home)
	if err = errors.Join(err, conf.Close()); err != nil {
		return err
	}
	return s.Up()
}

// Remove stops the server and removes its data.
func (s *Server) Remove() {
	_ = s.ctl("stop", "-m", Immediate)
	_ = os.RemoveAll(filepath.Dir(s.dir))
}

// Up starts a server that was stopped. After a crash the old processes hold its memory for a moment.
func (s *Server) Up() (err error) {
	for range 20 {
		if err = s.ctl("start", "-l", filepath.Join(s.dir, "log")); err == nil {
			return nil
		}
		time.Sleep(300 * time.Millisecond)
	}
	return err
}

// Down stops the server, in one of the ways.
func (s *Server) Down(way string) error { return s.ctl("stop", "-m", way) }

func (s *Server) ctl(args ...string) error {
	return s.run("pg_ctl", append([]string{"-D", s.dir, "-w", "-t", "60"}, args...)...)
}

func (s *Server) run(program string, args ...string) error {
	line := append([]string{filepath.Join(s.bin, program)}, args...)
	if os.Getuid() == 0 {
		line = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"}, line...)
	}
	log := filepath.Join(filepath.Dir(s.dir), program+".out")
	out, err := os.Create(log) //nolint:gosec // the server keeps it open: a pipe would never end
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(line[0], line[1:]...) //nolint:gosec,noctx // our own arguments; pg_ctl has a limit of its own
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(log) //nolint:gosec // as above
		return fmt.Errorf("%s: %w: %s", program, err, said)
	}
	return nil
}

// chown gives a folder to the system's account for PostgreSQL.
func chown(dir string) error {
	account, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	return os.Chown(dir, uid, gid)
}
