package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/quota"
	"github.com/jobgate/jobgate/upstream/retry"
)

// row is one line of the error table: which failures, and what the caller is told.
// The first row that matches counts. docs/errors.md prints the table.
type row struct {
	when   string
	match  func(e *upstream.Error, c *call) bool
	code   codes.Code
	reason jobgatev1.ErrorReason
}

// lost is the row of writes whose outcome is not known.
var lost = row{"a write was sent and no usable answer came", lostWrite, codes.Unknown, jobgatev1.ErrorReason_ERROR_REASON_WRITE_OUTCOME_UNKNOWN}

const reasonPrefix = "ERROR_REASON_"

// table maps what the upstream client reports to statuses. It is the only such
// mapping.
var table = []row{
	{"the request breaks a rule of the gateway", kind(upstream.Invalid), codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST},
	lost,
	{"the caller's deadline passed", caused(context.DeadlineExceeded), codes.DeadlineExceeded, jobgatev1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED},
	{"the caller went away", caused(context.Canceled), codes.Canceled, jobgatev1.ErrorReason_ERROR_REASON_CALL_CANCELED},
	{"GitLab's quota is used up, and the call was not sent", exhausted, codes.ResourceExhausted, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_LIMITED},
	{"too many calls to GitLab are under way", kind(upstream.Limited), codes.ResourceExhausted, jobgatev1.ErrorReason_ERROR_REASON_TOO_MANY_CALLS},
	{"nothing could be sent", kind(upstream.NotSent), codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE},
	{"the connection broke or timed out on a read", kind(upstream.Interrupted), codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE},
	{"the answer is larger than the bound", kind(upstream.TooLarge), codes.ResourceExhausted, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_TOO_LARGE},
	{"the answer is not what the API promises", kind(upstream.Malformed), codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_MALFORMED},
	{"3xx that is not followed", kind(upstream.Redirected), codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_REDIRECTED},
	{"400 Unplayable Job", says(400, "Unplayable Job"), codes.FailedPrecondition, jobgatev1.ErrorReason_ERROR_REASON_JOB_NOT_PLAYABLE},
	{"400", statusIs(400), codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST},
	{"401 without a credential", anonymous, codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_CREDENTIAL_MISSING},
	{"401 dpop_error", code(401, "dpop_error"), codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_DPOP_REJECTED},
	{"401 invalid_token, expired", says(401, "expired"), codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED},
	{"401 invalid_token, revoked", says(401, "revoked"), codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_REVOKED},
	{"401", statusIs(401), codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_REJECTED},
	{"403 Job is not retryable", says(403, "not retryable"), codes.FailedPrecondition, jobgatev1.ErrorReason_ERROR_REASON_JOB_NOT_RETRYABLE},
	{"403 Job is not erasable!", says(403, "not erasable"), codes.FailedPrecondition, jobgatev1.ErrorReason_ERROR_REASON_JOB_NOT_ERASABLE},
	{"403 insufficient_scope", code(403, "insufficient_scope"), codes.PermissionDenied, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_SCOPE_INSUFFICIENT},
	{"403 insufficient_granular_scope", code(403, "insufficient_granular_scope"), codes.PermissionDenied, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_SCOPE_INSUFFICIENT},
	{"403 the job token lacks a permission", says(403, "token permission is required"), codes.PermissionDenied, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_SCOPE_INSUFFICIENT},
	{"403", statusIs(403), codes.PermissionDenied, jobgatev1.ErrorReason_ERROR_REASON_ACCESS_DENIED},
	{"404 Project Not Found", says(404, "404 Project Not Found"), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_PROJECT_NOT_FOUND},
	{"404 Job Not Found", says(404, "404 Job Not Found"), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_JOB_TOKEN_REQUIRED},
	{"404 User with ID or username … Not Found", says(404, "404 User with ID"), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_USER_NOT_FOUND},
	{"404 Not Found of an unknown route", says(404, "404 Not Found"), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND},
	{"404 of a pipeline", onPipeline(404), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_PIPELINE_NOT_FOUND},
	{"404 of a job", onJob(404), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND},
	{"404 in other words", statusIs(404), codes.NotFound, jobgatev1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND},
	{"405 moved project", says(405, "moved projects"), codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_PROJECT_MOVED},
	{"405", statusIs(405), codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST},
	{"409", statusIs(409), codes.Aborted, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_CONFLICT},
	{"413, 414, 431", tooLarge, codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST},
	{"422", statusIs(422), codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST},
	{"429", statusIs(429), codes.ResourceExhausted, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_LIMITED},
	{"502, 503, 504 on a read", unavailable, codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE},
	{"any other 5xx", statusFrom(500), codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED},
	{"any other 4xx", statusFrom(400), codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_REFUSED},
}

type matcher = func(e *upstream.Error, c *call) bool

func kind(k upstream.Kind) matcher {
	return func(e *upstream.Error, _ *call) bool { return e.Kind == k }
}

func exhausted(e *upstream.Error, _ *call) bool {
	_, ok := errors.AsType[*quota.Exhausted](e.Err)
	return ok && e.Kind == upstream.Limited
}

func caused(cause error) matcher {
	return func(e *upstream.Error, _ *call) bool { return errors.Is(e, cause) }
}

func statusIs(status int) matcher {
	return func(e *upstream.Error, _ *call) bool { return e.Status == status }
}

func statusFrom(status int) matcher {
	return func(e *upstream.Error, _ *call) bool { return e.Status >= status && e.Status < status+100 }
}

func says(status int, words string) matcher {
	return func(e *upstream.Error, _ *call) bool { return e.Status == status && strings.Contains(e.Message, words) }
}

func code(status int, word string) matcher {
	return func(e *upstream.Error, _ *call) bool { return e.Status == status && e.Code == word }
}

func anonymous(e *upstream.Error, c *call) bool {
	who := c.Credential
	if scheme, _, ok := strings.Cut(who.Authorization, " "); !ok || !strings.EqualFold(scheme, "Bearer") {
		who.Authorization = "" // GitLab's API knows no other; contract section 2
	}
	return e.Status == http.StatusUnauthorized && !who.Present()
}

func onPipeline(status int) matcher {
	return func(e *upstream.Error, c *call) bool {
		_, ok := c.req.(interface{ GetPipelineId() int64 })
		return ok && e.Status == status && e.Message == "404 Not found"
	}
}

func onJob(status int) matcher {
	return func(e *upstream.Error, c *call) bool {
		_, ok := c.req.(interface{ GetJobId() int64 })
		return ok && e.Status == status && e.Message == "404 Not found"
	}
}

// tooLarge says that the request is too large for GitLab, or for what is before it.
func tooLarge(e *upstream.Error, _ *call) bool {
	return e.Status == http.StatusRequestEntityTooLarge || e.Status == http.StatusRequestURITooLong ||
		e.Status == http.StatusRequestHeaderFieldsTooLarge
}

func unavailable(e *upstream.Error, _ *call) bool { return retry.Transient(e.Status) }

func lostWrite(e *upstream.Error, _ *call) bool { return e.OutcomeUnknown() }

// rowFor is the first row that matches. The last one is for what should not be.
func rowFor(e *upstream.Error, c *call) row {
	for _, r := range table {
		if r.match(e, c) {
			return r
		}
	}
	return row{"an answer without a row", nil, codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_MALFORMED}
}

// errPanic stands for a panic of ours.
var errPanic = errors.New("the gateway failed")

// outcome is what a caller is told about a call.
type outcome struct {
	code    codes.Code
	reason  string
	message string
	details []detail
	retry   time.Duration // how long to wait before it is tried again, 0 if that is not known
}

// statusOf says what the caller is told about an error. Only this function and what
// it calls write words that a caller sees.
func statusOf(ctx context.Context, c *call, err error) outcome {
	if err == nil || errors.Is(err, inproc.ErrEnough) {
		return outcome{}
	}
	if o, ok := gateOutcome(c, err); ok {
		return o
	}
	if o, ok := onceOutcome(c, err); ok {
		return o
	}
	e, fromUpstream := errors.AsType[*upstream.Error](err)
	if fromUpstream && ownTokenRefused(c, e.Status) {
		return plainOutcome(c, codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_GATEWAY_TOKEN_REJECTED, "gitlab refuses the gateway's own token")
	}
	switch stopping := errors.Is(context.Cause(ctx), errShutdown) || errors.Is(err, errShutdown); {
	case stopping && fromUpstream && e.Write && (e.Status != 0 || lostWrite(e, c)): // it was sent, and that is what came of it
		return upstreamOutcome(c, rowFor(e, c), e)
	case stopping:
		return plainOutcome(c, codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, errShutdown.Error())
	case errors.Is(err, errAged):
		return plainOutcome(c, codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, errAged.Error())
	case fromUpstream:
		return upstreamOutcome(c, rowFor(e, c), e)
	}
	if e, ok := errors.AsType[*invalidError](err); ok {
		return plainOutcome(c, codes.InvalidArgument, jobgatev1.ErrorReason_ERROR_REASON_INVALID_REQUEST, e.Error(), badRequest(e.violations))
	}
	if e, ok := errors.AsType[limitError](err); ok {
		return plainOutcome(c, codes.ResourceExhausted, e.reason, e.text)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return plainOutcome(c, codes.DeadlineExceeded, jobgatev1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED, "the deadline passed")
	case errors.Is(err, context.Canceled):
		return plainOutcome(c, codes.Canceled, jobgatev1.ErrorReason_ERROR_REASON_CALL_CANCELED, "the caller went away")
	}
	if s, ok := status.FromError(err); ok { // gRPC's own: a message that cannot be read, a stream that is gone
		return outcome{code: s.Code(), message: s.Message()}
	}
	return plainOutcome(c, codes.Internal, jobgatev1.ErrorReason_ERROR_REASON_GATEWAY_FAILED, "the gateway failed")
}

// errShutdown is why calls end when the gateway stops.
var errShutdown = errors.New("the gateway is stopping")

// levelOf is the level at which calls of an outcome are logged: what is wrong with us
// or GitLab is an error or a warning, all else is for those who look for it.
func levelOf(c codes.Code) slog.Level {
	switch c {
	case codes.Internal, codes.Unknown:
		return slog.LevelError
	case codes.Unavailable, codes.ResourceExhausted:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func text(v any) string { return fmt.Sprint(v) }

func reasonName(r jobgatev1.ErrorReason) string { return strings.TrimPrefix(r.String(), reasonPrefix) }
