package quota

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// full is a limiter that knows of a quota, of which nothing is left until the window ends
// in 30 seconds.
func full(t *testing.T, l *Limiter, r Request, limit int) {
	t.Helper()
	time.Sleep(30 * time.Second)
	take(t, l, r).Done(http.StatusOK, tell(limit, limit))
}

// tell is the header of an answer with so many calls observed, in a window of GitLab's that
// is under way.
func tell(limit, observed int) http.Header {
	now := time.Now()
	return header("Date", now.UTC().Format(http.TimeFormat), "RateLimit-Name", "throttle_authenticated_api",
		"RateLimit-Limit", fmt.Sprint(limit), "RateLimit-Observed", fmt.Sprint(observed),
		"RateLimit-Remaining", fmt.Sprint(max(limit-observed, 0)), "RateLimit-Reset", fmt.Sprint((now.Unix()/60+1)*60))
}

// order has calls wait in that order, and returns in which they are let through, one at a
// time.
func order(t *testing.T, l *Limiter, all []Request) (names []string) {
	t.Helper()
	type turn struct {
		ticket *Ticket
		i      int
	}
	turns := make(chan turn, len(all))
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			if ticket, err := l.Wait(t.Context(), r); err == nil {
				turns <- turn{ticket, i}
			}
		})
		synctest.Wait()
	}
	for n := range all {
		got := <-turns
		synctest.Wait()
		if len(turns) > 0 {
			t.Fatal("two calls at once")
		}
		names = append(names, fmt.Sprint(all[got.i].Caller, got.i))
		got.ticket.Done(http.StatusOK, tell(10_000, 9_900+n)) // the last ones of a window go one by one
	}
	wg.Wait()
	return names
}

// TestTurns proves that callers take turns, that a caller's calls go in their order, that
// interactive calls go before polls, and that every eighth call is a poll's.
func TestTurns(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []Request
		want []string
	}{
		{"callers", []Request{{Caller: "a"}, {Caller: "a"}, {Caller: "a"}, {Caller: "b"}, {Caller: "b"}, {Caller: "c"}}, []string{"a0", "b3", "c5", "a1", "b4", "a2"}},
		{
			"callers on several routes",
			[]Request{{Caller: "a", Route: "x"}, {Caller: "a", Route: "y"}, {Caller: "a", Route: "x"}, {Caller: "b", Route: "x"}, {Caller: "b", Route: "z"}, {Caller: "c", Route: "y"}},
			[]string{"a0", "b3", "c5", "a1", "b4", "a2"},
		},
		{
			"classes",
			[]Request{
				{Caller: "p", Class: Poll},
				{Caller: "q", Class: Poll},
				{Caller: "a"},
				{Caller: "a"},
				{Caller: "b"},
				{Caller: "a"},
				{Caller: "a"},
				{Caller: "a"},
				{Caller: "a"},
				{Caller: "a"},
				{Caller: "a"},
			},
			[]string{"a2", "b4", "a3", "a5", "a6", "a7", "a8", "p0", "a9", "a10", "q1"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
				t.Helper()
				full(t, l, Request{Caller: "x", Route: c.all[0].Route}, 10_000)
				if got := order(t, l, c.all); !slices.Equal(got, c.want) {
					t.Errorf("served %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestInteractiveIsNotHeldUp proves that polls at ten times the quota leave interactive calls
// what these need, at once, and are not starved by interactive ones at ten times the quota.
func TestInteractiveIsNotHeldUp(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		for _, offered := range []int{60, 2000} {
			t.Run(fmt.Sprintf("hidden=%v,offered=%d", hidden, offered), func(t *testing.T) {
				inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
					t.Helper()
					g := &gitlab{there: some(20*time.Millisecond, 100*time.Millisecond)}
					if hidden {
						g.index = 200
					} else {
						g.limit, g.headers = 200, true
					}
					ctx, stop := context.WithCancel(t.Context())
					var wg sync.WaitGroup
					load(ctx, &wg, l, g, 2000, Request{Route: listJobs, Caller: "poll", Class: Poll})
					time.Sleep(3 * time.Minute)
					var mu sync.Mutex
					var slow, n int
					var longest time.Duration
					for end := time.Now().Add(10 * time.Minute); time.Now().Before(end); {
						time.Sleep(time.Minute / time.Duration(offered))
						wg.Go(func() {
							begin := time.Now()
							ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
							defer cancel()
							_, err := call(ctx, l, g, Request{Route: listJobs, Caller: "user"})
							mu.Lock()
							defer mu.Unlock()
							n++
							longest = max(longest, time.Since(begin))
							if err != nil || time.Since(begin) > 3*time.Second {
								slow++
							}
						})
					}
					from := time.Now().Add(-10 * time.Minute)
					stop()
					wg.Wait()
					polls, _ := g.between(from, from.Add(10*time.Minute), "poll")
					users, _ := g.between(from, from.Add(10*time.Minute), "user")
					t.Logf("%d polls and %d interactive calls of %d; %d of these were slow, the slowest %v", polls, users, n, slow, longest)
					if offered < 200 && slow > n/100 {
						t.Errorf("%d of %d interactive calls are slow", slow, n)
					}
					if polls < 2000/12 {
						t.Errorf("only %d polls of 2000 calls", polls)
					}
				})
			})
		}
	}
}

// TestRouteHoldsUpNoOther proves that calls which wait for a route's limit do not hold up
// those of another route.
func TestRouteHoldsUpNoOther(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		r := Request{Route: listJobs, Caller: "a"}
		succeed(t, l, 20, r, header())
		take(t, l, r).Done(http.StatusTooManyRequests, header("Content-Type", "application/json"))
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if ticket, err := l.Wait(ctx, r); err == nil {
					ticket.Unsent()
				}
			})
		}
		synctest.Wait()
		if n := l.Stats().Waiting; n != 100 {
			t.Errorf("%d wait", n)
		}
		succeed(t, l, 1000, Request{Route: "get job", Caller: "a"}, header())
		stop()
		wg.Wait()
	})
}
