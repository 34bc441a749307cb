package quota

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Limiter paces the calls to one GitLab. It is safe for concurrent use.
type Limiter struct {
	cfg  Config
	born time.Time // times are counted from here

	mu       sync.Mutex
	clock    clock
	creds    map[[32]byte]*credential
	ages     list.List // of *credential, the one that was used longest ago first
	inFlight int64
	count    counters
}

// New makes a limiter that knows nothing yet.
func New(cfg Config) (*Limiter, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	born := time.Now()
	return &Limiter{cfg: cfg, born: born, clock: newClock(born), creds: map[[32]byte]*credential{}}, nil
}

// now is never 0, which stands for no time at all.
func (l *Limiter) now() time.Duration { return time.Since(l.born) + 1 }

// Wait returns when the call may be sent, at once if it can. It is refused with an
// [*Exhausted] rather than wait in vain. When the context ends first, its cause is the
// error.
func (l *Limiter) Wait(ctx context.Context, r Request) (*Ticket, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l.mu.Lock()
	now := l.now()
	t, err := l.admit(ctx, r, now)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if t.ready == nil {
		return t, nil
	}
	select {
	case <-t.ready:
		if t.err != nil {
			return nil, t.err
		}
		return t, nil
	case <-ctx.Done():
		return nil, t.leave(ctx)
	}
}

// admit makes a ticket that is held, or waits. With the lock.
func (l *Limiter) admit(ctx context.Context, r Request, now time.Duration) (*Ticket, error) {
	c := l.credential(r.Credential, now)
	c.use(now)
	t := &Ticket{limiter: l, cred: c, route: c.route(r.Route), class: min(r.Class, classes-1), since: now, deadline: never}
	if c.waiting == 0 && c.when(t.route, now, t.class, false) <= now {
		l.grant(t, now)
		return t, nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		t.deadline = now + time.Until(deadline)
	}
	c.enter(t, r.Caller)
	l.waiting(1)
	l.pump(c, now)
	if t.state == held {
		return t, nil
	}
	if err := l.refusal(t, now); err != nil {
		l.drop(t, now)
		c.refused++
		return nil, err
	}
	t.ready = make(chan struct{})
	return t, nil
}

// grant lets a call be sent. With the lock.
func (l *Limiter) grant(t *Ticket, now time.Duration) {
	c := t.cred
	t.state, t.sent = held, now
	t.joined = t.route.joined
	for i, b := range t.buckets() {
		if b != nil {
			t.tests[i] = b.take(now, t.class)
		}
	}
	l.inFlight++
	l.count.admitted++
	c.used = now
}

// pump lets those calls be sent that may, and sets the timer for the next one. With the
// lock.
func (l *Limiter) pump(c *credential, now time.Duration) {
	for c.waiting > 0 {
		t, wake := c.next(now)
		if t == nil {
			l.arm(c, now, wake)
			return
		}
		c.serve(t)
		l.waiting(-1)
		l.count.waited++
		l.count.waitTime += now - t.since
		l.grant(t, now)
		if t.ready != nil {
			close(t.ready)
		}
	}
	if c.timer != nil {
		c.timer.Stop()
		c.wake = 0
	}
}

// nap is the least time between two looks at a credential by its timer.
const nap = 5 * time.Millisecond

// arm sets the timer of a credential with calls that wait.
func (l *Limiter) arm(c *credential, now, wake time.Duration) {
	if wake == never {
		if c.timer != nil {
			c.timer.Stop()
			c.wake = 0
		}
		return
	}
	wake = max(wake, now+nap)
	switch {
	case c.timer == nil:
		c.timer = time.AfterFunc(wake-now, func() { l.tick(c) })
	case c.wake != wake:
		c.timer.Reset(wake - now)
	}
	c.wake = wake
}

func (l *Limiter) tick(c *credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.wake = 0
	l.pump(c, l.now())
}

// leave is when the context of one who waits has ended: its turn may have come meanwhile.
func (t *Ticket) leave(ctx context.Context) error {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	switch t.state {
	case held:
		t.finish(false)
		l.pump(t.cred, now)
	case waiting:
		l.drop(t, now)
	}
	l.count.left++
	return context.Cause(ctx)
}

// drop ends the wait of a call. With the lock.
func (l *Limiter) drop(t *Ticket, now time.Duration) {
	t.state = over
	t.cred.leave(t)
	l.waiting(-1)
	l.pump(t.cred, now)
}

func (l *Limiter) waiting(n int64) { l.count.waiting += n }

// credential finds what is known of a credential, or begins with it. With the lock.
func (l *Limiter) credential(digest [32]byte, now time.Duration) *credential {
	c := l.creds[digest]
	if c != nil {
		l.ages.MoveToBack(c.age)
		c.used = now
	}
	l.forget(now, 2, c == nil)
	if c == nil {
		c = &credential{digest: digest, first: int64(l.cfg.FirstCalls)}
		l.creds[digest] = c
		c.age = l.ages.PushBack(c)
		c.used = now
	}
	return c
}

// forget drops up to n credentials that were not used for long, or are too many if one more
// is to come. Calls in flight keep none of those: what they teach is lost. With the lock.
func (l *Limiter) forget(now time.Duration, n int, oneMore bool) {
	for ; n > 0; n-- {
		oldest := l.ages.Front()
		if oldest == nil {
			return
		}
		c := oldest.Value.(*credential) //nolint:errcheck,forcetypeassert // nothing else is in it
		tooMany := oneMore && len(l.creds) >= l.cfg.Credentials
		switch {
		case !tooMany && now-c.used < l.cfg.Idle:
			return
		case c.busy(), c.inFlight() && !tooMany:
			l.ages.MoveToBack(oldest)
			continue
		}
		l.ages.Remove(oldest)
		delete(l.creds, c.digest)
		l.count.forgotten++
	}
}
