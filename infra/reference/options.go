package reference

import (
	"bytes"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
)

const optionsIntro = "## Options of `carillon up`\n\nThe Debian package's service takes them from `CARILLON_OPTIONS` in " +
	"`/etc/default/carillon`, a container from `command` in `infra/compose.yaml`, where `CARILLON_CONFIG` names the\n" +
	"folder of the settings. The operators' commands find the system through `--data`; `--url` and the key in " +
	"`CARILLON_OPERATOR_KEY` (`--key`) reach another one.\n\n| option | default | |\n|---|---|---|\n"

// options lists the flags of `carillon up`, and what sets them where a service or a container starts it.
func options(out *bytes.Buffer, bridges []machine.Bridge) {
	out.WriteString(optionsIntro)
	cli.Up(bridges).Flags().VisitAll(func(f *pflag.Flag) {
		value := ""
		switch f.DefValue {
		case "", "0", "false", "[]":
		default:
			value = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(out, "| `--%s` | %s | %s |\n", f.Name, value, cell(f.Usage))
	})
	out.WriteString("\n")
}
