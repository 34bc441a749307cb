package upstream

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
)

// flights are the reads that are under way, by all that is sent for them. Equal ones share
// a call to GitLab that belongs to none of them: it goes on as long as one of them waits.
// Only the same credential, with all that is sent beside it, makes equal reads, so that
// what GitLab answers to one caller reaches nobody else.
type flights struct {
	mu    sync.Mutex
	byKey map[frameKey]*flight
	saved uint64 // reads that another one's call has answered
}

// flight is one call to GitLab, and those who wait for it.
type flight struct {
	waiting int // guarded by the lock of flights
	joined  bool
	leave   context.CancelFunc
	done    chan struct{}
	answer  fetched // once done is closed
	panic   string  // what run panicked with, and where
}

// fetched is how a read came out.
type fetched struct {
	wire   []byte
	header http.Header
	call   Call // Reply, Lease and Frame
	err    error
}

// share returns the answer of a read that is under way for the same key, or of run, which
// it starts. The context of run has the values of ctx, and a [Call] of its own. If ctx ends
// first, ended makes the error.
func (f *flights) share(
	ctx context.Context, key frameKey, run func(ctx context.Context) fetched, ended func() error,
) fetched {
	f.mu.Lock()
	fl := f.byKey[key]
	if fl == nil {
		fl = f.start(ctx, key, run)
	} else {
		fl.joined = true
		f.saved++
	}
	fl.waiting++
	f.mu.Unlock()
	select {
	case <-fl.done:
		return fl.take()
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.waiting--
	if fl.waiting == 0 {
		fl.leave()
		f.forget(key, fl)
	}
	return fetched{err: ended()}
}

// start begins a call. With the lock.
func (f *flights) start(caller context.Context, key frameKey, run func(ctx context.Context) fetched) *flight {
	ctx, cancel := context.WithCancel(context.WithoutCancel(caller))
	fl := &flight{leave: cancel, done: make(chan struct{})}
	if deadline, ok := caller.Deadline(); ok {
		ctx = context.WithValue(ctx, patience{}, deadline)
	}
	if call := CallFrom(caller); call != nil {
		own := *call
		ctx = WithCall(ctx, &own)
	}
	if f.byKey == nil {
		f.byKey = map[frameKey]*flight{}
	}
	f.byKey[key] = fl
	go func() {
		growStack()
		defer cancel()
		defer f.land(key, fl)
		fl.answer = run(ctx)
	}()
	return fl
}

// growStack makes room on the stack at once for a call to GitLab, instead of in several
// steps, each of which would copy what is there.
//
//go:noinline
func growStack() {
	var room [12 << 10]byte
	runtime.KeepAlive(&room)
}

// land hands the answer to those who wait, and a panic too: it is theirs to deal with.
func (f *flights) land(key frameKey, fl *flight) {
	if why := recover(); why != nil {
		fl.panic = fmt.Sprintf("%v\n%s", why, debug.Stack())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(key, fl)
	if fl.joined || fl.waiting == 0 {
		fl.answer.call.Lease = nil // nobody is the only one to hold it
	}
	close(fl.done)
}

// forget lets nobody join any more. With the lock.
func (f *flights) forget(key frameKey, fl *flight) {
	if f.byKey[key] == fl {
		delete(f.byKey, key)
	}
}

// take is the answer for one of those who waited.
func (fl *flight) take() fetched {
	if fl.panic != "" {
		panic(fl.panic)
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

// count is how many reads another one's call has answered.
func (f *flights) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.saved
}
