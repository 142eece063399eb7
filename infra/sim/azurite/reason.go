package azurite

import (
	"errors"
	"regexp"
	"strings"
	"sync"
)

// tail keeps the last of what a process has said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

var (
	// Node's, and Azurite's own
	errorLine = regexp.MustCompile(`(?m)^(?:\S*Error(?: \[\w+\])?: .+|\S*node: .+|Exit due to .+)$`)
	npmPrefix = regexp.MustCompile(`^npm (?:ERR!|error) ?`)
	npmIdle   = regexp.MustCompile(`^(?:$|code |errno |syscall |A complete log|Log files were not written|[ {}\[\]]|This is (?:a problem|probably) )`)
)

// reason is the line of Node's error that says what is wrong, or a default.
func (t *tail) reason(otherwise string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line := errorLine.FindString(string(t.text)); line != "" {
		return errors.New(line)
	}
	return errors.New(otherwise)
}

// npmReason is npm's reason, without its code, its stack and where its log is.
func npmReason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		rest := npmPrefix.ReplaceAllString(line, "")
		if rest != line && !npmIdle.MatchString(rest) && len(said) < 2 {
			said = append(said, rest)
		}
	}
	if len(said) == 0 {
		return "it gave no reason"
	}
	return strings.Join(said, "; ")
}
