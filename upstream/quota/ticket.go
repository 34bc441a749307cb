package quota

import (
	"net/http"
	"time"
)

// Class says who waits for a call.
type Class uint8

// Classes of calls.
const (
	Interactive Class = iota // somebody waits for the answer
	Poll                     // a look now and then for what is new, which may come later
	classes
)

// Request names a call.
type Request struct {
	Credential [32]byte // a digest of it
	Route      string   // one of few: "list project jobs"
	Caller     string   // who takes turns with whom; several may use one credential
	Class      Class
}

// Ticket is the leave to send one call. Exactly one of [Ticket.Done], [Ticket.Lost] and
// [Ticket.Unsent] must be called as soon as it is over; only the first call counts. A
// ticket without would count as in flight for ever.
type Ticket struct {
	limiter *Limiter
	cred    *credential
	route   *route
	class   Class
	state   state
	joined  bool // it counts in cred.shared
	tests   [3]bool
	sent    time.Duration

	// While it waits.
	since, deadline time.Duration // no deadline is never
	ready           chan struct{} // closed when the wait is over
	err             *Exhausted    // why, if it was in vain
	come            int64
	place           *place
	before, after   *Ticket
}

type state uint8

const (
	waiting state = iota
	held
	over
)

// Done is when an answer has come, of any status: at its header, not at the end of its
// body. Of 429 nothing is retried.
func (t *Ticket) Done(status int, header http.Header) {
	l := t.limiter
	d := hear(status, header)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !t.finish(true) {
		return
	}
	l.clock.hear(header, t.sent, now)
	l.learn(t, &d, now)
	l.pump(t.cred, now)
}

// Lost is when the call was sent, or may have been, and no answer came.
func (t *Ticket) Lost() {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.finish(true) {
		return
	}
	now := l.now()
	for _, b := range t.buckets() {
		if b != nil {
			b.lose(now)
		}
	}
	l.pump(t.cred, now)
}

// Unsent is when the call was not sent, for certain.
func (t *Ticket) Unsent() {
	l := t.limiter
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.finish(false) {
		l.pump(t.cred, l.now())
	}
}

// buckets are those that the call counts in; nil if not.
func (t *Ticket) buckets() [3]*bucket {
	all := [3]*bucket{&t.cred.general, &t.route.bucket}
	if t.joined {
		all[2] = t.cred.shared
	}
	return all
}

// finish ends the flight, and says whether there was one. With the lock.
func (t *Ticket) finish(counted bool) bool {
	if t.state != held {
		return false
	}
	t.state = over
	t.limiter.inFlight--
	for i, b := range t.buckets() {
		if b != nil {
			b.end(t.tests[i], counted)
		}
	}
	return true
}
