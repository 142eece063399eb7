// Package mailtest is a real SMTP server that keeps what it gets, for tests.
package mailtest

import (
	"io"
	"mime/quotedprintable"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// A Server is a mail server.
type Server struct {
	port int

	mu     sync.Mutex
	mails  []string
	refuse bool
}

// Start starts a server that ends with the test.
func Start(t *testing.T) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{port: listener.Addr().(*net.TCPAddr).Port} //nolint:errcheck // of a TCP listener
	server := smtp.NewServer(s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

// Settings are the "smtp" of a bridge's settings.
func (s *Server) Settings(to string) map[string]any {
	return map[string]any{
		"host": "127.0.0.1", "port": s.port, "security": "none", "from": "carillon@example.com", "to": []string{to},
	}
}

// Refuse lets the server refuse every receiver, or take them again.
func (s *Server) Refuse(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

// Mails returns the e-mails so far.
func (s *Server) Mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Want returns the e-mails so far, which are n.
func (s *Server) Want(t *testing.T, n int) []string {
	t.Helper()
	mails := s.Mails()
	if len(mails) != n {
		t.Fatalf("%d e-mails, want %d:\n%s", len(mails), n, strings.Join(mails, "\n----\n"))
	}
	return mails
}

// NewSession implements [smtp.Backend].
func (s *Server) NewSession(*smtp.Conn) (smtp.Session, error) { return session{s}, nil }

type session struct{ *Server }

func (session) Mail(string, *smtp.MailOptions) error { return nil }

func (s session) Rcpt(string, *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	}
	return nil
}

func (session) Reset()        {}
func (session) Logout() error { return nil }

func (s session) Data(r io.Reader) error {
	data, err := io.ReadAll(quotedprintable.NewReader(r))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, string(data))
	return err
}
