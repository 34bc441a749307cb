package live

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
)

// overlap is how many bytes before a place are held at most.
const overlap = 1 << 10

// log is one log that is being followed, from base on.
type log struct {
	hub    *Hub
	job    int64
	cancel context.CancelFunc // ends fetch and watch
	span   trace.Span         // of what they do
	again  chan struct{}      // the fetcher is to look at once

	mu       sync.Mutex
	closed   bool // its last reader has left
	readers  int
	grants   map[Who]*grant
	fetching map[place]chan struct{} // blocks that are being fetched again
	changed  chan struct{}           // closed when something below has changed; nil if nobody waits
	beats    int64                   // how often readers were woken for a heartbeat

	pieces pieces // what readers share

	generation int // of the bytes; a rewritten log is another one
	why        jobgatev1.TraceResetReason
	bytes      *spool.Log
	base       int64  // where bytes begins in the log
	tail       []byte // the last bytes, if the log begins with kept ones
	state      *jobgatev1.Job
	complete   bool      // bytes are all that there will be, and nobody looks any more
	stale      bool      // nobody is given a byte before somebody has looked again
	asked      time.Time // when GitLab was last asked with success
	checked    time.Time // likewise, and the answer was beyond doubt
	matched    time.Time // when it was asked for the end of bytes, and still had that
	told       int64     // how far some reader was given the log
	broken     error     // the spool's
}

func newLog(h *Hub, job, base int64, cancel context.CancelFunc) *log {
	return &log{
		hub: h, job: job, cancel: cancel, base: base, again: make(chan struct{}, 1),
		grants: map[Who]*grant{}, bytes: h.pool.NewLog(), asked: time.Now(),
	}
}

// wait is closed when something has changed. With the lock.
func (l *log) wait() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// tell wakes all who wait for a change. With the lock.
func (l *log) tell() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// size is the place behind the last byte that is held. With the lock.
func (l *log) size() int64 { return l.base + l.bytes.Size() }

// known is the size of the log as far as it is known: of one that does not reach base,
// nothing is. With the lock.
func (l *log) known() int64 {
	if n := l.bytes.Size(); n > 0 {
		return l.base + n
	}
	return 0
}

// is says whether those are the bytes of the log.
func (l *log) is(bytes *spool.Log) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes == bytes
}

// enter counts a reader in who begins at the byte from. If the log has ended, or does not
// reach back so far, there is none, and base is where it would have to begin.
func (l *log) enter(who Who, from int64) (r *Reader, base int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, from - overlap
	case from < l.base:
		// Twice as much as is needed, so that this does not happen again and again.
		return nil, 2*from - l.size() - overlap
	}
	g := l.grants[who]
	if g == nil {
		g = &grant{who: who}
		l.grants[who] = g
	}
	g.readers++
	l.readers++
	if l.complete && time.Since(l.asked) > l.hub.interval() { // it may have been erased since
		l.complete, l.stale = false, true
		l.lookAgain()
	}
	return &Reader{log: l, grant: g, offset: from, generation: l.generation, beats: l.beats}, 0
}

// exit counts a reader out. With the last one the log ends.
func (l *log) exit(g *grant) {
	l.mu.Lock()
	g.readers--
	if g.readers == 0 && l.grants[g.who] == g {
		delete(l.grants, g.who)
	}
	l.readers--
	last := l.readers == 0
	l.closed = l.closed || last
	if last && l.broken != nil { // the fetcher may be gone
		l.bytes.Close()
	}
	l.mu.Unlock()
	if last {
		l.hub.leave(l)
		l.cancel() // the fetcher then keeps the bytes or gives them back
	}
}

// rewrite begins the log anew, unless that was done since bytes was it.
func (l *log) rewrite(bytes *spool.Log, why jobgatev1.TraceResetReason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bytes == bytes && !l.closed {
		l.anew(why)
	}
}

// anew begins the log anew. With the lock.
func (l *log) anew(why jobgatev1.TraceResetReason) {
	l.bytes.Close()
	l.bytes, l.base, l.why = l.hub.pool.NewLog(), 0, why
	l.complete, l.stale, l.matched = false, false, time.Time{}
	l.generation++
	l.told = 0
	l.hub.count.resets[why].Add(1)
	l.pieces = pieces{}
	l.tell()
	l.lookAgain()
}

// doubt lets the fetcher look whether the log is still what it was.
func (l *log) doubt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complete = false
	l.lookAgain()
}

func (l *log) lookAgain() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}
