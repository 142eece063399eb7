//go:build unix

package azurite

import (
	"os/exec"
	"syscall"
)

// apart keeps a terminal's Ctrl-C from a command: whoever started it ends it, when nobody needs it any more.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
