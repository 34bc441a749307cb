package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// configCmd looks at the settings of serve, which each of its commands takes as serve does.
type configCmd struct {
	Check  configCheckCmd  `cmd:"" help:"Check the settings of serve, and the files that they name. Nothing is opened but those."`
	Print  configPrintCmd  `cmd:"" help:"Print the settings of serve as a configuration file, each with where it is from."`
	Schema configSchemaCmd `cmd:"" help:"Print the JSON Schema of the configuration file, for editors."`
}

// configCheckCmd does all that serve does before it listens.
type configCheckCmd struct{ serveCmd }

// Help implements kong.HelpProvider.
func (*configCheckCmd) Help() string {
	return `Takes the flags, variables and file of serve. Exits with 0 if serve would start with them, else with 2, after a line for each setting that is wrong.

Examples:

    jobgate config check --config /etc/jobgate.yaml`
}

// Run checks.
func (c *configCheckCmd) Run(p *process, s *settings) error {
	got, err := c.check(s, slog.New(slog.DiscardHandler))
	got.files.closeAll()
	if err != nil {
		return refused(err)
	}
	_, err = fmt.Fprintln(p.stdout, "the settings are good")
	return err
}

// configPrintCmd prints what serve would run with.
type configPrintCmd struct{ serveCmd }

// Help implements kong.HelpProvider.
func (*configPrintCmd) Help() string {
	return `Takes the flags, variables and file of serve, and prints all settings in the form of a file. No setting is a secret; a user name or password in a URL is not printed.

Examples:

    jobgate config print --config /etc/jobgate.yaml
    jobgate config print > jobgate.yaml     # all defaults`
}

// Run prints.
func (*configPrintCmd) Run(p *process, s *settings, kctx *kong.Context) error {
	return printSettings(p.stdout, s, kctx.Selected().Flags)
}

// printSettings writes each setting as a line of YAML, below the heading of its group.
func printSettings(w io.Writer, s *settings, flags []*kong.Flag) error {
	heading := ""
	for _, flag := range flags {
		if !isSetting(flag) {
			continue
		}
		if flag.Group != nil && flag.Group.Title != heading {
			heading = flag.Group.Title
			if _, err := fmt.Fprintf(w, "\n# %s\n", heading); err != nil {
				return err
			}
		}
		value, err := yaml.Marshal(shown(flag.Target))
		if err != nil {
			return err
		}
		origin := s.origin[flag.Name]
		switch {
		case origin != "":
		case s.given[flag.Name]:
			origin = "flag"
		default:
			origin = "default"
		}
		if _, err := fmt.Fprintf(w, "%s: %s # %s\n", flag.Name, strings.TrimSuffix(string(value), "\n"), origin); err != nil {
			return err
		}
	}
	return nil
}

// isSetting says whether a flag can be in the file.
func isSetting(flag *kong.Flag) bool { return flag.Name != "help" && flag.Name != "config" }

// shown is the value of a setting as the file has it.
func shown(target reflect.Value) any {
	switch value := target.Interface().(type) {
	case fmt.Stringer: // a duration, or a size
		return value.String()
	case string:
		return withoutUser(value)
	case []string:
		return strings.Join(value, ",")
	default:
		return value
	}
}

// withoutUser takes what may be a secret out of a URL: user, password and query.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil && u.RawQuery == "" {
		return text
	}
	if u.User != nil {
		u.User = url.User("…")
	}
	if u.RawQuery != "" {
		u.RawQuery = "…"
	}
	return u.String()
}

// configSchemaCmd describes the file.
type configSchemaCmd struct{ serveCmd }

// Help implements kong.HelpProvider.
func (*configSchemaCmd) Help() string {
	return `Examples:

    jobgate config schema > jobgate.schema.json
    # yaml-language-server: $schema=jobgate.schema.json     (first line of the file)`
}

// Run prints.
func (*configSchemaCmd) Run(p *process, kctx *kong.Context) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(configSchema(kctx.Selected().Flags))
}
