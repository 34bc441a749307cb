package quota

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestWiden proves that a limit that several routes share is found when each of them is
// refused, and then kept by all of them together.
func TestWiden(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g := &gitlab{limit: 300, drop: []string{
			"RateLimit-Name", "RateLimit-Limit", "RateLimit-Observed", "RateLimit-Remaining",
			"RateLimit-Reset", "RateLimit-ResetTime", "Retry-After", "Content-Type",
		}, there: some(20*time.Millisecond, 100*time.Millisecond)}
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 3 {
			load(ctx, &wg, l, g, 1000, Request{Route: fmt.Sprint("route ", i)})
		}
		from := time.Now().Truncate(time.Minute)
		time.Sleep(26 * time.Minute)
		stop()
		wg.Wait()
		ok, refused := g.windows(from, 26)
		const learn = 6
		share := float64(sum(ok[learn:])) / 300 / float64(len(ok)-learn)
		t.Logf("answered %v, refused %v; used %.1f %%", ok, refused, 100*share)
		if n := sum(refused[learn:]); n > (len(ok)-learn)/5 || sum(refused) == 0 {
			t.Errorf("%d refusals in %d windows", n, len(ok)-learn)
		}
		if share < 0.7 {
			t.Errorf("only %.1f %% is used", 100*share)
		}
	})
}

// TestOldGitLab proves that a GitLab that tells its quota only when it refuses is learned
// from such a refusal.
func TestOldGitLab(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, l *Limiter) {
		t.Helper()
		g := &gitlab{limit: 200, onlyLate: true, skew: 1234 * time.Millisecond, there: some(20*time.Millisecond, 100*time.Millisecond), back: some(10*time.Millisecond, 100*time.Millisecond)}
		time.Sleep(22 * time.Second)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		load(ctx, &wg, l, g, 2000, Request{Route: listJobs})
		from := time.Now().Add(g.skew).Truncate(time.Minute).Add(-g.skew)
		time.Sleep(15 * time.Minute)
		stop()
		wg.Wait()
		ok, refused := g.windows(from, 15)
		share := float64(sum(ok[1:])) / 200 / 14
		t.Logf("answered %v, refused %v; used %.1f %%", ok, refused, 100*share)
		if n := sum(refused[1:]); n > 1 || refused[0] == 0 {
			t.Errorf("%d refusals in 14 windows, %d in the first one", n, refused[0])
		}
		if share < 0.85 {
			t.Errorf("only %.1f %% is used", 100*share)
		}
	})
}
