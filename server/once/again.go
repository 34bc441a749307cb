package once

import "context"

// again answers a repeat, when the run is over.
func (s *Store[T]) again(ctx context.Context, e *entry[T], w Write[T]) (none T, again bool, err error) {
	select {
	case <-e.over:
	case <-ctx.Done():
		return none, false, &PendingError{context.Cause(ctx)}
	}
	o := s.outcome(e)
	if o.fate == Unknown && w.Look != nil {
		o = s.look(ctx, e, w.Look)
	}
	switch o.fate {
	case Unknown:
		s.tally(&s.count.unknown)
		return none, true, o.err
	case Undone:
		if w.Proof != e.proof {
			return s.Do(ctx, w)
		}
		return none, true, o.err
	}
	if err := yes(ctx, w.Yes, o.answer); err != nil {
		s.tally(&s.count.unconfirmed)
		return none, true, &UnconfirmedError{err}
	}
	s.tally(&s.count.replays)
	return o.answer, true, o.err
}

func yes[T any](ctx context.Context, ask func(context.Context, T) error, answer T) error {
	if ask == nil {
		return errNobody
	}
	return ask(ctx, answer)
}

// outcome is what is known of a run that is over.
func (s *Store[T]) outcome(e *entry[T]) outcome[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return e.outcome
}

// look looks what became of a write whose outcome is not known, and notes if it was done.
// Of those who look at the same time, the first to know is believed.
func (s *Store[T]) look(ctx context.Context, e *entry[T], look func(context.Context) (T, bool)) outcome[T] {
	answer, done := look(ctx)
	if !done {
		return s.outcome(e)
	}
	o := outcome[T]{fate: Done}
	var bytes int64
	o.answer, bytes, o.err = s.rules.Keep(answer, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case e.fate != Unknown:
		return e.outcome
	case s.entries[e.key] != e: // it has expired meanwhile
		return o
	}
	s.count.settled++
	s.remember(e, o, bytes)
	return e.outcome
}
