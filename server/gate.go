package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/admission"
	"github.com/jobgate/jobgate/server/identity"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/server/policy"
	"github.com/jobgate/jobgate/upstream"
)

// admitted is what the gate has found out about a call.
type admitted struct {
	who             *admission.Caller // nil without a gate
	method, project string            // of the contract, as the policy knows them
	write           bool
	rule            string // that allows it
}

// subject finds out what a call is about, as the policy knows it.
func (c *call) subject() admitted {
	a := admitted{method: c.method}
	if c.method == relayMethod {
		r := c.caller.Relayed
		a.method, a.project, a.write = r.Method, r.Project, !r.Reading
		return a
	}
	if named, ok := c.req.(interface{ GetProject() string }); ok {
		a.project = named.GetProject()
	}
	a.write = policy.IsWrite(a.method)
	return a
}

// enter lets a call in: a write only if there are any; and, where the gateway has a token
// of its own, only a caller who is known and whom the policy lets. From then on the call is
// made with the gateway's credential, and in the name of the caller.
func (c *chain) enter(ctx context.Context, call *call) error {
	call.about = call.subject()
	if c.gate != nil {
		if err := c.pass(ctx, call); err != nil {
			return err
		}
	}
	if c.readOnly && call.about.write {
		return &admission.DeniedError{Why: "the gateway is read-only"}
	}
	return nil
}

// pass asks the gate.
func (c *chain) pass(ctx context.Context, call *call) error {
	if call.caller != nil && call.caller.ForOthers {
		call.Credential = upstream.Credential{}
		return errForOthers
	}
	shown := call.Credential
	if call.caller != nil {
		shown = call.caller.Shown // a face may make several calls for one request
	}
	who, err := c.gate.Admit(ctx, shown, connection(ctx, call.caller))
	call.id = shown.Scrub(call.id)
	call.Credential = c.gate.Credential() // whatever comes of it: what was shown goes nowhere
	if err != nil {
		return err
	}
	call.about.who = who
	call.Identity, call.Call.Caller = who.Name(), who.Name()
	if call.method == relayMethod {
		if r := call.caller.Relayed; !r.Reading || !r.Certain {
			return &admission.DeniedError{Why: "what is asked for can be said by no method of the contract, and the gateway has no way to judge it"}
		}
	}
	call.about.rule, err = c.gate.Decide(who, call.about.method, call.about.project)
	return err
}

// errForOthers is of a request whose parameters name somebody to act for.
var errForOthers = &admission.StrangerError{
	Rule: "credentials, sudo, _method and ids are not taken from parameters here, nor is a body that cannot be read",
}

// hold is the context of a call that goes on only as long as the gate lets it. A write that
// was let in is not called back: it may have been sent.
func (c *chain) hold(ctx context.Context, call *call) (held context.Context, release func()) {
	about := &call.about
	if about.who == nil || about.write {
		return ctx, func() {}
	}
	return c.gate.Hold(ctx, about.who, about.method, about.project)
}

// calledBack is why the gate has ended a call that failed, or else err.
func calledBack(ctx context.Context, call *call, err error) error {
	if err == nil || call.about.who == nil {
		return err
	}
	if _, ok := gateOutcome(call, context.Cause(ctx)); ok {
		return context.Cause(ctx)
	}
	return err
}

// connection is the TLS state of the connection that a call came by, nil for plaintext.
func connection(ctx context.Context, caller *inproc.Caller) *tls.ConnectionState {
	if caller != nil {
		return caller.TLS
	}
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			return &info.State
		}
	}
	return nil
}

// gateOutcome is that of a call that was not let in, or no longer.
func gateOutcome(c *call, err error) (outcome, bool) {
	if e, ok := errors.AsType[*admission.DeniedError](err); ok {
		return plainOutcome(c, codes.PermissionDenied, jobgatev1.ErrorReason_ERROR_REASON_POLICY_DENIED, e.Error()), true
	}
	if e, ok := errors.AsType[*admission.StrangerError](err); ok {
		return plainOutcome(c, codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_CALLER_REJECTED, e.Error()), true
	}
	if e, ok := errors.AsType[*identity.Error](err); ok {
		reason := jobgatev1.ErrorReason_ERROR_REASON_CALLER_REJECTED
		if e.Reason == identity.Expired {
			reason = jobgatev1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED
		}
		return plainOutcome(c, codes.Unauthenticated, reason, e.Error()), true
	}
	if e, ok := errors.AsType[*identity.KeysError](err); ok {
		return plainOutcome(c, codes.Unavailable, jobgatev1.ErrorReason_ERROR_REASON_CALLER_KEYS_UNAVAILABLE, e.Error()), true
	}
	if errors.Is(err, admission.ErrExpired) {
		return plainOutcome(c, codes.Unauthenticated, jobgatev1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED, admission.ErrExpired.Error()), true
	}
	return outcome{}, false
}

// ownTokenRefused says whether GitLab has refused the gateway's own token, which is no
// fault of the caller's.
func ownTokenRefused(c *call, status int) bool {
	return c.about.who != nil && status == http.StatusUnauthorized
}

// audit logs each write, and each call that was denied, with who asked for it and the rule
// that decided.
func (c *chain) audit(ctx context.Context, call *call, told outcome) {
	denied := told.reason == reasonName(jobgatev1.ErrorReason_ERROR_REASON_POLICY_DENIED)
	if c.gate == nil || !strings.HasPrefix(call.method, ownServices) || !call.about.write && !denied {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", call.about.method), slog.String("project", cut(call.about.project, maxText)),
		slog.String("code", told.code.String()), slog.String("rule", call.about.rule), slog.String("request_id", call.requestID()),
	}
	if call.about.who != nil {
		attrs = append(attrs, slog.String("caller", cut(call.about.who.Name(), maxLogged)))
	}
	if job, ok := call.req.(interface{ GetJobId() int64 }); ok {
		attrs = append(attrs, slog.Int64("job_id", job.GetJobId()))
	}
	if id := call.Reply.Header["X-Request-Id"]; len(id) > 0 && isRequestID(id[0]) {
		attrs = append(attrs, slog.String("upstream_request_id", id[0]))
	}
	if told.code != codes.OK {
		attrs = append(attrs, slog.String("reason", told.reason), slog.String("message", told.message))
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	line.AddAttrs(attrs...)
	_ = c.log.Handler().Handle(ctx, line) // whatever the level of the log
}
