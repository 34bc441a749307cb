package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Set by the linker: -X main.version=v1.2.3 -X main.commit=0123abc.
var version, commit string

// versionCmd prints the version.
type versionCmd struct{}

// Help implements kong.HelpProvider.
func (*versionCmd) Help() string {
	return `One line: version, commit, Go version, platform.

    $ jobgate version
    jobgate v0.1.0 (commit 1f2e3d4, go1.26.8, linux/amd64)`
}

// Run prints the line.
func (*versionCmd) Run(p *process) error {
	_, err := fmt.Fprintf(p.stdout, "jobgate %s (commit %s, %s, %s/%s)\n",
		buildVersion(), buildCommit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the version that was built in, or that go install was asked for.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()") // "(devel)" is no product version for HTTP
	}
	return "devel"
}

// buildCommit is the commit that was built in, or that the go command has seen.
func buildCommit() string {
	if commit != "" {
		return commit
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}
