package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/circuit"
)

// A status travels in trailers, which clients in other languages read up to about
// 8 KB in all: the details as base64, the message once more in percent encoding.
const (
	maxStatus     = 4 << 10 // of the whole status, in protobuf
	maxMessage    = 512     // of its message, as sent in percent encoding
	maxBody       = 2 << 10 // of GitLab's answer
	maxText       = 256     // of any other text in the details
	maxViolations = 16
)

// domain is that of all ErrorInfo details.
const domain = "jobgate"

// defaultRetry is told where GitLab limits without saying for how long: its limits
// count by the minute (contract, section 5).
const defaultRetry = time.Minute

type detail = protoadapt.MessageV1

// Err is the outcome as gRPC sends it, nil for success.
func (o outcome) Err() error {
	if o.code == codes.OK {
		return nil
	}
	st := status.New(o.code, cutMessage(o.message))
	full, err := st.WithDetails(o.details...)
	if err != nil {
		return st.Err()
	}
	return full.Err()
}

// plainOutcome is that of an error which GitLab has no part in.
func plainOutcome(c *call, code codes.Code, reason jobgatev1.ErrorReason, message string, details ...detail) outcome {
	info := &errdetails.ErrorInfo{
		Reason: reasonName(reason), Domain: domain,
		Metadata: map[string]string{"request_id": c.requestID()},
	}
	return outcome{code: code, reason: info.GetReason(), message: message, details: fit(message, append([]detail{info}, details...))}
}

// upstreamOutcome is that of an error of the upstream client's.
func upstreamOutcome(c *call, r row, e *upstream.Error) outcome {
	message := c.Credential.Scrub(messageOf(e))
	if r.reason == jobgatev1.ErrorReason_ERROR_REASON_WRITE_OUTCOME_UNKNOWN {
		message = "the write was sent, and its outcome is not known: " + message
	}
	info := &errdetails.ErrorInfo{
		Reason: reasonName(r.reason), Domain: domain,
		Metadata: map[string]string{"request_id": c.requestID()},
	}
	if e.Status != 0 {
		info.Metadata["upstream_status"] = strconv.Itoa(e.Status)
	}
	if e.RequestID != "" {
		info.Metadata["upstream_request_id"] = e.RequestID
	}
	details := []detail{info}
	if d := retryInfo(e); d != nil {
		details = append(details, d)
	}
	if r.reason == jobgatev1.ErrorReason_ERROR_REASON_UPSTREAM_LIMITED {
		details = append(details, quotaFailure(message))
	}
	if v := violationsOf(c, e); len(v) > 0 {
		details = append(details, badRequest(v))
	}
	if e.Status != 0 {
		details = append(details, upstreamError(c, e))
	}
	return outcome{
		code: r.code, reason: info.GetReason(), message: message, details: fit(message, details), retry: retryDelay(e),
	}
}

// messageOf is GitLab's words where it has some, else what went wrong, without the
// addresses that errors of the network hold; the log has those.
func messageOf(e *upstream.Error) string {
	switch e.Kind {
	case upstream.Answered:
		return e.Message
	case upstream.Invalid:
		var all violations
		for _, v := range e.Violations {
			all.add(v.Field, v.Rule)
		}
		return all.String()
	case upstream.Limited:
		return e.Err.Error()
	case upstream.NotSent:
		if open, ok := errors.AsType[*circuit.OpenError](e.Err); ok {
			return open.Error()
		}
		return "gitlab cannot be reached"
	case upstream.Interrupted:
		for _, own := range []error{errShutdown, upstream.ErrUpstreamTimeout, upstream.ErrLogIdle, context.DeadlineExceeded, context.Canceled} {
			if errors.Is(e, own) {
				return own.Error()
			}
		}
		return "the connection to gitlab broke"
	}
	return e.Error()
}

// violationsOf names the fields of the request that GitLab, or the upstream client,
// refused. What GitLab calls by another name is told by ours.
func violationsOf(c *call, e *upstream.Error) violations {
	var all violations
	for _, v := range e.Violations {
		all.add(c.Credential.Scrub(v.Field), c.Credential.Scrub(v.Rule))
	}
	if strings.Contains(e.Message, "moved projects") {
		all.add("project", "must be the number or the new path of a moved project")
	}
	return all
}

func badRequest(all violations) detail {
	d := &errdetails.BadRequest{}
	for _, v := range all[:min(len(all), maxViolations)] {
		d.FieldViolations = append(d.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: cut(v.field, maxText), Description: cut(v.rule, maxText),
		})
	}
	return d
}

// retryDelay is how long to wait before a call is tried again, 0 if that is not known.
func retryDelay(e *upstream.Error) time.Duration {
	switch {
	case e.Write && e.Status >= 500:
		return 0 // a write whose outcome is not known is not to be repeated
	case e.RetryAfter <= 0 && e.Status == http.StatusTooManyRequests:
		return defaultRetry
	}
	return max(e.RetryAfter, 0)
}

func retryInfo(e *upstream.Error) detail {
	wait := retryDelay(e)
	if wait == 0 {
		return nil
	}
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)}
}

func quotaFailure(message string) detail {
	return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
		{Subject: "gitlab", Description: cut(message, maxText)},
	}}
}

func upstreamError(c *call, e *upstream.Error) *jobgatev1.UpstreamError {
	body := []byte(c.Credential.Scrub(string(e.Body)))
	d := &jobgatev1.UpstreamError{
		Status:      int32(e.Status), //nolint:gosec // three digits
		ContentType: cut(e.ContentType, 128),
		Body:        body[:min(len(body), maxBody)],
		Truncated:   e.Truncated || len(body) > maxBody,
	}
	return d
}

// fit drops or shortens details, the last first, until the status is small enough.
func fit(message string, details []detail) []detail {
	room := maxStatus - len(cutMessage(message)) - 16
	var kept []detail
	for _, d := range details {
		m := protoadapt.MessageV2Of(d)
		const envelope = 80 // type URL and lengths of a google.protobuf.Any
		size := proto.Size(m) + envelope
		if u, ok := d.(*jobgatev1.UpstreamError); ok && size > room {
			over := min(size-room, len(u.GetBody()))
			u.Body, u.Truncated = u.GetBody()[:len(u.GetBody())-over], true
			size -= over
		}
		if size > room {
			continue
		}
		room -= size
		kept = append(kept, d)
	}
	return kept
}

// cut shortens text to at most that many bytes of valid UTF-8.
func cut(text string, most int) string {
	return strings.ToValidUTF8(text[:min(len(text), most)], "")
}

// cutMessage shortens a message so that its percent encoding keeps the bound.
func cutMessage(text string) string {
	text = cut(text, maxMessage)
	size := 0
	for i := range len(text) {
		size++
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			size += 2
		}
		if size > 2*maxMessage {
			return cut(text, i)
		}
	}
	return text
}
