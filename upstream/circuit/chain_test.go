package circuit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobgate/jobgate/upstream/circuit"
	"github.com/jobgate/jobgate/upstream/retry"
	"github.com/jobgate/jobgate/upstream/slots"
)

// chain is the three in the order in which they belong: retries ask the circuit each time,
// and who may be sent waits for a slot.
type chain struct {
	retries *retry.Policy
	breaker *circuit.Breaker
	slots   *slots.Limiter

	mu    sync.Mutex
	begun time.Time
	sent  [140]int // by second
	fails func(at time.Duration) (hang time.Duration, failed bool)
}

var errDown = errors.New("down")

// call is a read with all its attempts.
func (c *chain) call(ctx context.Context, route string) error {
	call := c.retries.Begin()
	for {
		err := c.attempt(ctx, route)
		if !errors.Is(err, errDown) || call.Wait(ctx, 0) != retry.Again {
			return err
		}
	}
}

func (c *chain) attempt(ctx context.Context, route string) error {
	permit, err := c.breaker.Allow(true)
	if err != nil {
		return err
	}
	outcome := circuit.Ignored
	defer func() { permit.Done(outcome) }()
	slot, err := c.slots.Acquire(ctx, route)
	if err != nil {
		return err
	}
	defer slot.Release()
	if err := permit.Check(); err != nil {
		return err
	}
	outcome, err = c.send(ctx)
	return err
}

func (c *chain) send(ctx context.Context) (circuit.Outcome, error) {
	at := time.Since(c.begun)
	c.mu.Lock()
	c.sent[int(at/time.Second)]++
	c.mu.Unlock()
	took, failed := c.fails(at)
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return circuit.GaveUp, ctx.Err()
	}
	if failed {
		return circuit.Failure, errDown
	}
	return circuit.Success, nil
}

// TestChain proves that the three together keep an upstream that is down from what it
// cannot answer, and callers from waiting: five hundred calls a second, ten seconds of
// health, a minute without, a minute after.
func TestChain(t *testing.T) {
	for _, c := range []struct {
		name    string
		hang    time.Duration
		noticed time.Duration // when all calls are refused at once at the latest
		most    int           // calls that the upstream gets in the outage
	}{
		{"refused connections", time.Millisecond, time.Second, 600},
		{"calls hang longer than their callers wait", time.Hour, 11 * time.Second, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &chain{begun: time.Now()}
				w.retries, _ = retry.New(retry.Config{})
				w.breaker, _ = circuit.New(circuit.Config{})
				w.slots, _ = slots.New(slots.Config{})
				w.fails = func(at time.Duration) (time.Duration, bool) {
					if at >= 10*time.Second && at < 70*time.Second {
						return c.hang, true
					}
					return 20 * time.Millisecond, false
				}
				var mu sync.Mutex
				slow, lost := 0, 0 // calls that failed late in the outage, or after it
				for time.Since(w.begun) < 130*time.Second {
					go func() {
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						begun := time.Now()
						at := begun.Sub(w.begun)
						err := w.call(ctx, "jobs")
						mu.Lock()
						defer mu.Unlock()
						if at > 10*time.Second+c.noticed && at < 70*time.Second && time.Since(begun) > 0 {
							slow++
						}
						if err != nil && at > 85*time.Second {
							lost++
						}
					}()
					time.Sleep(2 * time.Millisecond)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				during, later, most := 0, 0, 0
				for second, n := range w.sent {
					switch {
					case second >= 70:
						later += n
						most = max(most, n)
					case second >= 10:
						during += n
					}
				}
				t.Logf("the upstream gets %d calls in the outage, %d in the minute after, %d in a second at most; %d slow, %d lost; %+v",
					during, later, most, slow, lost, w.breaker.Stats())
				if during > c.most || later > 30_000*11/10 || most > 550 {
					t.Errorf("the upstream gets %d calls in the outage, %d in the minute after, %d in a second", during, later, most)
				}
				if slow > 25 || lost > 0 {
					t.Errorf("%d calls are not answered at once, %d are lost", slow, lost)
				}
				if s := w.slots.Stats(); s.Held != 0 || s.Waiting != 0 {
					t.Errorf("left behind: %+v", s)
				}
			})
		})
	}
}
