package follow

import (
	"time"

	"google.golang.org/grpc"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Option changes how a log is read. The functions given to options are called by the
// goroutine that reads, between two pieces of the log, and must not read it themselves.
type Option func(*options)

type options struct {
	attempts               int
	firstWait, longestWait time.Duration
	staleAfter             time.Duration
	callOptions            []grpc.CallOption

	onReset     func(*jobgatev1.TraceReset) // nil makes it an error
	onGap       func(*jobgatev1.TraceGap)
	onHeartbeat func(*jobgatev1.TraceHeartbeat)
	onRetry     func(Retry) error
}

// patience is how often in a row a log that is not followed is tried: for 6 to 13
// seconds if the failures come at once, which outlasts most restarts.
const patience = 8

func defaults(follow bool) options {
	o := options{
		firstWait: 100 * time.Millisecond, longestWait: 30 * time.Second,
		onGap:       func(*jobgatev1.TraceGap) {},
		onHeartbeat: func(*jobgatev1.TraceHeartbeat) {},
		onRetry:     func(Retry) error { return nil },
	}
	if !follow {
		o.attempts = patience
	}
	return o
}

// Attempts bounds how many tries in a row may bring nothing new; the failure of the last
// is then the error of the log. 0 is no bound. By default there is none for a log that is
// followed, and 8 for another.
func Attempts(n int) Option { return func(o *options) { o.attempts = n } }

// Backoff sets the wait after the first failure in a row and the longest one, each
// being twice the one before: 100 milliseconds and 30 seconds by default.
func Backoff(first, longest time.Duration) Option {
	return func(o *options) { o.firstWait, o.longestWait = max(0, first), max(0, longest) }
}

// StaleAfter gives up a stream on which nothing comes for that long, not even a
// heartbeat, and tries again: against connections that died unseen. It should be a few
// times the interval of the gateway's heartbeats. By default, and with 0, a stream may be
// silent for ever. A log that is not followed has no heartbeats.
func StaleAfter(d time.Duration) Option { return func(o *options) { o.staleAfter = d } }

// CallOptions go with each call of ReadTrace.
func CallOptions(opts ...grpc.CallOption) Option {
	return func(o *options) { o.callOptions = append(o.callOptions, opts...) }
}

// OnReset lets the log go on after it was rewritten, at the offset of the event, which is
// often 0: what was read from there no longer holds, and f is to drop it. Without this
// option a reset is a [*ResetError].
func OnReset(f func(*jobgatev1.TraceReset)) Option { return func(o *options) { o.onReset = f } }

// OnGap tells of bytes that are passed over because GitLab no longer has them. Without
// this option the log goes on after them all the same.
func OnGap(f func(*jobgatev1.TraceGap)) Option { return func(o *options) { o.onGap = f } }

// OnHeartbeat tells that the gateway lives and has nothing new, and how fresh that is.
func OnHeartbeat(f func(*jobgatev1.TraceHeartbeat)) Option {
	return func(o *options) { o.onHeartbeat = f }
}

// OnRetry tells of each failure that is about to be tried again, before the wait. An
// error of f ends the log: it is returned as it is.
func OnRetry(f func(Retry) error) Option { return func(o *options) { o.onRetry = f } }
