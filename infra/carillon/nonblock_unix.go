//go:build unix

package main

import "syscall"

// nonblock opens a pipe without waiting for whoever writes into it.
const nonblock = syscall.O_NONBLOCK
