package slots

import (
	"context"
	"sync"
	"time"
)

// Limiter has the slots. It is safe for concurrent use.
type Limiter struct {
	cfg        Config
	each, room int       // slots and places to wait that one key may have
	born       time.Time // times are counted from here

	mu     sync.Mutex
	held   int // slots
	queued int // calls that wait
	order  int64
	lanes  map[string]*lane
	many   int   // lanes before the idle ones are dropped
	ready  lanes // those with a call that waits for no more than a slot
	ahead  int   // calls that wait in them
	mean   mean
	count  counters
}

// New makes a limiter whose slots are free.
func New(cfg Config) (*Limiter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Limiter{
		cfg: cfg, each: cfg.part(cfg.Slots), room: cfg.part(cfg.Queue), born: time.Now(),
		lanes: map[string]*lane{}, many: manyLanes,
	}, nil
}

// Slot is the leave to have one call under way.
type Slot struct {
	limiter *Limiter
	lane    *lane
	state   slotState
	since   time.Duration // it has been held, or waited for
	order   int64         // among those that wait

	granted       chan struct{} // closed when its turn has come
	before, after *Slot         // of those that wait in the lane
}

type slotState int

const (
	waiting slotState = iota
	held
	free
)

// Acquire returns a slot for a call with that key, at once or when its turn has come. It
// is refused with a [*RefusedError] rather than wait in vain. When the context ends first,
// its cause is the error.
func (l *Limiter) Acquire(ctx context.Context, key string) (*Slot, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s := &Slot{limiter: l, since: time.Since(l.born)}
	l.mu.Lock()
	s.lane = l.lane(key)
	if l.held < l.cfg.Slots && s.lane.held < l.each { // whoever could use it has one
		l.grant(s)
		l.mu.Unlock()
		return s, nil
	}
	if err := l.refuse(ctx, s.lane); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	s.granted = make(chan struct{})
	l.join(s)
	l.mu.Unlock()

	select {
	case <-s.granted:
		return s, nil
	case <-ctx.Done():
		s.leave()
		return nil, context.Cause(ctx)
	}
}

// Release gives the slot to the next one who waits. Only the first call counts.
func (s *Slot) Release() {
	l := s.limiter
	now := time.Since(l.born)
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.state != held {
		return
	}
	s.state = free
	l.held--
	s.lane.held--
	l.mean.add(now - s.since)
	s.lane.mean.add(now - s.since)
	l.place(s.lane)
	l.next(now)
}

// leave is when the context of one who waits has ended: its turn may have come meanwhile.
func (s *Slot) leave() {
	s.limiter.mu.Lock()
	if s.state == waiting {
		s.limiter.quit(s)
		s.state = free
		s.limiter.count.left++
	}
	s.limiter.mu.Unlock()
	s.Release()
}

// grant makes s a slot that is held. With the lock.
func (l *Limiter) grant(s *Slot) {
	s.state = held
	l.held++
	s.lane.held++
	l.count.granted++
}

// next gives away what is free. With the lock.
func (l *Limiter) next(now time.Duration) {
	for l.held < l.cfg.Slots && len(l.ready) > 0 {
		s := l.ready[0].first
		l.quit(s)
		l.count.waited += now - s.since
		s.since = now
		l.grant(s)
		l.place(s.lane)
		close(s.granted)
	}
}

// refuse says why a call that has found no slot may not wait for one, nil if it may. With
// the lock.
func (l *Limiter) refuse(ctx context.Context, n *lane) error {
	wait := l.expect(n)
	if l.queued >= l.cfg.Queue || n.queued >= l.room {
		l.count.full++
		return &RefusedError{Key: n.key, Reason: QueueFull, Wait: wait}
	}
	// An estimate may be wrong by as much again: half of it is what can be hoped for.
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait/2 {
		l.count.late++
		return &RefusedError{Key: n.key, Reason: TooLate, Wait: wait}
	}
	return nil
}

// expect estimates how long one more call of a lane has to wait: for those before it in
// the lane, if the lane has all that it may have, and for those before it in all.
func (l *Limiter) expect(n *lane) time.Duration {
	var wait time.Duration
	if n.held >= l.each {
		wait = n.mean.times(n.queued+1, l.each)
	}
	if l.held >= l.cfg.Slots {
		wait = max(wait, l.mean.times(l.ahead+1, l.cfg.Slots))
	}
	return wait
}

// mean is a moving average of how long slots are held: the latest sixteen or so count.
type mean time.Duration

func (m *mean) add(d time.Duration) {
	if *m == 0 {
		*m = mean(d)
		return
	}
	*m += (mean(d) - *m) / 16
}

// times is how long it takes until n slots of so many have become free.
func (m *mean) times(n, of int) time.Duration {
	return time.Duration(float64(*m) * float64(n) / float64(of))
}
