package slots

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestSlowRouteLeavesSlots proves that calls of a route that hangs do not keep those of
// another one from being made at once, neither by slots nor by places to wait.
func TestSlowRouteLeavesSlots(t *testing.T) {
	inBubble(t, Config{Slots: 16, Queue: 32}, func(t *testing.T, l *Limiter) {
		t.Helper()
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				if s, err := l.Acquire(t.Context(), "slow"); err == nil {
					time.Sleep(30 * time.Second)
					s.Release()
				}
			})
		}
		time.Sleep(time.Second)
		if s := l.Stats(); s.Keys["slow"] != (Use{Held: 8, Waiting: 16}) {
			t.Errorf("the slow route has %+v", s.Keys["slow"])
		}
		for range 100 {
			fast := takeAll(t, l, "fast", 8)
			time.Sleep(50 * time.Millisecond)
			release(fast)
		}
		all := takeAll(t, l, "fast", 8)
		next := wait(t.Context(), l, "fast")
		all[0].Release()
		if !next.isOver() || next.err != nil {
			t.Fatal("a call of the fast route waits behind those of the slow one, or is refused: ", next.err)
		}
		next.slot.Release()
		release(all)
		calls.Wait()
	})
}

// TestFirstComeFirstServed proves it of calls with several keys, but for those whose key
// has all that it may have.
func TestFirstComeFirstServed(t *testing.T) {
	inBubble(t, Config{Slots: 6, Share: 0.5}, func(t *testing.T, l *Limiter) {
		t.Helper()
		a, c := takeAll(t, l, "a", 3), takeAll(t, l, "c", 3)
		var line []*waiter
		for _, key := range []string{"c", "b", "a", "c", "b", "a"} {
			line = append(line, wait(t.Context(), l, key))
		}
		for i, step := range []struct {
			release func() *Slot
			serves  int
		}{
			{func() *Slot { return a[0] }, 1}, // the first in line is of c, which has its three
			{func() *Slot { return c[0] }, 0},
			{func() *Slot { return a[1] }, 2},
			{func() *Slot { return line[0].slot }, 3},
			{func() *Slot { return a[2] }, 4},
			{func() *Slot { return line[3].slot }, 5},
		} {
			var before []bool
			for _, w := range line {
				before = append(before, w.isOver())
			}
			step.release().Release()
			for j, w := range line {
				if w.isOver() != (before[j] || j == step.serves) {
					t.Fatalf("release %d serves %d, want %d", i, j, step.serves)
				}
			}
		}
		for _, s := range []*Slot{c[1], c[2], line[1].slot, line[2].slot, line[4].slot, line[5].slot} {
			s.Release()
		}
	})
}

// TestBounds proves, by a thousand calls with random keys, that neither bound is ever
// passed, and that nobody is left out.
func TestBounds(t *testing.T) {
	inBubble(t, Config{Slots: 10, Queue: 5000, Share: 0.3}, func(t *testing.T, l *Limiter) {
		t.Helper()
		random := rand.New(rand.NewPCG(5, 6))
		var mu sync.Mutex
		under := map[string]int{}
		all, done, left := 0, 0, 0
		var calls sync.WaitGroup
		for range 3000 {
			key := fmt.Sprint("k", random.IntN(5))
			took, patience := time.Duration(random.IntN(100))*time.Millisecond, time.Duration(random.IntN(10_000))*time.Millisecond
			calls.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer time.AfterFunc(patience, cancel).Stop()
				s, err := l.Acquire(ctx, key)
				if err != nil {
					mu.Lock()
					left++
					mu.Unlock()
					return
				}
				mu.Lock()
				under[key]++
				if under[key] > 3 {
					t.Errorf("%d calls of %s", under[key], key)
				}
				all++
				if all > 10 {
					t.Errorf("%d calls", all)
				}
				done++
				mu.Unlock()
				time.Sleep(took)
				mu.Lock()
				under[key]--
				all--
				mu.Unlock()
				s.Release()
			})
			time.Sleep(time.Duration(random.IntN(6)) * time.Millisecond)
		}
		calls.Wait()
		s := l.Stats()
		t.Logf("%d calls had slots, %d left; %+v", done, left, s)
		if done+left != 3000 || done < 1000 || left < 100 {
			t.Errorf("%d calls had slots, %d left", done, left)
		}
		if s.Granted < int64(done) || s.Left < int64(left)-5 || s.Full != 0 || s.Late != 0 || s.WaitTime == 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

// TestDoubleRelease proves that giving back twice gives one.
func TestDoubleRelease(t *testing.T) {
	inBubble(t, Config{Slots: 1, Queue: 5}, func(t *testing.T, l *Limiter) {
		t.Helper()
		s := take(t, l, "a")
		first, second := wait(t.Context(), l, "a"), wait(t.Context(), l, "b")
		s.Release()
		s.Release()
		if !first.isOver() || second.isOver() {
			t.Error("two slots, or none, of one")
		}
		first.slot.Release()
		s.Release()
		if !second.isOver() {
			t.Fatal("the slot is lost")
		}
		second.slot.Release()
		second.slot.Release()
	})
}

// TestManyKeys proves that callers who come once are not remembered for ever, and those
// who are here are.
func TestManyKeys(t *testing.T) {
	inBubble(t, Config{Slots: 4}, func(t *testing.T, l *Limiter) {
		t.Helper()
		stays := takeAll(t, l, "stays", 2)
		for i := range 20_000 {
			take(t, l, fmt.Sprint(i)).Release()
		}
		if n := len(l.lanes); n > 2*manyLanes {
			t.Errorf("%d keys are remembered", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if w := wait(ctx, l, "stays"); w.isOver() {
			t.Error("one who is here is forgotten: ", w.err)
		}
		cancel()
		release(stays)
	})
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Slots: -1}, {Share: 1.5}, {Share: -1}, {Share: math.NaN()},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
