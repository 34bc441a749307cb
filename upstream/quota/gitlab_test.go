package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// gitlab counts calls and refuses those over its limits, as GitLab does, or as something in
// front of it might.
type gitlab struct {
	limit    int64         // of all calls of a user in a period, fixed windows; 0 for none
	period   time.Duration // a minute by default
	headers  bool          // tell it with each answer
	onlyLate bool          // tell it with refusals only, as old versions do
	drop     []string      // headers that are left out
	index    int64         // hidden limit of each route named "list ..." in a minute; 0 for none
	sliding  bool          // index is of any minute
	skew     time.Duration // of its clock
	there    func() time.Duration
	back     func() time.Duration
	refusal  func(g *gitlab, h http.Header) // changes how a refusal by index looks

	mu       sync.Mutex
	counts   map[string]int64
	recent   map[string][]time.Time
	answers  []seen
	refusals int
}

// seen is when a call came, and how it was answered.
type seen struct {
	at     time.Time
	status int
	caller string
}

func some(least, most time.Duration) func() time.Duration {
	return func() time.Duration { return least + rand.N(most-least+1) }
}

func (g *gitlab) do(route, caller string) (int, http.Header) {
	sleep(g.there)
	status, h := g.answer(route, caller)
	sleep(g.back)
	return status, h
}

func sleep(d func() time.Duration) {
	if d != nil {
		time.Sleep(d())
	}
}

func (g *gitlab) answer(route, caller string) (status int, h http.Header) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts == nil {
		g.counts, g.recent = map[string]int64{}, map[string][]time.Time{}
	}
	now := time.Now().Add(g.skew)
	status, h = http.StatusOK, http.Header{}
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	defer func() {
		g.answers = append(g.answers, seen{time.Now(), status, caller})
		if status == http.StatusTooManyRequests {
			g.refusals++
		}
		for _, name := range g.drop {
			h.Del(name)
		}
	}()
	if g.throttle(now, h) {
		return http.StatusTooManyRequests, h
	}
	if g.index > 0 && len(route) > 4 && route[:4] == "list" && g.overIndex(route, now) {
		h.Set("Content-Type", "application/json")
		if g.refusal != nil {
			g.refusal(g, h)
		}
		return http.StatusTooManyRequests, h
	}
	return status, h
}

// throttle is Rack::Attack.
func (g *gitlab) throttle(now time.Time, h http.Header) (refused bool) {
	if g.limit == 0 {
		return false
	}
	period := int64(max(g.period, 0) / time.Second)
	if period == 0 {
		period = 60
	}
	key := fmt.Sprint("throttle/", now.Unix()/period)
	g.counts[key]++
	n := g.counts[key]
	reset := (now.Unix()/period + 1) * period
	refused = n > g.limit
	if g.headers || g.onlyLate && refused {
		h.Set("RateLimit-Name", "throttle_authenticated_api")
		h.Set("RateLimit-Limit", strconv.FormatInt((g.limit*60+period-1)/period, 10))
		h.Set("RateLimit-Observed", strconv.FormatInt(n, 10))
		h.Set("RateLimit-Remaining", strconv.FormatInt(max(g.limit-n, 0), 10))
		h.Set("RateLimit-Reset", strconv.FormatInt(reset, 10))
	}
	if refused {
		h.Set("Content-Type", "text/plain")
		h.Set("RateLimit-ResetTime", time.Unix(reset, 0).UTC().Format(http.TimeFormat))
		h.Set("Retry-After", strconv.FormatInt(reset-now.Unix(), 10))
	}
	return refused
}

func (g *gitlab) overIndex(route string, now time.Time) bool {
	if !g.sliding {
		key := fmt.Sprint(route, now.Unix()/60)
		g.counts[key]++
		return g.counts[key] > g.index
	}
	in := g.recent[route]
	for len(in) > 0 && now.Sub(in[0]) >= time.Minute {
		in = in[1:]
	}
	over := int64(len(in)) >= g.index
	if !over {
		in = append(in, now)
	}
	g.recent[route] = in
	return over
}

// between counts what was answered in a time since then.
func (g *gitlab) between(from, to time.Time, caller string) (ok, refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.answers {
		if s.at.Before(from) || !s.at.Before(to) || caller != "" && s.caller != caller {
			continue
		}
		if s.status == http.StatusTooManyRequests {
			refused++
		} else {
			ok++
		}
	}
	return ok, refused
}

// inBubble runs a test with a limiter and a clock of its own, and proves that nothing is
// left of it.
func inBubble(t *testing.T, cfg Config, run func(t *testing.T, l *Limiter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, cfg)
		run(t, l)
		synctest.Wait()
		if s := l.Stats(); s.InFlight != 0 || s.Waiting != 0 {
			t.Errorf("left behind: %+v", s)
		}
	})
}

func newLimiter(t testing.TB, cfg Config) *Limiter {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const listJobs = "list project jobs"

// call makes one call when it may.
func call(ctx context.Context, l *Limiter, g *gitlab, r Request) (int, error) {
	t, err := l.Wait(ctx, r)
	if err != nil {
		return 0, err
	}
	status, h := g.do(r.Route, r.Caller)
	t.Done(status, h)
	return status, nil
}

// load offers calls at a rate, with a patience of 20 seconds each, until it is stopped.
func load(ctx context.Context, wg *sync.WaitGroup, l *Limiter, g *gitlab, perMinute int, r Request) {
	wg.Go(func() {
		every := time.Minute / time.Duration(perMinute)
		for ctx.Err() == nil {
			time.Sleep(every/2 + rand.N(every))
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
				defer cancel()
				_, err := call(ctx, l, g, r)
				if _, ok := errors.AsType[*Exhausted](err); err != nil && !ok && !errors.Is(err, context.DeadlineExceeded) {
					panic(err)
				}
			})
		}
	})
}

// windows reports of each minute from a time on what was answered.
func (g *gitlab) windows(from time.Time, n int) (ok, refused []int) {
	for i := range n {
		a, b := g.between(from.Add(time.Duration(i)*time.Minute), from.Add(time.Duration(i+1)*time.Minute), "")
		ok, refused = append(ok, a), append(refused, b)
	}
	return ok, refused
}

func sum(of []int) (n int) {
	for _, x := range of {
		n += x
	}
	return n
}
