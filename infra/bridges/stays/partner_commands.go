package stays

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
)

const partnersPath = "/operator/stays/partners"

func partnerCommands(o *cli.Remote) *cobra.Command {
	parent := &cobra.Command{Use: "partners", Short: "Who may call the web service, for which units"}
	parent.AddCommand(partnerList(o), partnerAdd(o), partnerRotate(o), partnerRevoke(o))
	return parent
}

// partnerNames completes the names of partners.
func partnerNames(o *cli.Remote) cobra.CompletionFunc {
	return cli.Complete(o, partnersPath, func(p relay.Partner) string { return p.Name })
}

func partnerList(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Example: "carillon stays partners list", Short: "The partners, and what they may", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []relay.Partner{}
			if err := o.Call(cmd.Context(), http.MethodGet, partnersPath, &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				cli.Row(t, "PARTNER", "RIGHTS", "UNITS", "CONFLICTS", "E-MAIL", "SECRETS", "")
				for _, p := range list {
					partnerRow(t, o, p)
				}
			})
		},
	}
}

func partnerRow(t *tabwriter.Writer, o *cli.Remote, p relay.Partner) {
	units := "all"
	if !p.All {
		units = strings.Join(p.Units, ", ")
	}
	secrets := make([]string, len(p.Secrets))
	for i, s := range p.Secrets {
		if secrets[i] = s.ID; s.Ends != nil {
			secrets[i] += " until " + cli.When(*s.Ends, o.Zone)
		}
	}
	note := ""
	if p.Revoked != nil {
		note = "revoked " + cli.When(*p.Revoked, o.Zone)
	}
	cli.Row(t, p.Name, strings.Join(p.Rights, ", "), units, p.Conflicts, p.Email, strings.Join(secrets, "; "), note)
}

// made shows a partner, and its secret where one was made.
func made(cmd *cobra.Command, o *cli.Remote, m relay.Made) error {
	return o.Show(cmd.OutOrStdout(), m, func(t *tabwriter.Writer) {
		partnerRow(t, o, m.Partner)
		if m.Secret != "" {
			cli.Row(t)
			cli.Row(t, "secret", m.Secret+"  (shown this once)")
		}
	})
}

func partnerAdd(o *cli.Remote) *cobra.Command {
	body := relay.PutPartner{New: true}
	var secretFrom string
	var change bool
	cmd := &cobra.Command{
		Use: "add PARTNER", Example: "carillon stays partners add channel --all --email ops@channel.example",
		Short: "Let a partner in; its secret is shown this once", Args: cobra.ExactArgs(1),
		Long: "Let a partner in; its secret is shown this once. A partner of the old service keeps its password with " +
			"--secret: env:NAME, file:PATH, or - to be asked for it.",
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			body.New, body.Change = !change, nil
			if change {
				body.Change = []string{}
				for flag, part := range map[string]string{
					"all": "units", "units": "units", "rights": "rights", "conflicts": "conflicts", "email": "email",
				} {
					if cmd.Flags().Changed(flag) {
						body.Change = append(body.Change, part)
					}
				}
			}
			if body.Secret, err = readSecret(cmd, secretFrom); err != nil {
				return err
			}
			var m relay.Made
			if err := o.Send(cmd.Context(), http.MethodPut, partnersPath+"/"+url.PathEscape(args[0]), body, &m); err != nil {
				return err
			}
			return made(cmd, o, m)
		},
	}
	cmd.Flags().BoolVar(&body.All, "all", false, "all units, also those that are entered later")
	cmd.Flags().StringSliceVar(&body.Units, "units", nil, "these units alone")
	cmd.Flags().StringSliceVar(&body.Rights, "rights", nil, "add (change days), view (read them); default both")
	cmd.Flags().StringVar(&body.Conflicts, "conflicts", "",
		"what becomes of its requests for days that others hold: refuse (default), or overwrite as the old service did")
	cmd.Flags().StringVar(&body.Email, "email", "", "address to which days that it has lost are reported")
	cmd.Flags().StringVar(&secretFrom, "secret", "", "a password that it has already: env:NAME, file:PATH or -")
	cmd.Flags().BoolVar(&change, "change", false, "change a partner that is there, in what the other flags name")
	_ = cmd.RegisterFlagCompletionFunc("units", units(o))
	return cmd
}

// readSecret reads a secret from where a flag names it: never from the command line, which others can see.
func readSecret(cmd *cobra.Command, from string) (string, error) {
	switch {
	case from == "":
		return "", nil
	case from == "-":
		fmt.Fprint(cmd.ErrOrStderr(), "Password: ")
		line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no password was given"), err)
		}
		return line, nil
	case !config.IsReference(from):
		return "", errors.New("--secret takes env:NAME, file:PATH or -: a password on the command line can be seen by others")
	}
	if name, ok := strings.CutPrefix(from, "env:"); ok {
		if secret := os.Getenv(name); secret != "" {
			return secret, nil
		}
		return "", fmt.Errorf("--secret: the environment variable %s is empty", name)
	}
	data, err := os.ReadFile(strings.TrimPrefix(from, "file:"))
	return strings.TrimRight(string(data), "\r\n"), err
}

func partnerRotate(o *cli.Remote) *cobra.Command {
	var hours int
	cmd := &cobra.Command{
		Use: "rotate PARTNER", Example: "carillon stays partners rotate channel --hours 72", Args: cobra.ExactArgs(1),
		Short: "Give a partner a new secret; those of before go on for a while", ValidArgsFunction: partnerNames(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var m relay.Made
			if err := o.Send(cmd.Context(), http.MethodPost, partnersPath+"/"+url.PathEscape(args[0])+"/secrets",
				relay.Rotate{Hours: &hours}, &m); err != nil {
				return err
			}
			return made(cmd, o, m)
		},
	}
	cmd.Flags().IntVar(&hours, "hours", 48, "for how long the secrets of before still let it in")
	return cmd
}

func partnerRevoke(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "revoke PARTNER", Example: "carillon stays partners revoke channel", Args: cobra.ExactArgs(1),
		Short:             "Take a partner's access away, within seconds; the days that it holds stay",
		ValidArgsFunction: partnerNames(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var m relay.Made
			if err := o.Call(cmd.Context(), http.MethodDelete, partnersPath+"/"+url.PathEscape(args[0]), &m); err != nil {
				return err
			}
			return made(cmd, o, m)
		},
	}
}
