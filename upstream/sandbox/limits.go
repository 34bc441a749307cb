package sandbox

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Limits are the rate limits of contract section 5 and the offset limit of section 4. Zero
// switches a limit off, as all are by default.
type Limits struct {
	// JobsIndex is how many times a minute one user may list a project's jobs.
	JobsIndex int
	// Throttle is how many requests of any kind a minute one user, or one address, may make.
	Throttle int
	// MaxOffset is the deepest offset into a project's jobs.
	MaxOffset int
	// BypassHeader names a request header that, with the value 1, skips both rate limits.
	BypassHeader string
}

// SetLimits replaces the limits and forgets what was counted.
func (s *Sandbox) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = l
	s.counts = map[string]int{}
}

func (c *call) bypasses() bool {
	name := c.s.limits.BypassHeader
	return name != "" && c.r.Header.Get(name) == "1"
}

// count adds one request to the current minute of a key.
func (c *call) count(key string) int {
	key = fmt.Sprintf("%s/%d", key, c.now.Unix()/60)
	c.s.counts[key]++
	return c.s.counts[key]
}

// throttle is the general limit in front of everything.
func (c *call) throttle() *reply {
	limit := c.s.limits.Throttle
	if limit == 0 || c.bypasses() {
		return nil
	}
	name, key := c.throttleKey()
	observed := c.count(key)
	reset := c.now.Truncate(time.Minute).Add(time.Minute)
	h := http.Header{}
	h.Set("RateLimit-Name", name)
	h.Set("RateLimit-Limit", strconv.Itoa(limit))
	h.Set("RateLimit-Observed", strconv.Itoa(observed))
	h.Set("RateLimit-Remaining", strconv.Itoa(max(limit-observed, 0)))
	h.Set("RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	c.throttled = h
	if observed <= limit {
		return nil
	}
	return throttledReply(h, reset, c.now)
}

// throttledReply is the 429 in plain text; h holds the RateLimit headers but the last two.
func throttledReply(h http.Header, reset, now time.Time) *reply {
	out := textReply(http.StatusTooManyRequests, []byte("Retry later\n"))
	maps.Copy(out.header, h)
	out.set("RateLimit-ResetTime", reset.UTC().Format(http.TimeFormat))
	wait := int(reset.Sub(now).Round(time.Second) / time.Second)
	out.set("Retry-After", strconv.Itoa(max(wait, 1)))
	return out
}

// throttleKey tells callers with a working token from the rest, who count by address.
func (c *call) throttleKey() (name, key string) {
	creds := c.credentials()
	text := first(creds.privateParam, creds.privateHead, creds.oauth)
	if t := c.w.tokens[text]; t != nil && t.death == "" {
		return "throttle_authenticated_api", "throttle/" + t.user.username
	}
	if who, ok := c.byJobToken(first(creds.oauth, creds.jobToken)); ok {
		return "throttle_authenticated_api", "throttle/" + who.user.username
	}
	address, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		address = c.r.RemoteAddr
	}
	return "throttle_unauthenticated_api", "throttle-ip/" + address
}

const tooManyIndexes = "This endpoint has been requested too many times. Try again later."

// limitIndex is the limit of GET /projects/:id/jobs, before the project is looked up.
func (c *call) limitIndex() *reply {
	limit := c.s.limits.JobsIndex
	if limit == 0 || c.bypasses() {
		return nil
	}
	if c.count("jobs_index/"+c.who.user.username) > limit {
		return tooManyJSON()
	}
	return nil
}

func tooManyJSON() *reply {
	return jsonReply(http.StatusTooManyRequests, messageBody{errorBody{tooManyIndexes}})
}
