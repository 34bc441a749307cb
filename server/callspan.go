package server

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	otelcodes "go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
	rpccode "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// Attributes of what no convention has a name for.
const (
	reasonKey         = attribute.Key("jobgate.reason")
	upstreamStatusKey = attribute.Key("jobgate.upstream.status")
)

var serverKind = []oteltrace.SpanStartOption{oteltrace.WithSpanKind(oteltrace.SpanKindServer)}

// begin counts a call in, and begins its span, if there are any. Over REST the span is that
// of the request, which the face makes. Health and reflection have none.
func (c *chain) begin(ctx context.Context, call *call) context.Context {
	call.meter = c.meters.Get(call.method)
	call.meter.flying[call.face()].Add(1)
	switch {
	case c.tracer == nil:
		return ctx
	case call.caller != nil:
		call.span = oteltrace.SpanFromContext(ctx)
		return ctx
	case !strings.HasPrefix(call.method, ownServices):
		return ctx
	}
	if len(metadata.ValueFromIncomingContext(ctx, "traceparent")) > 0 {
		md, _ := metadata.FromIncomingContext(ctx)
		ctx = propagation.TraceContext{}.Extract(ctx, carrier(md))
	}
	ctx, call.span = c.tracer.Start(ctx, methodName(call.method), serverKind...) //nolint:spancheck // tell ends it
	return ctx
}

// tell ends the span of a call with what the caller is told. It holds no word of the
// caller's or of GitLab's.
func (c *call) tell(told outcome) {
	if c.span == nil {
		return
	}
	if c.caller == nil {
		defer c.span.End()
	}
	if !c.span.IsRecording() {
		return
	}
	c.span.SetAttributes(semconv.RPCSystemNameGRPC, semconv.RPCMethod(methodName(c.method)),
		semconv.RPCResponseStatusCode(codeWord(told.code)))
	if c.Reply.Status != 0 {
		c.span.SetAttributes(upstreamStatusKey.Int(c.Reply.Status))
	}
	if told.code == codes.OK {
		return
	}
	c.span.SetAttributes(reasonKey.String(told.reason))
	if c.caller == nil && ours(told.code) {
		c.span.SetAttributes(semconv.ErrorTypeKey.String(codeWord(told.code)))
		c.span.SetStatus(otelcodes.Error, told.reason)
	}
}

// ours says whether a code tells of a fault of the server, by the conventions for spans.
func ours(c codes.Code) bool {
	switch c {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}

// methodName is a method without the slash before it.
func methodName(full string) string { return strings.TrimPrefix(full, "/") }

// codeWord is the name of a code as gRPC's specification spells it.
func codeWord(c codes.Code) string {
	return rpccode.Code(c).String() //nolint:gosec // one of seventeen
}

// carrier reads the context of a trace out of metadata.
type carrier metadata.MD

// Get implements [propagation.TextMapCarrier].
func (c carrier) Get(key string) string { return strings.Join(c[key], ",") }

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}
