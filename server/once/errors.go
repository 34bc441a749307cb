package once

import (
	"errors"
	"fmt"

	"github.com/jobgate/jobgate/upstream"
)

// Errors of [Store.Do], beside those of the run itself and the types below.
var (
	// ErrConflict says that the name was given to another write within the window. Nothing
	// was sent for this one.
	ErrConflict = errors.New("the request id was used for another request")
	// ErrNotKept says that the write was done, and that there was no room to keep its
	// answer.
	ErrNotKept = errors.New("the write was done before, and its answer is not kept")
	// ErrUnknown says that the outcome of the write is not known, where there was no room
	// to keep the error that said so first.
	ErrUnknown = errors.New("the write was sent before, and its outcome is not known")
	// ErrClosed says that the store is closed. Nothing was sent.
	ErrClosed = errors.New("no more writes are taken")
)

// errTimeout ends a run that takes longer than [Config.Timeout]. The upstream client takes
// it for a timeout of its own, not for one of the caller.
var errTimeout = fmt.Errorf("the write: %w", upstream.ErrUpstreamTimeout)

// Scope says whose room is full.
type Scope int

// Scopes of a [FullError].
const (
	All       Scope = iota + 1 // that of the store
	Each                       // that of the owner
	Strangers                  // that of all owners without a success
)

// FullError says that there is no room for another name until one's window is over.
// Nothing was sent.
type FullError struct{ Scope Scope }

// Error tells a caller of others only that there are some.
func (e *FullError) Error() string {
	if e.Scope == Each {
		return "this credential has too many request ids in use"
	}
	return "too many request ids are in use"
}

// PendingError says that the caller went away, by Err, from a write that was under way and
// goes on: it may happen yet.
type PendingError struct{ Err error }

// Error says why the caller went away.
func (e *PendingError) Error() string { return "the write is under way: " + e.Err.Error() }

// Unwrap returns why the caller went away.
func (e *PendingError) Unwrap() error { return e.Err }

// UnconfirmedError says that the write was done before and that the caller may not be told
// its answer, as GitLab's yes to him did not come; Err is why.
type UnconfirmedError struct{ Err error }

// Error tells no more than GitLab does.
func (e *UnconfirmedError) Error() string { return e.Err.Error() }

// Unwrap returns why there is no yes.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// PanicError is the outcome of a run that panicked, or ended its goroutine: unknown. It may
// hold secrets, and is for the log of those who can take them out.
type PanicError struct {
	Value string // what was panicked with, as text
	Stack []byte
}

// Error tells the value and not the stack.
func (e *PanicError) Error() string { return "panic: " + e.Value }
