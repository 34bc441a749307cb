// Package tracing sets up OpenTelemetry traces by the variables that its specification has for
// that (OTEL_…), and for nothing else: who makes spans is given a tracer, and knows nothing of
// where they go. If no variable says where, there is no tracer, and nothing is spent.
//
// Whatever a collector does, calls don't wait for it: spans that it does not take are dropped
// once the queue is full, and a stop waits for it for a second at most.
package tracing
