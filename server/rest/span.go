package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

var serverKind = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer)}

// begin begins the span of a request, which end ends.
func (x *exchange) begin() {
	ctx := x.r.Context()
	if len(x.r.Header["Traceparent"]) > 0 {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(x.r.Header))
	}
	x.traced, x.span = x.face.cfg.Tracer.Start(ctx, spanMethod(x.r.Method), serverKind...) //nolint:spancheck // end ends it
}

func (x *exchange) end() {
	defer x.span.End()
	if x.span.IsRecording() {
		x.tell(x.traced, x.span)
	}
}

// tell tells the route and the status, never the path or the query, which hold what callers
// have written.
func (x *exchange) tell(ctx context.Context, span trace.Span) {
	method := spanMethod(x.r.Method)
	if method == "HTTP" {
		span.SetAttributes(semconv.HTTPRequestMethodOther)
	} else {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(method))
	}
	if x.route != nil {
		span.SetName(method + " " + x.template)
		span.SetAttributes(semconv.HTTPRoute(x.template))
	}
	if x.sent != 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(x.sent))
	}
	switch {
	case x.gone || ctx.Err() != nil:
		span.SetAttributes(semconv.ErrorTypeKey.String("canceled"))
	case x.broken:
		span.SetAttributes(semconv.ErrorTypeKey.String("broken_off"))
		span.SetStatus(codes.Error, "")
	case x.sent >= http.StatusInternalServerError:
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(x.sent)))
		span.SetStatus(codes.Error, "")
	}
}

// spanMethod is a method, or what stands for those that strangers make up.
func spanMethod(method string) string {
	if slices.Contains(relayable, method) {
		return method
	}
	return "HTTP"
}
