package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestForecast proves that a call that would wait beyond its deadline is refused at once,
// and told when it would have been its turn, within two seconds: another one that has no
// deadline waits just so long. One whose deadline is a little later than that is not
// refused. What comes by chance may make one in forty be off, and none by far.
func TestForecast(t *testing.T) {
	off, all := 0, 0
	for seed := range uint64(60) {
		for _, hidden := range []bool{false, true} {
			t.Run(fmt.Sprintf("hidden=%v,seed=%d", hidden, seed), func(t *testing.T) {
				all++
				if testForecast(t, hidden, seed) {
					off++
				}
			})
		}
	}
	if off > all/40 {
		t.Errorf("%d forecasts of %d were off", off, all)
	}
}

func testForecast(t *testing.T, hidden bool, seed uint64) (isOff bool) {
	t.Helper()
	inBubble(t, Config{Queue: 4096, RouteQueue: 4096}, func(t *testing.T, l *Limiter) {
		t.Helper()
		rnd := rand.New(rand.NewPCG(seed, 1))
		limit := 20 + rnd.Int64N(300)
		g := &gitlab{there: some(20*time.Millisecond, 100*time.Millisecond), back: some(10*time.Millisecond, 100*time.Millisecond)}
		if hidden {
			g.index = limit
		} else {
			g.limit, g.headers = limit, true
		}
		time.Sleep(rand.N(time.Minute))
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		go1 := func(r Request) {
			wg.Go(func() { _, _ = call(ctx, l, g, r) })
		}
		for range limit + 5 { // so that the limit is known, and used up
			go1(Request{Route: listJobs, Caller: "warm"})
		}
		time.Sleep(rand.N(20 * time.Second))
		callers := 1 + rnd.IntN(5)
		for range rnd.Int64N(3 * limit) {
			go1(Request{Route: listJobs, Caller: fmt.Sprint(rnd.IntN(callers)), Class: Class(rnd.IntN(2))})
		}
		time.Sleep(rand.N(2 * time.Second))
		synctest.Wait()
		me := Request{Route: listJobs, Caller: fmt.Sprint(rnd.IntN(callers + 1)), Class: Class(rnd.IntN(2))}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		begin := time.Now()
		ticket, err := l.Wait(short, me)
		if err == nil {
			ticket.Unsent()
			t.Skip("a new window has begun")
		}
		if errors.Is(err, context.DeadlineExceeded) {
			soon, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			ticket, err = l.Wait(soon, me)
			if isOff = err != nil; isOff {
				t.Logf("it was not refused, and its turn did not come: %v", err)
				return
			}
			ticket.Unsent()
			return
		}
		e, ok := errors.AsType[*Exhausted](err)
		if !ok || e.Reason != TooLate || time.Since(begin) != 0 {
			t.Fatalf("got %v after %v", err, time.Since(begin))
		}
		enough, cancel := context.WithTimeout(ctx, e.RetryAfter+8*time.Second)
		defer cancel()
		ticket, err = l.Wait(enough, me)
		waited := time.Since(begin)
		t.Logf("limit %d, class %d: was told %v, waited %v: %v", e.Limit, me.Class, e.RetryAfter, waited, err)
		if err != nil {
			t.Error(err)
		} else {
			ticket.Unsent()
		}
		off := 2 * time.Second
		if hidden && me.Class == Poll { // who comes first of some polls may be a matter of chance
			off = max(off, 5*time.Minute/time.Duration(limit))
		}
		d := (waited - e.RetryAfter).Abs()
		if isOff = d > off; isOff {
			t.Logf("the forecast is off by %v", d)
		}
		if d > off+20*time.Second {
			t.Errorf("the forecast is off by %v", d)
		}
	})
	return isOff
}
