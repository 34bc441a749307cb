package tracing

import (
	"context"
	"errors"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

var errStopped = errors.New("the gateway has stopped")

// exporter is one that can be ended in the middle of a batch.
type exporter struct {
	sdktrace.SpanExporter
	life   context.Context //nolint:containedctx // ends what is under way
	cancel context.CancelCauseFunc

	closed sync.Once
	mu     sync.Mutex // guards what follows
	ended  bool
	under  sync.WaitGroup
}

func newExporter(to sdktrace.SpanExporter) *exporter {
	e := &exporter{SpanExporter: to}
	e.life, e.cancel = context.WithCancelCause(context.Background())
	return e
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if !e.enter() {
		return errStopped
	}
	defer e.under.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(e.life, func() { cancel(errStopped) })() //nolint:contextcheck // it ends with both
	return e.SpanExporter.ExportSpans(ctx, spans)
}

// enter counts one in who is waited for, unless it is too late.
func (e *exporter) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		e.under.Add(1)
	}
	return !e.ended
}

// Shutdown implements [sdktrace.SpanExporter].
func (e *exporter) Shutdown(ctx context.Context) (err error) {
	e.closed.Do(func() { err = e.SpanExporter.Shutdown(ctx) })
	return err
}

// end ends what is under way, and lets nothing more begin.
func (e *exporter) end() {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	e.cancel(errStopped)
}

// wait waits for what was ended, and closes the connections.
func (e *exporter) wait() {
	e.under.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // there is nothing to wait for any more
	_ = e.Shutdown(ctx)
}
