package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"

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
	case base.Scheme != "http" && base.Scheme != "https", base.Hostname() == "":
		return fmt.Errorf("%s: must begin with https:// or http:// and a host", name)
	case base.RawQuery != "", base.Fragment != "":
		return fmt.Errorf("%s: must not have a query or fragment", name)
	case !validPort(cmp.Or(base.Port(), "1")):
		return fmt.Errorf("%s: the port must be from 1 to 65535", name)
	case !gitlabRoot(base.Path):
		return fmt.Errorf("%s: the path must be GitLab's relative URL root if it has one, and /api/v4 or nothing", name)
	}
	return nil
}

// otherAPI finds what is not below a GitLab, but a part of its API, or another version.
var otherAPI = regexp.MustCompile(`/api/v\d+(/|$)|/api$`)

// gitlabRoot says whether a path can be that of GitLab, or of its API.
func gitlabRoot(path string) bool {
	root, whole := strings.CutSuffix(strings.TrimSuffix(path, "/"), "/api/v4")
	if whole {
		root += "/" // a root that ends with api was meant
	}
	return !otherAPI.MatchString(root)
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
