package quota

import (
	"net/http"
	"time"
)

// clock knows GitLab's clock by the Date headers of its answers. What GitLab's clock shows,
// since 1970, is the limiter's time plus an offset between lo and hi.
type clock struct {
	lo, hi time.Duration
	known  bool          // by a Date; else it is the gateway's own clock
	at     time.Duration // of the latest Date
	text   string        // the latest Date, and what it means
	date   time.Duration
}

// drift is in how many seconds two clocks may part by one.
const drift = 10_000

func newClock(born time.Time) clock {
	offset := time.Duration(born.UnixNano())
	return clock{lo: offset, hi: offset}
}

// hear learns from an answer: when it was made GitLab's clock showed the Date or up to a
// second more, and that was between sent and now.
func (c *clock) hear(h http.Header, sent, now time.Duration) {
	text := first(h, "Date")
	if text == "" || first(h, "Age") != "" { // a cache made it some time ago
		return
	}
	if text != c.text {
		date, err := http.ParseTime(text)
		if err != nil {
			return
		}
		c.text, c.date = text, time.Duration(date.UnixNano())
	}
	lo, hi := c.date-now, c.date+time.Second-sent
	if c.known {
		wide := (now - c.at) / drift
		c.lo, c.hi = c.lo-wide, c.hi+wide
		if lo <= c.hi && hi >= c.lo {
			lo, hi = max(lo, c.lo), min(hi, c.hi)
		} // else it is another clock now
	}
	c.lo, c.hi, c.known, c.at = lo, hi, true, now
}

// latest is the limiter's time by which GitLab's clock has reached epoch, in seconds.
func (c *clock) latest(epoch int64) time.Duration {
	return time.Duration(epoch)*time.Second - c.lo
}

// minute numbers GitLab's minutes.
func (c *clock) minute(now time.Duration) int64 {
	return int64((now + c.lo + (c.hi-c.lo)/2) / time.Minute)
}
