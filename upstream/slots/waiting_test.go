package slots

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestFull proves that calls are refused at once when too many wait.
func TestFull(t *testing.T) {
	inBubble(t, Config{Slots: 2, Queue: 4, Share: 1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		busy := takeAll(t, l, "a", 2)
		time.Sleep(time.Second)
		busy[0].Release() // now it is known that calls take a second
		busy[0] = take(t, l, "a")
		w := []*waiter{wait(t.Context(), l, "b"), wait(t.Context(), l, "b"), wait(t.Context(), l, "a"), wait(t.Context(), l, "a")}
		_, err := l.Acquire(t.Context(), "c")
		if e := wantRefused(t, err, QueueFull); e.Key != "c" || e.Wait < 2*time.Second || e.Wait > 3*time.Second {
			t.Errorf("%+v", *e)
		}
		if s := l.Stats(); s.Full != 1 || s.Waiting != 4 || s.Held != 2 || s.Keys["b"].Waiting != 2 {
			t.Errorf("%+v", s)
		}
		release(busy)
		for _, w := range w {
			<-w.over
			w.slot.Release()
		}
	})
	inBubble(t, Config{Slots: 2, Queue: 4, Share: 0.5}, func(t *testing.T, l *Limiter) {
		t.Helper()
		busy := take(t, l, "a")
		w := []*waiter{wait(t.Context(), l, "a"), wait(t.Context(), l, "a")}
		_, err := l.Acquire(t.Context(), "a") // half of the places are taken, the others are for others
		wantRefused(t, err, QueueFull)
		take(t, l, "b").Release()
		busy.Release()
		for _, w := range w {
			<-w.over
			w.slot.Release()
		}
	})
	inBubble(t, Config{Slots: 1, Queue: -1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		s := take(t, l, "a")
		_, err := l.Acquire(t.Context(), "b")
		wantRefused(t, err, QueueFull)
		s.Release()
		take(t, l, "b").Release()
	})
}

// TestTooLate proves that a call whose turn would come after its deadline does not wait,
// and that one which may hope does.
func TestTooLate(t *testing.T) {
	inBubble(t, Config{Slots: 4, Share: 1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		within := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		busy := takeAll(t, l, "a", 4)
		if w := wait(within(time.Second), l, "a"); w.isOver() { // nothing is known
			t.Error("refused: ", w.err)
		}
		time.Sleep(10 * time.Second)
		release(busy)
		busy = takeAll(t, l, "a", 4)
		w := []*waiter{wait(t.Context(), l, "a"), wait(t.Context(), l, "b"), wait(t.Context(), l, "c")}
		_, err := l.Acquire(within(4*time.Second), "d") // the fourth in line, of slots that take ten seconds
		if e := wantRefused(t, err, TooLate); e.Wait < 9*time.Second || e.Wait > 11*time.Second {
			t.Errorf("%+v", *e)
		}
		last := wait(within(6*time.Second), l, "d")
		if last.isOver() {
			t.Error("refused: ", last.err)
		}
		release(busy)
		for _, w := range append(w, last) {
			<-w.over
			if w.err != nil {
				t.Fatal(w.err)
			}
			w.slot.Release()
		}
		if s := l.Stats(); s.Late != 1 {
			t.Errorf("%+v", s)
		}
	})
	inBubble(t, Config{Slots: 4, Share: 0.5}, func(t *testing.T, l *Limiter) {
		t.Helper()
		half := takeAll(t, l, "a", 2)
		time.Sleep(10 * time.Second)
		release(half)
		half = takeAll(t, l, "a", 2) // its own slots are taken, others are free
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := l.Acquire(ctx, "a")
		wantRefused(t, err, TooLate)
		release(half)
	})
}

// TestContextEnds proves that who goes away takes neither a slot nor a place along.
func TestContextEnds(t *testing.T) {
	inBubble(t, Config{Slots: 1, Queue: 3, Share: 1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		why := errors.New("enough")
		s := take(t, l, "a")
		ctx, cancel := context.WithCancelCause(t.Context())
		w := []*waiter{wait(t.Context(), l, "a"), wait(ctx, l, "a"), wait(t.Context(), l, "a")}
		cancel(why)
		if !w[1].isOver() || !errors.Is(w[1].err, why) || w[1].slot != nil {
			t.Errorf("%v, %v", w[1].slot, w[1].err)
		}
		more := wait(t.Context(), l, "a")
		for _, next := range []*waiter{w[0], w[2], more} {
			if next.isOver() {
				t.Fatal("out of turn: ", next.err)
			}
			s.Release()
			if !next.isOver() {
				t.Fatal("its turn is missed")
			}
			s = next.slot
		}
		if _, err := l.Acquire(ctx, "b"); !errors.Is(err, why) {
			t.Error(err)
		}
		s.Release()
	})
}

// TestTurnOfOneWhoLeaves proves that a slot is not lost when it is given to a call whose
// context ends at that moment.
func TestTurnOfOneWhoLeaves(t *testing.T) {
	inBubble(t, Config{Slots: 1, Queue: 3, Share: 1}, func(t *testing.T, l *Limiter) {
		t.Helper()
		for range 2000 {
			s := take(t, l, "a")
			ctx, cancel := context.WithCancel(t.Context())
			leaves, stays := wait(ctx, l, "a"), wait(t.Context(), l, "a")
			cancel()
			s.Release() // before the one who leaves has noticed, as a rule
			if leaves.isOver() && leaves.err == nil {
				leaves.slot.Release()
			}
			if !stays.isOver() {
				t.Fatal("the slot is lost")
			}
			stays.slot.Release()
		}
	})
}
