// Command mover makes one run of exports/transfer over a folder that has an exports.json: a process of its own, to be
// measured as one.
package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mover FOLDER")
		os.Exit(2)
	}
	if err := move(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func move(ctx context.Context, dir string) error {
	db, err := machine.Open(ctx, dir)
	if err != nil {
		return err
	}
	defer db.Close()
	settings, err := exports.LoadSettings(machine.Folder(dir))
	if err != nil {
		return err
	}
	h := transfer.New(transfer.Config{
		Settings: settings, State: db.Bucket("state"), Publisher: machine.NewQueue(db, time.Now), Now: time.Now,
		Destination: func(exports.Source) (files.Store, error) {
			return files.NewFolder(filepath.Join(dir, "files"), "", true), nil
		},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/transfer", strings.NewReader("{}")))
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), `"fault"`) {
		return fmt.Errorf("the run failed: %s", w.Body)
	}
	return nil
}
