package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual's pages, for packages.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man FOLDER", Short: "Write the manual's pages into a folder", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o750); err != nil {
				return err
			}
			day := time.Unix(0, 0).UTC() // the same bytes each time
			return doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "CARILLON", Section: "1", Source: "carillon " + release, Date: &day}, args[0])
		},
	}
}
