package upstream

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// flights are the reads that are under way, by all that is sent for them. Equal ones share
// a call to GitLab, which goes on as long as one of them waits. It runs in the goroutine of
// the one who began it, which costs nothing; that one stays for the others when his own
// time is over. Only the same credential, with all that is sent beside it, makes equal
// reads, so that what GitLab answers to one caller reaches nobody else.
type flights struct {
	mu    sync.Mutex
	byKey map[frameKey]*flight
	saved uint64 // reads that another one's call has answered

	traced bool // those who join tell whose call it was
}

// flight is one call to GitLab, and those who wait for it.
type flight struct {
	waiting int // guarded by the lock of flights, as is joined
	joined  bool
	cancel  context.CancelFunc
	done    chan struct{} // made for the first who joins
	answer  fetched       // once it is over
	failed  bool          // it panicked, in the goroutine of the one who began it
	span    trace.SpanContext
}

// fetched is how a read came out.
type fetched struct {
	wire   []byte
	header http.Header
	call   Call // Reply, Lease, Frame and Quota
	err    error
}

// share returns the answer of a read that is under way for the same key, or of run. The
// context of run has the values of ctx, and a [Call] of its own. If ctx ends first, ended
// makes the error.
func (f *flights) share(
	ctx context.Context, key frameKey, run func(ctx context.Context) fetched, ended func() error,
) fetched {
	f.mu.Lock()
	fl := f.byKey[key]
	if fl == nil {
		own, cancel := flightContext(ctx)
		fl = &flight{cancel: cancel, waiting: 1}
		if f.traced {
			fl.span = trace.SpanContextFromContext(ctx)
		}
		if f.byKey == nil {
			f.byKey = map[frameKey]*flight{}
		}
		f.byKey[key] = fl
		f.mu.Unlock()
		return f.fly(ctx, own, key, fl, run, ended)
	}
	if fl.done == nil {
		fl.done = make(chan struct{})
	}
	fl.joined = true
	fl.waiting++
	f.saved++
	done := fl.done
	f.mu.Unlock()
	linkTo(ctx, fl.span)
	select {
	case <-done:
		return fl.take()
	case <-ctx.Done():
		f.leave(key, fl)
		return fetched{err: ended()}
	}
}

// flightContext is the context of a call: it has the caller's values, but neither his end
// nor his [Call].
func flightContext(caller context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(caller))
	if deadline, ok := caller.Deadline(); ok {
		ctx = WithPatience(ctx, deadline)
	}
	if call := CallFrom(caller); call != nil {
		own := *call
		ctx = WithCall(ctx, &own)
	}
	return ctx, cancel
}

// fly makes the call, for the one who began it and for all who join.
func (f *flights) fly(
	caller, ctx context.Context, key frameKey, fl *flight, run func(ctx context.Context) fetched, ended func() error,
) fetched {
	defer fl.cancel()
	stay := context.AfterFunc(caller, func() { f.leave(key, fl) })
	fl.failed = true
	defer f.land(key, fl)
	answer := run(ctx)
	fl.failed = false
	stay()
	fl.answer = answer
	f.mu.Lock()
	f.forget(key, fl)
	if fl.joined {
		fl.answer.call.Lease = nil // nobody is the only one to hold it
	}
	f.mu.Unlock()
	if caller.Err() != nil {
		return fetched{err: ended()}
	}
	return fl.take()
}

// land ends the wait of those who joined.
func (f *flights) land(key frameKey, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(key, fl)
	if fl.done != nil {
		close(fl.done)
	}
}

// leave is when the time of one who waits is over.
func (f *flights) leave(key frameKey, fl *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.waiting--
	if fl.waiting == 0 {
		fl.cancel()
		f.forget(key, fl)
	}
}

// forget lets nobody join any more. With the lock.
func (f *flights) forget(key frameKey, fl *flight) {
	if f.byKey[key] == fl {
		delete(f.byKey, key)
	}
}

var errFellDown = errors.New("the call that was shared has failed in the gateway")

// take is the answer for one of those who waited.
func (fl *flight) take() fetched {
	if fl.failed {
		panic(errFellDown)
	}
	answer := fl.answer
	if fl.joined { // a header is its reader's own
		answer.header = answer.header.Clone()
		answer.call.Reply.Header = answer.header
		if answer.header == nil {
			answer.call.Reply.Header = fl.answer.call.Reply.Header.Clone()
		}
	}
	return answer
}

// forgetAll lets nobody join what is under way now: it may tell of a time before a write.
func (f *flights) forgetAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.byKey)
}

// count is how many reads another one's call has answered.
func (f *flights) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.saved
}
