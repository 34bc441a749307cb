package upstream

import (
	"net/http"
	"testing"
)

// FuzzRetryAfter proves that what an answer asks to wait is never negative, nor longer than
// is believed.
func FuzzRetryAfter(f *testing.F) {
	f.Add(429, "60", "", "")
	f.Add(503, "Fri, 31 Dec 9999 23:59:59 GMT", "9223372036854775807", "0")
	f.Add(429, "-1", "1", "5")
	f.Fuzz(func(t *testing.T, status int, after, reset, remaining string) {
		h := http.Header{"Retry-After": {after}, "Ratelimit-Reset": {reset}, "Ratelimit-Remaining": {remaining}}
		if wait := retryAfter(status, h); wait < 0 || wait > longestWait {
			t.Errorf("%v", wait)
		}
	})
}
