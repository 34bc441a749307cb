package circuit

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The outage: ten seconds of health, a minute without, a minute after. Calls come five
// hundred times a second.
const (
	rate    = 500
	healthy = 10 * time.Second
	outage  = 60 * time.Second
	after   = 60 * time.Second
)

// world is an upstream that is dead for a while, and what happened to those who called it.
type world struct {
	b       *Breaker
	begun   time.Time
	failing time.Duration // how long a call takes to fail

	mu        sync.Mutex
	perSecond [130]int // calls that reached the upstream
	refused   int
	open      time.Duration // when the first call was refused
	delay     time.Duration // longest wait of a call that was refused
	back      time.Duration // when the first call succeeded after the outage
}

// call is a read. It returns 0, or when to come back if it was refused.
func (w *world) call() time.Duration {
	at := time.Since(w.begun)
	p, err := w.b.Allow(true)
	w.mu.Lock()
	if err != nil {
		w.refused++
		if w.open == 0 {
			w.open = at
		}
		w.delay = max(w.delay, time.Since(w.begun)-at)
		w.mu.Unlock()
		return err.(*OpenError).RetryAfter
	}
	if second := int(at / time.Second); second < len(w.perSecond) {
		w.perSecond[second]++
	}
	w.mu.Unlock()
	if at >= healthy && at < healthy+outage { // it hears nothing, even if the upstream comes back meanwhile
		time.Sleep(w.failing)
		p.Done(Failure)
		return 0
	}
	time.Sleep(20 * time.Millisecond)
	p.Done(Success)
	w.mu.Lock()
	defer w.mu.Unlock()
	if at > healthy && w.back == 0 {
		w.back = at
	}
	return 0
}

func (w *world) sum(from, to time.Duration) (calls, most int) {
	for _, n := range w.perSecond[from/time.Second : to/time.Second] {
		calls += n
		most = max(most, n)
	}
	return calls, most
}

// TestOutage proves what the breaker is for.
func TestOutage(t *testing.T) {
	for _, c := range []struct {
		name    string
		failing time.Duration
		pollers bool // who is refused comes back when told, instead of at the next second
	}{
		{"refused connections", time.Millisecond, false},
		{"hanging calls", 7 * time.Second, false},
		{"refused connections of pollers", time.Millisecond, true},
		{"hanging calls of pollers", 7 * time.Second, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, b *Breaker) {
				t.Helper()
				w := &world{b: b, begun: time.Now(), failing: c.failing}
				w.run(c.pollers)
				during, _ := w.sum(healthy+c.failing+2*time.Second, healthy+outage)
				later, most := w.sum(healthy+outage, healthy+outage+after)
				s := b.Stats()
				t.Logf("open after %v; %d probes, %d calls; recovery noticed after %v; in the minute after: %d calls, %d in a second at most; %d refused, opened %d times",
					w.open-healthy, s.Probes, during, w.back-healthy-outage, later, most, w.refused, s.Opened)
				if w.open-healthy > c.failing+1500*time.Millisecond {
					t.Errorf("open after %v", w.open-healthy)
				}
				if w.delay != 0 {
					t.Errorf("a call that was refused waited %v for that", w.delay)
				}
				if s.Probes > 25 || during > 25 {
					t.Errorf("%d probes, %d calls", s.Probes, during)
				}
				if back := w.back - healthy - outage; back > 10100*time.Millisecond {
					t.Errorf("recovery noticed after %v", back)
				}
				if later > rate*60*11/10 || most > rate*11/10 {
					t.Errorf("in the minute after, %d calls, %d in a second", later, most)
				}
				if later < rate*60*8/10 {
					t.Errorf("in the minute after, no more than %d calls", later)
				}
				if s.State != Closed || s.Opened != 1 {
					t.Errorf("%v, opened %d times", s.State, s.Opened)
				}
			})
		})
	}
}

func (w *world) run(pollers bool) {
	end := w.begun.Add(healthy + outage + after)
	if !pollers {
		for time.Now().Before(end) {
			go w.call()
			time.Sleep(time.Second / rate)
		}
	} else {
		for range rate {
			go func() {
				time.Sleep(rand.N(time.Second))
				for time.Now().Before(end) {
					if wait := w.call(); wait != 0 {
						time.Sleep(wait)
					} else {
						time.Sleep(980 * time.Millisecond)
					}
				}
			}()
		}
		time.Sleep(time.Until(end))
	}
	time.Sleep(time.Minute)
	synctest.Wait()
}
