package once

import "context"

// again answers a repeat, when the run is over.
func (s *Store[T]) again(ctx context.Context, e *entry[T], w Write[T]) (none T, again bool, err error) {
	select {
	case <-e.over:
	case <-ctx.Done():
		return none, false, &PendingError{context.Cause(ctx)}
	}
	o := e.outcome
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
