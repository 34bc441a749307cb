package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/server/tracing"
)

// checks collects what is wrong with the settings of serve, each with where it came from.
type checks struct {
	s    *settings
	told map[string]bool // of which settings a wrong has been told
	errs []error
}

// must refuses a setting for a rule that it breaks, unless it was refused before.
func (k *checks) must(ok bool, flag, rule string) {
	if ok || k.told[flag] {
		return
	}
	k.told[flag] = true
	k.errs = append(k.errs, fmt.Errorf("%s: %s", k.s.name(flag), rule))
}

// config takes what server.Config.Validate tells.
func (k *checks) config(err error) {
	if many, ok := errors.AsType[joined](err); ok {
		for _, one := range many.Unwrap() {
			k.config(one)
		}
		return
	}
	switch broken, ok := errors.AsType[*server.ConfigError](err); {
	case !ok:
		k.errs = append(k.errs, err)
	case broken.Bound != "":
		k.must(false, broken.Key, broken.Rule+", the "+k.s.name(broken.Bound))
	default:
		k.must(false, broken.Key, broken.Rule)
	}
}

// joined is what errors.Join makes.
type joined interface {
	error
	Unwrap() []error
}

// checked is what serve runs with.
type checked struct {
	config    server.Config
	listening *listening
	files     *files // to be closed, also beside an error
	traced    tracing.Settings
}

// check tells all that is wrong with the settings before anything is opened.
func (c *serveCmd) check(s *settings, log *slog.Logger) (checked, error) {
	k := &checks{s: s, told: map[string]bool{}}
	k.errs = append(k.errs, c.checkGitlab(s))
	c.checkUpstream(k)
	f := c.readFiles(k, log)
	l, err := c.listening(k, f)
	proxies, errProxies := c.trustedProxies(s)
	traced, errTraced := tracing.Read(os.Getenv)
	k.errs = append(k.errs, err, errProxies, errTraced)
	config := server.Config{
		GRPCTLS: l.grpc.tls, HTTPTLS: l.http.tls, Gate: f.gate, ReadOnly: c.ReadOnly,
		PublicURL: strings.TrimSuffix(c.PublicURL, "/"), TrustedProxies: proxies,
		SpoolMemory: int64(c.SpoolMemory), SpoolDisk: int64(c.SpoolDisk), SpoolDir: c.SpoolDir,
		Recheck: c.RecheckInterval, Heartbeat: c.HeartbeatInterval, MaxStreams: c.MaxStreams,
		Connections: server.Connections{
			KeepaliveTime: c.KeepaliveTime, KeepaliveTimeout: c.KeepaliveTimeout, KeepaliveMinTime: c.KeepaliveMinTime,
			MaxIdle: c.MaxConnectionIdle, MaxStreams: c.MaxConcurrentStreams,
		},
		NoReflection: !c.Reflection, Channelz: c.Channelz,
		MaxConnectionAge: c.MaxConnectionAge, RequestIDWindow: c.RequestIDWindow,
		MaxRequest: int64(c.MaxRequest), MaxHeader: int64(c.MaxHeader),
		MaxCalls: c.MaxCalls, DefaultDeadline: c.DefaultDeadline, MaxDeadline: c.MaxDeadline,
		ShutdownTimeout: c.ShutdownTimeout, AccessLog: c.AccessLog, Version: buildVersion(),
	}
	c.checkZeros(k)
	k.must(c.MaxConnectionAge == 0 || c.MaxConnectionAge >= time.Second, "max-connection-age", "must be 0s, or at least 1s")
	for flag, d := range map[string]time.Duration{
		"keepalive-time": c.KeepaliveTime, "keepalive-timeout": c.KeepaliveTimeout, "keepalive-min-time": c.KeepaliveMinTime,
	} {
		k.must(d >= time.Second, flag, "must be at least 1s")
	}
	k.must(c.MaxConnectionIdle == 0 || c.MaxConnectionIdle >= time.Second, "max-connection-idle", "must be 0s, or at least 1s")
	k.must(c.ReloadInterval == 0 || c.ReloadInterval >= time.Second, "reload-interval", "must be 0s, or at least 1s")
	k.config(config.Validate())
	return checked{config, l, f, traced}, errors.Join(k.errs...)
}

// checkZeros refuses 0 where server.Config takes it for a default: nobody who writes it
// here means that.
func (c *serveCmd) checkZeros(k *checks) {
	k.must(c.RequestIDWindow != 0, "request-id-window", "must not be 0")
	k.must(c.HeartbeatInterval != 0, "heartbeat-interval", "must not be 0")
	k.must(c.DefaultDeadline != 0, "default-deadline", "must not be 0")
	k.must(c.MaxDeadline != 0, "max-deadline", "must not be 0")
	k.must(c.MaxStreams != 0, "max-streams", "must not be 0")
	k.must(c.MaxCalls != 0, "max-calls", "must not be 0")
	k.must(c.MaxRequest != 0, "max-request", "must not be 0")
	k.must(c.MaxHeader != 0, "max-header", "must not be 0")
}

// longestTimeout is what the client of GitLab takes.
const longestTimeout = 24 * time.Hour

// checkUpstream refuses what the client of GitLab would, and what would let nothing through.
func (c *serveCmd) checkUpstream(k *checks) {
	within := func(d time.Duration) bool { return d > 0 && d <= longestTimeout }
	k.must(within(c.UpstreamTimeout), "upstream-timeout", "must be more than 0, and at most 24h")
	k.must(within(c.UpstreamIdleTimeout), "upstream-idle-timeout", "must be more than 0, and at most 24h")
	k.must(c.UpstreamAttempts >= 1 && c.UpstreamAttempts <= 10, "upstream-attempts", "must be from 1 to 10")
	k.must(c.UpstreamCalls >= 1, "upstream-calls", "must be more than 0")
	k.must(c.UpstreamNegativeCache >= 0, "upstream-negative-cache", "must not be negative")
	k.must(c.UpstreamFinishedJobs >= 0 && c.UpstreamFinishedJobs <= max(c.RecheckInterval, 0), "upstream-finished-jobs",
		fmt.Sprintf("must be from 0s to %s, the %s", c.RecheckInterval, k.s.name("recheck-interval")))
	for _, b := range []struct {
		flag               string
		value, least, most byteSize
	}{
		{"upstream-max-body", c.UpstreamMaxBody, 1, 1 << 40},
		{"upstream-max-header", c.UpstreamMaxHeader, 1 << 10, 1 << 30},
		{"upstream-max-error", c.UpstreamMaxError, 1 << 10, 1 << 30},
	} {
		k.must(b.value >= b.least && b.value <= b.most, b.flag, fmt.Sprintf("must be from %d to %d bytes", b.least, b.most))
	}
	k.must(c.UpstreamMemory >= c.UpstreamMaxBody, "upstream-memory", "must be no less than "+k.s.name("upstream-max-body"))
}

// warnIdle tells of settings that somebody has chosen and that have no effect beside others.
func (c *serveCmd) warnIdle(ctx context.Context, log *slog.Logger, s *settings, config server.Config, traced tracing.Settings) {
	noHTTP := s.name("http-addr") + " is empty"
	noSandbox := s.name("upstream") + " is given"
	for _, one := range []struct {
		flag    string
		idle    bool
		because string
	}{
		{"public-url", c.HTTPAddr == "" && c.PublicURL != "", noHTTP},
		{"trusted-proxies", c.HTTPAddr == "" && len(config.TrustedProxies) > 0, noHTTP},
		{"http-cert", c.HTTPAddr == "" && c.HTTPCert != "", noHTTP},
		{"sandbox-seed", !c.Sandbox, noSandbox},
		{"sandbox-clock", !c.Sandbox, noSandbox},
		{"spool-dir", c.SpoolDisk == 0 && c.SpoolDir != "", s.name("spool-disk") + " is 0"},
		{"client-cert", c.GRPCClientCA == "" && c.HTTPClientCA == "", "there is neither --grpc-client-ca nor --http-client-ca"},
		{"trace-propagate-upstream", c.TracePropagateUpstream && !traced.On(), "no OTEL_ variable turns traces on"},
		{"tls-min-version", config.GRPCTLS == nil && config.HTTPTLS == nil, "there is neither --grpc-cert nor --http-cert"},
	} {
		if one.idle && s.given[one.flag] {
			log.LogAttrs(ctx, slog.LevelWarn, "setting has no effect",
				slog.String("setting", s.name(one.flag)), slog.String("because", one.because))
		}
	}
}
