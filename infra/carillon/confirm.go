package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

var (
	errNobodyToAsk = errors.New("this asks a question first: run it on a terminal")
	errNotSure     = errors.New("nothing was changed")
)

// confirm asks the person on a terminal a question, and fails unless the answer is yes.
func confirm(cmd *cobra.Command, question string) error {
	in := cmd.InOrStdin()
	if !onTerminal(in) {
		return errNobodyToAsk
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
