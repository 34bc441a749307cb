package upstream

import (
	"crypto/tls"
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// Client asks the Jobs API of one GitLab. It is safe for concurrent use.
type Client struct {
	base      base
	transport http.RoundTripper                                               // the whole chain
	unmoved   http.RoundTripper                                               // the chain but for moved projects
	innermost http.RoundTripper                                               // what the network is behind
	provable  bool                                                            // innermost counts what it writes; see proof
	secure    func(build func(*tls.Config) *http.Transport) http.RoundTripper // nil for what the system trusts
	stays     bool                                                            // moved projects are not followed

	timeout   time.Duration
	idle      time.Duration
	bounds    bounds
	frames    *frameCache // nil without one
	guard     guard
	flights   flights
	bodies    bodyRoom
	refusals  refusals
	finished  finished
	keys      *keyMaker
	requests  requests
	spans     spans
	userAgent []string

	slices       partMemory // `byte_offset` and `byte_limit`
	ranges       partMemory // the header Range, for logs
	heads        *headMemory
	bridgesRoute atomic.Int32 // index into bridgesRoutes
	noKeyset     atomic.Bool  // this GitLab refused keyset paging of jobs
}

// longest is the longest timeout: longer ones are mistakes.
const longest = 24 * time.Hour

// Option changes a default of [New].
type Option func(*Client)

// WithTimeout bounds a whole call, from the connection to the last byte of the answer:
// 30 seconds by default. It does not bound a log, and of [Client.Relay] the header only.
// See [ErrUpstreamTimeout].
func WithTimeout(d time.Duration) Option { return func(c *Client) { c.timeout = d } }

// WithIdleTimeout bounds how long a log, or a relayed answer, may bring no byte while it
// is being read: 30 seconds by default. GitLab loads a whole log before its first byte, so
// the wait for the header may last twice as long. See [ErrLogIdle].
func WithIdleTimeout(d time.Duration) Option { return func(c *Client) { c.idle = d } }

// WithCache bounds the memory of answers that are kept for conditional requests: 64 MiB
// by default, 0 for none; see [Frame].
func WithCache(bytes int64) Option {
	return func(c *Client) {
		if c.frames = nil; bytes != 0 {
			c.frames = newFrameCache(bytes)
		}
	}
}

// WithNegativeCache bounds how long a refusal of a read is remembered for the one
// credential and request that it was given to (401, 403, 404, 410): a second by default, 0
// for not at all.
func WithNegativeCache(d time.Duration) Option { return func(c *Client) { c.refusals.keep = d } }

// WithFinishedJobs bounds how long [Client.GetJob] answers a job that is over again, to the
// credential that it was answered to, without asking GitLab: 0, the default, is not at all.
// Longer ago than that GitLab has always said yes to the credential. What others change of
// such a job (it is erased, its artifacts expire) is seen that much later; what is written
// through this client is seen at once. It needs [WithCache].
func WithFinishedJobs(d time.Duration) Option { return func(c *Client) { c.finished.keep = d } }

// WithAttempts bounds how often a read is sent that fails in a way that may pass: a
// connection that breaks, 502, 503, 504. It is 3 by default, and 1 for no retry. A budget
// bounds the retries of all calls together to about a tenth of them. A write is sent once.
func WithAttempts(n int) Option { return func(c *Client) { c.guard.attempts = n } }

// WithConcurrency bounds how many calls are under way, 256 by default, half of them of one
// kind. Eight times as many may wait; further ones are an [Error] of kind [Limited]. Logs
// count until they begin.
func WithConcurrency(n int) Option { return func(c *Client) { c.guard.calls = n } }

// WithCircuit says whether calls are held back that GitLab would not answer: when those of
// one kind have failed for half a second they are not sent, but for a few that find out
// whether GitLab answers again. It is on by default. See [Client.Health].
func WithCircuit(on bool) Option { return func(c *Client) { c.guard.breaks = on } }

// WithQuota says whether GitLab's limits are learned, from what it tells and from what it
// refuses, and calls held back that it would refuse: in turns between the callers of a
// credential, those for which somebody waits before those that poll. A call that would have
// to wait beyond its deadline is an [Error] of kind [Limited]. It is on by default.
func WithQuota(on bool) Option { return func(c *Client) { c.guard.paced = on } }

// WithTLS says how connections to GitLab are secured, where that changes while they are
// used: secure is given what makes a transport for a TLS configuration, and returns the
// transport to use. By default it is what the system trusts.
func WithTLS(secure func(build func(*tls.Config) *http.Transport) http.RoundTripper) Option {
	return func(c *Client) { c.secure = secure }
}

// WithMovedProjects says whether a read of a moved project is followed to where it is now,
// at the same origin: it is by default. Contract section 1.
func WithMovedProjects(on bool) Option { return func(c *Client) { c.stays = !on } }

// WithTransport replaces the connections to GitLab, for tests. Whether a failed
// write was sent can then rarely be proved.
func WithTransport(t http.RoundTripper) Option { return func(c *Client) { c.innermost = t } }

// WithUserAgent sets the User-Agent header: `jobgate` by default.
func WithUserAgent(text string) Option { return func(c *Client) { c.userAgent = []string{text} } }

// New makes a client for the GitLab at base, an http or https URL with or without
// `/api/v4`, below a relative URL root or not. It dials nothing. Close it when it
// is no longer used.
func New(base string, opts ...Option) (*Client, error) {
	where, err := parseBase(base)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:      where,
		timeout:   30 * time.Second,
		idle:      30 * time.Second,
		bounds:    defaultBounds,
		frames:    newFrameCache(64 << 20),
		heads:     newHeadMemory(),
		guard:     guard{attempts: 3, calls: 256, breaks: true, paced: true},
		refusals:  refusals{keep: time.Second},
		keys:      newKeyMaker(),
		finished:  finished{born: time.Now()},
		userAgent: []string{"jobgate"},
	}
	for _, opt := range opts {
		opt(c)
	}
	if c.timeout <= 0 || c.idle <= 0 {
		return nil, errors.New("upstream: timeouts must be positive")
	}
	if err := c.bounds.check(); err != nil {
		return nil, err
	}
	c.bodies.most = c.bounds.memory
	if c.frames != nil && c.frames.most < 0 {
		return nil, errors.New("upstream: the bound of the cache must not be negative")
	}
	if c.timeout > longest || c.idle > longest {
		return nil, errors.New("upstream: timeouts must not be longer than 24 hours")
	}
	if err := c.guard.init(); err != nil {
		return nil, err
	}
	if c.innermost == nil {
		c.innermost, c.provable = c.connections(), true
	}
	innermost := c.innermost
	if c.spans.tracer != nil {
		c.spans.asServer(where)
		c.flights.traced = true
		innermost = c.spans.layer()(innermost)
	}
	c.unmoved = chain(innermost, // innermost first
		decode(),    // gzip, should GitLab's front end send it unasked
		authorize(), // the caller's credential and headers, from the context
	)
	if c.transport = c.unmoved; !c.stays {
		c.transport = chain(c.unmoved, followMoved(where)) // a read of a moved project, once, same origin
	}
	return c, nil
}

// connections makes what the network is behind.
func (c *Client) connections() http.RoundTripper {
	if c.secure == nil {
		return newTransport(c.bounds.header)
	}
	return c.secure(func(config *tls.Config) *http.Transport {
		t := newTransport(c.bounds.header)
		t.TLSClientConfig = config
		return t
	})
}

// Close closes the idle connections. Calls under way go on.
func (c *Client) Close() {
	if t, ok := c.innermost.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
