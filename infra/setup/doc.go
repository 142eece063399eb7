// Package setup holds the script that sets a machine up for the tests; `make test` runs it.
package setup
