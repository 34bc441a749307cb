package quota

import "time"

// failTest is when a test was refused: the limit is where it was believed to be, or within
// what was tried.
func (e *estimate) failTest(now time.Duration, inSpan int64) {
	switch {
	case e.below > 0 && inSpan >= e.below*19/20: // as at the last refusal, so GitLab's window slides
		e.limit = max(e.limit, less(min(inSpan, e.below)))
	case inSpan-e.limit > e.limit/20:
		e.limit += (inSpan - e.limit) / 2
	}
	e.hush = min(max(2*e.hush, quiet), longestHush)
	e.opened, e.below, e.most = 0, 0, 0
	e.testAt, e.step = now+e.hush, max(e.limit/50, 1)
}

// test opens a test when it is time, and closes it when it was passed.
func (e *estimate) test(now time.Duration) {
	switch {
	case e.opened == 0 && now >= e.testAt:
		e.opened, e.used = now, 0
	case e.opened > 0 && now >= e.opened+2*span+2*slot && e.used > 0 && !e.out:
		e.limit += min(e.step, e.used)
		e.opened, e.testAt = 0, now+2*span
		e.step = min(2*e.step, e.limit/4+1)
		if e.below > 0 && e.limit >= e.below {
			e.below = 0
			e.testAt, e.step = now+e.hush, max(e.limit/50, 1)
		}
	}
}
