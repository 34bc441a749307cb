package retry

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// load is calls at a rate, and how they went.
type load struct {
	calls, sent, succeeded atomic.Int64
}

// run makes calls for a time; fails says whether an attempt does, and took how long that is.
func (l *load) run(t *testing.T, p *Policy, rate int, d, took time.Duration, fails func() bool) {
	t.Helper()
	end := time.Now().Add(d)
	for time.Now().Before(end) {
		l.calls.Add(1)
		go func() {
			call := p.Begin()
			for {
				l.sent.Add(1)
				failed := fails()
				time.Sleep(took)
				if !failed {
					l.succeeded.Add(1)
					return
				}
				if call.Wait(t.Context(), 0) != Again {
					return
				}
			}
		}()
		time.Sleep(time.Second / time.Duration(rate))
	}
}

func (l *load) factor() float64 { return float64(l.sent.Load()) / float64(l.calls.Load()) }

// TestOutageIsNotMultiplied proves that retries add a tenth at most to the calls of an
// upstream that is down, whether it refuses calls or leaves them hanging, and whatever was
// earned before.
func TestOutageIsNotMultiplied(t *testing.T) {
	for _, took := range []time.Duration{time.Millisecond, 7 * time.Second} {
		for _, rate := range []int{10, 50, 500} {
			inBubble(t, Config{}, func(t *testing.T, p *Policy) {
				t.Helper()
				for range 120 * rate { // two minutes of health
					p.Begin()
					time.Sleep(time.Second / time.Duration(rate))
				}
				var during load
				during.run(t, p, rate, 60*time.Second, took, func() bool { return true })
				time.Sleep(time.Minute)
				synctest.Wait()
				t.Logf("%d calls a second that fail after %v: %.4f times as many", rate, took, during.factor())
				if during.factor() > 1.1 {
					t.Errorf("%d calls were sent %d times", during.calls.Load(), during.sent.Load())
				}
				if during.factor() == 1 {
					t.Error("nothing was tried again")
				}
			})
		}
	}
}

// TestSomeFailures proves that a few failures are hidden from the callers, and many are
// not multiplied.
func TestSomeFailures(t *testing.T) {
	for _, c := range []struct {
		percent        int
		succeed, least float64
	}{
		{1, 0.999, 1.005},
		{5, 0.99, 1.04},
		{30, 0.7, 1.05},
		{80, 0.19, 1.01},
	} {
		inBubble(t, Config{}, func(t *testing.T, p *Policy) {
			t.Helper()
			var l load
			l.run(t, p, 500, time.Minute, 0, func() bool { return rand.IntN(100) < c.percent })
			time.Sleep(time.Minute)
			synctest.Wait()
			succeeded := float64(l.succeeded.Load()) / float64(l.calls.Load())
			t.Logf("%d %% fail: %.4f times as many, %.4f of the calls succeed", c.percent, l.factor(), succeeded)
			if l.factor() > 1.1 || l.factor() < c.least || succeeded < c.succeed {
				t.Errorf("%d %% fail: %.4f times as many, %.4f of the calls succeed", c.percent, l.factor(), succeeded)
			}
		})
	}
}

// TestBlip proves that the failures of a moment are hidden from the callers.
func TestBlip(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, p *Policy) {
		t.Helper()
		begun := time.Now()
		var l load
		l.run(t, p, 500, 10*time.Second, time.Millisecond, func() bool {
			at := time.Since(begun)
			return at > 5*time.Second && at < 5*time.Second+30*time.Millisecond
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if lost := l.calls.Load() - l.succeeded.Load(); lost > 2 {
			t.Errorf("%d calls are lost", lost)
		}
	})
}

func BenchmarkBegin(b *testing.B) {
	p, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Begin()
	}
}

func BenchmarkNext(b *testing.B) {
	p, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		call := p.Begin()
		call.Next(b.Context(), 0)
	}
}
