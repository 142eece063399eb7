package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
)

const exportRows = 200_000

// checkExports measures how long a file's check and its rewriting take, and what they allocate at once.
func checkExports(context.Context) error {
	var took, rewrote []time.Duration
	small, err := peak(exportRows / 10)
	if err != nil {
		return err
	}
	large, err := peak(exportRows)
	if err != nil {
		return err
	}
	for range 5 {
		began := time.Now()
		if err := checked(exportRows, nil); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		began = time.Now()
		if err := checked(exportRows, io.Discard); err != nil {
			return err
		}
		rewrote = append(rewrote, time.Since(began))
	}
	slices.Sort(took)
	slices.Sort(rewrote)
	fmt.Printf("%d rows of ECRITURE (%d MB): checked in %s, rewritten in %s (medians of 5)\n", exportRows,
		exportRows*len(ledgerRow)>>20, ms(at(took, .5)), ms(at(rewrote, .5)))
	fmt.Printf("heap in use at most: %.1f MB with %d rows, %.1f MB with %d\n", small, exportRows/10, large, exportRows)
	return nil
}

const (
	ledgerHead = "E_DATECOMPTABLE;E_JOURNAL;E_REFINTERNE;E_LIBELLE;E_GENERAL;E_DEBIT;E_CREDIT;E_AUXILIAIRE;E_REFLIBRE\n"
	ledgerRow  = "31/05/2025;VTE;FA0001;\"Client; divers été\";41100000;1 200,50;1.200,50;9CLIENT1;REF\n"
)

// ledger is a file of so many rows that lies nowhere.
func ledger(rows int) exports.Opener {
	return func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader([]byte(ledgerHead)), &repeated{rows: rows})), nil
	}
}

type repeated struct {
	rows int
	rest []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.rows == 0 {
			return 0, io.EOF
		}
		n := min(r.rows, 1000)
		r.rows -= n
		r.rest = bytes.Repeat([]byte(ledgerRow), n)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func checked(rows int, out io.Writer) error {
	look := func() (exports.Report, error) { return exports.Check(ledger(rows), exports.Options{}) }
	if out != nil {
		look = func() (exports.Report, error) { return exports.Rewrite(ledger(rows), exports.Options{}, out) }
	}
	report, err := look()
	if err != nil || !report.OK() || report.Rows != rows {
		return fmt.Errorf("%+v, %w", report, err)
	}
	return nil
}

// peak is the most heap that a check of so many rows has in use, in MB.
func peak(rows int) (float64, error) {
	runtime.GC()
	done := make(chan error)
	go func() { done <- checked(rows, nil) }()
	var most uint64
	for {
		select {
		case err := <-done:
			return float64(most) / (1 << 20), err
		case <-time.After(2 * time.Millisecond):
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
	}
}
