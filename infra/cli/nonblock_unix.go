//go:build unix

package cli

import "syscall"

// nonblock opens a pipe without waiting for whoever writes into it.
const nonblock = syscall.O_NONBLOCK
