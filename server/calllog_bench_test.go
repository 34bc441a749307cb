package server

import (
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// BenchmarkRecord is one line of the access log.
func BenchmarkRecord(b *testing.B) {
	for name, handler := range map[string]slog.Handler{"json": slog.NewJSONHandler(io.Discard, nil), "text": slog.NewTextHandler(io.Discard, nil)} { //nolint:sloglint // the form is what is measured
		b.Run(name, func(b *testing.B) {
			c := newChain(Config{AccessLog: true}, slog.New(handler), b.Context())
			call := newCall(b.Context(), jobgatev1.JobService_GetJob_FullMethodName, nil)
			call.Call.Caller, call.Credential.PrivateToken = "127.0.0.1", canary
			call.Reply = upstream.Reply{Status: http.StatusOK, Header: http.Header{"X-Request-Id": {"01JG3QXV7Z5V9W8D4T2N6R0KFA"}}}
			b.ReportAllocs()
			for b.Loop() {
				c.record(b.Context(), slog.LevelInfo, call, outcome{}, 1234*time.Microsecond, nil)
			}
		})
	}
}

// BenchmarkSpan is what a call spends on its span and its metrics, with one in a hundred
// recorded, and without any.
func BenchmarkSpan(b *testing.B) {
	sampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))).Tracer("bench")
	for name, tracer := range map[string]oteltrace.Tracer{"off": nil, "1%": sampled} {
		b.Run(name, func(b *testing.B) {
			c := newChain(Config{Tracer: tracer}, slog.New(slog.DiscardHandler), b.Context())
			ctx := metadata.NewIncomingContext(b.Context(), metadata.Pairs("private-token", canary))
			call := newCall(ctx, jobgatev1.JobService_GetJob_FullMethodName, nil)
			b.ReportAllocs()
			for b.Loop() {
				c.begin(ctx, call)
				call.meter.done(call.face(), 0, time.Millisecond)
				call.tell(outcome{})
			}
		})
	}
}
