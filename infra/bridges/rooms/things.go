package rooms

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// A thingLine is a line of `carillon rooms things create`.
type thingLine struct {
	Room      string   `json:"room"`
	Created   bool     `json:"created"`   // the Thing itself
	Variables []string `json:"variables"` // that were made
	Wrong     []string `json:"wrong"`     // that are of another type, and are left as they are
}

// createThings makes the Things that rooms have none of, and the variables that Things lack; dry tells only what it
// would make. It changes and deletes nothing, so it may be run again. told hears of each room.
func createThings(
	ctx context.Context, client *iotcloud.Client, settings *rooms.Settings, dry bool, told func(done, total int),
) ([]thingLine, error) {
	things, err := client.Things(ctx)
	if err != nil {
		return nil, err
	}
	var lines []thingLine
	for i, room := range settings.Rooms {
		line := thingLine{Room: room.Name, Variables: []string{}, Wrong: []string{}}
		at := slices.IndexFunc(things, func(t iotcloud.Thing) bool { return t.Name == room.Name })
		thing := iotcloud.Thing{}
		if at >= 0 {
			thing = things[at]
		} else {
			line.Created = true
			if !dry {
				if thing, err = client.CreateThing(ctx, room.Name, cmp.Or(room.TimeZone, settings.TimeZone, "UTC")); err != nil {
					return lines, err
				}
			}
		}
		err := createVariables(ctx, client, thing, dry, &line)
		lines = append(lines, line)
		if err != nil {
			return lines, err
		}
		told(i+1, len(settings.Rooms))
	}
	return lines, nil
}

func createVariables(
	ctx context.Context, client *iotcloud.Client, thing iotcloud.Thing, dry bool, line *thingLine,
) error {
	for _, v := range rooms.Variables {
		kind := cmp.Or(thing.Types[v.Name], thing.Types[v.Alias])
		switch {
		case kind != "" && kind != iotcloud.TypeOf(v):
			line.Wrong = append(line.Wrong, v.Name)
			continue
		case kind != "" || v.Optional:
			continue
		}
		if !dry {
			if err := client.CreateVariable(ctx, thing.ID, v); err != nil {
				return fmt.Errorf("%s: %w", line.Room, err)
			}
		}
		line.Variables = append(line.Variables, v.Name)
	}
	return nil
}

// errWrongTypes makes the exit status 1; the table has said which.
var errWrongTypes = errors.New("variables of another type are left as they are: delete them in the Arduino Cloud, " +
	"then run this again")

func thingsCommand() *cobra.Command {
	parent := &cobra.Command{Use: "things", Short: "The Arduino Things of the rooms"}
	var folder, address string
	var dry, asJSON bool
	create := &cobra.Command{
		Use: "create", Example: "carillon rooms things create --config /etc/carillon --dry-run",
		Short: "Make the Things and variables that the rooms of config.json lack; nothing is changed or deleted",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := machine.FolderThere(folder); err != nil {
				return err
			}
			loader, err := rooms.LoadSettings(machine.Folder(folder))
			if err != nil {
				return err
			}
			settings, err := loader.Get(cmd.Context())
			if err != nil {
				return err
			}
			bar := cli.NewProgress(cmd.ErrOrStderr())
			lines, err := createThings(cmd.Context(), iotcloud.New(address, settings), settings, dry,
				func(done, total int) { bar.Show("Things", done, total) })
			bar.Clear()
			out := cli.Remote{JSON: asJSON}
			return errors.Join(out.Show(cmd.OutOrStdout(), lines, func(t *tabwriter.Writer) { thingsTable(t, lines, dry) }), err,
				wrongTypes(lines))
		},
	}
	create.Flags().StringVar(&folder, "config", "", "folder of config.json")
	create.Flags().StringVar(&address, "arduino-url", iotcloud.DefaultURL, "address of the Arduino IoT Cloud API")
	create.Flags().BoolVar(&dry, "dry-run", false, "tell only what would be made")
	create.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	_ = create.MarkFlagDirname("config")
	parent.AddCommand(create)
	return parent
}

func wrongTypes(lines []thingLine) error {
	if slices.ContainsFunc(lines, func(l thingLine) bool { return len(l.Wrong) > 0 }) {
		return errWrongTypes
	}
	return nil
}

func thingsTable(t *tabwriter.Writer, lines []thingLine, dry bool) {
	made := "MADE"
	if dry {
		made = "WOULD BE MADE"
	}
	cli.Row(t, "ROOM", made, "OF ANOTHER TYPE")
	for _, l := range lines {
		what := "-"
		switch {
		case l.Created:
			what = fmt.Sprintf("the Thing and %d variables", len(l.Variables))
		case len(l.Variables) > 0:
			what = fmt.Sprint(l.Variables)
		}
		wrong := "-"
		if len(l.Wrong) > 0 {
			wrong = fmt.Sprint(l.Wrong)
		}
		cli.Row(t, l.Room, what, wrong)
	}
}
