package machine_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// writeUntilKilled counts a document up and acknowledges each write on stdout.
func writeUntilKilled(dir string) {
	ctx := context.Background()
	db, err := machine.Open(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		c, err := documents.Update(ctx, db.Bucket("b"), "count.json", func(c *count) (map[string]string, error) {
			c.N, c.Pad = c.N+1, strings.Repeat("x", c.N%5000)
			return nil, nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(c.N)
	}
}
