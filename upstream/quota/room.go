package quota

// pollRoom is the part of the places to wait that interactive calls leave to polls.
const pollRoom = 8

// victim is the call that gives its place to t, since the line of so many, or of one route,
// is full: the last one of the caller with most that wait. It is of a class that has more
// than its part, or else of t's own class and of a caller with more than t's. If there is
// none, nil.
func (l *line) victim(t *Ticket, on *route, room int) *Ticket {
	polls := 0
	for _, c := range l.callers[Poll] {
		polls += c.count(on)
	}
	many := polls > room/pollRoom
	switch {
	case t.class == Interactive && many:
		return lastOfMost(l.callers[Poll], on, 0)
	case t.class == Poll && !many:
		return lastOfMost(l.callers[Interactive], on, 0)
	}
	return lastOfMost(l.callers[t.class], on, t.place.caller.count(on))
}

// lastOfMost is the last call of the caller with most that wait, if they are more than that.
func lastOfMost(callers map[string]*caller, on *route, than int) *Ticket {
	var most *caller
	for _, c := range callers {
		if n := c.count(on); n > than {
			most, than = c, n
		}
	}
	if most == nil {
		return nil
	}
	return most.latest(on)
}

func (c *caller) count(on *route) int {
	if on == nil {
		return c.n
	}
	for _, p := range c.places {
		if p.route == on {
			return p.n
		}
	}
	return 0
}

func (c *caller) latest(on *route) *Ticket {
	var t *Ticket
	for _, p := range c.places {
		if on != nil && p.route != on {
			continue
		}
		if t == nil || p.last.come > t.come {
			t = p.last
		}
	}
	return t
}
