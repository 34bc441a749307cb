package once

// Stats is what a Store holds now, and what it did since it was made.
type Stats struct {
	Entries, Strangers int   // writes that are remembered or under way; those of owners without a success
	Bytes              int64 // counted for them
	Running            int   // those under way
	Owners             int

	Runs        int64 // writes that were begun
	Waits       int64 // repeats that came while the first was under way
	Replays     int64 // repeats that were answered a success
	Unconfirmed int64 // repeats of a success to which GitLab gave no yes
	Unknown     int64 // repeats that were told that the outcome is not known
	Settled     int64 // outcomes that were not known and are by a look
	Conflicts   int64 // names that were used for something else
	Refused     int64 // writes for which there was no room
	Panics      int64
}

// counters are what Stats tells of the past. The store's lock guards them.
type counters struct {
	runs, waits, replays, unconfirmed, unknown, settled, conflicts, refused, panics int64
}

// tally counts one more.
func (s *Store[T]) tally(n *int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// Stats tells what the Store holds and did. What has expired is forgotten first, so that
// a store that nobody uses but is measured becomes empty.
func (s *Store[T]) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	c := &s.count
	return Stats{
		Entries: s.rooms.all.used.Entries, Strangers: s.rooms.strangers.used.Entries, Bytes: s.rooms.all.used.Bytes,
		Running: len(s.entries) - s.ended.Len(), Owners: len(s.rooms.accounts),
		Runs: c.runs, Waits: c.waits, Replays: c.replays, Unconfirmed: c.unconfirmed, Unknown: c.unknown,
		Settled: c.settled, Conflicts: c.conflicts, Refused: c.refused, Panics: c.panics,
	}
}
