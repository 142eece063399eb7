package cli

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// man writes the manual's pages, for packages.
func man() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Example: "carillon man build/man", Short: "Write the manual's pages into a folder",
		Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o750); err != nil {
				return err
			}
			day := time.Unix(0, 0).UTC() // the same bytes each time
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{
				Title: "CARILLON", Section: "1", Source: "carillon " + cmd.Root().Version, Date: &day,
			}, args[0])
		},
	}
}
