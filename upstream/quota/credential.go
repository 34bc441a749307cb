package quota

import (
	"container/list"
	"time"
)

// mostRoutes are told apart; the gateway has fewer. More share the last one's bucket.
const mostRoutes = 64

// credential is what is known of one credential. The limiter's lock guards it.
type credential struct {
	digest [32]byte
	first  int64         // calls in flight to a route of which nothing is known
	age    *list.Element // of Limiter.ages
	used   time.Duration

	general bucket
	routes  []*route
	shared  *bucket // the limit of routes that were refused together; nil if there are none

	suspect   *route        // a route that was refused, with nothing to say by whose limit,
	suspectAt time.Duration // at this time, and nothing else has succeeded since

	line
	timer *time.Timer // nil until a call has to wait for its time
	wake  time.Duration

	minute            int64 // for the use of the last minute or two
	calls, callsAgo   int64
	upstream, refused int64 // calls that GitLab refused, and that the limiter did
}

// route is what is known of one route with one credential.
type route struct {
	name string
	bucket
	joined  bool // it counts in credential.shared
	rings   [classes]ring
	waiting int
}

func (c *credential) route(name string) *route {
	for _, r := range c.routes {
		if r.name == name {
			return r
		}
	}
	if len(c.routes) == mostRoutes {
		return c.routes[mostRoutes-1]
	}
	r := &route{name: name}
	if !c.general.told.known {
		r.most = c.first
	}
	c.routes = append(c.routes, r)
	return r
}

// trust lifts the bound of calls in flight from routes of which nothing bad is known, when
// the credential's own quota has become known.
func (c *credential) trust() {
	for _, r := range c.routes {
		if r.refusedAt == 0 {
			r.most = 0
		}
	}
}

// when is the earliest time for one more call.
func (c *credential) when(r *route, now time.Duration, class Class, forced bool) time.Duration {
	at := max(c.general.when(now, class, forced), r.when(now, class, forced))
	if r.joined {
		at = max(at, c.shared.when(now, class, forced))
	}
	return at
}

// join has routes that were refused together share a bucket, too. It is as large as what
// they had together.
func (c *credential) join(a, b *route, now time.Duration) {
	if c.shared == nil {
		c.shared = &bucket{}
		c.shared.est.tally = &tally{last: int64(now / slot)}
	}
	s := c.shared
	for _, r := range []*route{a, b} {
		if r.joined || r.est.tally == nil {
			continue
		}
		r.joined = true
		s.est.tally.merge(r.est.tally, now)
		s.est.limit += max(r.est.limit, 1)
	}
	s.refusedAt, s.until = now, max(s.until, a.until, b.until)
	s.est.testAt, s.est.hush, s.est.step = now+quiet, quiet, max(s.est.limit/50, 1)
}

// use counts a call.
func (c *credential) use(now time.Duration) {
	if m := int64(now / time.Minute); m != c.minute {
		c.callsAgo = c.calls
		if m != c.minute+1 {
			c.callsAgo = 0
		}
		c.minute, c.calls = m, 0
	}
	c.calls++
}

// busy says whether it must not be forgotten.
func (c *credential) busy() bool { return c.waiting > 0 }

// inFlight says whether calls are under way.
func (c *credential) inFlight() bool { return c.general.n > 0 }
