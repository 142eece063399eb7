package school

import (
	"errors"
	"fmt"
	"net/url"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// command is `carillon school`: alone it serves the API, as the image of before did.
func command() *cobra.Command {
	var folder, data, listen, operator string
	var allow []string
	cmd := &cobra.Command{
		Use: "school", Example: "carillon school --listen :8000", Args: cobra.NoArgs,
		Short: "Serve schools' PRONOTE as the Papillon REST API",
		Long: "Serve schools' PRONOTE as the Papillon REST API, at the root of an address: what\n" +
			"carillon up --bridges school does.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			root := cmd.Root()
			args := []string{ //nolint:prealloc // it is short
				"up", "--bridges", "school", "--config", folder, "--data", data, "--listen", listen,
				"--operator-listen", operator,
			}
			for _, address := range allow {
				args = append(args, "--school-allow", address)
			}
			root.SetArgs(args)
			return root.ExecuteContext(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&folder, "config", ".", "folder of school.json, if there is one")
	cmd.Flags().StringVar(&data, "data", "data", "data folder")
	cmd.Flags().StringVar(&listen, "listen", ":8000", "address of the API")
	cmd.Flags().StringVar(&operator, "operator-listen", "127.0.0.1:8081", "address of the dashboard")
	cmd.Flags().StringSliceVar(&allow, "school-allow", nil, allowUsage)
	_ = cmd.MarkFlagDirname("config")
	cmd.AddCommand(examineURL())
	return cmd
}

// examineURL asks a server what it is. It begins no session.
func examineURL() *cobra.Command {
	var o cli.Remote
	cmd := &cobra.Command{
		Use: "doctor URL", Example: "carillon school doctor https://demo.index-education.net/pronote/eleve.html",
		Short: "What a PRONOTE server says of itself: version, pages, sign-in", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := url.Parse(args[0])
			if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
				return fmt.Errorf(
					"%q is not the address of a page, such as https://SCHOOL.index-education.net/pronote/eleve.html",
					args[0])
			}
			client := &pronote.Client{Hosts: pronote.Hosts{u.Scheme + "://" + u.Host}} // the operator's own choice
			v, err := client.Instance(cmd.Context(), args[0])
			if errors.Is(err, pronote.ErrNoPage) {
				return errors.New("there is no PRONOTE at this address, or it is older than its mobile app")
			}
			if err != nil {
				return err
			}
			r := reportOf(v)
			return o.Show(cmd.OutOrStdout(), r, func(t *tabwriter.Writer) {
				cli.Row(t, "school", r.Name)
				cli.Row(t, "version", r.Version, r.Understood)
				cli.Row(t, "sign-in", r.SignIn)
				for _, s := range r.Spaces {
					cli.Row(t, "page", s.Name, s.URL)
				}
			})
		},
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print JSON")
	return cmd
}

// A report is what a server says of itself, and what that means here.
type report struct {
	pronote.Instance

	Understood string `json:"understood"`
	SignIn     string `json:"sign_in"`
}

func reportOf(v pronote.Instance) report {
	r := report{Instance: v, Understood: "understood", SignIn: "username and password, or a QR code of PRONOTE's page"}
	if !pronote.Understood(v.Version) {
		r.Understood = "older than 2025.1.3, which is not understood"
	}
	if v.ENT != "" {
		r.SignIn = "through " + v.ENT + ": here a QR code of PRONOTE's page, or a PRONOTE password"
	}
	return r
}
