package quota

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestToldQuota proves that a quota that GitLab tells is used and never overdrawn, at ten
// times the load by equal callers, whatever GitLab's clock shows.
func TestToldQuota(t *testing.T) {
	for _, skew := range []time.Duration{0, 17*time.Minute + 300*time.Millisecond, -3 * time.Hour} {
		for class := range classes {
			t.Run(fmt.Sprintf("skew=%v,class=%d", skew, class), func(t *testing.T) {
				g := &gitlab{limit: 300, headers: true, skew: skew}
				testTold(t, g, class, 0.9)
			})
		}
	}
	t.Run("period=5m", func(t *testing.T) {
		testTold(t, &gitlab{limit: 500, headers: true, period: 5 * time.Minute}, Interactive, 0.9)
	})
	for _, drop := range []string{"Date", "RateLimit-Limit", "RateLimit-Observed", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Name"} {
		t.Run("without="+drop, func(t *testing.T) {
			testTold(t, &gitlab{limit: 120, headers: true, drop: []string{drop}}, Interactive, 0.85)
		})
	}
}

func testTold(t *testing.T, g *gitlab, class Class, want float64) {
	t.Helper()
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g.there, g.back = some(20*time.Millisecond, 300*time.Millisecond), some(10*time.Millisecond, 300*time.Millisecond)
		time.Sleep(13 * time.Second)
		perMinute := int(g.limit)
		if g.period > 0 {
			perMinute = int(g.limit * int64(time.Minute) / int64(g.period))
		}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		callers := []string{"a", "b", "c", "d", "e"}
		for _, caller := range callers {
			load(ctx, &wg, l, g, 2*perMinute, Request{Route: listJobs, Caller: caller, Class: class})
		}
		const windows = 10
		from := time.Now().Truncate(time.Minute)
		time.Sleep((windows + 1) * time.Minute)
		stop()
		wg.Wait()
		ok, refused := g.windows(from, windows)
		share := float64(sum(ok)) / float64(perMinute) / windows
		least, most := 1<<30, 0
		for _, caller := range callers {
			n, _ := g.between(from, from.Add(windows*time.Minute), caller)
			least, most = min(least, n), max(most, n)
		}
		t.Logf("answered %v, refused %d; used %.1f %%; shares of callers %d to %d", ok, g.refusals, 100*share, least, most)
		if g.refusals > 0 {
			t.Errorf("refused: %v", refused)
		}
		if share < want {
			t.Errorf("only %.1f %% of the quota is used", 100*share)
		}
		if float64(most) > 1.5*float64(least) {
			t.Errorf("callers have between %d and %d", least, most)
		}
	})
}

// TestSecondClient proves that what another client of the same user takes is seen, and the
// rest is used.
func TestSecondClient(t *testing.T) {
	for _, c := range []struct{ perMinute, burst int }{{60, 1}, {400, 1}, {400, 4}} {
		t.Run(fmt.Sprintf("%d in bursts of %d", c.perMinute, c.burst), func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
				t.Helper()
				g := &gitlab{limit: 600, headers: true, there: some(20*time.Millisecond, 100*time.Millisecond), back: some(10*time.Millisecond, 100*time.Millisecond)}
				ctx, stop := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				load(ctx, &wg, l, g, 6000, Request{Route: listJobs, Caller: "us"})
				wg.Go(func() {
					for ctx.Err() == nil {
						time.Sleep(time.Minute / time.Duration(c.perMinute) * time.Duration(c.burst))
						for range c.burst {
							wg.Go(func() { g.do("", "them") })
						}
					}
				})
				const windows = 6
				from := time.Now().Truncate(time.Minute)
				time.Sleep((windows + 1) * time.Minute)
				stop()
				wg.Wait()
				for i := range windows {
					begin := from.Add(time.Duration(i) * time.Minute)
					ours, refused := g.between(begin, begin.Add(time.Minute), "us")
					theirs, _ := g.between(begin, begin.Add(time.Minute), "them")
					share := float64(ours) / float64(600-theirs)
					t.Logf("window %d: ours %d, refused %d, theirs %d: %.1f %%", i, ours, refused, theirs, 100*share)
					if refused > 1 {
						t.Errorf("%d refusals in window %d", refused, i)
					}
					if share < 0.8 {
						t.Errorf("only %.1f %% of the rest is used in window %d", 100*share, i)
					}
				}
			})
		})
	}
}
