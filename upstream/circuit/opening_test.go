package circuit

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestDeadUpstreamIsNoticed proves that it takes about a second at most, however many
// calls there are.
func TestDeadUpstreamIsNoticed(t *testing.T) {
	for _, rate := range []time.Duration{1, 2, 10, 100, 500, 5000} {
		inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
			t.Helper()
			for range 5 * rate {
				call(b, Success)
				time.Sleep(time.Second / rate)
			}
			dead := time.Now()
			for b.Stats().State == Closed && time.Since(dead) < time.Minute {
				call(b, Failure)
				if b.Stats().State == Closed {
					time.Sleep(time.Second / rate)
				}
			}
			if took := time.Since(dead); took > 1100*time.Millisecond {
				t.Errorf("%d calls a second: noticed after %v", rate, took)
			}
		})
	}
}

// TestHangingUpstreamIsNoticed proves it of one caller that waits in vain, again and
// again, until a timeout or until it gives up: its failures are far apart, but there is
// nothing between them.
func TestHangingUpstreamIsNoticed(t *testing.T) {
	for end, after := range map[Outcome]time.Duration{Failure: 30 * time.Second, GaveUp: 10 * time.Second} {
		inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
			t.Helper()
			for range 2 {
				wantState(t, b, Closed)
				p, _ := b.Allow(true)
				time.Sleep(after)
				p.Done(end)
				time.Sleep(time.Second)
			}
			wantState(t, b, Open)
		})
	}
}

// TestSomeFailuresAreBorne proves that a busy upstream may fail now and then, and that
// failures far apart say nothing.
func TestSomeFailuresAreBorne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, run := range map[string]func(b *Breaker){
		"a fifth of the calls": func(b *Breaker) {
			for range 60 * 500 {
				o := Success
				if chance(random, 20) {
					o = Failure
				}
				call(b, o)
				time.Sleep(2 * time.Millisecond)
			}
		},
		"a tenth of a second": func(b *Breaker) {
			for i := range 5 * 500 {
				o := Success
				if i > 1000 && i < 1050 {
					o = Failure
				}
				call(b, o)
				time.Sleep(2 * time.Millisecond)
			}
		},
		"one call and its retries": func(b *Breaker) {
			for range 3 {
				call(b, Failure)
				time.Sleep(100 * time.Millisecond)
			}
			call(b, Success)
		},
		"calls hours apart": func(b *Breaker) {
			for range 5 {
				call(b, Failure)
				time.Sleep(time.Hour)
			}
		},
		"callers that go away": func(b *Breaker) {
			for range 5000 {
				p, _ := b.Allow(true)
				time.Sleep(2 * time.Millisecond)
				p.Done(GaveUp)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
				t.Helper()
				run(b)
				if s := b.Stats(); s.Opened != 0 || s.Refused != 0 {
					t.Errorf("opened %d times, %d calls refused", s.Opened, s.Refused)
				}
			})
		})
	}
}

// TestSilence proves that an upstream which answers nobody is noticed, also if no caller is
// patient, and that one which answers some now and then is borne.
func TestSilence(t *testing.T) {
	give := func(b *Breaker, every time.Duration, answers bool) {
		for i := range 100 {
			if p, err := b.Allow(true); err == nil {
				time.AfterFunc(time.Second, func() { p.Done(GaveUp) })
			}
			if answers && i%20 == 0 {
				call(b, Success)
			}
			time.Sleep(every)
		}
	}
	for name, c := range map[string]struct {
		every   time.Duration
		answers bool
		opens   bool
	}{
		"nobody is answered":           {100 * time.Millisecond, false, true},
		"some are answered":            {100 * time.Millisecond, true, false},
		"nobody, but calls are seldom": {10 * time.Second, false, false},
	} {
		inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
			t.Helper()
			give(b, c.every, c.answers)
			if s := b.Stats(); (s.Opened > 0) != c.opens {
				t.Errorf("%s: opened %d times", name, s.Opened)
			}
			time.Sleep(time.Minute) // for those under way
		})
	}
}

// TestMostCallsFail proves that an upstream which fails most calls, but not all, is
// noticed within a window.
func TestMostCallsFail(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		for range 1000 {
			call(b, Success)
			time.Sleep(10 * time.Millisecond)
		}
		bad := time.Now()
		for b.Stats().State == Closed && time.Since(bad) < time.Minute {
			o := Failure
			if chance(random, 30) {
				o = Success
			}
			call(b, o)
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(bad); took > 2100*time.Millisecond {
			t.Errorf("noticed after %v", took)
		}
	})
}

// TestOldCallsAreForgotten proves that a window holds no more than it should.
func TestOldCallsAreForgotten(t *testing.T) {
	inBubble(t, Config{RunTime: time.Hour}, func(t *testing.T, b *Breaker) {
		t.Helper()
		for range 10_000 {
			call(b, Success)
		}
		time.Sleep(3 * time.Second)
		for range 20 {
			wantState(t, b, Closed)
			call(b, Failure)
		}
		wantState(t, b, Open)
	})
}

func TestOfStatus(t *testing.T) {
	for status, want := range map[int]Outcome{
		200: Success, 206: Success, 302: Success, 304: Success, 401: Success, 404: Success, 422: Success,
		408: Ignored, 429: Ignored, 500: Ignored, 501: Ignored, 502: Failure, 503: Failure, 504: Failure,
	} {
		if got := OfStatus(status); got != want {
			t.Errorf("%d is %d, want %d", status, got, want)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{Run: -1},
		{Share: 1.1},
		{MinCalls: -1},
		{RunTime: -1},
		{Window: 5},
		{FirstProbe: time.Minute, LastProbe: time.Second},
		{RampStep: -1},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
	if _, err := New(Config{FirstProbe: time.Minute}); err != nil {
		t.Error(err)
	}
}
