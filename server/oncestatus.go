package server

import (
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/once"
	"github.com/jobgate/jobgate/upstream"
)

// onceOutcome is that of a write with a request id, where that made it end otherwise than
// one without.
func onceOutcome(c *call, err error) (outcome, bool) {
	unknown := func() (outcome, bool) {
		return plainOutcome(c, lost.code, lost.reason, "the write is under way or was sent, and its outcome is not known; a repeat with the same request_id learns it, and does not send it twice"), true
	}
	if full, ok := errors.AsType[*once.FullError](err); ok {
		return plainOutcome(c, codes.ResourceExhausted, jobgatev1.ErrorReason_ERROR_REASON_TOO_MANY_REQUEST_IDS, full.Error(), quotaFailure(full.Error())), true
	}
	if _, ok := errors.AsType[*once.PendingError](err); ok {
		return unknown()
	}
	if _, ok := errors.AsType[*once.PanicError](err); ok {
		return unknown()
	}
	if refused, ok := errors.AsType[*once.UnconfirmedError](err); ok && !isRefusal(refused.Err) {
		return plainOutcome(c, lost.code, lost.reason, "the write was done before, and gitlab could not be asked whether the caller may read its answer"), true
	}
	switch {
	case errors.Is(err, once.ErrConflict):
		v := violations{{"request_id", "was used for another request"}}
		return plainOutcome(c, codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED, v.String(), badRequest(v)), true
	case errors.Is(err, once.ErrUnknown):
		return unknown()
	case errors.Is(err, once.ErrNotKept):
		return plainOutcome(c, codes.AlreadyExists, jobgatev1.ErrorReason_ERROR_REASON_REQUEST_DONE, once.ErrNotKept.Error()), true
	case errors.Is(err, once.ErrClosed):
		return plainOutcome(c, codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, errShutdown.Error()), true
	}
	return outcome{}, false
}

// isRefusal says whether GitLab has answered, and said no.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*upstream.Error](err)
	return ok && e.Kind == upstream.Answered && e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError &&
		e.Status != http.StatusTooManyRequests
}
