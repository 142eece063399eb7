//go:build !unix

package azurite

import "os/exec"

func apart(*exec.Cmd) {}
