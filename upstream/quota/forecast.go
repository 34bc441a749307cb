package quota

import "time"

// refusal says why a call that waits may not, nil if it may. If the line is full, it may
// take the place of a call of one with more calls than its own caller, see [line.victim].
// With the lock.
func (l *Limiter) refusal(t *Ticket, now time.Duration) error {
	c := t.cred
	wait := c.forecast(t, now) - now
	if t.deadline < now+wait {
		l.count.late++
		return c.exhausted(t, wait, TooLate, now)
	}
	var on *route
	room := l.cfg.Queue
	switch {
	case t.route.waiting > l.cfg.RouteQueue:
		on, room = t.route, l.cfg.RouteQueue
	case c.waiting <= l.cfg.Queue:
		return nil
	}
	l.count.full++
	last := c.victim(t, on, room)
	if last == nil {
		return c.exhausted(t, wait, QueueFull, now)
	}
	l.turnAway(last, c.forecast(last, now)-now, QueueFull, now)
	return nil
}

// turnAway refuses a call that waits, and would have to for so long. With the lock.
func (l *Limiter) turnAway(t *Ticket, wait time.Duration, why Reason, now time.Duration) {
	c := t.cred
	t.err = c.exhausted(t, wait, why, now)
	t.state = over
	c.leave(t)
	c.refused++
	l.waiting(-1)
	close(t.ready)
}

// exhausted makes the error of a call that would have to wait so long.
func (c *credential) exhausted(t *Ticket, wait time.Duration, why Reason, now time.Duration) *Exhausted {
	e := &Exhausted{Reason: why, RetryAfter: max(wait, 0)}
	b := &c.general
	if t.route.forecast(now, queued{}, t.class) > b.forecast(now, queued{}, t.class) {
		b, e.Route = &t.route.bucket, t.route.name
	}
	if q, known := b.quota(now); known {
		e.Limit, e.Window = q.limit, q.window
	}
	return e
}

// forecast is when a call that waits will be sent, if no more come.
func (c *credential) forecast(t *Ticket, now time.Duration) time.Duration {
	r := t.route
	all := r.aheadOf(t, int64(c.ahead))
	at := r.forecast(now, all, t.class)
	for _, other := range c.routes {
		// Those whose own limit holds them up longer than this one's are not before it.
		if other != r && other.waiting > 0 && other.forecast(now, queued{}, t.class) <= r.forecast(now, queued{}, t.class) {
			q := other.aheadOf(t, int64(c.ahead))
			all.all += q.all
			all.fast += q.fast
		}
	}
	at = max(at, c.general.forecast(now, all, t.class))
	if r.joined {
		at = max(at, c.shared.forecast(now, all, t.class))
	}
	return at
}

// aheadOf is how many of the calls that wait for the route come before a call of this or
// another route, so many interactive ones having been served in a row.
func (r *route) aheadOf(t *Ticket, inARow int64) queued {
	me := t.place.caller
	before := 0 // calls of the same caller
	for _, p := range me.places {
		if p.route != r {
			continue
		}
		for s := p.first; s != nil && s.come < t.come; s = s.after {
			before++
		}
	}
	mine := 0
	for _, p := range me.places { // its turns are those of all routes
		if p.route != r && p.first.come < t.come {
			mine += p.n
		}
	}
	n := int64(before)
	turns := before + mine
	for p := r.rings[t.class].first; p != nil; p = p.next {
		if p.caller == me {
			continue
		}
		turn := turns
		if p.caller.served < me.served {
			turn++
		}
		n += int64(min(p.n, turn))
	}
	of, most := Poll, n/pollTurn
	if t.class == Poll {
		of, most = Interactive, max(pollTurn*(n+1)-inARow, 0)
	}
	waits := int64(0)
	for p := r.rings[of].first; p != nil; p = p.next {
		waits += int64(p.n)
	}
	other := min(waits, most)
	if t.class == Poll {
		return queued{n + other, other, waits > most, inARow}
	}
	return queued{all: n + other}
}

// forecast is when the call will be sent that has those before it, if none may be before a
// time, which may be to come.
func (t *told) forecast(from time.Duration, q queued, inFlight int64, class Class) time.Duration {
	if !t.known {
		return from
	}
	then := t.ahead(from)
	// Most calls in flight may have been counted in what remains.
	free := max(then.free(inFlight), then.limit-then.own-then.others-inFlight, 0)
	ends, nth := then.ends, free-q.all
	if nth <= 0 {
		each := max(then.limit-then.before, 1)
		windows := (q.all - free) / each
		ends += time.Duration(windows+1) * then.period
		nth = each - (q.all-free)%each
		from = ends - then.period
	}
	if class == Poll && !q.forced {
		return max(from, then.pollAt(ends, nth))
	}
	return from
}

// ahead is what will be known at a time to come, if no answer comes until then: a copy, since
// the window that is under way now must not end before its time.
func (t *told) ahead(at time.Duration) told {
	then := *t
	then.roll(at)
	return then
}
