package server

import (
	"sync"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// callerLimit bounds what one credential has open at a time, by whatever proofs it shows.
type callerLimit struct {
	most int
	full limitError

	mu   sync.Mutex
	open map[owner]int
}

// owner is a credential, or one of those who share one that is not their own.
type owner struct {
	credential upstream.Credential
	identity   string
}

func newStreamLimit(most int) *callerLimit {
	return &callerLimit{most: most, open: map[owner]int{}, full: limitError{
		jobgatev1.ErrorReason_ERROR_REASON_TOO_MANY_STREAMS, "this credential has too many streams of logs open",
	}}
}

func newCallLimit(most int) *callerLimit {
	return &callerLimit{most: most, open: map[owner]int{}, full: limitError{
		jobgatev1.ErrorReason_ERROR_REASON_TOO_MANY_CALLS, "this credential has too many calls under way",
	}}
}

// limitError says that a credential has as much open as it may.
type limitError struct {
	reason jobgatev1.ErrorReason
	text   string
}

func (e limitError) Error() string { return e.text }

// count is how much is open, of all credentials.
func (l *callerLimit) count() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, open := range l.open {
		n += open
	}
	return n
}

// enter counts a call in. The caller calls leave when it ends.
func (l *callerLimit) enter(call *upstream.Call) (leave func(), err error) {
	who := owner{call.Credential, call.Identity}
	who.credential.DPoP = ""
	if call.Identity != "" { // the credential may be replaced meanwhile
		who.credential = upstream.Credential{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[who] >= l.most {
		return nil, l.full
	}
	l.open[who]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.open[who]--
		if l.open[who] == 0 {
			delete(l.open, who)
		}
	}, nil
}
