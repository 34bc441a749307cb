package upstream

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longestWait is the longest wait that is believed.
const longestWait = 24 * time.Hour

// retryAfter is how long an answer asks to wait: Retry-After in seconds or as a
// date, else, of a 429, the time up to RateLimit-Reset, which GitLab.com sends with
// answers of every status; contract section 5. 0 if it does not tell.
func retryAfter(status int, h http.Header) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return believable(time.Duration(min(seconds, int64(longestWait/time.Second))) * time.Second)
	}
	if date, err := http.ParseTime(text); err == nil {
		return believable(time.Until(date))
	}
	if left := h.Get("RateLimit-Remaining"); status != http.StatusTooManyRequests || left != "" && left != "0" {
		return 0 // that limit is another one
	}
	reset, err := strconv.ParseInt(h.Get("RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return believable(time.Until(time.Unix(reset, 0)))
}

func believable(d time.Duration) time.Duration { return min(max(d, 0), longestWait) }
