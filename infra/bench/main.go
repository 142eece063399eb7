// Command bench measures the bridges, each figure with its peer in the
// same run: go run ./infra/bench [change] [hour] [tick] [burst] [get] [campus] [exports] [move] [stays] [school]
// [deploy] [up]; all without a name. docs/performance.md tells what they mean.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"time"
)

var figures = []struct {
	name string
	run  func(context.Context) error
}{
	{"change", change},
	{"hour", hour},
	{"tick", tick},
	{"burst", burst},
	{"get", get},
	{"campus", campusYear},
	{"exports", checkExports},
	{"move", move},
	{"stays", staysLedger},
	{"stays", staysDelivery},
	{"stays-pages", staysPages},
	{"school", schoolAPI},
	{"deploy", deploy},
	{"up", upMemory},
}

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	for _, f := range figures {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], f.name) {
			continue
		}
		fmt.Printf("== %s\n", f.name)
		if err := f.run(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", f.name, err)
			stop()
			os.Exit(1) //nolint:gocritic // stop has been called
		}
	}
}

// at returns the value below which the share p of the sorted values lies.
func at(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(p*float64(len(sorted))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
