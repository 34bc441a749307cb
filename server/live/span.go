package live

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// work begins the span of what is done for all readers of a log, below that of the one who
// comes first: whether it is recorded is decided for him. The context has nothing else of his.
func (h *Hub) work(first context.Context) (context.Context, trace.Span) {
	ctx := context.Background()
	if h.cfg.Tracer == nil {
		return ctx, trace.SpanFromContext(ctx)
	}
	return h.cfg.Tracer.Start(trace.ContextWithSpanContext(ctx, trace.SpanContextFromContext(first)), "follow log") //nolint:spancheck // the fetcher ends it
}

// shares tells that the reading is done for somebody else too.
func (l *log) shares(reader context.Context) {
	if !l.span.SpanContext().IsValid() {
		return
	}
	if span := trace.SpanFromContext(reader); span.IsRecording() {
		span.AddLink(trace.Link{SpanContext: l.span.SpanContext(), Attributes: []attribute.KeyValue{attribute.String("jobgate.shared", "log")}})
	}
}
