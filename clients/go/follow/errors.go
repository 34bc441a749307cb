package follow

import (
	"errors"
	"fmt"
	"io"
	"strings"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// ErrDigest says that the log has ended and its digest is not that of the bytes
// received: some of them are wrong. It is told only if the log was read from its first
// byte, or from a reset to it, and without a gap.
var ErrDigest = errors.New("the log's digest is not that of the bytes received")

// ErrStale says that the gateway sent nothing for as long as [StaleAfter] allows. It is
// tried again, so callers see it only in [Retry], or if [Attempts] is reached.
var ErrStale = errors.New("the gateway sent nothing for too long")

// errCutShort is a stream without its end. It is tried again.
var errCutShort = fmt.Errorf("the log's stream ended without its end event: %w", io.ErrUnexpectedEOF)

// errNoCursor is an event that breaks the contract.
var errNoCursor = errors.New("the gateway sent a part of the log without a cursor")

// SequenceError says that bytes are missing or came twice, and that the gateway did not
// say so. The cursor is that of the bytes before: whoever reads on may get them right.
type SequenceError struct {
	Want int64 // place in the log that was to come next
	Got  int64 // place that came
}

// Error implements error.
func (e *SequenceError) Error() string {
	return fmt.Sprintf("the log goes on at byte %d, where byte %d was to come", e.Got, e.Want)
}

// ResetError says that the log was rewritten, to a caller who did not set [OnReset]. The
// cursor is that after the reset: whoever drops what no longer holds may read on.
type ResetError struct {
	Reason jobgatev1.TraceResetReason
	Offset int64 // where the log goes on; what was read from there no longer holds
	Read   int64 // where it had been read to, -1 if that is not known
}

// Error implements error.
func (e *ResetError) Error() string {
	reason := strings.ToLower(strings.TrimPrefix(e.Reason.String(), "TRACE_RESET_REASON_"))
	return fmt.Sprintf("the log has changed (%s): what was read from byte %d on no longer holds", reason, e.Offset)
}

// endedError is the end of a context that has a cause of its own.
type endedError struct{ end, cause error }

func (e *endedError) Error() string   { return e.end.Error() + ": " + e.cause.Error() }
func (e *endedError) Unwrap() []error { return []error{e.end, e.cause} }
