package quota

import (
	"fmt"
	"time"
)

// Reason says why a call was refused before it was sent.
type Reason int

// Reasons of an [Exhausted].
const (
	TooLate   Reason = iota + 1 // its deadline would pass before its turn
	QueueFull                   // too many wait already
)

// Exhausted refuses a call at once: it was not sent.
type Exhausted struct { //nolint:errname // it says what is exhausted: the quota
	Reason Reason
	// Route is whose quota is used up, "" if it is that of the credential.
	Route string
	// RetryAfter is about how long the call would have had to wait.
	RetryAfter time.Duration
	// Limit is how many calls the quota allows in Window, as GitLab told or as it was
	// learned; 0 if neither.
	Limit  int64
	Window time.Duration
}

// Error says why.
func (e *Exhausted) Error() string {
	what := "the credential's quota"
	if e.Route != "" {
		what = "the quota to " + e.Route
	}
	if e.Limit > 0 {
		what += fmt.Sprintf(" of %d calls in %v", e.Limit, e.Window)
	}
	why := "the deadline is nearer than the next free call"
	if e.Reason == QueueFull {
		why = "too many calls are waiting"
	}
	return fmt.Sprintf("%s is used up, and %s: not sent, about %v to wait", what, why, e.RetryAfter.Round(time.Millisecond))
}
