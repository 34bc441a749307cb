package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// follower is a client that follows the log over any number of streams.
type follower interface {
	// stream follows the log once, on one of the replicas, from where the one before was.
	stream(ctx context.Context, on *replica) error
	// close lets go of connections.
	close()
}

// What a stream ends with, beside errors of the record's, which are failures of the test.
var (
	errBroken  = errors.New("broken")      // go on from the last place
	errBusy    = errors.New("unavailable") // likewise
	errNo      = errors.New("refused")     // by GitLab
	errSilence = fmt.Errorf("%w: nothing came for too long", errBroken)
)

// patience is how long a client lets a stream be silent: that of a heartbeat, a few times.
const patience = 2 * time.Minute

// follow follows the log to its end.
func (r *record) follow(ctx context.Context, f follower) error {
	defer f.close()
	for !r.ended {
		err := f.stream(ctx, r.pick())
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && r.ended:
			return nil
		case err == nil:
			return errors.New("a stream ended well without its end")
		case errors.Is(err, errNo):
			return r.takeNo(err)
		case errors.Is(err, errBroken):
			r.count("streams broken", 1)
		case errors.Is(err, errBusy):
			r.count("streams refused for now", 1)
		default:
			return err
		}
		r.notef("%v", err)
		r.sleep(ctx, time.Duration(r.rand.Int64N(int64(5*time.Second))))
	}
	return nil
}

// pick is the replica of the next stream.
func (r *record) pick() *replica {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	if r.at != nil {
		return r.at
	}
	return r.replicas[r.rand.IntN(len(r.replicas))]
}

// takeNo is for a stream that GitLab's no has ended, which is right if the token was revoked.
func (r *record) takeNo(err error) error {
	r.notef("%v", err)
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	if _, ok := r.revoked[r.token]; !ok {
		return fmt.Errorf("ended with a token that is good: %w", err)
	}
	r.refused = time.Now()
	r.tally["ended by GitLab's no"]++
	return nil
}

func (r *record) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// dawdle lets a slow follower take his time after some bytes.
func (r *record) dawdle(ctx context.Context) {
	r.world.mu.Lock()
	slow := r.slow && !r.calm
	r.world.mu.Unlock()
	switch {
	case r.pause > 0:
		r.sleep(ctx, r.pause)
	case slow && r.rand.IntN(4) == 0:
		r.sleep(ctx, time.Duration(r.rand.Int64N(int64(20*time.Second))))
	}
}

// alarm ends a context when nothing has come for too long.
type alarm struct{ timer *time.Timer }

func watched(ctx context.Context) (context.Context, *alarm, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &alarm{time.AfterFunc(patience, func() { cancel(errSilence) })}
	return ctx, a, func() {
		a.timer.Stop()
		cancel(nil)
	}
}

func (a *alarm) sign() { a.timer.Reset(patience) }

// kinds are the ways to follow a log.
var kinds = []struct {
	name string
	make func(r *record, begin start) follower
}{
	{"follow", newLibrary},
	{"grpc", newRaw},
	{"sse", newEvents("text/event-stream")},
	{"ndjson", newEvents("application/x-ndjson")},
	{"plain", newPlain},
}

// start is where a follower begins: at an offset, with so many last bytes, or at the first.
type start struct {
	offset, tail int64
	has          bool // offset is given
}

func anyStart(r *rand.Rand, size int) start {
	switch r.IntN(5) {
	case 0:
		return start{offset: r.Int64N(int64(size) + 5000), has: true}
	case 1:
		return start{tail: 1 + r.Int64N(int64(size)+5000)}
	}
	return start{}
}
