package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// sandboxCmd runs the embedded GitLab alone.
type sandboxCmd struct {
	Addr           string        `default:"127.0.0.1:8081" placeholder:"HOST:PORT" help:"Where the sandbox listens. Port 0 takes a free one."`
	AllowPlaintext bool          `help:"Listen also on an address that other machines can reach. The sandbox has no TLS."`
	Seed           uint64        `default:"1" placeholder:"NUMBER" help:"Seed of names and numbers: equal seeds are equal worlds."`
	Clock          string        `enum:"live,frozen" default:"live" placeholder:"live|frozen" help:"Whether time passes; frozen answers the same bytes always."`
	Flush          time.Duration `default:"1s" placeholder:"DURATION" help:"How often the runners of live jobs send what they have logged; GitLab's own do so every minute, or every three seconds while somebody watches."`
	RangeFront     bool          `help:"Play a front end that honours the header Range on logs, with 206 and 416. Such a GitLab ignores byte_offset and byte_limit."`
	Version        string        `enum:"current,15.6" default:"current" placeholder:"current|15.6" help:"Which GitLab is played."`
}

// Help implements kong.HelpProvider.
func (*sandboxCmd) Help() string {
	return `The sandbox serves GitLab's Jobs API over plain HTTP: projects, pipelines, jobs in every status, trigger jobs, agents, tokens with roles, and jobs that start, write their log and end. It holds no real secret, and forgets everything when it ends.

Examples:

    jobgate sandbox
    jobgate sandbox --addr 127.0.0.1:0 --clock frozen --seed 7
    jobgate sandbox --version 15.6
    jobgate sandbox --flush 1m --range-front`
}

// Run serves until ctx ends.
func (c *sandboxCmd) Run(ctx context.Context, p *process, s *settings) error {
	if err := listenable(c.Addr); err != nil {
		return refused(fmt.Errorf("%s: %w", s.name("addr"), err))
	}
	if c.Flush <= 0 {
		return refused(fmt.Errorf("%s: must be more than 0", s.name("flush")))
	}
	if !c.AllowPlaintext && !loopback(c.Addr) {
		return refused(fmt.Errorf("%s: %w", s.name("addr"), plaintextError(c.Addr, "")))
	}
	box, err := startSandbox(ctx, c.Addr, sandbox.WithSeed(c.Seed),
		sandbox.WithClock(sandboxClock(c.Clock)), sandbox.WithVersion(c.Version), sandbox.WithFlush(c.Flush), rangeFront(c.RangeFront))
	if err != nil {
		return fmt.Errorf("%s: %w", s.name("addr"), err)
	}
	fmt.Fprint(p.stderr, sandboxBanner(box.url()))
	return box.wait(ctx)
}

func rangeFront(on bool) sandbox.Option {
	if !on {
		return func(*sandbox.Sandbox) {}
	}
	return sandbox.WithRangeFront()
}

// sandboxBanner says what there is and how to ask for it.
func sandboxBanner(base string) string {
	project := base + "/api/v4/projects/" + url.PathEscape(sandbox.ProjectWidgets)
	return fmt.Sprintf(`sandbox listening on %[1]s

Tokens    %[2]s (Maintainer)   %[3]s (Developer)
          %[4]s (Reporter)     %[5]s (Guest)
          %[6]s (of a running job)
Projects  %[7]s (private; pipeline %[8]d has a job in every status)
          %[9]s (public)   %[10]s (in a subgroup)

  curl -H 'PRIVATE-TOKEN: %[3]s' %[11]s/jobs/%[12]d
  curl -H 'PRIVATE-TOKEN: %[3]s' '%[11]s/pipelines/%[8]d/jobs?scope[]=failed'
  curl -H 'PRIVATE-TOKEN: %[3]s' %[11]s/jobs/%[12]d/trace

`, base, sandbox.TokenMaintainer, sandbox.TokenDeveloper, sandbox.TokenReporter,
		sandbox.TokenGuest, sandbox.JobTokenRunning, sandbox.ProjectWidgets,
		sandbox.PipelineMain, sandbox.ProjectDocs, sandbox.ProjectNested, project,
		sandbox.JobSuccess)
}
