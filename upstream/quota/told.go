package quota

import (
	"cmp"
	"math"
	"time"
)

const (
	edge     = 100 * time.Millisecond // GitLab's nodes may disagree so much on when a window begins
	patience = time.Second            // how long a cautious call waits for the answer to another one
)

// told is a quota as RateLimit headers tell it, in the window that is under way.
type told struct {
	known  bool
	name   string
	limit  int64 // calls in a window
	shown  int64 // the same in 60 seconds, as RateLimit-Limit has it; -1 if it was not told
	period time.Duration

	reset int64         // when GitLab said that this window, or the last one told, ends; -1 if not
	ends  time.Duration // by then it has ended, by the limiter's clock
	began time.Duration // when the limiter saw that the last one had ended
	fresh bool          // an answer has told of this window
	blind bool          // the last answer told nothing: old GitLabs tell of refusals only

	observed, remaining int64
	at                  time.Duration // when the answer came that told so
	lost                int64         // calls that may have been counted since, without an answer
	lostAt              time.Duration

	own            int64 // calls that were answered in this window, or lost
	others, before int64 // calls of other clients, in this window and in the last one
}

// hear takes in an answer. Calls in flight are those that are not answered yet.
func (t *told) hear(d *heard, c *clock, sent, now time.Duration, inFlight int64) {
	t.roll(now)
	limit := t.limitOf(d)
	if limit <= 0 || (d.observed < 0 && d.remaining < 0) {
		return
	}
	observed, remaining := d.observed, d.remaining
	if remaining < 0 {
		remaining = max(limit-observed, 0)
	}
	if observed < 0 {
		observed = max(limit-remaining, 0)
	}
	ends := d.ends(c, now) + edge
	if ends == edge {
		ends = now + cmp.Or(t.period, span)
	}
	switch t.compare(d, observed, sent) {
	case older:
		return
	case same:
		t.own++
		if t.fresh && (observed < t.observed || observed == t.observed && remaining >= t.remaining) {
			return // another answer, which was made later, came first
		}
		if t.fresh {
			ends = min(ends, t.ends)
		} else {
			ends = max(ends, now+edge) // what was taken for its end was not
		}
	case newer:
		if t.fresh {
			t.before = t.others
		}
		t.own, t.others, t.lost = 1, 0, 0
	}
	if sent > t.lostAt {
		t.lost = 0
	}
	t.known, t.fresh, t.at, t.blind = true, true, now, t.blind && d.refused
	t.observed, t.remaining, t.ends = observed, remaining, ends
	t.reset = max(t.reset, d.reset)
	t.limit = limit
	if d.limit >= 0 {
		t.shown = d.limit
	}
	t.period = max(t.periodOf(d), ends-now-edge)
	t.others = max(t.others, observed-t.own-inFlight)
}

type age int

const (
	older age = iota // of a window that is over
	same
	newer
)

// compare says of which window an answer is. An answer to a call that was sent after
// another one had been answered is newer than that, whatever its numbers.
func (t *told) compare(d *heard, observed int64, sent time.Duration) age {
	switch {
	case !t.known:
		return newer
	case d.reset >= 0 && t.reset >= 0 && d.reset != t.reset:
		if d.reset < t.reset {
			return older
		}
		return newer
	case !t.fresh && sent < t.began:
		return older
	case !t.fresh && d.reset < 0, t.fresh && sent > t.at && observed < t.observed:
		return newer
	}
	return same
}

// limitOf is the limit of a window, 0 if it cannot be known. RateLimit-Limit is that of 60
// seconds, which is wrong for longer windows.
func (t *told) limitOf(d *heard) int64 {
	switch {
	case d.observed >= 0 && d.remaining > 0:
		return d.observed + d.remaining
	case t.known && d.limit == t.shown:
		return t.limit
	case d.refused && d.observed > 1 && d.limit > 0: // a window may be shorter than a minute, too
		return min(d.limit, d.observed-1)
	case t.known && d.limit < 0:
		return max(t.limit, d.remaining)
	case d.limit >= 0:
		return max(d.limit, d.remaining)
	}
	return max(d.observed, d.remaining)
}

// periodOf is how long a window lasts: of how many minutes the limit is that of one.
func (t *told) periodOf(d *heard) time.Duration {
	if d.observed < 0 || d.remaining <= 0 || d.limit <= 0 {
		return cmp.Or(t.period, span)
	}
	seconds := math.Round(60 * float64(d.observed+d.remaining) / float64(d.limit))
	return time.Duration(min(max(seconds, 1), longest.Seconds())) * time.Second
}

// roll begins a new window when the last one has ended. What it is given is the present, not
// a time to come: see [told.ahead].
func (t *told) roll(now time.Duration) {
	if !t.known || now < t.ends {
		return
	}
	if t.fresh {
		t.before = t.others
	}
	t.fresh, t.began = false, now
	t.observed, t.remaining, t.lost, t.own, t.others = 0, t.limit, 0, 0, 0
	if t.blind { // nobody will tell when it ends, or whether it has begun a little earlier
		t.ends = now + t.period - (now-t.ends)%t.period
		t.remaining = less(t.limit)
		return
	}
	t.ends = now + t.period
}

// lose is when a call has got no answer, or one that tells nothing, but may have been
// counted.
func (t *told) lose(now time.Duration) {
	t.lost++
	t.own++
	t.lostAt = now
}

// free is how many calls may still be sent in this window.
func (t *told) free(inFlight int64) int64 { return t.remaining - t.lost - inFlight }

// flight is what is under way in a bucket.
type flight struct {
	n    int64
	last time.Duration // when the latest one was sent
	trip time.Duration // how long an answer takes
}

// when is the earliest time for one more call, now if at once. If an answer may change it
// before, whoever takes in the answer asks again.
func (t *told) when(now time.Duration, f flight, class Class, forced bool) time.Duration {
	if !t.known {
		return now
	}
	t.roll(now)
	free := t.free(f.n)
	switch {
	case free <= 0:
		return t.ends
	case !t.fresh && f.n >= t.lead(), free <= t.tail(now, f.trip) && f.n > 0:
		return max(now, min(f.last+patience, t.ends))
	case class == Poll && !forced:
		return max(now, t.pollAt(t.ends, free))
	}
	return now
}

// pollAt is when polls may have one call more, so many being free in the window that ends
// then: they leave half of its share of what is left of the window to interactive calls.
func (t *told) pollAt(ends time.Duration, free int64) time.Duration {
	return ends - time.Duration(2*float64(t.period)*float64(free)/float64(t.limit))
}

// lead is how many calls may be in flight before an answer has told of a window.
func (t *told) lead() int64 {
	switch {
	case t.blind:
		return math.MaxInt64
	case t.before > 0:
		return 1
	}
	return 8
}

// tail is how many of the last calls of a window are sent one by one, since other clients
// may use them up while they are on their way.
func (t *told) tail(now, trip time.Duration) int64 {
	passed := max(now-(t.ends-t.period), time.Second)
	rate := max(float64(t.others)/passed.Seconds(), float64(t.before)/t.period.Seconds())
	perTrip := int64(math.Ceil(rate * 2 * trip.Seconds()))
	return min(max(2, t.limit/100, perTrip), max(t.limit/4, 2))
}
