package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestQueueIsBounded proves that a call for which there is no place to wait is refused at
// once, or takes the place of one of the caller with the most; polls give way to
// interactive calls.
func TestQueueIsBounded(t *testing.T) {
	inBubble(t, Config{Queue: 10, RouteQueue: 6}, func(t *testing.T, l *Limiter) {
		t.Helper()
		full(t, l, Request{Route: "x"}, 600)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		var mu sync.Mutex
		refused := map[string]int{}
		wait := func(n int, r Request) {
			for range n {
				wg.Go(func() {
					ticket, err := l.Wait(ctx, r)
					if err == nil {
						ticket.Unsent()
					}
					if e, ok := errors.AsType[*Exhausted](err); ok && e.Reason == QueueFull && e.Limit == 600 && e.RetryAfter > 29*time.Second && e.RetryAfter < 32*time.Second {
						mu.Lock()
						defer mu.Unlock()
						refused[r.Caller]++
					}
				})
				synctest.Wait()
			}
		}
		want := func(queued int64, each map[string]int) {
			t.Helper()
			if n := l.Stats().Waiting; n != queued || fmt.Sprint(refused) != fmt.Sprint(each) {
				t.Errorf("%d wait, refused %v; want %d and %v", n, refused, queued, each)
			}
		}
		wait(8, Request{Route: "x", Caller: "greedy", Class: Poll})
		want(6, map[string]int{"greedy": 2})
		wait(2, Request{Route: "x", Caller: "modest", Class: Poll})
		want(6, map[string]int{"greedy": 4})
		wait(4, Request{Route: "y", Caller: "greedy", Class: Poll})
		want(10, map[string]int{"greedy": 4})
		wait(3, Request{Route: "z", Caller: "user"})
		want(10, map[string]int{"greedy": 7})
		stop()
		wg.Wait()
	})
}

// TestLeaving proves that calls whose context ends leave the line, that nothing is left of
// them, and that a call to which leave was given just then gives it back.
func TestLeaving(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		full(t, l, Request{Route: "x"}, 100)
		why := errors.New("enough")
		var wg sync.WaitGroup
		var left, sent int
		var mu sync.Mutex
		for i := range 200 {
			ctx, cancel := context.WithCancelCause(t.Context())
			wg.Go(func() {
				time.Sleep(time.Duration(i%40) * time.Second) // some just when their turn comes
				cancel(why)
			})
			wg.Go(func() {
				ticket, err := l.Wait(ctx, Request{Route: "x", Caller: fmt.Sprint(i % 3), Class: Class(i % 2)})
				mu.Lock()
				defer mu.Unlock()
				switch err {
				case nil:
					sent++
					ticket.Unsent()
				case why:
					left++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if sent+left != 200 || left < 100 || sent < 20 {
			t.Errorf("%d left, %d were sent", left, sent)
		}
		c := l.creds[[32]byte{}]
		if len(c.callers[0])+len(c.callers[1])+c.waiting+int(c.general.n) != 0 {
			t.Errorf("left behind: %+v", c.line)
		}
	})
}
