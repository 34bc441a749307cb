package circuit

import (
	"fmt"
	"net/http"
	"time"
)

// State is what a [Breaker] does with calls.
type State int

// States of a [Breaker].
const (
	Closed   State = iota // lets all through
	Open                  // refuses all but probes
	HalfOpen              // a probe has succeeded; lets a growing share through
)

// String names the state.
func (s State) String() string {
	switch s {
	case Closed:
		return "closed"
	case Open:
		return "open"
	case HalfOpen:
		return "half-open"
	}
	return "unknown"
}

// Outcome is what a call says of the upstream.
type Outcome int

// Outcomes of a call.
const (
	Ignored Outcome = iota // nothing: it was not sent, or its answer is not the upstream's
	Success                // it answers
	Failure                // it does not: connection error, timeout, 502, 503, 504
	GaveUp                 // the caller went away, or its deadline came: Failure or Ignored, see Config.Patience
)

// OfStatus is the outcome of an answer. A refusal such as 401 or 404 is a sign of life,
// without which a breaker would stay open before callers who get nothing else. A 500 is a
// fault in one place, 408 and 429 may come from a proxy: they say nothing.
func OfStatus(status int) Outcome {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return Failure
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Ignored
	}
	if status >= http.StatusInternalServerError {
		return Ignored
	}
	return Success
}

// OpenError refuses a call without sending it.
type OpenError struct {
	// Name is what is down, by Config.Name.
	Name string
	// State is Open or HalfOpen.
	State State
	// RetryAfter is how long to wait before the next attempt. It is spread, so that those
	// who are refused together do not come back together.
	RetryAfter time.Duration
}

// Error says what is down, and for how long to leave it alone.
func (e *OpenError) Error() string {
	what := "does not answer"
	if e.State == HalfOpen {
		what = "has only just begun to answer again"
	}
	return fmt.Sprintf("%s %s: not sent, try again in %v", e.Name, what, e.RetryAfter.Round(time.Millisecond))
}
