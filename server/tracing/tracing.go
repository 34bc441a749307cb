package tracing

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope names who makes the spans.
const scope = "github.com/jobgate/jobgate"

// stopTime is how long a stop waits for the collector to take what is left.
const stopTime = time.Second

// Traces are the traces of a process. Nil makes none.
type Traces struct {
	provider *sdktrace.TracerProvider
	exporter *exporter
}

// Start begins to make traces, nil if they are off. It connects to nobody yet. What goes
// wrong with the collector is told to log, once a minute at most; spans for the console go
// to console.
func Start(ctx context.Context, s Settings, version string, log *slog.Logger, console io.Writer) (*Traces, error) {
	if !s.On() {
		return nil, nil //nolint:nilnil // it is what makes none
	}
	quiet := newNews(log)
	otel.SetLogger(quiet.logger())
	otel.SetErrorHandler(quiet)
	about, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("jobgate"), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("environment variable OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	to, err := s.exporter(ctx, console)
	if err != nil {
		return nil, fmt.Errorf("the exporter of traces: %w", err)
	}
	e := newExporter(to)
	return &Traces{
		provider: sdktrace.NewTracerProvider(sdktrace.WithBatcher(e), sdktrace.WithResource(about)),
		exporter: e,
	}, nil
}

func (s Settings) exporter(ctx context.Context, console io.Writer) (sdktrace.SpanExporter, error) {
	switch {
	case s.Exporter == "console":
		return stdouttrace.New(stdouttrace.WithWriter(console))
	case s.Protocol == "grpc":
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// Tracer makes spans; it is nil if there are none to be made.
func (t *Traces) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(scope)
}

// Stop sends what is left, for a second at most, and ends all that is under way.
func (t *Traces) Stop() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		if err := t.provider.Shutdown(ctx); err != nil {
			otel.Handle(err)
		}
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
	}
	t.exporter.end()
	<-stopped
	t.exporter.wait()
}
