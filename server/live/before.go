package live

import (
	"bytes"
	"errors"
	"time"
)

// Before is what stands before the place where a reader begins, if he knows that: up to a
// KiB, as GitLab had it when it was asked.
type Before struct {
	Bytes []byte // must not be changed as long as the reader is not closed
	Asked time.Time
}

// ErrBehind is the end of a reader whose log is no longer what he knew of it. Whoever goes on
// joins anew, at its first byte.
var ErrBehind = errors.New("the log was rewritten")

// fits compares what stands before the place of a reader, who was told nothing yet, with what
// he knows. Where it differs, or the log does not reach there, the log or the reader is
// behind the times: the reader is if GitLab was asked for the log after he asked. With the
// lock.
func (r *Reader) fits() (wait <-chan struct{}, err error) {
	l := r.log
	r.generation = l.generation // of earlier bytes than these he knows nothing
	held, ok := l.bytes.Tail(r.offset-l.base, len(r.before.Bytes))
	evicted := !ok && r.offset <= l.size()
	asked := !l.checked.Before(r.before.Asked)
	switch {
	case ok && bytes.HasSuffix(r.before.Bytes, held), evicted && asked:
		r.before.Bytes = nil
		return ready, nil
	case asked && (ok || l.complete):
		return nil, ErrBehind
	case ok || evicted || l.complete:
		l.complete = false
		l.lookAgain()
	}
	return l.wait(), nil
}
