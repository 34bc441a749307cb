package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const description = `A gRPC gateway in front of GitLab's Jobs API: jobs, trigger jobs, logs.

The first minute, with nothing but this binary:

    jobgate serve --sandbox
    jobgate call GetJob '{"project":"acme/widgets","job_id":101}' --token glpat-sandbox-developer
    jobgate trace -f acme/widgets 103 --token glpat-sandbox-developer

Settings are flags, environment variables (JOBGATE_ and the flag's name: --grpc-addr is
JOBGATE_GRPC_ADDR; those of the sandbox command begin with JOBGATE_SANDBOX_), and for serve
a YAML file. A flag wins over the environment, the environment over the file, the file over
the default.

Exit codes: 0 done, 1 tried and failed (or the job did, with trace --exit-status), 2 refused as
asked (flags, settings, arguments), 130 interrupted.`

// groups are the headings of the flags in --help.
var groups = kong.ExplicitGroups([]kong.Group{
	{Key: "upstream", Title: "The GitLab behind the gateway"},
	{Key: "account", Title: "A token of the gateway's own (service account), and who may use it"},
	{Key: "listen", Title: "Where the gateway listens"},
	{Key: "logs", Title: "Logs that are followed"},
	{Key: "callers", Title: "Bounds for callers"},
	{Key: "tls", Title: "TLS"},
	{Key: "operation", Title: "Operation"},
	{Key: "sandbox", Title: "The sandbox"},
})

// nameEnvironment gives each flag its environment variable. It does so where only help
// and settings look: the parser's own look-up would rank the environment below the file.
func nameEnvironment(app *kong.Application) {
	for _, command := range app.Leaves(false) {
		prefix := "JOBGATE_"
		if command.Name == "sandbox" {
			prefix += "SANDBOX_" // its --addr is another address than that of call
		}
		for _, flag := range command.Flags {
			if slices.Equal(flag.Tag.Envs, []string{"-"}) { // the tag env:"-"
				flag.Envs, flag.Tag.Envs = nil, nil
				continue
			}
			flag.Envs = []string{prefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))}
		}
	}
}

// helpFor is a value's line in --help: what it is, its default, its variable.
func helpFor(v *kong.Value) string {
	var notes []string
	if v.HasDefault && v.Default != "" {
		notes = append(notes, "default "+v.Default)
	}
	if v.Flag != nil {
		notes = append(notes, v.Flag.Envs...)
	}
	if len(notes) == 0 {
		return v.Help
	}
	return v.Help + " [" + strings.Join(notes, ", ") + "]"
}
