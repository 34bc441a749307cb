package follow

import (
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Retry is a wait before the log is tried again.
type Retry struct {
	Err   error         // why the last try failed
	Tries int           // how many failed in a row, from 1
	Wait  time.Duration // until the next
}

// retry waits before the next try. It returns what is to be told instead: err if it is
// none that passes, or one too many; else what [OnRetry] says, or the end of the context.
func (f *Follower) retry(err error) error {
	f.tries++
	if !passing(err) || f.attempts > 0 && f.tries >= f.attempts {
		f.tries = 0
		return err
	}
	wait := asked(err) + backoff(f.firstWait, f.longestWait, f.tries)
	if err := f.onRetry(Retry{Err: err, Tries: f.tries, Wait: wait}); err != nil {
		f.tries = 0
		return err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-f.ctx.Done():
		return ended(f.ctx)
	}
}

// passing says whether a failure may pass by itself: it is of a connection, a stream or
// a gateway, not of the request.
func passing(err error) bool {
	if errors.Is(err, ErrStale) || errors.Is(err, errCutShort) {
		return true
	}
	s, ok := status.FromError(err)
	switch {
	case !ok:
		return false
	case s.Code() == codes.Unavailable:
		return true
	case s.Code() == codes.ResourceExhausted: // GitLab's limit, which tells for how long; not that of streams
		return asked(err) > 0
	case s.Code() == codes.PermissionDenied: // what INADEQUATE_SECURITY becomes
		return false
	}
	return len(s.Details()) == 0 && broken(s.Message())
}

// broken says whether a message is that of a stream which somebody on the way has
// reset or cut off. grpc-go has these two for it, under codes that the gateway uses
// for failures that stay; but the gateway's own have details.
func broken(message string) bool {
	return strings.HasPrefix(message, "stream terminated by RST_STREAM") ||
		message == "server closed the stream without sending trailers"
}

// asked is how long the gateway asks to wait.
func asked(err error) time.Duration {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return max(0, info.GetRetryDelay().AsDuration())
		}
	}
	return 0
}

// backoff is the wait after that many failures: first, doubled for each more up to
// longest, and at random between half of that and all, so that the readers whom one
// restart has cut off don't come back at the same moment.
func backoff(first, longest time.Duration, tries int) time.Duration {
	wait := min(first, longest)
	for range tries - 1 {
		if wait > longest/2 {
			wait = longest
			break
		}
		wait *= 2
	}
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // spreads load, hides nothing
}
