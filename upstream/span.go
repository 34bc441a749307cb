package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// WithTracing makes a span of each request that is sent, if its context has one that is
// recorded; nil, the default, makes none. A span tells the route, never a path, query,
// header or body. With propagate, the context of the trace is sent to GitLab as well, in the
// headers `traceparent` and `tracestate`.
func WithTracing(tracer trace.Tracer, propagate bool) Option {
	return func(c *Client) { c.spans = spans{tracer: tracer, propagate: tracer != nil && propagate} }
}

// spans makes spans of requests.
type spans struct {
	tracer    trace.Tracer // nil for none
	propagate bool
	server    []attribute.KeyValue // that is asked
}

// Attributes of what no convention has a name for. Times are seconds.
const (
	slotsWaited = attribute.Key("jobgate.wait.slots")
	quotaWaited = attribute.Key("jobgate.wait.quota")
	sharedWork  = attribute.Key("jobgate.shared")
)

// asServer describes GitLab.
func (s *spans) asServer(where base) {
	host, port, err := net.SplitHostPort(where.host)
	if err != nil {
		host, port = where.host, map[string]string{"http": "80", "https": "443"}[where.scheme]
	}
	n, _ := strconv.Atoi(port)
	s.server = []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(n)}
}

// attempt is what a span tells of a request, for the layer that sends it.
type attempt struct {
	template     string
	resent       int
	slots, quota time.Duration
}

type attemptKey struct{}

// noting is the context in which r is sent once more.
func (s *spans) noting(ctx context.Context, r *request) context.Context {
	if s.tracer == nil || !trace.SpanFromContext(ctx).IsRecording() {
		return ctx
	}
	a := &attempt{template: r.template(), resent: r.sent, slots: r.slotsWaited, quota: r.quotaWaited}
	return context.WithValue(ctx, attemptKey{}, a)
}

// layer is the innermost one, so that there is a span for what is really sent.
func (s *spans) layer() middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			ctx := req.Context()
			a, _ := ctx.Value(attemptKey{}).(*attempt)
			if a == nil {
				return next.RoundTrip(s.told(ctx, req))
			}
			ctx, span := s.begin(ctx, req.Method, a)
			resp, err := next.RoundTrip(s.told(ctx, req))
			if err != nil {
				fail(span, errorType(ctx))
				span.End()
				return nil, err
			}
			span.SetAttributes(semconv.HTTPResponseStatusCode(resp.StatusCode))
			if resp.StatusCode >= http.StatusBadRequest {
				fail(span, strconv.Itoa(resp.StatusCode))
			}
			if resp.Body == nil || resp.Body == http.NoBody {
				span.End()
				return resp, nil
			}
			resp.Body = &tracedBody{ReadCloser: resp.Body, ctx: ctx, span: span}
			return resp, nil
		})
	}
}

// told is the request with the context of the trace, if GitLab is to know it.
func (s *spans) told(ctx context.Context, req *http.Request) *http.Request {
	if !s.propagate || !trace.SpanContextFromContext(ctx).IsValid() {
		return req
	}
	req = withHeader(req)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(req.Header))
	return req
}

func (s *spans) begin(ctx context.Context, method string, a *attempt) (context.Context, trace.Span) {
	ctx, span := s.tracer.Start(ctx, spanName(method, a.template), trace.WithSpanKind(trace.SpanKindClient))
	if !span.IsRecording() {
		return ctx, span
	}
	span.SetAttributes(s.server...)
	span.SetAttributes(semconv.HTTPRequestMethodKey.String(method),
		slotsWaited.Float64(a.slots.Seconds()), quotaWaited.Float64(a.quota.Seconds()))
	if a.template != "" {
		span.SetAttributes(semconv.URLTemplate(a.template))
	}
	if a.resent > 0 {
		span.SetAttributes(semconv.HTTPRequestResendCount(a.resent))
	}
	return ctx, span
}

func spanName(method, template string) string {
	if template == "" {
		return method
	}
	return method + " " + template
}

func fail(span trace.Span, why string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(why))
	span.SetStatus(codes.Error, "")
}

// errorType is why no answer came, or not all of it.
func errorType(ctx context.Context) string {
	switch why := context.Cause(ctx); {
	case why == nil:
		return "connection"
	case errors.Is(why, ErrUpstreamTimeout), errors.Is(why, ErrLogIdle), errors.Is(why, context.DeadlineExceeded):
		return "timeout"
	}
	return "canceled"
}

// linkTo tells that the work for the span of the context was done for another one.
func linkTo(ctx context.Context, other trace.SpanContext) {
	if !other.IsValid() {
		return
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddLink(trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{sharedWork.String("read")}})
	}
}

// tracedBody ends the span of a request with its answer.
type tracedBody struct {
	io.ReadCloser
	ctx   context.Context //nolint:containedctx // Read has none
	span  trace.Span
	bytes atomic.Int64
	ended atomic.Bool
}

// Read implements [io.Reader].
func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	switch {
	case err == nil:
	case isEnd(err):
		b.end("")
	default:
		b.end(errorType(b.ctx))
	}
	return n, err
}

// Close implements [io.Closer].
func (b *tracedBody) Close() error {
	b.end("")
	return b.ReadCloser.Close()
}

// end ends the span, once; why is the type of an error, "" for none.
func (b *tracedBody) end(why string) {
	if b.ended.Swap(true) {
		return
	}
	b.span.SetAttributes(semconv.HTTPResponseBodySize(int(b.bytes.Load())))
	if why != "" {
		fail(b.span, why)
	}
	b.span.End()
}
