package live

import (
	"context"
	"sync"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
)

// overlap is how many bytes before a place are held and compared at most.
const overlap = 1 << 10

// log is one log that is being followed.
type log struct {
	hub    *Hub
	job    int64
	cancel context.CancelCauseFunc // ends fetch and watch

	mu      sync.Mutex
	closed  bool // its last reader has left
	readers int
	grants  map[Who]*grant
	changed chan struct{} // closed when anything below has changed
	again   chan struct{} // the fetcher is to look at once
	beats   int64         // how often readers were woken for a heartbeat

	generation int // of the bytes; a rewritten log is another one
	why        jobgatev1.TraceResetReason
	bytes      *spool.Log
	base       int64 // where bytes begins in the log
	state      *jobgatev1.Job
	complete   bool      // bytes are all that there will be, and nobody looks any more
	asked      time.Time // when GitLab was last asked with success
	broken     error     // the spool's
}

func newLog(h *Hub, job, base int64, cancel context.CancelCauseFunc) *log {
	return &log{
		hub: h, job: job, cancel: cancel, base: base,
		grants: map[Who]*grant{}, changed: make(chan struct{}), again: make(chan struct{}, 1), bytes: h.pool.NewLog(), asked: time.Now(),
	}
}

// tell wakes all who wait for a change. With the lock.
func (l *log) tell() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// update changes the log and tells.
func (l *log) update(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.tell()
}

// now is where a reader who comes now stands.
func (l *log) now() (generation int, beats int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.generation, l.beats
}

// size is the place behind the last byte that is held. With the lock.
func (l *log) size() int64 { return l.base + l.bytes.Size() }

// enter counts a reader in, nil if the log has ended.
func (l *log) enter(who Who) *grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	g := l.grants[who]
	if g == nil {
		g = &grant{who: who}
		l.grants[who] = g
	}
	g.readers++
	l.readers++
	return g
}

// exit counts a reader out. With the last one the log ends.
func (l *log) exit(g *grant) {
	l.mu.Lock()
	g.readers--
	if g.readers == 0 && l.grants[g.who] == g {
		delete(l.grants, g.who)
	}
	l.readers--
	last := l.readers == 0 && !l.closed
	if last {
		l.closed = true
		l.bytes.Close()
	}
	l.mu.Unlock()
	if last {
		l.cancel(errNoReader)
		l.hub.leave(l)
	}
}

// rewrite begins the log anew, unless that was done since bytes was it. With the lock.
func (l *log) rewrite(bytes *spool.Log, why jobgatev1.TraceResetReason) {
	if l.bytes != bytes || l.closed {
		return
	}
	l.bytes.Close()
	l.bytes, l.base, l.why, l.complete = l.hub.pool.NewLog(), 0, why, false
	l.generation++
	select {
	case l.again <- struct{}{}:
	default:
	}
}
