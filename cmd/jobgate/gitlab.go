package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// checkGitlab refuses an unclear choice of GitLab. Errors never quote the address: it
// may hold a password.
func (c *serveCmd) checkGitlab(s *settings) error {
	switch {
	case c.Upstream == "" && !c.Sandbox:
		return errors.New("which GitLab? give --upstream URL, or --sandbox for the built-in one")
	case c.Upstream != "" && c.Sandbox:
		return fmt.Errorf("%s and %s exclude each other", s.name("upstream"), s.name("sandbox"))
	case c.Sandbox:
		return nil
	}
	base, err := url.Parse(c.Upstream)
	switch name := s.name("upstream"); {
	case err != nil:
		return fmt.Errorf("%s: not a URL", name)
	case base.User != nil:
		return fmt.Errorf("%s: holds a user name or password; callers send their own credentials", name)
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return fmt.Errorf("%s: must begin with https:// or http:// and a host", name)
	case base.RawQuery != "", base.Fragment != "":
		return fmt.Errorf("%s: must not have a query or fragment", name)
	}
	return nil
}

// gitlab returns the base URL of the GitLab to serve, started here if it is the sandbox,
// and what ends it.
func (c *serveCmd) gitlab(ctx context.Context, log *slog.Logger) (string, func(), error) {
	if !c.Sandbox {
		if base, err := url.Parse(c.Upstream); err == nil && base.Scheme == "http" && !loopback(base.Host) {
			log.WarnContext(ctx, "credentials travel to GitLab unencrypted", "upstream", c.Upstream)
		}
		return c.Upstream, func() {}, nil
	}
	box, err := startSandbox(ctx, "127.0.0.1:0",
		sandbox.WithSeed(c.SandboxSeed), sandbox.WithClock(sandboxClock(c.SandboxClock)))
	if err != nil {
		return "", nil, fmt.Errorf("sandbox: %w", err)
	}
	return box.url(), box.close, nil
}
