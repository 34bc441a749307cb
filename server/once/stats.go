package once

// Stats is what a Store holds now, and what it did since it was made.
type Stats struct {
	Entries, Strangers int   // writes that are remembered or under way; those of owners without a success
	Bytes              int64 // counted for them
	Running            int   // those under way
	Owners             int   // of all entries

	Runs        int64 // writes that were begun
	Replays     int64 // repeats that were answered a success
	Unconfirmed int64 // repeats of a success to which GitLab gave no yes
	Unknown     int64 // repeats that were told that the outcome is not known
	Conflicts   int64 // names that were used for something else
	Refused     int64 // writes for which there was no room
}

// counters are what Stats tells of the past. The store's lock guards them.
type counters struct {
	runs, replays, unconfirmed, unknown, conflicts, refused int64
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
		Runs: c.runs, Replays: c.replays, Unconfirmed: c.unconfirmed, Unknown: c.unknown,
		Conflicts: c.conflicts, Refused: c.refused,
	}
}
