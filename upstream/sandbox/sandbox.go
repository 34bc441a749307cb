package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Sandbox is a small GitLab that serves the Jobs API. It is an http.Handler, safe for concurrent
// use, and starts no goroutine.
type Sandbox struct {
	seed    uint64
	clock   func() time.Time
	url     string // configured external URL; empty: what the request says
	prefix  string // path of url
	old     bool
	front   bool          // see WithRangeFront
	flush   time.Duration // see WithFlush
	limits0 Limits        // as New was told, for Reset

	mu       sync.Mutex
	world    *world
	limits   Limits
	counts   map[string]int
	faults   []*armed
	requests []Request
	serial   uint64
}

// Option sets up a Sandbox in New.
type Option func(*Sandbox)

// WithSeed chooses the seed of the world: two sandboxes with equal seeds and clocks are equal,
// byte for byte. The default is 1.
func WithSeed(seed uint64) Option { return func(s *Sandbox) { s.seed = seed } }

// WithClock replaces time.Now. A clock that returns a constant freezes the world. It is called from
// every request, so it must be safe for concurrent use if the requests are concurrent.
func WithClock(now func() time.Time) Option { return func(s *Sandbox) { s.clock = now } }

// WithURL sets GitLab's configured external URL, which stands in Link headers, redirects and every
// web_url (contract section 4). The default is DefaultURL. An empty text means the scheme and host
// by which each request came. A path in it (a relative root) is where the API is then found.
func WithURL(external string) Option {
	return func(s *Sandbox) { s.url = strings.TrimSuffix(external, "/") }
}

// DefaultURL is the configured external URL of a sandbox that was not told another one.
const DefaultURL = "https://gitlab.example.com"

// Versions for WithVersion.
const (
	VersionCurrent = "current" // about 19.4
	VersionOld     = "15.6"    // seed-era shapes of contract section 11
)

// WithVersion chooses the GitLab that is played. VersionOld lacks members, statuses, slices of
// logs, cursor headers, /trigger_jobs and retry of bridges. Any other text means VersionCurrent.
func WithVersion(version string) Option {
	return func(s *Sandbox) { s.old = version == VersionOld }
}

// WithRangeFront puts a front end before GitLab that honours the header Range with logs, which
// GitLab itself does not: one range of bytes with 206 or 416, and all else as if it had not
// been asked for, as RFC 9110 section 14.2 has it. It cuts what GitLab answers, so that together
// with byte_offset, where that is known, it cuts a part of the part. The default is none.
func WithRangeFront() Option { return func(s *Sandbox) { s.front = true } }

// DefaultFlush is the time of WithFlush of a sandbox that was not told another one.
const DefaultFlush = time.Second

// WithFlush sets how often, about, runners send what a job has written, so that the sandbox stays
// lively: GitLab's own do so every 3 to 60 seconds (contract section 10). With 0 they send each
// byte at once.
func WithFlush(every time.Duration) Option { return func(s *Sandbox) { s.flush = max(every, 0) } }

// WithLimits switches rate limits on from the start (contract section 5).
func WithLimits(l Limits) Option { return func(s *Sandbox) { s.limits0 = l } }

// New returns a sandbox with a freshly seeded world whose time begins now.
func New(opts ...Option) *Sandbox {
	s := &Sandbox{seed: 1, clock: time.Now, url: DefaultURL, flush: DefaultFlush}
	for _, opt := range opts {
		opt(s)
	}
	if u, err := url.Parse(s.url); err == nil {
		s.prefix = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	s.Reset()
	return s
}

// Reset brings back the seeded world, with its time beginning now, and forgets requests, faults
// and counts. Limits are again those given to New.
func (s *Sandbox) Reset() {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.world = seedWorld(s.seed, now)
	for _, j := range s.world.jobs {
		j.log.flush = s.flush
	}
	s.limits = s.limits0
	s.counts = map[string]int{}
	s.faults, s.requests, s.serial = nil, nil, 0
}

// ServeHTTP answers one request as GitLab would, or as an armed fault says.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/-/sandbox/") {
		s.serveAdmin(w, r)
		return
	}
	body := readBody(r)
	var m match // of nothing, outside the relative root
	if path, ok := strings.CutPrefix(squeezed(r.URL.EscapedPath()), s.prefix); ok {
		m = matchRoute(path, r.Method)
	}
	s.record(r, m, body)
	fault := s.strike(r, m)
	if fault != nil {
		s.serveFault(w, r, m, body, fault)
		return
	}
	s.handle(r, m, body, nil).write(w, r)
}

// handle computes the answer. It holds the lock for the whole call: state changes are atomic, and
// nothing in it waits.
func (s *Sandbox) handle(r *http.Request, m match, body []byte, fault *Fault) *reply {
	now := s.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	c := &call{s: s, w: s.world, r: r, now: now, match: m, fault: fault}
	c.base = s.externalURL(r)
	c.view = newView(s.world, now, c.base, s.old)
	out := c.answer(body)
	c.finish(out)
	if m.name == RouteTrace && (s.front || fault != nil && fault.Kind == RangeFront) {
		out.cut(r)
	}
	return out
}

func (s *Sandbox) externalURL(r *http.Request) string {
	if s.url != "" {
		return s.url
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
