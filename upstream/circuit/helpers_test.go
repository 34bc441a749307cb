package circuit

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test with a breaker and a clock of its own.
func inBubble(t *testing.T, cfg Config, run func(t *testing.T, b *Breaker)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		run(t, b)
	})
}

// call makes a read that ends at once, and says whether it was let through.
func call(b *Breaker, o Outcome) bool {
	p, err := b.Allow(true)
	if err != nil {
		return false
	}
	p.Done(o)
	return true
}

// fail opens the circuit.
func fail(t *testing.T, b *Breaker) {
	t.Helper()
	for range 100 {
		call(b, Failure)
		if b.Stats().State == Open {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the circuit does not open")
}

// probe waits for a probe to be let through.
func probe(t *testing.T, b *Breaker) Permit {
	t.Helper()
	for range 15_000 {
		if p, err := b.Allow(true); err == nil {
			return p
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no probe is let through")
	return Permit{}
}

func wantState(t *testing.T, b *Breaker, want State) {
	t.Helper()
	if s := b.Stats(); s.State != want {
		t.Errorf("the circuit is %v, want %v", s.State, want)
	}
}

// refusal is the error of a call that is not let through.
func refusal(t *testing.T, b *Breaker, read bool) *OpenError {
	t.Helper()
	_, err := b.Allow(read)
	open, ok := errors.AsType[*OpenError](err)
	if !ok {
		t.Fatalf("Allow says %v, want an OpenError", err)
	}
	return open
}

// chance is true so often of a hundred.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }
