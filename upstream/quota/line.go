package quota

import "time"

// pollTurn is how many interactive calls may go before a poll that waits.
const pollTurn = 7

// line is the calls with one credential that wait. Callers of a class take turns: who was
// served longest ago is next. For each route, they are in a ring in that order, so that a
// route that is used up does not hold up the others.
type line struct {
	waiting int
	callers [classes]map[string]*caller
	turn    int64 // counts those that were served, or have come
	come    int64 // counts the calls that have come
	ahead   int   // interactive calls in a row that were served while a poll waited
}

// caller is one who waits, in one class.
type caller struct {
	name   string
	served int64 // the turn of the last one
	n      int
	places []*place
}

// place is a caller's in the ring of a route, with the calls that wait, in order.
type place struct {
	caller       *caller
	route        *route
	first, last  *Ticket
	n            int
	before, next *place
}

// ring is the places of one class and route, in the order of [caller.served].
type ring struct{ first, last *place }

func (g *ring) add(p *place) {
	p.before, p.next = g.last, nil
	if g.last != nil {
		g.last.next = p
	} else {
		g.first = p
	}
	g.last = p
}

func (g *ring) drop(p *place) {
	if p.before != nil {
		p.before.next = p.next
	} else {
		g.first = p.next
	}
	if p.next != nil {
		p.next.before = p.before
	} else {
		g.last = p.before
	}
	p.before, p.next = nil, nil
}

// enter puts a call at the end of its caller's, and a new caller at the end of all.
func (l *line) enter(t *Ticket, name string) {
	if l.callers[t.class] == nil {
		l.callers[t.class] = map[string]*caller{}
	}
	c := l.callers[t.class][name]
	if c == nil {
		l.turn++
		c = &caller{name: name, served: l.turn}
		l.callers[t.class][name] = c
	}
	p := c.at(t.route, t.class)
	l.come++
	t.come = l.come
	t.place, t.before = p, p.last
	if p.last != nil {
		p.last.after = t
	} else {
		p.first = t
	}
	p.last = t
	p.n++
	c.n++
	t.route.waiting++
	l.waiting++
}

// at is the caller's place for a route. The ring of a route that the caller was not in has
// it behind those who have been served longer ago.
func (c *caller) at(r *route, class Class) *place {
	for _, p := range c.places {
		if p.route == r {
			return p
		}
	}
	p := &place{caller: c, route: r}
	c.places = append(c.places, p)
	g := &r.rings[class]
	g.add(p)
	for p.before != nil && p.before.caller.served > c.served { // it is nearly always the last
		b := p.before
		g.drop(b)
		b.before, b.next = p, p.next
		if p.next != nil {
			p.next.before = b
		} else {
			g.last = b
		}
		p.next = b
	}
	return p
}

// leave takes a call out.
func (l *line) leave(t *Ticket) {
	p := t.place
	if t.before != nil {
		t.before.after = t.after
	} else {
		p.first = t.after
	}
	if t.after != nil {
		t.after.before = t.before
	} else {
		p.last = t.before
	}
	t.place, t.before, t.after = nil, nil, nil
	p.n--
	p.caller.n--
	t.route.waiting--
	l.waiting--
	if p.n > 0 {
		return
	}
	t.route.rings[t.class].drop(p)
	c := p.caller
	for i, q := range c.places {
		if q == p {
			c.places[i] = c.places[len(c.places)-1]
			c.places = c.places[:len(c.places)-1]
			break
		}
	}
	if c.n == 0 {
		delete(l.callers[t.class], c.name)
	}
}

// serve takes a call out whose turn it is, and puts its caller at the end.
func (l *line) serve(t *Ticket) {
	c := t.place.caller
	l.turn++
	c.served = l.turn
	for _, p := range c.places {
		g := &p.route.rings[t.class]
		g.drop(p)
		g.add(p)
	}
	switch {
	case t.class == Poll:
		l.ahead = 0
	case len(l.callers[Poll]) > 0:
		l.ahead++
	}
	l.leave(t)
}

// next is the call whose turn it is, nil if none can be sent; and then when to ask again.
func (c *credential) next(now time.Duration) (t *Ticket, wake time.Duration) {
	wake = never
	if c.ahead >= pollTurn {
		if t, _ := c.nextOf(Poll, now, true); t != nil {
			return t, 0
		}
	}
	for class := range classes {
		t, at := c.nextOf(class, now, false)
		if t != nil {
			return t, 0
		}
		wake = min(wake, at)
	}
	return nil, wake
}

func (c *credential) nextOf(class Class, now time.Duration, forced bool) (t *Ticket, wake time.Duration) {
	wake = never
	for _, r := range c.routes {
		p := r.rings[class].first
		if p == nil {
			continue
		}
		if at := c.when(r, now, class, forced); at > now {
			wake = min(wake, at)
			continue
		}
		if t == nil || p.caller.served < t.place.caller.served ||
			p.caller == t.place.caller && p.first.come < t.come {
			t = p.first
		}
	}
	return t, wake
}
