package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// logger is the gateway's log, on w, and what changes its level.
func (c *serveCmd) logger(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	_ = level.UnmarshalText([]byte(c.LogLevel)) // one of the flag's enum
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}

// announce says where everything is, once the sockets are open: one log line, and for
// people with a sandbox what to do next.
func (c *serveCmd) announce(
	ctx context.Context, log *slog.Logger, p *process, l server.Listeners, base string,
) {
	log.LogAttrs(ctx, slog.LevelInfo, "serving",
		slog.String("grpc", address(l.GRPC, c.GRPCCert != "")),
		slog.String("http", address(l.HTTP, c.HTTPCert != "")),
		slog.String("admin", address(l.Admin, false)),
		slog.String("upstream", base),
		slog.Bool("sandbox", c.Sandbox),
		slog.Bool("service_account", c.UpstreamTokenFile != ""),
		slog.Bool("read_only", c.ReadOnly),
		slog.String("version", buildVersion()))
	if c.Sandbox && c.LogFormat == "text" && c.UpstreamTokenFile == "" {
		fmt.Fprint(p.stderr, c.banner(p.command, reachable(l.GRPC.Addr()), l.HTTP))
	}
}

// address is where a listener listens, and how.
func address(l net.Listener, secured bool) string {
	switch {
	case l == nil:
		return "off"
	case secured:
		return l.Addr().String() + " (TLS)"
	default:
		return l.Addr().String() + " (plaintext)"
	}
}

// banner shows calls to paste. The tokens are the sandbox's own, which are public.
func (c *serveCmd) banner(command, addr string, web net.Listener) string {
	call := fmt.Sprintf("%s call --addr %s --token %s", command, addr, sandbox.TokenDeveloper)
	if c.GRPCCert != "" {
		call += " --tls --ca-file " + c.GRPCCert
	}
	return fmt.Sprintf(`
The sandbox is a small GitLab that lives in this process. Try it from another terminal:

  %[1]s GetJob '{"project":"%[2]s","job_id":%[3]d}'
  %[1]s ListPipelineJobs '{"project":"%[2]s","pipeline_id":%[4]d,"page_size":3}'
  %[1]s ReadTrace '{"project":"%[2]s","job_id":%[3]d}'
%[5]s
`, call, sandbox.ProjectWidgets, sandbox.JobSuccess, sandbox.PipelineMain, c.restCall(web))
}

// restCall is the line of the banner for REST, "" if that is not served.
func (c *serveCmd) restCall(web net.Listener) string {
	if web == nil {
		return ""
	}
	curl := "curl"
	scheme := "http"
	if c.HTTPCert != "" {
		curl, scheme = "curl --cacert "+c.HTTPCert, "https"
	}
	return fmt.Sprintf("  %s -H 'PRIVATE-TOKEN: %s' '%s://%s/api/v4/projects/%s/jobs?per_page=3'\n",
		curl, sandbox.TokenDeveloper, scheme, reachable(web.Addr()), strings.ReplaceAll(sandbox.ProjectWidgets, "/", "%2F"))
}
