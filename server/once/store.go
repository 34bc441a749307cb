package once

import (
	"container/list"
	"context"
	"errors"
	"sync"
	"time"
)

// Rules say what a Store does not know of the answers that it holds.
type Rules[T any] struct {
	// Keep makes what is remembered of an outcome that is not [Undone], and tells its size
	// in bytes. Who ran the write gets what it was made of, and may change that. Whoever
	// repeats it shares what was made. Of an error it must keep nothing that needs a yes.
	Keep func(answer T, err error) (kept T, bytes int64, told error)
}

// Write is one request to write something.
type Write[T any] struct {
	Owner   Owner
	Key     Key
	Content Digest
	// Proof is what GitLab judges of the request beside the owner's credential: whoever shows
	// another one is not told that the write was refused, but tries it.
	Proof string
	// Run does it. Its context has the values of the caller's and ends with neither the
	// caller nor its deadline, but after [Config.Timeout], or when the store is closed;
	// Run returns then. It must share nothing with its caller that does not outlive the
	// call.
	Run func(ctx context.Context) (T, error)
	// Yes asks GitLab whether the caller may have the answer, which is that of another job
	// than was asked for if that was retried, and zero if it was not kept. It is called for
	// each repeat, after the outcome is known, with the caller's own context. Nil is a no.
	Yes func(ctx context.Context, answer T) error
}

// Store remembers writes. It is safe for concurrent use.
type Store[T any] struct {
	cfg   Config
	rules Rules[T]
	life  context.Context //nolint:containedctx // that of the runs
	stop  context.CancelCauseFunc
	runs  sync.WaitGroup

	mu      sync.Mutex
	rooms   rooms
	entries map[Key]*entry[T]
	ended   list.List // of *entry[T] whose outcome is remembered, the first to expire first
	closed  bool
	count   counters
}

// entry is a write that is under way or remembered.
type entry[T any] struct {
	key        Key
	owner      Owner
	content    Digest
	proof      string
	account    *account
	over       chan struct{} // closed when the run is
	outcome[T]               // of the run, once it is over

	// The store's lock guards the rest.
	bytes int64     // counted for it
	until time.Time // remembered so long
}

// outcome is that of a run.
type outcome[T any] struct {
	fate   Fate
	answer T
	err    error
}

// New makes a Store.
func New[T any](cfg Config, rules Rules[T]) *Store[T] {
	cfg = cfg.filled()
	s := &Store[T]{cfg: cfg, rules: rules, entries: map[Key]*entry[T]{}}
	s.rooms = rooms{
		all: room{most: cfg.All}, strangers: room{most: cfg.Strangers}, each: cfg.Each, accounts: map[Owner]*account{},
	}
	s.life, s.stop = context.WithCancelCause(context.Background())
	return s
}

// Close returns when all runs are over. No new one begins; with the end of the context
// those under way are told to end, for its cause. What is remembered is still answered.
func (s *Store[T]) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	defer context.AfterFunc(ctx, func() { s.stop(context.Cause(ctx)) })()
	s.runs.Wait()
}

// Do runs the write, or answers what a run of it has. Again tells the latter. The errors
// are those of the run, as [Rules.Keep] keeps them for a repeat, and of this package. The
// end of the context ends the wait and not the run: see [PendingError].
func (s *Store[T]) Do(ctx context.Context, w Write[T]) (answer T, again bool, err error) {
	e, mine, err := s.enter(ctx, w)
	switch {
	case err != nil:
		return answer, false, err
	case mine == nil:
		return s.again(ctx, e, w)
	}
	select {
	case o := <-mine:
		return o.answer, false, o.err
	case <-ctx.Done():
		return answer, false, &PendingError{context.Cause(ctx)}
	}
}

// enter finds the entry of a write, or makes one and runs it, for the outcome to be taken
// from mine.
func (s *Store[T]) enter(ctx context.Context, w Write[T]) (e *entry[T], mine <-chan outcome[T], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	if e = s.entries[w.Key]; e != nil {
		if e.content != w.Content || e.owner != w.Owner {
			s.count.conflicts++
			return nil, nil, ErrConflict
		}
		return e, nil, nil
	}
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if s.closed {
		return nil, nil, ErrClosed
	}
	a, bytes := s.rooms.account(w.Owner), entryBytes+s.cfg.Reserve
	if scope := s.rooms.lacks(a, Bound{1, bytes}); scope != 0 {
		s.count.refused++
		return nil, nil, &FullError{scope}
	}
	e = &entry[T]{key: w.Key, owner: w.Owner, content: w.Content, proof: w.Proof, account: a, over: make(chan struct{}), bytes: bytes}
	s.rooms.enter(e.owner, a, bytes)
	s.entries[e.key] = e
	s.count.runs++
	out := make(chan outcome[T], 1)
	s.runs.Go(func() { s.run(ctx, e, w.Run, out) })
	return e, out, nil
}

// expire forgets what was remembered for as long as the window. With the lock.
func (s *Store[T]) expire() {
	now := time.Now()
	for first := s.ended.Front(); first != nil; first = s.ended.Front() {
		e, _ := first.Value.(*entry[T])
		if now.Before(e.until) {
			return
		}
		s.ended.Remove(first)
		if e.fate == Done {
			s.rooms.prove(e.account, -1)
		}
		s.forget(e)
	}
}

// forget takes an entry out. With the lock.
func (s *Store[T]) forget(e *entry[T]) {
	s.rooms.leave(e.owner, e.account, e.bytes)
	delete(s.entries, e.key)
}

// errNobody stands for a yes that nobody can give.
var errNobody = errors.New("nobody says that the caller may have the answer")
