package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// ErrNobodyToAsk is a question where nobody is at a terminal.
var ErrNobodyToAsk = errors.New("this asks a question first: run it on a terminal")

var errNotSure = errors.New("nothing was changed")

// Confirm asks the person on a terminal a question, and fails unless the answer is yes.
func Confirm(cmd *cobra.Command, question string) error {
	in := cmd.InOrStdin()
	if !machine.OnTerminal(in) {
		return ErrNobodyToAsk
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "o", "oui":
		return nil
	}
	return errNotSure
}
