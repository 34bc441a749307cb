package slots

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test with a limiter and a clock of its own, and proves that nothing is
// left of it.
func inBubble(t *testing.T, cfg Config, run func(t *testing.T, l *Limiter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		run(t, l)
		synctest.Wait()
		if s := l.Stats(); s.Held != 0 || s.Waiting != 0 || len(s.Keys) != 0 {
			t.Errorf("left behind: %+v", s)
		}
	})
}

// take returns a slot that must be there at once.
func take(t *testing.T, l *Limiter, key string) *Slot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	s, err := l.Acquire(ctx, key)
	if err != nil {
		t.Fatalf("no slot for %s: %v", key, err)
	}
	return s
}

// takeAll returns so many.
func takeAll(t *testing.T, l *Limiter, key string, n int) []*Slot {
	t.Helper()
	all := make([]*Slot, n)
	for i := range all {
		all[i] = take(t, l, key)
	}
	return all
}

func release(all []*Slot) {
	for _, s := range all {
		s.Release()
	}
}

// waiter is a call that waits for its slot.
type waiter struct {
	slot *Slot
	err  error
	over chan struct{}
}

// wait has a call wait. It is in line when wait returns.
func wait(ctx context.Context, l *Limiter, key string) *waiter {
	w := &waiter{over: make(chan struct{})}
	go func() {
		w.slot, w.err = l.Acquire(ctx, key)
		close(w.over)
	}()
	synctest.Wait()
	return w
}

// isOver says whether it waits no more.
func (w *waiter) isOver() bool {
	synctest.Wait()
	select {
	case <-w.over:
		return true
	default:
		return false
	}
}

func wantRefused(t *testing.T, err error, why Reason) *RefusedError {
	t.Helper()
	e, ok := errors.AsType[*RefusedError](err)
	if !ok || e.Reason != why {
		t.Fatalf("got %v, want a refusal for reason %d", err, why)
	}
	return e
}
