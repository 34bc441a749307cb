package retry

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Policy decides for all calls to one upstream. It is safe for concurrent use.
type Policy struct {
	cfg  Config
	born time.Time // times are counted from here

	mu     sync.Mutex
	budget budget
	calls  int64
	count  [verdicts]int64
}

// New makes a policy.
func New(cfg Config) (*Policy, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Policy{cfg: cfg, born: time.Now(), budget: budget{left: cfg.Reserve}}, nil
}

func (p *Policy) now() time.Duration { return time.Since(p.born) }

// Call is one call of an upstream, with all its attempts. It belongs to one goroutine.
type Call struct {
	policy *Policy
	failed int // attempts
}

// Begin is before the first attempt of a call that may be tried again.
func (p *Policy) Begin() Call {
	now := p.now()
	p.mu.Lock()
	p.calls++
	p.budget.pass(&p.cfg, now)
	p.budget.left += p.cfg.Share
	p.mu.Unlock()
	return Call{policy: p}
}

// Wait is after an attempt that has failed in a way that may pass. If the call is to be
// tried again, it returns after the wait, of after at least if the answer has asked for
// that, else at once.
func (c *Call) Wait(ctx context.Context, after time.Duration) Verdict {
	wait, v := c.Next(ctx, after)
	if v != Again {
		return v
	}
	return c.Pause(ctx, wait)
}

// Pause is the wait that Next has told. If the context ends first, the retry is not made, and
// given back to the budget: [Gone].
func (c *Call) Pause(ctx context.Context, wait time.Duration) Verdict {
	if wait == 0 {
		return Again
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return Again
	case <-ctx.Done():
		c.policy.giveBack()
		return Gone
	}
}

// Next is Wait without the wait, for a caller who has something to do before [Call.Pause].
func (c *Call) Next(ctx context.Context, after time.Duration) (time.Duration, Verdict) {
	p := c.policy
	c.failed++
	wait, v := p.wait(ctx, c.failed, after)
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.pass(&p.cfg, now)
	if c.failed == 1 { // it earns nothing
		p.budget.left = max(p.budget.left-p.cfg.Share, deepest)
	}
	if v == Again && !p.budget.spend() {
		v = NoBudget
	}
	p.count[v]++
	if v != Again {
		return 0, v
	}
	return wait, v
}

// wait finds how long a call waits that has failed so often, if the budget allows it.
func (p *Policy) wait(ctx context.Context, failed int, after time.Duration) (time.Duration, Verdict) {
	switch {
	case ctx.Err() != nil:
		return 0, Gone
	case failed >= p.cfg.Attempts:
		return 0, Tried
	case after > p.cfg.MaxAfter:
		return 0, AskedToWait
	}
	longest := p.cfg.Base
	for i := 1; i < failed && longest < p.cfg.Longest; i++ {
		longest *= 2
	}
	wait := after + rand.N(min(longest, p.cfg.Longest)+1) //nolint:gosec // not a secret
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait+p.cfg.Enough {
		return 0, TooLate
	}
	return wait, Again
}

// giveBack is after a retry that was not made.
func (p *Policy) giveBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.left++
	p.count[Gone]++
}
