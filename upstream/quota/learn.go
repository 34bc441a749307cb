package quota

import (
	"strings"
	"time"
)

// learn takes in an answer. With the lock.
func (l *Limiter) learn(t *Ticket, d *heard, now time.Duration) {
	c, r := t.cred, t.route
	trip := now - t.sent
	for _, b := range t.buckets() {
		if b != nil {
			b.trip += (trip - b.trip) / 4
		}
	}
	l.tell(t, d, now)
	minute := l.clock.minute(now)
	if !d.refused {
		if r != c.suspect && t.sent > c.suspectAt {
			c.suspect = nil
		}
		for _, b := range t.buckets() {
			if b != nil {
				b.succeed(t.sent, now, minute)
			}
		}
		return
	}
	l.count.refused++
	c.upstream++
	blamed := c.blame(t, d, now)
	for _, b := range t.buckets() {
		if b != nil && b != blamed {
			b.est.count(now, minute, false)
		}
	}
	blamed.refuse(t.sent, now, d.asked(&l.clock, now), d.remaining == 0 || c.foreign(d), minute)
	c.widen(t, blamed, now)
	l.expel(c, now)
}

// tell has the bucket that the RateLimit headers are of learn from them: the credential's,
// or the route's if it is another quota by name. With the lock.
func (l *Limiter) tell(t *Ticket, d *heard, now time.Duration) {
	c := t.cred
	b := &c.general
	switch {
	case !d.tells():
		if b.told.known {
			b.told.lose(now) // for all that is known, it was counted
			b.told.blind = true
		}
		return
	case c.foreign(d):
		return
	case d.name != "" && b.told.name != "" && d.name != b.told.name, d.refused && !d.text && d.name == "" && d.remaining == 0:
		b = &t.route.bucket
	}
	if d.observed < 0 && d.remaining < 0 {
		if !b.told.known && b.est.limit == 0 && d.limit > 0 {
			b.est.learn(d.limit, now)
		}
		return
	}
	b.told.hear(d, &l.clock, t.sent, now, b.n)
	if b.told.known {
		if d.name != "" {
			b.told.name = d.name
		}
		b.most = 0
		if b == &c.general {
			c.trust()
		}
	}
}

// foreign says whether headers are of a quota that is not this credential's, but of all
// calls from the gateway's address that GitLab does not know the caller of.
func (c *credential) foreign(d *heard) bool {
	return strings.Contains(d.name, "unauthenticated") && c.digest != [32]byte{}
}

// blame says whose limit a refusal is of, as in the package's comment.
func (c *credential) blame(t *Ticket, d *heard, now time.Duration) *bucket {
	switch {
	case d.remaining > 0:
	case d.text, c.foreign(d):
		return &c.general
	case d.remaining == 0 && d.name != "" && d.name == c.general.told.name:
		return &c.general
	}
	if s := c.shared; t.joined && 10*s.est.taken(s.n) >= 9*s.est.limit && now >= s.until {
		return s
	}
	return &t.route.bucket
}

// widen notes that a route was refused for an unknown limit, and has it share a bucket with
// another one to which that happened, too.
func (c *credential) widen(t *Ticket, blamed *bucket, now time.Duration) {
	r := t.route
	if blamed != &r.bucket {
		return
	}
	s := c.suspect
	if s != nil && s != r && now-c.suspectAt < span && (!s.joined || !r.joined) {
		c.join(s, r, now)
	}
	c.suspect, c.suspectAt = r, now
}

// expel refuses those whose deadline comes before the time that GitLab has asked to wait
// until. With the lock.
func (l *Limiter) expel(c *credential, now time.Duration) {
	for _, r := range c.routes {
		if r.waiting == 0 {
			continue
		}
		at := max(c.general.until, r.until)
		if r.joined {
			at = max(at, c.shared.until)
		}
		if c.general.told.known && c.general.told.free(0) <= 0 {
			at = max(at, c.general.told.ends)
		}
		for class := range classes {
			for p := r.rings[class].first; p != nil; {
				next := p.next
				for t := p.first; t != nil; {
					after := t.after
					if t.deadline < at {
						l.count.late++
						l.turnAway(t, at-now, TooLate, now)
					}
					t = after
				}
				p = next
			}
		}
	}
}
