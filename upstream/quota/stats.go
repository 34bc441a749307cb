package quota

import (
	"cmp"
	"encoding/hex"
	"slices"
	"time"
)

// counters are what [Stats] tells of the past.
type counters struct {
	admitted, waited, left, late, full, refused, forgotten int64
	waitTime                                               time.Duration
	waiting                                                int64
}

// Quota is what is known of a limit.
type Quota struct {
	Limit     int64         // calls in a window
	Window    time.Duration // how long that is
	Remaining int64         // calls that may still be sent in this window
	Reset     time.Time     // when more may be sent, by the gateway's clock
}

// Quota tells the limit that is nearest to a call of a route with a credential: that with
// the fewest calls left. It is false if none is known.
func (l *Limiter) Quota(credential [32]byte, routeName string) (Quota, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.creds[credential]
	if c == nil {
		return Quota{}, false
	}
	now := l.now()
	best, known := c.general.quota(now)
	for _, r := range c.routes {
		if r.name != routeName {
			continue
		}
		if q, ok := r.quota(now); ok && (!known || q.left < best.left) {
			best, known = q, true
		}
		if !r.joined {
			continue
		}
		if q, ok := c.shared.quota(now); ok && (!known || q.left < best.left) {
			best, known = q, true
		}
	}
	if !known {
		return Quota{}, false
	}
	return l.quota(best), true
}

// quota is q for those who do not count from the limiter's birth.
func (l *Limiter) quota(q standing) Quota {
	return Quota{q.limit, q.window, q.left, l.born.Add(q.ends)}
}

// Use is what is known of one credential.
type Use struct {
	Credential string // the first eight hexadecimal digits of its digest
	Calls      int64  // asked for in this minute and the last one
	InFlight   int64
	Waiting    int
	Upstream   int64 // calls that GitLab refused with 429
	Early      int64 // calls that were refused as [Exhausted]
	// Quota is that of the credential, zero if it is not known.
	Quota  Quota
	Routes []RouteUse // those with a limit that is known, by name
}

// RouteUse is what is known of one route with a credential.
type RouteUse struct {
	Route   string
	Waiting int
	Quota   Quota
}

// Top tells of the n credentials with most calls lately, most first.
func (l *Limiter) Top(n int) []Use {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	m := int64(now / time.Minute)
	all := make([]*credential, 0, len(l.creds))
	calls := func(c *credential) int64 {
		switch m - c.minute {
		case 0:
			return c.calls + c.callsAgo
		case 1:
			return c.calls
		}
		return 0
	}
	for _, c := range l.creds {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *credential) int {
		return cmp.Or(cmp.Compare(calls(b), calls(a)), slices.Compare(a.digest[:], b.digest[:]))
	})
	top := make([]Use, 0, min(max(n, 0), len(all)))
	for _, c := range all[:cap(top)] {
		u := Use{
			Credential: hex.EncodeToString(c.digest[:4]), Calls: calls(c), InFlight: c.general.n,
			Waiting: c.waiting, Upstream: c.upstream, Early: c.refused,
		}
		if q, ok := c.general.quota(now); ok {
			u.Quota = l.quota(q)
		}
		for _, r := range c.routes {
			if q, ok := r.quota(now); ok {
				u.Routes = append(u.Routes, RouteUse{r.name, r.waiting, l.quota(q)})
			}
		}
		slices.SortFunc(u.Routes, func(a, b RouteUse) int { return cmp.Compare(a.Route, b.Route) })
		top = append(top, u)
	}
	return top
}

// Stats is what a Limiter does now, and what it did since it was made.
type Stats struct {
	Credentials       int // that are remembered
	InFlight, Waiting int64

	Admitted  int64         // calls that were let through, at once or later
	Waited    int64         // those of them that had to wait
	WaitTime  time.Duration // of these
	Left      int64         // calls whose context ended while they waited
	Late      int64         // calls refused as TooLate
	Full      int64         // calls refused as QueueFull
	Refused   int64         // calls that GitLab refused with 429
	Forgotten int64         // credentials

	// Remaining counts the credentials whose own quota is known by how much of it is left:
	// the first one those with less than a tenth, the last one those with nine tenths or
	// more. The others are Unknown.
	Remaining [10]int
	Unknown   int
}

// Stats tells what the limiter does and did. It looks at each credential.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.forget(now, len(l.creds), false)
	s := Stats{
		Credentials: len(l.creds), InFlight: l.inFlight, Waiting: l.count.waiting,
		Admitted: l.count.admitted, Waited: l.count.waited, WaitTime: l.count.waitTime,
		Left: l.count.left, Late: l.count.late, Full: l.count.full, Refused: l.count.refused,
		Forgotten: l.count.forgotten,
	}
	for _, c := range l.creds {
		q, known := c.general.quota(now)
		if !known || q.limit <= 0 {
			s.Unknown++
			continue
		}
		s.Remaining[min(max(10*q.left/q.limit, 0), 9)]++
	}
	return s
}
