package circuit

import (
	"sync"
	"testing"
	"time"
)

// TestShareGrows proves that after the first success the calls come step by step.
func TestShareGrows(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		probe(t, b).Done(Success)
		for _, want := range []int{55, 130, 255, 500} {
			passed := 0
			for range 500 {
				if call(b, Success) {
					passed++
				}
				time.Sleep(2 * time.Millisecond)
			}
			if passed < want*9/10 || passed > want*11/10 {
				t.Errorf("%d of 500 are let through, want %d", passed, want)
			}
		}
		wantState(t, b, Closed)
	})
}

// TestFewCallsAreNotRefused proves that where there is no crowd nobody is held back.
func TestFewCallsAreNotRefused(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		probe(t, b).Done(Success)
		before := b.Stats().Refused
		for range 20 {
			call(b, Success)
			time.Sleep(250 * time.Millisecond)
		}
		if n := b.Stats().Refused - before; n != 0 {
			t.Errorf("%d of 20 calls are refused", n)
		}
		wantState(t, b, Closed)
	})
}

// TestHangingRecovery proves that calls which all hang do not bring more of them.
func TestHangingRecovery(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		probe(t, b).Done(Success)
		passed := 0
		for range 10 * 500 {
			if _, err := b.Allow(true); err == nil {
				passed++
			}
			time.Sleep(2 * time.Millisecond)
		}
		if passed > 550 {
			t.Errorf("%d of 5000 are let through", passed)
		}
	})
}

// TestRelapse proves that failures after the first success open the circuit again, and
// that the probes stay rare.
func TestRelapse(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		for range 6 {
			probe(t, b).Done(Failure)
		}
		probe(t, b).Done(Success)
		passed := 0
		begun := time.Now()
		for b.Stats().State != Open && time.Since(begun) < time.Minute {
			if call(b, Failure) {
				passed++
			}
			time.Sleep(2 * time.Millisecond)
		}
		if passed > 100 || time.Since(begun) > time.Second {
			t.Errorf("open again after %d calls and %v", passed, time.Since(begun))
		}
		time.Sleep(4900 * time.Millisecond)
		refusal(t, b, true)
		if n := b.Stats().Opened; n != 2 {
			t.Errorf("opened %d times", n)
		}
	})
}

// TestStates proves which state is told, and since when, while calls come and go.
func TestStates(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		want := func(state State, since time.Time) {
			t.Helper()
			if s := b.Stats(); s.State != state || !s.Since.Equal(since) {
				t.Errorf("%v since %v, want %v since %v", s.State, s.Since, state, since)
			}
		}
		want(Closed, time.Now())
		time.Sleep(time.Second)
		fail(t, b)
		opened := time.Now()
		want(Open, opened)
		time.Sleep(100 * time.Millisecond)
		want(Open, opened)
		p := probe(t, b)
		p.Done(Success)
		want(HalfOpen, time.Now())
		for range 5 {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() { call(b, Success) })
			}
			all.Wait()
			time.Sleep(time.Second)
		}
		if s := b.Stats(); s.State != Closed || !s.Since.After(opened) || time.Since(s.Since) < time.Second {
			t.Errorf("%+v", s)
		}
	})
}
