package circuit

import (
	"testing"
	"time"
)

// TestOnlyReadsProbe proves that a write is not spent on finding out.
func TestOnlyReadsProbe(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		time.Sleep(time.Minute)
		refusal(t, b, false)
		if _, err := b.Allow(true); err != nil {
			t.Error("a read is refused: ", err)
		}
	})
}

// TestOneProbeAtATime proves that nobody is let through while a probe is under way, and
// nobody but the probe after it has failed.
func TestOneProbeAtATime(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		p := probe(t, b)
		for range 40 {
			refusal(t, b, true)
			time.Sleep(100 * time.Millisecond)
		}
		p.Done(Failure)
		probe(t, b).Done(Failure)
		refusal(t, b, true)
		wantState(t, b, Open)
	})
}

// TestProbesBecomeRare proves that their intervals grow, within bounds and with jitter.
func TestProbesBecomeRare(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		want := 500 * time.Millisecond
		seen := map[time.Duration]bool{}
		for range 12 {
			begun := time.Now()
			probe(t, b).Done(Failure)
			took := time.Since(begun)
			if took < want/2 || took > want+time.Millisecond {
				t.Errorf("a probe after %v, want %v to %v", took, want/2, want)
			}
			seen[took] = true
			want = min(2*want, 10*time.Second)
		}
		if len(seen) < 9 {
			t.Errorf("no jitter: %v", seen)
		}
	})
}

// TestHangingProbeIsGivenUp proves that a probe which never ends keeps nobody from seeing
// that the upstream is back.
func TestHangingProbeIsGivenUp(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		hung := probe(t, b)
		begun := time.Now()
		next := probe(t, b)
		if took := time.Since(begun); took < 4900*time.Millisecond || took > 10*time.Second {
			t.Errorf("the next probe comes after %v", took)
		}
		hung.Done(Failure) // it was taken as failed already
		refusal(t, b, true)
		next.Done(Success)
		wantState(t, b, HalfOpen)
	})
}

// TestIgnoredProbe proves that a caller who goes away neither opens nor closes nor stalls.
func TestIgnoredProbe(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		for range 6 {
			probe(t, b).Done(Failure)
		}
		p := probe(t, b)
		time.Sleep(time.Millisecond)
		p.Done(GaveUp)
		wantState(t, b, Open)
		refusal(t, b, true)
		time.Sleep(500 * time.Millisecond)
		if !call(b, Success) {
			t.Error("no probe soon after one that said nothing")
		}
		wantState(t, b, HalfOpen)
	})
}

// TestLateOutcomes proves that calls from before the circuit opened neither close it nor
// open it again.
func TestLateOutcomes(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		var early [200]Permit
		for i := range early {
			early[i], _ = b.Allow(true)
		}
		fail(t, b)
		early[0].Done(Success)
		wantState(t, b, Open)
		probe(t, b).Done(Success)
		for _, p := range early[1:] {
			p.Done(Failure)
			time.Sleep(10 * time.Millisecond)
		}
		wantState(t, b, HalfOpen)
	})
}

// TestCheck proves that a call that waited, while the circuit opened, is not sent.
func TestCheck(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
		t.Helper()
		p, _ := b.Allow(true)
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		fail(t, b)
		if err := p.Check(); err == nil {
			t.Error("a call from before may be sent")
		}
		trial := probe(t, b)
		if err := trial.Check(); err != nil {
			t.Error("a probe may not be sent: ", err)
		}
		if err := (Permit{}).Check(); err != nil {
			t.Error(err)
		}
	})
}

// TestErrorTellsWhen proves that who comes back when told to is let through.
func TestErrorTellsWhen(t *testing.T) {
	inBubble(t, Config{Name: "gitlab.test"}, func(t *testing.T, b *Breaker) {
		t.Helper()
		fail(t, b)
		for range 8 {
			e := refusal(t, b, true)
			if e.Name != "gitlab.test" || e.State != Open || e.RetryAfter <= 0 || e.RetryAfter > 11*time.Second {
				t.Errorf("%+v", *e)
			}
			time.Sleep(e.RetryAfter)
			if !call(b, Failure) {
				t.Error("who comes when told is refused: ", e)
			}
		}
		spread := map[time.Duration]bool{}
		for range 20 {
			spread[refusal(t, b, true).RetryAfter] = true
		}
		if len(spread) < 15 {
			t.Errorf("all are told the same: %v", spread)
		}
	})
}
