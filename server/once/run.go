package once

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// Bounds of what is kept of a panic, in bytes.
const (
	maxPanic = 1 << 10
	maxStack = 8 << 10
)

// run runs a write and tells its outcome: to its caller by out, to all others by e.
// Whatever happens to it, they hear of it.
func (s *Store[T]) run(caller context.Context, e *entry[T], write func(context.Context) (T, error), out chan<- outcome[T]) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(caller), s.cfg.Timeout, errTimeout)
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer context.AfterFunc(s.life, func() { end(context.Cause(s.life)) })() //nolint:contextcheck // the store's end is not the caller's
	var got, kept outcome[T]
	var bytes int64
	returned := false
	defer func() {
		if !returned {
			fault := panicked(recover())
			got = outcome[T]{fate: Unknown, err: fault}
			kept, bytes = got, int64(len(fault.Value)+len(fault.Stack))
		}
		s.finish(e, kept, bytes)
		out <- got
		close(e.over)
	}()
	got.answer, got.err = write(ctx)
	if got.fate = Done; got.err != nil {
		got.fate = FateOf(got.err)
	}
	kept = got
	if got.fate != Undone {
		kept.answer, bytes, kept.err = s.rules.Keep(got.answer, got.err)
	}
	returned = true
}

// panicked makes the error of a panic. Without a value the goroutine was ended.
func panicked(value any) *PanicError {
	if value == nil {
		value = "the goroutine ended"
	}
	text, stack := fmt.Sprint(value), debug.Stack()
	return &PanicError{Value: text[:min(len(text), maxPanic)], Stack: stack[:min(len(stack), maxStack)]}
}

// finish notes the outcome of a run, to be remembered from now on unless nothing happened.
func (s *Store[T]) finish(e *entry[T], o outcome[T], bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.fate == Undone {
		e.outcome = o // for those who wait
		s.forget(e)
		return
	}
	s.remember(e, o, bytes)
	e.until = time.Now().Add(s.cfg.Window)
	s.ended.PushBack(e)
}

// remember lets e hold an outcome, or only its fate if there is no room for more. With the
// lock.
func (s *Store[T]) remember(e *entry[T], o outcome[T], bytes int64) {
	if o.fate == Done {
		s.rooms.prove(e.account, 1)
	}
	more := Bound{Bytes: entryBytes + max(bytes, 0) - e.bytes}
	if more.Bytes > 0 && s.rooms.lacks(e.account, more) != 0 {
		lost := ErrUnknown
		if o.fate == Done {
			lost = ErrNotKept
		}
		o, more.Bytes = outcome[T]{fate: o.fate, err: lost}, entryBytes-e.bytes
	}
	s.rooms.add(e.account, more)
	e.bytes += more.Bytes
	e.outcome = o
}
