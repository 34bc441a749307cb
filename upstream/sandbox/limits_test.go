package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestJobsIndexLimit(t *testing.T) {
	sb, clk := newBox(sandbox.WithLimits(sandbox.Limits{JobsIndex: 2, BypassHeader: "X-Bypass"}))
	ask := func(changes ...change) int {
		return send(sb, "GET", widgets+"/jobs", changes...).Code
	}
	for range 2 {
		if got := ask(developer); got != 200 {
			t.Fatalf("5 below the limit: %d", got)
		}
	}
	w := send(sb, "GET", api+"/projects/999/jobs", developer)
	wantStatus(t, w, http.StatusTooManyRequests)
	wantBody(t, w, `{"message":{"error":"This endpoint has been requested too many times. Try again later."}}`)
	wantNoHeader(t, w, "Retry-After", "RateLimit-Limit")
	validate(t, compile(t, "error"), w.Body.String())
	for name, tc := range map[string]struct{ got, want int }{
		"5 per user":            {ask(maintainer), 200},
		"5 other routes":        {send(sb, "GET", jobURL(sandbox.JobSuccess), developer).Code, 200},
		"5 bypass":              {ask(developer, header("X-Bypass", "1")), 200},
		"5 another token of it": {ask(bearer(sandbox.TokenOAuth)), 429},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d, want %d", name, tc.got, tc.want)
		}
	}
	clk.advance(time.Minute)
	if got := ask(developer); got != 200 {
		t.Errorf("5 a minute later: %d", got)
	}
}

func TestThrottle(t *testing.T) {
	sb, _ := newBox()
	sb.SetLimits(sandbox.Limits{Throttle: 1})
	w := send(sb, "GET", jobURL(sandbox.JobSuccess), developer)
	wantStatus(t, w, http.StatusOK)
	wantHeader(t, w, "RateLimit-Name", "throttle_authenticated_api")
	wantHeader(t, w, "RateLimit-Limit", "1")
	wantHeader(t, w, "RateLimit-Observed", "1")
	wantHeader(t, w, "RateLimit-Remaining", "0")
	wantHeader(t, w, "RateLimit-Reset", "1772619780")
	wantNoHeader(t, w, "Retry-After", "RateLimit-ResetTime")

	w = send(sb, "GET", jobURL(sandbox.JobSuccess), developer)
	wantStatus(t, w, http.StatusTooManyRequests)
	wantHeader(t, w, "Content-Type", "text/plain")
	wantBody(t, w, "Retry later\n")
	wantHeader(t, w, "RateLimit-Observed", "2")
	wantHeader(t, w, "RateLimit-ResetTime", "Wed, 04 Mar 2026 10:23:00 GMT")
	wantHeader(t, w, "Retry-After", "20")

	w = send(sb, "GET", jobURL(sandbox.JobSuccess))
	wantHeader(t, w, "RateLimit-Name", "throttle_unauthenticated_api")
	wantStatus(t, w, http.StatusUnauthorized)
}

// A new connection is not a new address.
func TestThrottleCountsAddresses(t *testing.T) {
	sb, _ := newBox(sandbox.WithLimits(sandbox.Limits{Throttle: 1}))
	for i, remote := range []string{"192.0.2.1:1000", "192.0.2.1:1001", "192.0.2.2:1000"} {
		w := send(sb, "GET", api+"/job", func(r *http.Request) { r.RemoteAddr = remote })
		if want := []int{401, 429, 401}[i]; w.Code != want {
			t.Errorf("5 %s: %d, want %d", remote, w.Code, want)
		}
	}
}

func TestLimitsAreOffByDefault(t *testing.T) {
	sb, _ := newBox()
	for range 700 {
		w := send(sb, "GET", widgets+"/jobs?per_page=1", developer)
		wantStatus(t, w, http.StatusOK)
		wantNoHeader(t, w, "RateLimit-Limit")
	}
}
