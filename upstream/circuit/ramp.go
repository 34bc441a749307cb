package circuit

import "time"

// shares of the calls that are let through, step by step.
var shares = [...]float64{0.1, 0.25, 0.5}

// few are the calls of each step that are let through whatever the share: where there are
// no more, nobody is refused.
const few = 5

// ramp leads from the first success to normal.
type ramp struct {
	step         int
	begun        time.Duration
	came, passed int // calls of this step
	succeeded    bool
}

// advance takes the next step if it is time; it says whether that was the last one. A
// step without a success goes on: its calls may all hang.
func (r *ramp) advance(cfg *Config, now time.Duration) (over bool) {
	if r.succeeded && now >= r.begun+cfg.RampStep {
		*r = ramp{step: r.step + 1, begun: now}
	}
	return r.step >= len(shares)
}

// pass says whether a call is let through.
func (r *ramp) pass() bool {
	r.came++
	if r.passed >= few && float64(r.passed) >= shares[r.step]*float64(r.came) {
		return false
	}
	r.passed++
	return true
}

// wait is the time to the next step, or a while if that is overdue.
func (r *ramp) wait(cfg *Config, now time.Duration) time.Duration {
	if wait := r.begun + cfg.RampStep - now; wait > 0 {
		return wait
	}
	return cfg.RampStep / 2
}
