package quota

import (
	"math"
	"time"
)

const (
	quiet       = 10 * span // without a refusal, before a limit is tested
	longestHush = 60 * span // after tests that failed
	few         = 10        // calls tell little of a limit
)

// estimate is a limit that no header tells: none before the first refusal.
type estimate struct {
	tally *tally // made with the first answer
	limit int64  // calls in a span; 0 if none is known
	below int64  // the limit may be as high as this, which tests find out fast; 0 if limit is about right
	most  int64  // late answers raise limit no higher

	// GitLab counts by its minutes, as far as is known: what succeeded in this one, and the
	// most in one lately. A sliding window of GitLab's would have refused in a minute with
	// less than that.
	minute, inMinute, best, bestMinute int64

	// A test sends a few calls more than limit, one at a time, while it is open.
	testAt time.Duration // not before
	hush   time.Duration // how long after a refusal
	step   int64         // how many more calls
	opened time.Duration // 0 if none is open
	used   int64         // how many of them were sent
	out    bool          // one of them is in flight

	pollAt time.Duration // not before, for polls, which are spread
}

// count takes in an answer, or the loss of one.
func (e *estimate) count(now time.Duration, minute int64, ok bool) {
	if e.tally == nil {
		e.tally = &tally{last: int64(now / slot)}
	}
	e.tally.add(now, ok)
	if !ok {
		return
	}
	if minute != e.minute {
		e.keepBest()
		e.minute, e.inMinute = minute, 0
	}
	e.inMinute++
}

// keepBest remembers the most of the last ten minutes, roughly.
func (e *estimate) keepBest() {
	if e.inMinute >= e.best || e.minute-e.bestMinute > 10 {
		e.best, e.bestMinute = e.inMinute, e.minute
	}
}

// refuse learns from the first refusal of several.
func (e *estimate) refuse(now time.Duration, minute int64) {
	if minute != e.minute {
		e.keepBest()
		e.minute, e.inMinute = minute, 0
	}
	inSpan := e.tally.okSum
	if e.opened > 0 && e.tally.sum() > e.limit {
		e.failTest(now, inSpan)
		return
	}
	fixed := e.inMinute // the limit, if GitLab's window is the minute
	if fixed < e.best*9/10 {
		fixed = max(inSpan, e.best/2) // it is not, or other clients have used much of it
	}
	was := e.limit
	e.limit, e.below, e.most = less(fixed), inSpan, math.MaxInt64
	if was > 0 {
		e.limit = max(min(e.limit, was-1), was/2)
		e.below, e.most = min(e.below, was-1), was-1
	}
	e.limit = max(e.limit, 1)
	e.hush = min(max(2*e.hush, quiet), longestHush)
	e.testAt, e.step, e.opened = now+e.hush, max(e.limit/50, 1), 0
	switch {
	case was == 0 && inSpan < few: // others may have used much of it
		e.testAt, e.step, e.below = now+span, 3*few, 0
	case e.below > e.limit+e.limit/20+1: // look for it between
		e.testAt, e.step = now+span, (e.below-e.limit+1)/2
	default:
		e.below = 0
	}
}

// less leaves a margin for calls that GitLab has counted in another window.
func less(n int64) int64 { return n - (n+24)/50 }

// late is when a call has succeeded that was in flight at the first refusal.
func (e *estimate) late() {
	if e.limit > 0 && e.limit < e.most {
		e.limit++
	}
}

// taken is how many of the calls of a span are in use.
func (e *estimate) taken(inFlight int64) int64 {
	if e.tally == nil {
		return inFlight
	}
	return inFlight + e.tally.sum()
}

// when is the earliest time for one more call, as in [told.when].
func (e *estimate) when(now time.Duration, inFlight int64, class Class, forced bool) time.Duration {
	if e.limit == 0 {
		return now
	}
	if e.tally != nil {
		e.tally.pass(now)
	}
	taken := e.taken(inFlight)
	if taken < e.limit {
		if class == Poll && !forced {
			return max(now, e.pollAt)
		}
		return now
	}
	e.test(now)
	if e.opened > 0 && !e.out && taken < e.limit+e.step {
		return now
	}
	return e.frees(taken - e.limit)
}

// frees is when so many calls and one more have left the span; never, if they are in
// flight.
func (e *estimate) frees(n int64) time.Duration {
	if e.tally != nil {
		if at, ok := e.tally.frees(n); ok {
			return at
		}
	}
	return never
}

// take is when a call is sent. It says whether that is a test.
func (e *estimate) take(now time.Duration, inFlight int64, class Class) (isTest bool) {
	if e.limit == 0 {
		return false
	}
	taken := e.taken(inFlight)
	if class == Poll && 2*taken > e.limit {
		e.pollAt = max(e.pollAt, now) + span/time.Duration(e.limit)
	}
	if taken < e.limit {
		return false
	}
	e.used++
	e.out = true
	return true
}

// learn takes a limit that GitLab has told without saying how much is left of it.
func (e *estimate) learn(limit int64, now time.Duration) {
	e.limit, e.most, e.hush = max(less(limit), 1), 0, quiet
	e.testAt, e.step = now+quiet, max(e.limit/50, 1)
}
