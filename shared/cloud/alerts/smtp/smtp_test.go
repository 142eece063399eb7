package smtp_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
	mail "github.com/carillon-calendar/carillon/shared/cloud/alerts/smtp"
)

type server struct{ logins, mails atomic.Int32 }

func (s *server) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{s}, nil }

type session struct{ *server }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.logins.Add(1)
		if user != "u" || password != "pass-word" {
			return errors.New("no")
		}
		return nil
	}), nil
}
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody") {
		return &smtp.SMTPError{Code: 550, Message: "no user " + to}
	}
	return nil
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
func (s *session) Data(r io.Reader) error {
	s.mails.Add(1)
	_, err := io.Copy(io.Discard, r)
	return err
}

// TestSend: no password leaves over a line that is not secured, unless the settings ask for it; errors hold neither
// password nor address.
//
//nolint:tparallel // the cases share one server and its counts
func TestSend(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	backend := &server{}
	smtpServer := smtp.NewServer(backend)
	smtpServer.AllowInsecureAuth = true
	go func() { _ = smtpServer.Serve(listener) }()
	t.Cleanup(func() { _ = smtpServer.Close() })
	_, text, _ := net.SplitHostPort(listener.Addr().String())
	port, _ := strconv.Atoi(text)
	box := alerts.Mailbox{
		Host: "127.0.0.1", Port: port, Username: "u", Password: "pass-word", From: "carillon@example.com",
		To: []string{"you@example.com"},
	}
	for name, tt := range map[string]struct {
		change func(*alerts.Mailbox)
		sent   bool
	}{
		"plain_when_asked":   {func(b *alerts.Mailbox) { b.Security = "none" }, true},
		"starttls_not_there": {func(*alerts.Mailbox) {}, false},
		"tls_not_there":      {func(b *alerts.Mailbox) { b.Security = "tls" }, false},
		"wrong_password":     {func(b *alerts.Mailbox) { b.Security, b.Password = "none", "pass-wrong" }, false},
		"refused_receiver":   {func(b *alerts.Mailbox) { b.Security, b.To = "none", []string{"nobody@example.com"} }, false},
		"no_address":         {func(b *alerts.Mailbox) { b.Security, b.To = "none", []string{"you@"} }, false},
		"nobody_listens":     {func(b *alerts.Mailbox) { b.Security, b.Port = "none", 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := box
			tt.change(&b)
			mails, logins := backend.mails.Load(), backend.logins.Load()
			err := mail.Send(t.Context(), &b, alerts.Email{ID: "x", Subject: "Été", Text: "texte"})
			if sent := backend.mails.Load() > mails; sent != tt.sent || sent != (err == nil) {
				t.Errorf("sent %v, error %v", sent, err)
			}
			if b.Security != "none" && backend.logins.Load() != logins {
				t.Error("the password left over a line that is not secured")
			}
			if err != nil && (strings.Contains(err.Error(), "pass-") || strings.Contains(err.Error(), "@example")) {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}
