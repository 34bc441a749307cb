package quota

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestHiddenLimit proves that a limit that GitLab does not tell is learned at the first
// refusals, kept and used, at ten times the load, whether GitLab's windows are fixed or
// slide, whenever the load begins, and for calls of either class.
func TestHiddenLimit(t *testing.T) {
	for _, limit := range []int64{20, 120} {
		for _, sliding := range []bool{false, true} {
			for _, begin := range []time.Duration{0, 31 * time.Second, 58 * time.Second} {
				for class := range classes {
					name := fmt.Sprintf("limit=%d,sliding=%v,begin=%v,class=%d", limit, sliding, begin, class)
					t.Run(name, func(t *testing.T) { testHidden(t, limit, sliding, begin, class) })
				}
			}
		}
	}
}

func testHidden(t *testing.T, limit int64, sliding bool, begin time.Duration, class Class) {
	t.Helper()
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g := &gitlab{index: limit, sliding: sliding, there: some(20*time.Millisecond, 100*time.Millisecond), back: some(10*time.Millisecond, 100*time.Millisecond)}
		time.Sleep(begin)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		load(ctx, &wg, l, g, int(10*limit), Request{Route: listJobs, Caller: "a", Class: class})
		const learn, most = 4, 24
		from := time.Now().Truncate(time.Minute)
		time.Sleep(most * time.Minute)
		stop()
		wg.Wait()
		ok, refused := g.windows(from, most)
		t.Logf("answered %v, refused %v", ok, refused)
		share := float64(sum(ok[learn:])) / float64(limit) / (most - learn)
		t.Logf("used %.1f %% of the limit; %d refusals in %d windows after learning, %d before", 100*share, sum(refused[learn:]), most-learn, sum(refused[:learn]))
		if n := sum(refused[learn:]); n > (most-learn)/10 {
			t.Errorf("%d refusals in %d windows", n, most-learn)
		}
		if share < 0.85 {
			t.Errorf("only %.1f %% of the limit is used", 100*share)
		}
	})
}
