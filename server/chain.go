package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/server/admission"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/meter"
)

// chain is what every call of every face passes through, in one frame: an
// interceptor per step would cost a waiting stream stack for each. Outermost first:
// measure and log (so that what happens further in is logged as the caller sees
// it), recover, status, credential, validation, handler, reply headers.
type chain struct {
	log  *slog.Logger
	life context.Context //nolint:containedctx // that of the server: ends when calls in progress are to be aborted

	gate              *admission.Gate // nil: callers have credentials of their own
	readOnly          bool
	calls             *callerLimit  // of unary calls
	deadline, longest time.Duration // that such a call has if it brings none, and at most

	meters meter.Set[callMeter] // by method
	tracer oteltrace.Tracer     // nil for no spans
	access bool                 // whether each call is logged
}

// ownServices is what the methods of the contract, and relayed requests, begin with.
const ownServices = "/jobgate."

func newChain(cfg Config, log *slog.Logger, life context.Context) *chain { //nolint:revive // the life is no call's
	return &chain{
		log: log, life: life, gate: cfg.Gate, readOnly: cfg.ReadOnly, calls: newCallLimit(cmp.Or(cfg.MaxCalls, 1000)),
		deadline: cmp.Or(cfg.DefaultDeadline, time.Minute), longest: cmp.Or(cfg.MaxDeadline, 5*time.Minute),
		tracer: cfg.Tracer, access: cfg.AccessLog,
	}
}

func (c *chain) unary(
	ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler,
) (resp any, err error) {
	call := newCall(ctx, info.FullMethod, req)
	ctx = c.begin(ctx, call)
	defer func() {
		if err = c.end(ctx, call, recover(), err); err != nil {
			resp = nil
		}
	}()
	ctx, late := c.timed(ctx)
	defer late()
	if call.caller == nil {
		var cancel context.CancelFunc
		ctx, cancel = c.alive(ctx)
		defer cancel()
	}
	ctx, err = c.admit(ctx, call)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(call.method, ownServices) { // whoever looks after the gateway is not kept out
		leave, err := c.calls.enter(call.Call)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	ctx, release := c.hold(ctx, call)
	defer release()
	resp, err = handler(ctx, req)
	err = calledBack(ctx, call, err)
	call.adopt(err)
	if m, ok := resp.(proto.Message); ok && err == nil && call.Lease != nil && !inproc.Inside(ctx) {
		resp = leased{m, call.Lease}
	}
	if call.caller != nil {
		return resp, err // it has the header itself
	}
	if md := call.replyHeader(); md != nil {
		_ = grpc.SetHeader(ctx, md) // fails only once the call is over
	}
	return resp, err
}

func (c *chain) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	call := newCall(ss.Context(), info.FullMethod, nil)
	ctx, cancel := c.alive(c.begin(ss.Context(), call))
	defer cancel()
	s := &serverStream{ServerStream: ss, ctx: ctx, chain: c, call: call, release: func() {}}
	defer func() { err = c.end(ctx, s.call, recover(), err) }()
	defer func() { s.release() }()
	err = calledBack(s.ctx, s.call, handler(srv, s))
	s.call.adopt(err)
	s.head() //nolint:errcheck // of a stream that has ended without an event; what broke it is told
	return err
}

// timed gives a unary call the deadline that it lacks, or a nearer one than it brings.
func (c *chain) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	switch {
	case !ok:
		return context.WithTimeout(ctx, c.deadline)
	case time.Until(deadline) > c.longest:
		return context.WithTimeout(ctx, c.longest)
	}
	return ctx, func() {}
}

// alive is the context of a call that comes from the network, or from a client in this
// process; a face ties those that it makes to the server's life itself. It ends when the
// server aborts its calls, early enough to tell the caller so, and a little before the
// caller's deadline: at the deadline itself gRPC resets the stream, and the caller would
// see CANCELLED without a reason.
func (c *chain) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	late := func() {}
	if deadline, ok := ctx.Deadline(); ok {
		margin := min(time.Until(deadline)/8, 10*time.Millisecond)
		ctx, late = context.WithDeadline(ctx, deadline.Add(-margin))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.life, func() { cancel(errShutdown) })
	return ctx, func() {
		stop()
		cancel(nil)
		late()
	}
}

// serverStream admits the call when its request arrives, and sends GitLab's headers
// before the first event.
type serverStream struct {
	grpc.ServerStream
	ctx    context.Context //nolint:containedctx // a stream is its context
	chain  *chain
	call   *call
	headed bool

	release func() // of what the gate holds
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if s.call.req != nil {
		return nil
	}
	s.call.req = m
	ctx, err := s.chain.admit(s.ctx, s.call)
	if err != nil {
		return err
	}
	s.ctx, s.release = s.chain.hold(ctx, s.call)
	return nil
}

func (s *serverStream) SendMsg(m any) error {
	if err := s.head(); err != nil {
		return err
	}
	return s.ServerStream.SendMsg(m)
}

// head makes GitLab's headers those of the stream, before its first event.
func (s *serverStream) head() error {
	if s.headed {
		return nil
	}
	s.headed = true
	if md := s.call.replyHeader(); md != nil {
		return s.SetHeader(md)
	}
	return nil
}

// call is one call on its way through the chain.
type call struct {
	*upstream.Call
	own    upstream.Call  // what Call is, unless the caller is told by a face
	caller *inproc.Caller // of a face in this process, nil for all others
	method string
	start  time.Time
	req    any
	id     string // the caller's name for it, to find it in logs
	about  admitted
	meter  *callMeter
	span   oteltrace.Span // nil for none
}

func newCall(ctx context.Context, method string, req any) *call {
	c := &call{method: method, start: time.Now(), req: req, caller: inproc.CallerFrom(ctx)}
	c.Call = &c.own
	if c.caller != nil {
		c.Call, c.id = &c.caller.Call, c.caller.RequestID
	}
	return c
}

// admit reads who calls, checks the request, and lets it in. The context it returns
// carries the call to the upstream client.
func (c *chain) admit(ctx context.Context, call *call) (context.Context, error) {
	md, ctx := ownDropped(ctx)
	if call.caller == nil {
		if err := call.readMetadata(md); err != nil {
			return ctx, err
		}
		if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
			call.Call.Caller = inproc.Host(p.Addr.String())
		}
	}
	if !strings.HasPrefix(call.method, ownServices) {
		return ctx, nil // health and reflection
	}
	if err := c.enter(ctx, call); err != nil {
		return ctx, err
	}
	if err := validate(call.req); err != nil {
		return ctx, err
	}
	return upstream.WithCall(ctx, call.Call), nil
}

// adopt makes GitLab's refusal the answer to the call, where it was not this call's own
// request that was refused: of a write with a request id, or a log that is shared.
func (c *call) adopt(err error) {
	if c.Reply.Status != 0 {
		return
	}
	if e, ok := errors.AsType[*upstream.Error](err); ok && e.Header != nil {
		c.Reply = upstream.Reply{Status: e.Status, Header: e.Header.Clone()}
	}
}

// answered says that an error is GitLab's own: its words are the caller's to read.
func answered(err error) bool {
	e, ok := errors.AsType[*upstream.Error](err)
	return ok && e.Kind == upstream.Answered
}

// logPanic logs what a goroutine panicked with, and where, without the secrets of the one
// on whose behalf it ran.
func logPanic(ctx context.Context, log *slog.Logger, who upstream.Credential, why any, attrs ...slog.Attr) {
	log.LogAttrs(ctx, slog.LevelError, "panic", append(attrs,
		slog.String("value", who.Scrub(text(why))), slog.String("stack", who.Scrub(string(debug.Stack()))))...)
}

// maxLogged is how much of an error's text is logged.
const maxLogged = 1 << 10

// end turns the outcome of a call into its status, and tells it to log, metrics and trace.
func (c *chain) end(ctx context.Context, call *call, panicked any, err error) error {
	if panicked != nil {
		logPanic(ctx, c.log, call.Credential, panicked, slog.String("method", call.method))
		err = errPanic
	}
	st := statusOf(ctx, call, err)
	if call.caller != nil && st.code != 0 {
		call.caller.Failure = st.failure(call, err)
	}
	told := st
	if err == nil && call.Reply.Status >= http.StatusBadRequest { // a refusal that was relayed as it came
		err = &upstream.Error{Op: "relay", Kind: upstream.Answered, Status: call.Reply.Status}
		told = statusOf(ctx, call, err)
	}
	c.audit(ctx, call, told)
	took := time.Since(call.start)
	call.meter.done(call.face(), told.code, took)
	call.tell(told)
	if level := c.levelOf(call, told); c.log.Enabled(ctx, level) {
		c.record(ctx, level, call, told, took, err)
	}
	return st.Err()
}
