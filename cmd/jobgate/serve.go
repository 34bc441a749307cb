package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/alecthomas/kong"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/server/tracing"
	"github.com/jobgate/jobgate/upstream"
)

// serveCmd runs the gateway.
type serveCmd struct {
	Config string `help:"YAML file with settings, its keys spelt like these flags (grpc-addr: …)." placeholder:"FILE"`

	Upstream            string        `group:"upstream" placeholder:"URL" help:"GitLab's base URL, with or without /api/v4. Either this or --sandbox."`
	UpstreamTimeout     time.Duration `group:"upstream" placeholder:"DURATION" default:"30s" help:"How long GitLab may take for one call that is not a log."`
	UpstreamIdleTimeout time.Duration `group:"upstream" placeholder:"DURATION" default:"30s" help:"How long GitLab may send nothing in the middle of a log."`
	UpstreamMaxBody     byteSize      `group:"upstream" placeholder:"SIZE" default:"32MiB" help:"Largest answer taken from GitLab, logs aside; KiB, MiB, GiB or bytes."`
	UpstreamMaxHeader   byteSize      `group:"upstream" placeholder:"SIZE" default:"64KiB" help:"Largest header of an answer taken from GitLab."`
	UpstreamMaxError    byteSize      `group:"upstream" placeholder:"SIZE" default:"1MiB" help:"How much of the body of an error is taken from GitLab."`
	UpstreamMemory      byteSize      `group:"upstream" placeholder:"SIZE" default:"128MiB" help:"Memory for all answers of more than 1 MiB that are being read from GitLab at a time, logs aside; no less than --upstream-max-body."`
	UpstreamCache       byteSize      `group:"upstream" placeholder:"SIZE" default:"64MiB" help:"Memory for answers that GitLab is asked to confirm as unchanged instead of sending them again; each is for one credential only. 0 is off."`

	UpstreamNegativeCache time.Duration `group:"upstream" placeholder:"DURATION" default:"1s" help:"How long a refusal (401, 403, 404, 410) of a read is remembered for the credential and request that it was given to. 0s is off."`
	UpstreamFinishedJobs  time.Duration `group:"upstream" placeholder:"DURATION" default:"0s" help:"How long a job that is over may be answered again to the same credential without asking GitLab; at most --recheck-interval. 0s asks each time, which costs GitLab a yes and no job."`
	UpstreamAttempts      int           `group:"upstream" placeholder:"NUMBER" default:"3" help:"How often a read is sent that fails in a way that may pass (connection, 502, 503, 504), within the caller's deadline and a budget of about a tenth of all calls. 1 is no retry. A write is sent once."`
	UpstreamCalls         int           `group:"upstream" placeholder:"NUMBER" default:"256" help:"How many calls to GitLab may be under way, half of them of one kind. Eight times as many may wait; further ones are RESOURCE_EXHAUSTED."`
	UpstreamCircuit       bool          `group:"upstream" default:"true" negatable:"" help:"Hold back calls that GitLab would not answer, once those of their kind have failed for half a second, but for a few that find out whether it answers again."`
	UpstreamQuota         bool          `group:"upstream" default:"true" negatable:"" help:"Learn GitLab's rate limits, and hold back calls that it would refuse: in turns between callers, those for which somebody waits before those that poll."`
	RequestIDWindow       time.Duration `name:"request-id-window" group:"upstream" placeholder:"DURATION" default:"1h" help:"How long the answer to a write is kept for those who send it again with the same request_id (Jobgate-Request-Id over REST)."`

	UpstreamCA        string `name:"upstream-ca" group:"upstream" placeholder:"FILE" help:"CA certificates (PEM) that GitLab's is checked with, in place of the system's."`
	UpstreamCert      string `group:"upstream" placeholder:"FILE" help:"Certificate chain (PEM) to show to GitLab, or to what is before it; with --upstream-key."`
	UpstreamKey       string `group:"upstream" placeholder:"FILE" help:"Private key (PEM) of --upstream-cert."`
	UpstreamTokenFile string `group:"account" placeholder:"FILE" help:"File with the token that the gateway itself asks GitLab with. Callers then have none of GitLab's: they are known by client certificate or bearer token, and judged by --policy."`
	Policy            string `group:"account" placeholder:"FILE" help:"YAML file that says who may call what on which projects; see docs/security.md."`
	JWTKeys           string `name:"jwt-keys" group:"account" placeholder:"FILE|URL" help:"Public keys (JWKS) that verify callers' bearer tokens (JWT): a file, or an https URL."`
	JWTIssuer         string `name:"jwt-issuer" group:"account" placeholder:"TEXT" help:"Claim iss that a bearer token must have."`
	JWTAudience       string `name:"jwt-audience" group:"account" placeholder:"TEXT" help:"Claim aud that a bearer token must have; with --jwt-keys."`
	ReadOnly          bool   `group:"account" help:"Refuse all writes."`

	GRPCAddr       string   `name:"grpc-addr" group:"listen" placeholder:"HOST:PORT" default:"127.0.0.1:9090" help:"Where gRPC is served. Port 0 takes a free one."`
	HTTPAddr       string   `name:"http-addr" group:"listen" placeholder:"HOST:PORT" default:"127.0.0.1:8080" help:"Where HTTP is served: GitLab's REST API below /api/v4, and /healthz. Empty is off."`
	AdminAddr      string   `group:"listen" placeholder:"HOST:PORT" default:"127.0.0.1:9091" help:"Where health, metrics and profiles are served, always in plaintext. Empty is off."`
	PublicURL      string   `name:"public-url" group:"listen" placeholder:"URL" help:"Address of the HTTP listener as callers know it (https://jobs.example.com): links and redirects name it. By default it is what the caller asked for."`
	TrustedProxies []string `group:"listen" placeholder:"CIDR" help:"Networks of proxies, with commas between them, that may tell by X-Forwarded-Proto and X-Forwarded-Host what the caller asked for."`
	AllowPlaintext bool     `group:"listen" help:"Serve without TLS also on addresses that other machines can reach."`

	SpoolMemory       byteSize      `group:"logs" placeholder:"SIZE" default:"64MiB" help:"Memory for the logs that are being followed."`
	SpoolDisk         byteSize      `group:"logs" placeholder:"SIZE" default:"4GiB" help:"Disk for what does not fit there, in a file without a name; at least 256KiB, 0 is none. What fits neither is asked of GitLab again when needed."`
	SpoolDir          string        `group:"logs" placeholder:"DIR" help:"Where that file is made; the system's directory for temporary files by default."`
	RecheckInterval   time.Duration `group:"logs" placeholder:"DURATION" default:"30s" help:"How long GitLab's yes to a credential counts for a log that it follows. At least 1s; with 0s no log is shared."`
	MaxStreams        int           `group:"logs" placeholder:"NUMBER" default:"20000" help:"How many logs one credential may read or follow at a time; one more is RESOURCE_EXHAUSTED."`
	HeartbeatInterval time.Duration `group:"logs" placeholder:"DURATION" default:"30s" help:"How often followers of a quiet log hear that it is quiet; at least 1s."`

	MaxRequest      byteSize      `group:"callers" placeholder:"SIZE" default:"4MiB" help:"Largest request: a message over gRPC, a body over REST."`
	MaxHeader       byteSize      `group:"callers" placeholder:"SIZE" default:"64KiB" help:"Largest metadata or header of a request; a URL may have 64 KiB beside."`
	MaxCalls        int           `group:"callers" placeholder:"NUMBER" default:"1000" help:"How many calls one credential may have under way, streams of logs aside; one more is RESOURCE_EXHAUSTED."`
	DefaultDeadline time.Duration `group:"callers" placeholder:"DURATION" default:"1m" help:"Deadline of a call that brings none, streams of logs aside; at most --max-deadline."`
	MaxDeadline     time.Duration `group:"callers" placeholder:"DURATION" default:"5m" help:"Longest deadline that a call may bring; a later one is brought forward."`

	GRPCCert      string `name:"grpc-cert" group:"tls" placeholder:"FILE" help:"Certificate chain (PEM) of the gRPC listener; with --grpc-key."`
	GRPCKey       string `name:"grpc-key" group:"tls" placeholder:"FILE" help:"Private key (PEM) of the gRPC listener."`
	HTTPCert      string `name:"http-cert" group:"tls" placeholder:"FILE" help:"Certificate chain (PEM) of the HTTP listener; with --http-key."`
	HTTPKey       string `name:"http-key" group:"tls" placeholder:"FILE" help:"Private key (PEM) of the HTTP listener."`
	GRPCClientCA  string `name:"grpc-client-ca" group:"tls" placeholder:"FILE" help:"CA certificates (PEM) of the clients of the gRPC listener, which then must show a certificate."`
	HTTPClientCA  string `name:"http-client-ca" group:"tls" placeholder:"FILE" help:"The same for the HTTP listener."`
	ClientCert    string `group:"tls" placeholder:"required|optional" enum:"required,optional" default:"required" help:"Whether clients may come without a certificate all the same."`
	TLSMinVersion string `name:"tls-min-version" group:"tls" placeholder:"1.2|1.3" enum:"1.2,1.3" default:"1.3" help:"Oldest TLS version that is accepted."`

	MaxConnectionAge     time.Duration `group:"operation" placeholder:"DURATION" default:"0s" help:"How old a gRPC connection may become before its caller is asked to make another one; followers of logs are told their place in time. 0s is any age; else it is at least 1s."`
	MaxConnectionIdle    time.Duration `group:"operation" placeholder:"DURATION" default:"0s" help:"How long a gRPC connection may have no call. 0s is for ever."`
	MaxConcurrentStreams uint32        `group:"operation" placeholder:"NUMBER" default:"0" help:"How many calls one gRPC connection may have under way. 0 is any number."`
	KeepaliveTime        time.Duration `group:"operation" placeholder:"DURATION" default:"1m" help:"How long a gRPC connection may be silent before it is asked for a sign of life."`
	KeepaliveTimeout     time.Duration `group:"operation" placeholder:"DURATION" default:"20s" help:"How long it has to give one before it is closed."`
	KeepaliveMinTime     time.Duration `group:"operation" placeholder:"DURATION" default:"10s" help:"How often a caller may ask for a sign of life; who asks more often is sent away."`
	Reflection           bool          `group:"operation" default:"true" negatable:"" help:"Serve gRPC reflection, by which clients learn the contract."`
	Channelz             bool          `group:"operation" help:"Serve channelz, which tells whoever can connect of connections and calls."`

	ReloadInterval  time.Duration `group:"operation" placeholder:"DURATION" default:"10s" help:"How often certificates, keys, the token and the policy are looked at for changes; SIGHUP reads them at once. 0s is only then."`
	ShutdownTimeout time.Duration `group:"operation" placeholder:"DURATION" default:"20s" help:"How long calls in progress may go on after SIGTERM."`
	LogLevel        string        `group:"operation" placeholder:"debug|info|warn|error" enum:"debug,info,warn,error" default:"info" help:"Least severe log lines that are written, to standard error; can be changed with PUT /log/level on the admin listener."`
	LogFormat       string        `group:"operation" placeholder:"text|json" enum:"text,json" default:"text" help:"Form of the log lines."`
	AccessLog       bool          `group:"operation" help:"Log each call that has ended, also with success, at info: who, what, how it ended, how long it took. Never what was asked or answered."`

	TracePropagateUpstream bool `group:"operation" help:"Send the context of a trace to GitLab too (traceparent, tracestate), so that its spans become part of the trace. Off unless GitLab is yours: it tells who has called whom, and lets callers choose what GitLab records."`

	Sandbox      bool   `group:"sandbox" help:"Serve the built-in sandbox, a small GitLab. Either this or --upstream."`
	SandboxSeed  uint64 `group:"sandbox" placeholder:"NUMBER" default:"1" help:"Seed of the sandbox's names and numbers."`
	SandboxClock string `group:"sandbox" placeholder:"live|frozen" enum:"live,frozen" default:"live" help:"Whether time passes in the sandbox; frozen answers the same bytes always."`
}

// Help implements kong.HelpProvider.
func (*serveCmd) Help() string {
	return `Each caller's GitLab credential is passed on to GitLab with the call; the gateway has none of its own, unless --upstream-token-file gives it one.

Examples:

    jobgate serve --sandbox
    jobgate serve --upstream https://gitlab.example.com
    jobgate serve --config /etc/jobgate.yaml --log-format json
    jobgate serve --upstream https://gitlab.example.com --grpc-addr :9090 --grpc-cert cert.pem --grpc-key key.pem

A configuration file:

    upstream: https://gitlab.example.com
    grpc-addr: 0.0.0.0:9090
    grpc-cert: /etc/jobgate/cert.pem
    grpc-key: /etc/jobgate/key.pem
    http-addr: ""            # off
    upstream-max-body: 64MiB
    trusted-proxies: [10.0.0.0/8, 192.0.2.1]

Traces (OpenTelemetry, by OTLP) are on if OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
says where to, or OTEL_TRACES_EXPORTER is otlp or console. OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf or
grpc; OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
OTEL_SDK_DISABLED and those for headers, time-outs and certificates are as OpenTelemetry specifies them:

    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 OTEL_TRACES_SAMPLER=parentbased_traceidratio \
        OTEL_TRACES_SAMPLER_ARG=0.01 jobgate serve --upstream https://gitlab.example.com

Files of certificates, keys, tokens and rules are read again when they change, and on SIGHUP; a bad one is refused, and what was loaded stays in use.
SIGTERM and SIGINT drain the calls in progress, then exit with 0; a second one exits at once.`
}

// BeforeResolve implements kong's hook: it loads the configuration file.
func (c *serveCmd) BeforeResolve(kctx *kong.Context, s *settings) error {
	const variable = "JOBGATE_CONFIG"
	path, source := s.env[variable], fromEnvironment(variable)
	for _, element := range kctx.Path {
		if element.Flag != nil && element.Flag.Name == "config" {
			path, _ = kctx.FlagValue(element.Flag).(string)
			source = ""
		}
	}
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", named("config", source), err)
	}
	s.file, err = parseConfig(path, text, kctx.Selected().Flags)
	return err
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, p *process, s *settings) error {
	log, level := c.logger(p.stderr)
	got, err := c.check(s, log) //nolint:contextcheck // keys are read on, until files are closed
	defer got.files.closeAll()
	if err != nil {
		return refused(err)
	}
	config, traced := got.config, got.traced
	beside := limitCollections()
	config.LogLevel = level
	takeStandardLog(log)
	c.warnIdle(ctx, log, s, config, traced)
	traces, err := tracing.Start(ctx, traced, config.Version, log, p.stdout)
	if err != nil {
		return refused(err)
	}
	defer traces.Stop() //nolint:contextcheck // ctx has ended; it has a time of its own
	config.Tracer = traces.Tracer()
	listeners, err := got.listening.open(ctx)
	if err != nil {
		return err
	}
	base, closeSandbox, err := c.gitlab(ctx, log)
	if err != nil {
		return err
	}
	defer closeSandbox()
	api, err := upstream.New(base, append(got.files.upstream,
		upstream.WithTimeout(c.UpstreamTimeout),
		upstream.WithIdleTimeout(c.UpstreamIdleTimeout),
		upstream.WithMaxBody(int64(c.UpstreamMaxBody)), upstream.WithMaxHeader(int64(c.UpstreamMaxHeader)),
		upstream.WithMaxErrorBody(int64(c.UpstreamMaxError)), upstream.WithMemory(int64(c.UpstreamMemory)),
		upstream.WithCache(int64(c.UpstreamCache)),
		upstream.WithNegativeCache(c.UpstreamNegativeCache), upstream.WithFinishedJobs(c.UpstreamFinishedJobs),
		upstream.WithAttempts(c.UpstreamAttempts), upstream.WithConcurrency(c.UpstreamCalls), upstream.WithCircuit(c.UpstreamCircuit), upstream.WithQuota(c.UpstreamQuota),
		upstream.WithTracing(config.Tracer, c.TracePropagateUpstream),
		upstream.WithUserAgent("jobgate/"+config.Version))...)
	if err != nil {
		return refused(fmt.Errorf("%s: %w", s.name("upstream"), err))
	}
	defer api.Close()
	gateway, err := server.New(config, api, log) //nolint:contextcheck // it opens nothing
	if err != nil {
		return err
	}
	beside(gateway.Held)
	c.announce(ctx, log, p, listeners, base)
	go got.files.watch(ctx, c.ReloadInterval, log)
	err = gateway.Run(ctx, listeners)
	log.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "stopped", slog.Any("cause", context.Cause(ctx)))
	return err
}
