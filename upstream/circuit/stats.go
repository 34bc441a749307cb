package circuit

import "time"

// Stats is what a Breaker does now, and what it did since it was made.
type Stats struct {
	State   State
	Since   time.Time // of State
	Opened  int64     // times
	Refused int64     // calls
	Probes  int64     // calls let through while it was open
}

// Stats tells what the breaker does and did.
func (b *Breaker) Stats() Stats {
	now := time.Since(b.born)
	b.mu.Lock()
	defer b.mu.Unlock()
	return Stats{
		State: b.stateAt(now), Since: b.born.Add(b.since),
		Opened: b.opened, Refused: b.refused, Probes: b.probing.number,
	}
}

// become changes the state. With the lock.
func (b *Breaker) become(s State, now time.Duration) { b.state, b.since = s, now }
