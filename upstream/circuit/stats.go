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
	defer b.unlock()
	return Stats{
		State: b.stateAt(now), Since: b.born.Add(b.since),
		Opened: b.opened, Refused: b.refused, Probes: b.probing.number,
	}
}

// become changes the state. With the lock, which is left by unlock.
func (b *Breaker) become(s State, now time.Duration) {
	if b.cfg.OnChange != nil {
		b.changes = append(b.changes, Change{From: b.state, To: s, At: b.born.Add(now)})
	}
	b.state, b.since = s, now
}

// unlock tells OnChange what has changed, without the lock, and in order: one goroutine
// at a time does so, also for those that come meanwhile.
func (b *Breaker) unlock() {
	for !b.telling && len(b.changes) > 0 {
		changes := b.changes
		b.changes, b.telling = nil, true
		b.mu.Unlock()
		for _, c := range changes {
			b.cfg.OnChange(c)
		}
		b.mu.Lock()
		b.telling = false
	}
	b.mu.Unlock()
}
