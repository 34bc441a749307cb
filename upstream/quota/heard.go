package quota

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longest is the longest wait that is believed.
const longest = 24 * time.Hour

// heard is what one answer says of quotas; numbers are -1 if it does not say.
type heard struct {
	refused                    bool // 429
	name                       string
	limit, observed, remaining int64
	reset                      int64         // seconds since 1970, by GitLab's clock
	resetIn                    time.Duration // in its place, from now
	after                      time.Duration // Retry-After in seconds
	afterDate                  int64         // Retry-After as a date, in seconds since 1970
	text                       bool          // the answer is text or HTML
}

// hear reads the headers of an answer.
func hear(status int, h http.Header) heard {
	d := heard{
		refused:   status == http.StatusTooManyRequests,
		name:      first(h, "Ratelimit-Name"),
		limit:     number(h, "Ratelimit-Limit"),
		observed:  number(h, "Ratelimit-Observed"),
		remaining: number(h, "Ratelimit-Remaining"),
		reset:     number(h, "Ratelimit-Reset"),
		resetIn:   -1, after: -1, afterDate: -1,
	}
	if d.reset >= 0 && d.reset < 1e8 { // the draft standard's form, which proxies send
		d.resetIn, d.reset = time.Duration(min(d.reset, int64(longest/time.Second)))*time.Second, -1
	}
	if !d.refused {
		return d
	}
	if d.reset < 0 && d.resetIn < 0 {
		if date, err := http.ParseTime(first(h, "Ratelimit-Resettime")); err == nil {
			d.reset = date.Unix()
		}
	}
	kind := strings.ToLower(first(h, "Content-Type"))
	d.text = strings.HasPrefix(kind, "text/")
	if seconds := number(h, "Retry-After"); seconds >= 0 {
		d.after = time.Duration(min(seconds, int64(longest/time.Second))) * time.Second
	} else if date, err := http.ParseTime(strings.TrimSpace(first(h, "Retry-After"))); err == nil {
		d.afterDate = date.Unix()
	}
	return d
}

// tells says whether there is anything of a quota but its name.
func (d *heard) tells() bool { return d.limit >= 0 || d.observed >= 0 || d.remaining >= 0 }

// asked is the time until which a refusal asks to wait, 0 if it does not. The reset counts
// only if the quota that it belongs to is used up.
func (d *heard) asked(c *clock, now time.Duration) time.Duration {
	switch {
	case d.after >= 0:
		return now + d.after
	case d.afterDate >= 0:
		return min(max(c.latest(d.afterDate), now), now+longest)
	case d.remaining != 0:
		return 0
	}
	return d.ends(c, now)
}

// ends is when the window is over, 0 if the answer does not tell.
func (d *heard) ends(c *clock, now time.Duration) time.Duration {
	switch {
	case d.resetIn >= 0:
		return now + d.resetIn + time.Second
	case d.reset < 0:
		return 0
	}
	at := c.latest(d.reset)
	if !c.known && (at < now || at > now+time.Hour) { // by a clock that is wrong
		return now + span
	}
	return min(max(at, now), now+longest)
}

// first is the first value of a header with a canonical name, which [http.Header.Get] would
// make a canonical one of each time.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func number(h http.Header, name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(first(h, name)), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}
