package tracing

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// started are traces as the environment has them.
func started(t *testing.T, log io.Writer) *Traces {
	t.Helper()
	s, err := Read(os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	traces, err := Start(t.Context(), s, "1.2.3", slog.New(slog.NewTextHandler(log, nil)), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return traces
}

var both = []string{"grpc", "http/protobuf"}

// TestEndToEnd proves that a call through the gateway is told to a collector, over both
// protocols, by the time that the gateway has stopped.
func TestEndToEnd(t *testing.T) {
	for _, protocol := range both {
		t.Run(protocol, func(t *testing.T) {
			c := new(collector)
			c.serve(t, protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other")
			t.Setenv("OTEL_SERVICE_NAME", "gate")
			traces := started(t, io.Discard)
			throughGateway(t, traces)
			traces.Stop()
			names := c.names()
			if len(names) != 2 || names["jobgate.v1.JobService/GetJob"] != 1 || names["GET /api/v4/projects/{project}/jobs/{job_id}"] != 1 {
				t.Errorf("spans %v", names)
			}
			about := map[string]string{}
			for _, a := range c.spans[0].GetResource().GetAttributes() {
				about[a.GetKey()] = a.GetValue().GetStringValue()
			}
			if about["service.name"] != "gate" || about["service.version"] != "1.2.3" || about["deployment.environment.name"] != "test" {
				t.Errorf("they are of %v", about)
			}
			if len(c.header) == 0 || c.header[0] != "abc" {
				t.Errorf("header %q", c.header)
			}
		})
	}
}

// throughGateway makes one call through a gateway before a sandbox.
func throughGateway(t *testing.T, traces *Traces) {
	t.Helper()
	gitlab := httptest.NewServer(sandbox.New())
	defer gitlab.Close()
	api, err := upstream.New(gitlab.URL, upstream.WithTracing(traces.Tracer(), false))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	s, err := server.New(server.Config{Version: "test", ShutdownTimeout: time.Minute, Tracer: traces.Tracer()}, api, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lis, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, server.Listeners{GRPC: lis}) }()
	conn, err := grpc.NewClient("passthrough:///"+lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = jobgatev1.NewJobServiceClient(conn).GetJob(metadata.AppendToOutgoingContext(t.Context(), "private-token", sandbox.TokenDeveloper),
		&jobgatev1.GetJobRequest{Project: "1", JobId: sandbox.JobSuccess})
	if err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestCollectorThatHangs proves, also of one that is not there, that who makes spans does not wait,
// however many they are, that a stop takes little more than a second, and that nothing goes on
// after it.
func TestCollectorThatHangs(t *testing.T) {
	for _, protocol := range both {
		for _, there := range []bool{true, false} {
			t.Run(protocol+" "+map[bool]string{true: "hangs", false: "is down"}[there], func(t *testing.T) {
				release := make(chan struct{})
				c := &collector{hangs: release}
				c.serve(t, protocol)
				t.Cleanup(func() { close(release) })
				if !there {
					t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
				}
				var log bytes.Buffer
				traces := started(t, &log)
				begun := time.Now()
				for range 20_000 { // ten times what is kept
					_, span := traces.Tracer().Start(t.Context(), "a call")
					span.End()
				}
				made := time.Since(begun)
				traces.Stop()
				if made > 5*time.Second {
					t.Errorf("making spans took %v", made)
				}
				if took := time.Since(begun) - made; took > stopTime+2*time.Second {
					t.Errorf("the stop took %v", took)
				}
				if n := strings.Count(log.String(), "level=WARN msg=traces"); n != 1 {
					t.Errorf("it is told %d times: %s", n, &log)
				}
			})
		}
	}
}

// TestOff proves that without a variable there is nothing.
func TestOff(t *testing.T) {
	traces, err := Start(t.Context(), Settings{}, "1", slog.New(slog.DiscardHandler), io.Discard)
	if traces != nil || err != nil || traces.Tracer() != nil {
		t.Errorf("%v, %v, %v", traces, err, traces.Tracer())
	}
	traces.Stop()
}

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	traces, err := Start(t.Context(), Settings{Exporter: "console"}, "1", slog.New(slog.DiscardHandler), &out)
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Tracer().Start(t.Context(), "a call")
	span.End()
	traces.Stop()
	if !strings.Contains(out.String(), `"Name":"a call"`) {
		t.Errorf("written: %s", &out)
	}
}
