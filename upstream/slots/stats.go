package slots

import "time"

// Stats is what a Limiter does now, and what it did since it was made.
type Stats struct {
	Slots, Held, Waiting int
	Keys                 map[string]Use // those that are in use

	Granted  int64         // slots given, at once or later
	Full     int64         // calls refused as QueueFull
	Late     int64         // calls refused as TooLate
	Left     int64         // calls whose context ended while they waited
	WaitTime time.Duration // of all that were given a slot
}

// Use is what calls with one key have.
type Use struct{ Held, Waiting int }

// counters are what Stats tells of the past.
type counters struct {
	granted, full, late, left int64
	waited                    time.Duration
}

// Stats tells what the limiter does and did.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{
		Slots: l.cfg.Slots, Held: l.held, Waiting: l.queued, Keys: map[string]Use{},
		Granted: l.count.granted, Full: l.count.full, Late: l.count.late, Left: l.count.left,
		WaitTime: l.count.waited,
	}
	for key, n := range l.lanes {
		if n.held > 0 || n.queued > 0 {
			s.Keys[key] = Use{Held: n.held, Waiting: n.queued}
		}
	}
	return s
}
