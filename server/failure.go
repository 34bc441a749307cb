package server

import (
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
)

// statusClientClosed is what servers log for a caller who went away before the answer.
const statusClientClosed = 499

// failure is the outcome as a face in this process is told it.
func (o outcome) failure(c *call, err error) *inproc.Failure {
	e, _ := errors.AsType[*upstream.Error](err)
	if e != nil && ownTokenRefused(c, e.Status) {
		e = nil // it is not the caller's to hear
	}
	return &inproc.Failure{
		Upstream: e, Status: o.httpStatus(e), Reason: o.reason, Message: o.message, RequestID: c.requestID(),
		RetryAfter: o.retry,
	}
}

// httpStatus says in HTTP what an outcome says that is not GitLab's own answer: 503 if
// it is safe to try again, 502 and 504 if it may not be. docs/errors.md prints it.
func (o outcome) httpStatus(e *upstream.Error) int {
	switch {
	case o.reason == reasonName(jobgatev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN),
		o.reason == reasonName(jobgatev1.ErrorReason_ERROR_REASON_CALLER_KEYS_UNAVAILABLE):
		return http.StatusServiceUnavailable
	case e != nil && e.Kind == upstream.NotSent && o.code == codes.Unavailable:
		return http.StatusServiceUnavailable
	case e != nil && (errors.Is(e, upstream.ErrUpstreamTimeout) || errors.Is(e, upstream.ErrLogIdle)):
		return http.StatusGatewayTimeout
	}
	switch o.code {
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.AlreadyExists:
		return http.StatusConflict
	case codes.Unknown:
		return http.StatusBadGateway
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case codes.Canceled:
		return statusClientClosed
	case codes.ResourceExhausted:
		if e == nil || e.Kind == upstream.Limited {
			return http.StatusTooManyRequests
		}
	}
	if e != nil {
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}
