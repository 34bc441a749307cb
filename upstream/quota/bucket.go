package quota

import (
	"math"
	"math/rand/v2"
	"time"
)

// never is a time that does not come by itself: an answer has to come first.
const never = time.Duration(math.MaxInt64)

// manyInFlight is where a bound of calls in flight that grows with answers is lifted.
const manyInFlight = 64

// bucket is one limit of GitLab's, as far as it is known. The limiter's lock guards it.
type bucket struct {
	flight
	most int64 // calls in flight, growing with each answer; 0 for any
	told told
	est  estimate

	until     time.Duration // a refusal asked to wait so long
	refusedAt time.Duration // the last refusal; 0 for none
	strikes   int           // refusals in a row, those of calls in flight at the first one aside
}

// when is the earliest time for one more call, as in [told.when].
func (b *bucket) when(now time.Duration, class Class, forced bool) time.Duration {
	at := max(now, b.until)
	if b.most > 0 && b.n >= b.most { // an answer may be long in coming
		at = max(at, b.last+patience)
	}
	at = max(at, b.told.when(now, b.flight, class, forced))
	return max(at, b.est.when(now, b.n, class, forced))
}

// take is when a call is sent. It says whether it is a test of the estimate.
func (b *bucket) take(now time.Duration, class Class) (isTest bool) {
	isTest = b.est.take(now, b.n, class)
	b.n++
	b.last = now
	return isTest
}

// end is when a call is in flight no more. counted says whether GitLab may have counted it.
func (b *bucket) end(isTest, counted bool) {
	b.n--
	if isTest {
		b.est.out = false
		if !counted {
			b.est.used--
		}
	}
}

// lose is when a call has got no answer, or one that tells nothing, but may have been
// counted.
func (b *bucket) lose(now time.Duration) {
	if b.told.known {
		b.told.lose(now)
	}
	b.est.count(now, 0, false)
}

// succeed is when GitLab has taken a call.
func (b *bucket) succeed(sent, now time.Duration, minute int64) {
	b.est.count(now, minute, true)
	if b.refusedAt > 0 && sent <= b.refusedAt { // it tells nothing of what is allowed since
		b.est.late()
		return
	}
	b.strikes = 0
	if b.most > 0 {
		b.most++
		if b.most > manyInFlight {
			b.most = 0
		}
	}
}

// refuse is when GitLab has refused a call with 429, for this bucket's limit. asked is
// until when it asked to wait, 0 if it did not. explained says that nothing needs to be
// guessed: headers tell of a quota that is used up. Else, a bucket that headers do tell of
// learns another limit only if it happens again.
func (b *bucket) refuse(sent, now, asked time.Duration, explained bool, minute int64) {
	b.est.count(now, minute, false)
	first := b.refusedAt == 0 || sent > b.refusedAt
	if first {
		b.strikes++
		if !explained && (!b.told.known || b.strikes > 1) {
			b.est.refuse(now, minute)
		}
		if !explained || !b.told.known {
			b.most = 1
		}
		b.refusedAt = now
	}
	switch {
	case asked > now && asked+time.Second > b.until:
		b.until = asked + jitter(time.Second)
	case asked <= now && first:
		wait := min(time.Second<<min(b.strikes-1, 6), span)
		b.until = max(b.until, now+wait/2+jitter(wait))
	}
	if b.told.known {
		b.told.before = max(b.told.before, 1) // be careful
		b.told.others = max(b.told.others, 1)
	}
}

// queued is how many calls come before one.
type queued struct {
	all    int64
	fast   int64 // interactive ones of them, if the one is a poll
	forced bool  // it is a poll whose turn comes before others of them
	inARow int64 // interactive calls that were served since the last poll
}

// forecast is when the call will be sent that has those before it. It looks ahead, to when
// a refusal asked to wait until, and changes nothing.
func (b *bucket) forecast(now time.Duration, q queued, class Class) time.Duration {
	from := max(now, b.until)
	return max(b.told.forecast(from, q, b.n, class), b.est.forecast(now, from, q, b.flight, class))
}

// quota is the limit of a window, how many calls are left of it, and when it ends; false if
// no limit is known.
func (b *bucket) quota(now time.Duration) (q standing, known bool) {
	if b.told.known {
		b.told.roll(now)
		q = standing{b.told.limit, max(b.told.free(b.n), 0), b.told.ends, b.told.period}
		known = true
	}
	if b.est.limit > 0 {
		if b.est.tally != nil {
			b.est.tally.pass(now)
		}
		left := max(b.est.limit-b.est.taken(b.n), 0)
		if !known || left < q.left {
			ends := now
			if at := b.est.frees(max(b.est.taken(b.n)-b.est.limit, 0)); at != never && left == 0 {
				ends = at
			}
			q, known = standing{b.est.limit, left, ends, span}, true
		}
	}
	if known && b.until > now {
		q.left, q.ends = 0, max(q.ends, b.until)
	}
	return q, known
}

// standing is what is known of a limit.
type standing struct {
	limit, left int64
	ends        time.Duration
	window      time.Duration
}

func jitter(d time.Duration) time.Duration { return rand.N(d + 1) } //nolint:gosec // not a secret
