package tracing

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector takes spans over both protocols.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer

	hangs <-chan struct{} // it answers once that is closed; nil for at once

	mu     sync.Mutex
	spans  []*tracev1.ResourceSpans
	header []string // x-key of each request
}

func (c *collector) take(ctx context.Context, key []string, req *collectorv1.ExportTraceServiceRequest) *collectorv1.ExportTraceServiceResponse {
	if c.hangs != nil {
		select {
		case <-c.hangs:
		case <-ctx.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, req.GetResourceSpans()...)
	c.header = append(c.header, key...)
	return new(collectorv1.ExportTraceServiceResponse)
}

// Export implements the service.
func (c *collector) Export(ctx context.Context, req *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	return c.take(ctx, md["x-key"], req), nil
}

// ServeHTTP implements [http.Handler].
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := new(collectorv1.ExportTraceServiceRequest)
	if err != nil || proto.Unmarshal(body, req) != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no spans", http.StatusBadRequest)
		return
	}
	answer, _ := proto.Marshal(c.take(r.Context(), r.Header["X-Key"], req))
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

// serve serves the collector by a protocol, and sets the environment to it.
func (c *collector) serve(t *testing.T, protocol string) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
	if protocol != "grpc" {
		s := httptest.NewServer(c)
		t.Cleanup(func() {
			s.CloseClientConnections()
			s.Close()
		})
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", s.URL)
		return
	}
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(s, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(lis) })
	t.Cleanup(func() {
		s.Stop()
		serving.Wait()
	})
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+lis.Addr().String())
}

// names are those of the spans that have come, with how often.
func (c *collector) names() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]int{}
	for _, from := range c.spans {
		for _, scope := range from.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				names[span.GetName()]++
			}
		}
	}
	return names
}
