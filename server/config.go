package server

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// Config is what a Server needs to know beside its upstream and its listeners. It
// comes filled in: this package reads no flag, environment or file.
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
	// memory and on disk; SpoolDir is where the latter are, "" for the system's place.
	SpoolMemory, SpoolDisk int64
	SpoolDir               string
	// Recheck is how long GitLab's yes to a credential counts for a log that it follows;
	// with 0 no log is shared.
	Recheck time.Duration
	// MaxConnectionAge is how old a gRPC connection may become before its caller is asked
	// to make another one, so that replicas share the load; followers of logs are ended
	// in time, with their place. 0 is any age.
	MaxConnectionAge time.Duration
	// MaxStreams is how many streams of logs one credential may have open; 0 is 20,000.
	MaxStreams int
	// MaxCalls is how many calls one credential may have under way, streams aside; 0 is 1000.
	MaxCalls int
	// DefaultDeadline is the deadline of a call, streams aside, that brings none, and
	// MaxDeadline the longest that one has; 0 is a minute and five.
	DefaultDeadline, MaxDeadline time.Duration
	// MaxRequest bounds the bytes of a request: a message over gRPC, a body over REST; 0 is
	// 4 MiB. MaxHeader bounds its metadata or header, the URL aside; 0 is 64 KiB.
	MaxRequest, MaxHeader int64
	// RequestIDWindow is how long the answer to a write is kept for those who send it
	// again with the same request id; 0 is an hour.
	RequestIDWindow time.Duration
	// Heartbeat is how often a follower of a quiet log hears so; 0 is 30 seconds.
	Heartbeat time.Duration
	// Version is this build's own name for itself, as metrics and logs tell it.
	Version string
}

// Validate tells all that is wrong with c, each error beginning with the key it is
// about, as flags and configuration files spell it. Nil means that New takes c.
func (c Config) Validate() error {
	var errs []error
	if c.ShutdownTimeout < 0 {
		errs = append(errs, fmt.Errorf("shutdown-timeout: %s is negative", c.ShutdownTimeout))
	}
	if c.Version == "" {
		errs = append(errs, errors.New("version: empty"))
	}
	if c.MaxStreams < 0 || c.MaxCalls < 0 {
		errs = append(errs, errors.New("max-streams, max-calls: negative"))
	}
	if c.DefaultDeadline < 0 || c.MaxDeadline < 0 {
		errs = append(errs, errors.New("default-deadline, max-deadline: negative"))
	}
	if c.MaxRequest < 0 || c.MaxRequest > 1<<30 || c.MaxHeader < 0 || c.MaxHeader > 16<<20 {
		errs = append(errs, errors.New("max-request: must be at most 1GiB; max-header: at most 16MiB"))
	}
	if c.Recheck < 0 || c.Heartbeat < 0 || c.MaxConnectionAge < 0 || c.RequestIDWindow < 0 {
		errs = append(errs, errors.New("recheck-interval, heartbeat-interval, max-connection-age, request-id-window: negative"))
	}
	errs = append(errs, validatePublicURL(c.PublicURL), validateTLS("grpc-cert", c.GRPCTLS), validateTLS("http-cert", c.HTTPTLS))
	return errors.Join(errs...)
}

// validatePublicURL refuses what cannot begin a link.
func validatePublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || text != u.Scheme+"://"+u.Host {
		return errors.New("public-url: must be http:// or https:// and a host, and nothing else")
	}
	return nil
}

// validateTLS refuses what would only come to light at the first handshake.
func validateTLS(key string, c *tls.Config) error {
	switch {
	case c == nil:
		return nil
	case len(c.Certificates) == 0 && c.GetCertificate == nil && c.GetConfigForClient == nil:
		return fmt.Errorf("%s: TLS without a certificate", key)
	case c.MinVersion < tls.VersionTLS12:
		return fmt.Errorf("%s: TLS older than 1.2 is allowed", key)
	default:
		return nil
	}
}
