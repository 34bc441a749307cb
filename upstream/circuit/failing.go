package circuit

import "time"

// gap is how long after a failure a call may begin and still be of the same run.
const gap = 5 * time.Second

// failing finds by the outcomes of calls whether the upstream is down. Times are counted
// from the birth of the breaker.
type failing struct {
	run         int
	first, last time.Duration // failures of the run
	calls       window
}

func (f *failing) success(cfg *Config, now time.Duration) {
	f.run = 0
	f.calls.add(cfg.Window, now, 0)
}

// failure says whether this one is one too many.
func (f *failing) failure(cfg *Config, begun, now time.Duration) bool {
	if f.run == 0 || begun > f.last+gap {
		f.run, f.first = 0, now
	}
	f.run++
	f.last = now
	f.calls.add(cfg.Window, now, 1)
	if f.run >= cfg.Run && now-f.first >= cfg.RunTime {
		return true
	}
	calls, failures := f.calls.sum()
	return calls >= cfg.MinCalls && float64(failures) >= cfg.Share*float64(calls)
}

// silence tells callers who went away from an upstream that answers nobody.
type silence struct {
	some        bool          // somebody has gone since the last success
	begun, last time.Duration // when the first and the last of them went
}

// gaveUp is the outcome of a call whose caller went away: a failure if he was patient, or
// if those before him, one after the other, were so together and none had an answer. One
// who hardly waited tells nothing.
func (s *silence) gaveUp(cfg *Config, begun, now time.Duration) Outcome {
	if now-begun < cfg.Patience/10 {
		return Ignored
	}
	if !s.some || begun > s.last+gap {
		s.some, s.begun = true, begun
	}
	s.last = now
	if now-begun >= cfg.Patience || now-s.begun >= cfg.Patience {
		return Failure
	}
	return Ignored
}

// pieces are what a window is cut into: the oldest is forgotten as a whole.
const pieces = 10

// window counts the calls of the last while.
type window struct {
	at    int64 // number of the newest piece
	piece [pieces]struct{ calls, failures int }
}

func (w *window) add(length, now time.Duration, failures int) {
	for at := int64(now / (length / pieces)); w.at < at; {
		w.at = max(w.at+1, at-pieces+1)
		clear(w.piece[w.at%pieces : w.at%pieces+1])
	}
	p := &w.piece[w.at%pieces]
	p.calls++
	p.failures += failures
}

func (w *window) sum() (calls, failures int) {
	for _, p := range w.piece {
		calls += p.calls
		failures += p.failures
	}
	return calls, failures
}
