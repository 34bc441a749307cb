package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/jobgate/jobgate/server/admission"
	"github.com/jobgate/jobgate/server/spool"
)

// Config is what a Server needs to know beside its upstream and its listeners. It
// comes filled in: this package reads no flag, environment or file. Where 0 is told to be
// a default it is meant for Go programs, which leave out what they don't care for.
type Config struct {
	// GRPCTLS secures the gRPC listener; nil is plaintext.
	GRPCTLS *tls.Config
	// HTTPTLS secures the HTTP listener; nil is plaintext.
	HTTPTLS *tls.Config
	// PublicURL is the HTTP listener's address as callers know it, scheme and host
	// without a path: links and redirects name it. Empty is what each caller asked for.
	PublicURL string
	// TrustedProxies may say by X-Forwarded-Proto and X-Forwarded-Host what the caller
	// asked for; nobody else may.
	TrustedProxies []netip.Prefix
	// ShutdownTimeout is how long calls in progress may go on once the server is told
	// to stop. With 0 they are cut off at once.
	ShutdownTimeout time.Duration
	// SpoolMemory and SpoolDisk bound the bytes that logs which are being followed take in
	// memory and on disk; SpoolDir is where the latter are, "" for the system's place. On
	// disk it is 0 or at least 256 KiB.
	SpoolMemory, SpoolDisk int64
	SpoolDir               string
	// Recheck is how long GitLab's yes to a credential counts for a log that it follows, at
	// least a second; with 0 no log is shared.
	Recheck time.Duration
	// MaxConnectionAge is how old a gRPC connection may become before its caller is asked
	// to make another one, so that replicas share the load; followers of logs are ended
	// in time, with their place. 0 is any age; less than 10 ms is more often than gRPC can.
	MaxConnectionAge time.Duration
	// Gate lets callers in who have no credential of GitLab's, and holds the one that
	// GitLab is asked with; nil passes each caller's own on.
	Gate *admission.Gate
	// ReadOnly refuses all writes.
	ReadOnly bool
	// Connections say how gRPC connections are kept.
	Connections Connections
	// NoReflection leaves out gRPC reflection, and Channelz adds the channelz service, which
	// tells whoever can connect of connections and calls.
	NoReflection, Channelz bool
	// MaxStreams is how many streams of logs one credential may have open; 0 is 20,000.
	MaxStreams int
	// MaxCalls is how many calls one credential may have under way, streams aside; 0 is 1000.
	MaxCalls int
	// DefaultDeadline is the deadline of a call, streams aside, that brings none, and
	// MaxDeadline the longest that one may bring, no less than the former; 0 is a minute
	// and five.
	DefaultDeadline, MaxDeadline time.Duration
	// MaxRequest bounds the bytes of a request: a message over gRPC, a body over REST; from
	// 1 KiB to 1 GiB, 0 is 4 MiB. MaxHeader bounds its metadata or header, the URL aside;
	// from 4 KiB to 16 MiB, 0 is 64 KiB.
	MaxRequest, MaxHeader int64
	// RequestIDWindow is how long the answer to a write is kept for those who send it
	// again with the same request id; 0 is an hour.
	RequestIDWindow time.Duration
	// Heartbeat is how often a follower of a quiet log hears so, at least a second apart; 0 is
	// 30 seconds.
	Heartbeat time.Duration
	// Tracer makes the spans of calls; nil makes none.
	Tracer oteltrace.Tracer
	// AccessLog logs each call that has ended at info, not only those that failed.
	AccessLog bool
	// LogLevel is what the admin listener changes the level of the log by; nil lets it not.
	LogLevel *slog.LevelVar
	// Version is this build's own name for itself, as metrics and logs tell it.
	Version string
}

// ConfigError says that a setting breaks a rule.
type ConfigError struct {
	// Key is the setting, as flags and configuration files spell it.
	Key string
	// Rule is what it must be.
	Rule string
	// Bound is the setting that the rule has its bound from, "" if it is fixed.
	Bound string
}

// Error names the setting and the rule.
func (e *ConfigError) Error() string {
	if e.Bound != "" {
		return e.Key + ": " + e.Rule + ", the " + e.Bound
	}
	return e.Key + ": " + e.Rule
}

// configRules collects what is wrong with a Config.
type configRules []error

// must notes a rule that is broken.
func (r *configRules) must(ok bool, key, rule string) {
	if !ok {
		*r = append(*r, &ConfigError{Key: key, Rule: rule})
	}
}

// Validate tells all that is wrong with c: one [ConfigError] for each setting, joined. Nil
// means that New takes c. It makes a file in SpoolDir, and removes it.
func (c Config) Validate() error {
	var r configRules
	r.must(c.ShutdownTimeout >= 0, "shutdown-timeout", "must not be negative")
	r.must(c.Version != "", "version", "must not be empty")
	r.must(c.MaxStreams >= 0, "max-streams", "must not be negative")
	r.must(c.MaxCalls >= 0, "max-calls", "must not be negative")
	r.must(c.RequestIDWindow >= 0, "request-id-window", "must not be negative")
	r.must(c.MaxRequest == 0 || c.MaxRequest >= 1<<10 && c.MaxRequest <= 1<<30, "max-request", "must be from 1024 to 1073741824 bytes")
	r.must(c.MaxHeader == 0 || c.MaxHeader >= 4<<10 && c.MaxHeader <= 16<<20, "max-header", "must be from 4096 to 16777216 bytes")
	r.must(c.Recheck == 0 || c.Recheck >= time.Second, "recheck-interval", "must be 0s, or at least 1s")
	r.must(c.Heartbeat == 0 || c.Heartbeat >= time.Second, "heartbeat-interval", "must be at least 1s")
	// gRPC spreads the ages by a tenth, and panics if that is less than a nanosecond.
	r.must(c.MaxConnectionAge == 0 || c.MaxConnectionAge >= 10*time.Millisecond, "max-connection-age", "must be 0s, or at least 10ms")
	r.deadlines(c.DefaultDeadline, c.MaxDeadline)
	r.spool(c)
	r.must(validPublicURL(c.PublicURL), "public-url", "must be http:// or https:// and a host, and nothing else")
	r.tls("grpc-cert", c.GRPCTLS)
	r.tls("http-cert", c.HTTPTLS)
	return errors.Join(r...)
}

func (r *configRules) deadlines(usual, longest time.Duration) {
	r.must(usual >= 0, "default-deadline", "must not be negative")
	r.must(longest >= 0, "max-deadline", "must not be negative")
	if most := cmp.Or(longest, 5*time.Minute); most > 0 && usual > most {
		*r = append(*r, &ConfigError{"default-deadline", fmt.Sprintf("must be at most %s", most), "max-deadline"})
	}
}

// spool refuses what would only come to light when a log has to go to disk.
func (r *configRules) spool(c Config) {
	r.must(c.SpoolMemory >= 0, "spool-memory", "must not be negative")
	r.must(c.SpoolDisk == 0 || c.SpoolDisk >= spool.BlockSize, "spool-disk", fmt.Sprintf("must be 0, or at least %d bytes", spool.BlockSize))
	if c.SpoolDir == "" || c.SpoolDisk == 0 {
		return
	}
	f, err := os.CreateTemp(c.SpoolDir, "jobgate-spool-")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if why, ok := errors.AsType[*fs.PathError](err); ok {
		err = why.Err // the name of the file says nothing
	}
	if err != nil {
		r.must(false, "spool-dir", fmt.Sprintf("no file can be made in %s: %s", c.SpoolDir, err))
	}
}

// validPublicURL says whether text can begin a link; none is fine.
func validPublicURL(text string) bool {
	if text == "" {
		return true
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || text != u.Scheme+"://"+u.Host {
		return false
	}
	port, err := strconv.ParseUint(cmp.Or(u.Port(), "1"), 10, 16)
	return err == nil && port > 0
}

// tls refuses what would only come to light at the first handshake.
func (r *configRules) tls(key string, c *tls.Config) {
	switch {
	case c == nil:
	case len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil:
		r.must(false, key, "TLS without a certificate")
	case c.MinVersion < tls.VersionTLS12:
		r.must(false, key, "TLS older than 1.2 is allowed")
	}
}
