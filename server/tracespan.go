package server

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// told is what a stream has sent of a log, for its span.
type told struct {
	bytes  int64
	resets int
}

// tell ends what the span of a stream tells of the log. There is nothing of single chunks.
func (t *told) tell(ctx context.Context, req *jobgatev1.ReadTraceRequest) {
	span := oteltrace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int64("jobgate.log.bytes", t.bytes), attribute.Int("jobgate.log.resets", t.resets),
		attribute.Bool("jobgate.log.resumed", req.GetCursor() != ""), attribute.Bool("jobgate.log.follow", req.GetFollow()))
}
