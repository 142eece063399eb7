// Package rabbit runs a RabbitMQ server for a test, as a process of its own with its data in a folder that goes with
// the test.
package rabbit

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// A Server is a RabbitMQ node of its own.
type Server struct {
	// Port is where it listens, on this machine only.
	Port int

	dir string
	env []string
}

// What a server has from the start.
const (
	VHost    = "/walhebcalendar"
	User     = "carillon"
	Password = "carillon-key"
)

// bin is where Debian's package has the programs.
const bin = "/usr/lib/rabbitmq/bin/"

// Start starts a server, which is stopped with the test. Without third-party servers the test is skipped.
func Start(t *testing.T) *Server {
	t.Helper()
	return peers.Start(t, Run)
}

// Run starts a server.
func Run() (_ *Server, err error) {
	if _, err := os.Stat(bin + "rabbitmq-server"); err != nil {
		return nil, errors.New("RabbitMQ is not installed")
	}
	s := new(Server)
	if s.dir, err = os.MkdirTemp("", "rabbit"); err != nil {
		return nil, err
	}
	ports, err := free()
	if err != nil {
		return nil, err
	}
	s.Port = ports[0]
	if err := s.configure(ports); err != nil {
		return nil, err
	}
	if err := s.Up(); err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// free finds three ports: for AMQP, for Erlang's name server, and between nodes.
func free() (ports [3]int, err error) {
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
		if err != nil {
			return ports, err
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:errcheck,forcetypeassert // it is one
	}
	return ports, nil
}

func (s *Server) configure(ports [3]int) error {
	file := func(name string) string { return filepath.Join(s.dir, name) }
	conf := fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nlog.file.level = warning\n"+
		"disk_free_limit.absolute = 50MB\nvm_memory_high_watermark.absolute = 512MB\ndefault_vhost = %s\n"+
		"default_user = %s\ndefault_pass = %s\n", ports[0], VHost, User, Password)
	err := errors.Join(os.WriteFile(file("r.conf"), []byte(conf), 0o600),
		os.WriteFile(file("plugins"), []byte("[]."), 0o600),
		os.Mkdir(file("log"), 0o700))
	s.env = append(os.Environ(), "HOME="+s.dir, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+strconv.Itoa(ports[1]),
		fmt.Sprintf("RABBITMQ_NODENAME=t%d@localhost", ports[0]), "RABBITMQ_DIST_PORT="+strconv.Itoa(ports[2]),
		"RABBITMQ_CONF_ENV_FILE=/dev/null", "RABBITMQ_CONFIG_FILE="+file("r.conf"), "RABBITMQ_MNESIA_BASE="+file("mnesia"),
		"RABBITMQ_LOG_BASE="+file("log"), "RABBITMQ_ENABLED_PLUGINS_FILE="+file("plugins"), "RABBITMQ_PID_FILE="+file("pid"),
		"RABBITMQ_LOGS="+file("log/node.log"),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none "+
			"+sbwtdio none")
	return err
}

// starting is how long a node may take to come up.
const starting = 90 * time.Second

// Up starts the server, or starts it again with the data that it has.
func (s *Server) Up() error {
	out, err := os.Create(filepath.Join(s.dir, "out"))
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(bin + "rabbitmq-server") //nolint:noctx // it is stopped with Down
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = s.env, s.dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	at := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port))
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for end := time.Now().Add(starting); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", at, time.Second) //nolint:noctx // bounded
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			said, _ := os.ReadFile(out.Name())
			return fmt.Errorf("rabbitmq-server: %w: %s", err, said)
		default:
		}
	}
	return errors.New("rabbitmq-server does not come up")
}

// Down stops the server: with SIGTERM in order, with SIGKILL as a crash. It returns once the process is gone.
func (s *Server) Down(signal syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, signal); err != nil {
		return err
	}
	for end := time.Now().Add(starting); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return nil //nolint:nilerr // it is gone
		}
	}
	return errors.New("rabbitmq-server does not end")
}

// Ctl runs rabbitmqctl on the server and returns what it prints.
func (s *Server) Ctl(args ...string) (string, error) {
	cmd := exec.Command(bin+"rabbitmqctl", args...) //nolint:gosec,noctx // our own arguments
	cmd.Env, cmd.Dir = s.env, s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w: %s", args[0], err, out)
	}
	return string(out), nil
}

// Remove stops the server and removes its data.
func (s *Server) Remove() {
	_ = s.Down(syscall.SIGKILL)
	cmd := exec.Command("epmd", "-kill") //nolint:noctx // at once
	cmd.Env = s.env
	_ = cmd.Run()
	_ = os.RemoveAll(s.dir)
}
