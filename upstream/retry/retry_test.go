package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test with a policy and a clock of its own.
func inBubble(t *testing.T, cfg Config, run func(t *testing.T, p *Policy)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		run(t, p)
	})
}

// attempts makes a call that fails each time, and returns how often it was sent.
func attempts(ctx context.Context, p *Policy) (int, Verdict) {
	call := p.Begin()
	for n := 1; ; n++ {
		if v := call.Wait(ctx, 0); v != Again {
			return n, v
		}
	}
}

// TestLoneFailure proves that a call that fails alone is tried again as often as it may be.
func TestLoneFailure(t *testing.T) {
	for _, most := range []int{1, 2, 3} {
		inBubble(t, Config{Attempts: most}, func(t *testing.T, p *Policy) {
			t.Helper()
			for range 5 {
				if n, v := attempts(t.Context(), p); n != most || v != Tried {
					t.Errorf("sent %d times, then %v; want %d", n, v, most)
				}
				time.Sleep(5 * time.Second)
			}
		})
	}
}

// TestBackoff proves that the waits grow within bounds, and that they are spread all over.
func TestBackoff(t *testing.T) {
	inBubble(t, Config{Attempts: 10, Reserve: 1e6}, func(t *testing.T, p *Policy) {
		t.Helper()
		var sum, least, most [9]time.Duration
		for range 1000 {
			call := p.Begin()
			for i := range sum {
				begun := time.Now()
				if v := call.Wait(t.Context(), 0); v != Again {
					t.Fatal(v)
				}
				wait := time.Since(begun)
				sum[i] += wait
				most[i] = max(most[i], wait)
				if least[i] == 0 {
					least[i] = wait
				}
				least[i] = min(least[i], wait)
			}
		}
		for i, ms := range []int{50, 100, 200, 400, 800, 1000, 1000, 1000, 1000} {
			bound := time.Duration(ms) * time.Millisecond
			mean := sum[i] / 1000
			if most[i] > bound || most[i] < bound*9/10 || least[i] > bound/10 || mean < bound*4/10 || mean > bound*6/10 {
				t.Errorf("wait %d: %v to %v, %v in the mean; want up to %v", i, least[i], most[i], mean, bound)
			}
		}
	})
}

// TestDeadline proves that no call is tried again without the time for it.
func TestDeadline(t *testing.T) {
	inBubble(t, Config{Reserve: 1e6, Enough: 300 * time.Millisecond}, func(t *testing.T, p *Policy) {
		t.Helper()
		verdicts := map[Verdict]int{}
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), 325*time.Millisecond)
			begun := time.Now()
			call := p.Begin()
			v := call.Wait(ctx, 0)
			verdicts[v]++
			if took := time.Since(begun); took > 25*time.Millisecond || v == TooLate && took != 0 {
				t.Fatalf("%v after %v", v, took)
			}
			cancel()
		}
		if verdicts[Again] < 400 || verdicts[TooLate] < 400 {
			t.Errorf("%v, want half of each", verdicts)
		}
	})
}

// TestRetryAfter proves that what the answer asks for is heeded, and never shortened.
func TestRetryAfter(t *testing.T) {
	inBubble(t, Config{Reserve: 1e6}, func(t *testing.T, p *Policy) {
		t.Helper()
		seen := map[time.Duration]bool{}
		for range 50 {
			begun := time.Now()
			call := p.Begin()
			if v := call.Wait(t.Context(), 2*time.Second); v != Again {
				t.Fatal(v)
			}
			took := time.Since(begun)
			if took < 2*time.Second || took > 2050*time.Millisecond {
				t.Errorf("waited %v", took)
			}
			seen[took] = true
		}
		if len(seen) < 25 {
			t.Errorf("all come back together: %v", seen)
		}
		begun := time.Now()
		call := p.Begin()
		if v := call.Wait(t.Context(), 3*time.Second); v != AskedToWait || !time.Now().Equal(begun) {
			t.Errorf("%v after %v", v, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call = p.Begin()
		if v := call.Wait(ctx, time.Second); v != TooLate || !time.Now().Equal(begun) {
			t.Errorf("%v after %v", v, time.Since(begun))
		}
	})
}

// TestContextEnds proves that a wait ends with its context, at no cost.
func TestContextEnds(t *testing.T) {
	inBubble(t, Config{PerSecond: 1e-9}, func(t *testing.T, p *Policy) {
		t.Helper()
		for range 10 {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(errors.New("enough")) })
			begun := time.Now()
			call := p.Begin()
			if v := call.Wait(ctx, 2*time.Second); v != Gone || time.Since(begun) != time.Second {
				t.Fatalf("%v after %v", v, time.Since(begun))
			}
			if v := call.Wait(ctx, 0); v != Gone {
				t.Error(v)
			}
		}
		if n, _ := attempts(t.Context(), p); n != 3 {
			t.Errorf("then a call is sent %d times", n)
		}
	})
}

func TestStats(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, p *Policy) {
		t.Helper()
		attempts(t.Context(), p)
		attempts(t.Context(), p)
		p.Begin()
		s := p.Stats()
		if s.Calls != 3 || s.Verdicts[Again] != 2 || s.Verdicts[Tried] != 1 || s.Verdicts[NoBudget] != 1 || s.Budget > 1 {
			t.Errorf("%+v", s)
		}
		if NoBudget.String() != "no budget" || Verdict(99).String() != "unknown" {
			t.Error("verdicts have no names")
		}
	})
}

func TestTransient(t *testing.T) {
	for status, want := range map[int]bool{200: false, 404: false, 429: false, 500: false, 502: true, 503: true, 504: true} {
		if Transient(status) != want {
			t.Errorf("%d is transient: %v", status, !want)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Attempts: -1},
		{Base: -1},
		{Base: time.Minute, Longest: time.Second},
		{Share: 1.1},
		{Share: -1},
		{PerSecond: -1},
		{Reserve: -1},
		{Memory: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
