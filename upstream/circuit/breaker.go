package circuit

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Breaker stands before one upstream or one route. It is safe for concurrent use.
type Breaker struct {
	cfg  Config
	born time.Time // times below are counted from here

	mu      sync.Mutex
	state   State
	since   time.Duration
	failing failing
	silence silence
	probing probing
	ramp    ramp
	opened  int64 // times
	refused int64 // calls
}

// New makes a closed breaker.
func New(cfg Config) (*Breaker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Breaker{cfg: cfg, born: time.Now()}, nil
}

// Permit is the leave to send one call. Whoever has it calls Done once. The zero Permit
// belongs to no breaker, and tells nobody.
type Permit struct {
	breaker *Breaker
	opened  int64 // how often the circuit had opened before
	probe   int64 // number of the probe, 0 if it is none
	begun   time.Duration
}

// Allow lets a call through, or refuses it with an [*OpenError]. A call that mayProbe is
// one whose failure does no harm: a read.
func (b *Breaker) Allow(mayProbe bool) (Permit, error) {
	now := time.Since(b.born)
	b.mu.Lock()
	defer b.mu.Unlock()
	p := Permit{breaker: b, opened: b.opened, begun: now}
	switch b.stateAt(now) {
	case Closed:
		return p, nil
	case HalfOpen:
		if b.ramp.pass() {
			return p, nil
		}
	case Open:
		if mayProbe && b.probing.due(&b.cfg, now) {
			p.probe = b.probing.begin(now)
			return p, nil
		}
	}
	return Permit{}, b.refuse(now)
}

// Check refuses a call that was let through before the circuit opened and has not been
// sent yet, because it had to wait for something else. Done is to be called all the same.
func (p Permit) Check() error {
	b := p.breaker
	if b == nil {
		return nil
	}
	now := time.Since(b.born)
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.opened == b.opened || b.stateAt(now) == Closed {
		return nil
	}
	return b.refuse(now)
}

// Done tells the outcome of the call. That of a call which was sent before the circuit
// opened comes too late to say anything.
func (p Permit) Done(o Outcome) {
	b := p.breaker
	if b == nil {
		return
	}
	now := time.Since(b.born)
	b.mu.Lock()
	defer b.mu.Unlock()
	if o == GaveUp {
		o = b.silence.gaveUp(&b.cfg, p.begun, now)
	}
	switch {
	case p.opened != b.opened:
	case b.state == Open:
		b.probed(p.probe, o, now)
	case o == Success:
		b.silence = silence{}
		b.ramp.succeeded = true
		b.failing.success(&b.cfg, now)
		b.stateAt(now)
	case o == Failure && p.probe == 0: // else it is a probe that was given up
		if b.failing.failure(&b.cfg, p.begun, now) {
			b.open(now)
		}
	}
}

// probed takes the outcome of a probe. With the lock.
func (b *Breaker) probed(number int64, o Outcome, now time.Duration) {
	switch o {
	case Success:
		b.ramp = ramp{begun: now}
		b.failing = failing{}
		b.become(HalfOpen, now)
	case Failure:
		b.probing.failed(&b.cfg, number)
	case Ignored:
		b.probing.ignored(&b.cfg, number)
	}
}

func (b *Breaker) open(now time.Duration) {
	b.opened++
	b.probing.open(&b.cfg, now, b.state == Closed)
	b.become(Open, now)
}

// stateAt is the state after the steps that time brings. With the lock.
func (b *Breaker) stateAt(now time.Duration) State {
	if b.state == HalfOpen && b.ramp.advance(&b.cfg, now) {
		b.become(Closed, now)
	}
	return b.state
}

// refuse makes the error of a call. With the lock.
func (b *Breaker) refuse(now time.Duration) error {
	b.refused++
	wait, spread := b.probing.wait(&b.cfg, now), b.cfg.FirstProbe
	if b.state == HalfOpen {
		wait, spread = b.ramp.wait(&b.cfg, now), b.cfg.RampStep
	}
	wait += 1 + rand.N(spread) //nolint:gosec // not a secret
	return &OpenError{Name: b.cfg.Name, State: b.state, RetryAfter: wait}
}
