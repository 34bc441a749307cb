package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// remote is the context of a trace that a caller is part of.
const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// traced is a gateway that makes spans, its server, and what tells them once it has stopped.
func traced(t *testing.T, gitlab http.Handler, propagate bool, opts ...upstream.Option) (*gateway, *Server, func() tracetest.SpanStubs) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	gw, s := configured(t, gitlabOf(t, gitlab), Config{ShutdownTimeout: time.Minute, Tracer: tracer},
		append(opts, upstream.WithTracing(tracer, propagate))...)
	return gw, s, func() tracetest.SpanStubs {
		if err := gw.stop(); err != nil {
			t.Fatal(err)
		}
		return spans.GetSpans()
	}
}

// toldOf is all that a span tells, by kind, name and attributes, in the order of the names.
func toldOf(span *tracetest.SpanStub) string {
	attrs := map[string]string{}
	for _, a := range span.Attributes {
		if a.Key != "server.port" && !strings.HasPrefix(string(a.Key), "jobgate.wait.") {
			attrs[string(a.Key)] = a.Value.String()
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", span.SpanKind, span.Name)
	for _, key := range slices.Sorted(maps.Keys(attrs)) {
		fmt.Fprintf(&b, " %s=%s", key, attrs[key])
	}
	if span.Status.Code != 0 {
		fmt.Fprintf(&b, " (%s %s)", span.Status.Code, span.Status.Description)
	}
	return b.String()
}

func allTold(spans tracetest.SpanStubs) []string {
	var all []string
	for i := range spans {
		all = append(all, toldOf(&spans[i]))
	}
	slices.Sort(all)
	return all
}

// of are the spans with a name.
func of(t *testing.T, spans tracetest.SpanStubs, name string, n int) tracetest.SpanStubs {
	t.Helper()
	found := slices.DeleteFunc(slices.Clone(spans), func(s tracetest.SpanStub) bool { return s.Name != name })
	if len(found) != n {
		t.Fatalf("%d spans %q, want %d, of %q", len(found), name, n, allTold(spans))
	}
	return found
}

const (
	jobTemplate   = "/api/v4/projects/{project}/jobs/{job_id}"
	getJobSpan    = "jobgate.v1.JobService/GetJob"
	readTraceSpan = "jobgate.v1.TraceService/ReadTrace"
)

// TestSpans proves what the spans of calls tell, on both faces: all of it, so that nothing of
// a request or an answer is among it.
func TestSpans(t *testing.T) {
	asked := func(status string) string {
		return "client: GET " + jobTemplate + " " + status + " server.address=127.0.0.1 url.template=" + jobTemplate
	}
	ok := asked("http.request.method=GET http.response.body.size=N http.response.status_code=200")
	badQuery := "client: GET " + jobTemplate + " error.type=400 http.request.method=GET http.response.body.size=N http.response.status_code=400 server.address=127.0.0.1 url.template=" + jobTemplate + " (Error )"
	notFound := "client: GET " + jobTemplate + " error.type=404 http.request.method=GET http.response.body.size=N http.response.status_code=404 server.address=127.0.0.1 url.template=" + jobTemplate + " (Error )"
	const rpc = " rpc.method=" + getJobSpan + " rpc.response.status_code="
	for _, tc := range []struct {
		name string
		call func(t *testing.T, gw *gateway)
		want []string
	}{
		{"gRPC", func(t *testing.T, gw *gateway) {
			t.Helper()
			_, err := gw.jobs.GetJob(as(t, sandbox.TokenDeveloper), &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: sandbox.JobSuccess})
			failure{}.check(t, err)
		}, []string{ok, "server: " + getJobSpan + " jobgate.upstream.status=200" + rpc + "OK rpc.system.name=grpc"}},
		{"gRPC, refused", func(t *testing.T, gw *gateway) {
			t.Helper()
			_, _ = gw.jobs.GetJob(as(t, sandbox.TokenDeveloper), &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: 999})
		}, []string{notFound, "server: " + getJobSpan + " jobgate.reason=JOB_NOT_FOUND jobgate.upstream.status=404" + rpc + "NOT_FOUND rpc.system.name=grpc"}},
		{"REST", func(t *testing.T, gw *gateway) {
			t.Helper()
			ask(t, gw.url, "GET", "/projects/acme%2Fwidgets/jobs/101", "Private-Token", sandbox.TokenDeveloper)
		}, []string{ok, "server: GET " + jobTemplate + " http.request.method=GET http.response.status_code=200 http.route=" + jobTemplate + " jobgate.upstream.status=200" + rpc + "OK rpc.system.name=grpc"}},
		{"REST, relayed", func(t *testing.T, gw *gateway) {
			t.Helper()
			ask(t, gw.url, "GET", "/projects/acme%2Fwidgets/jobs/999?private_token=%zz"+canary, "Private-Token", sandbox.TokenDeveloper)
		}, []string{badQuery, "server: GET " + jobTemplate + " http.request.method=GET http.response.status_code=400 http.route=" + jobTemplate + " jobgate.reason=INVALID_REQUEST jobgate.upstream.status=400 rpc.method=jobgate.rest/Relay rpc.response.status_code=INVALID_ARGUMENT rpc.system.name=grpc"}},
		{"REST, no route", func(t *testing.T, gw *gateway) {
			t.Helper()
			ask(t, gw.url, "GET", "/users/"+canary)
		}, []string{"server: GET http.request.method=GET http.response.status_code=404"}},
		{"REST, no method", func(t *testing.T, gw *gateway) {
			t.Helper()
			ask(t, gw.url, "BREW", "/job")
		}, []string{"server: HTTP /api/v4/job http.request.method=_OTHER http.response.status_code=405 http.route=/api/v4/job"}},
		{"health", func(t *testing.T, gw *gateway) {
			t.Helper()
			if _, err := healthv1.NewHealthClient(gw.conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
				t.Error(err)
			}
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gw, _, spans := traced(t, sandbox.New(), false)
			tc.call(t, gw)
			var got []string
			for _, told := range allTold(spans()) {
				got = append(got, withoutSize(told))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

// withoutSize leaves out how large an answer was.
func withoutSize(told string) string {
	const key = "http.response.body.size="
	before, after, ok := strings.Cut(told, key)
	if !ok {
		return told
	}
	_, after, _ = strings.Cut(after, " ")
	return before + key + "N " + after
}

// TestTraceOfTheCaller proves that spans go on the trace of the caller, on both faces, and that
// GitLab is told of it only if that is wanted: not by a header of the caller's either.
func TestTraceOfTheCaller(t *testing.T) {
	for _, propagate := range []bool{false, true} {
		t.Run(fmt.Sprint("propagate=", propagate), func(t *testing.T) {
			var got atomic.Pointer[[]string]
			box := sandbox.New()
			gw, _, spans := traced(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				values := append(append([]string{}, r.Header["Traceparent"]...), r.Header["Tracestate"]...)
				got.Store(&values)
				box.ServeHTTP(w, r)
			}), propagate)
			for _, face := range []string{getJobSpan, "GET " + jobTemplate} {
				if face == getJobSpan {
					_, err := gw.jobs.GetJob(with(t, "private-token", sandbox.TokenDeveloper, "traceparent", remote, "tracestate", "a=1"),
						&jobgatev1.GetJobRequest{Project: "1", JobId: sandbox.JobSuccess})
					failure{}.check(t, err)
				} else {
					ask(t, gw.url, "GET", "/projects/1/jobs/101", "Private-Token", sandbox.TokenDeveloper, "traceparent", remote, "tracestate", "a=1")
				}
				sent := *got.Load()
				switch {
				case !propagate && len(sent) > 0:
					t.Errorf("GitLab was told %q", sent)
				case propagate && (len(sent) != 2 || !strings.HasPrefix(sent[0], remote[:36]) || strings.Contains(sent[0], remote[36:52]) || sent[1] != "a=1"):
					t.Errorf("GitLab was told %q", sent)
				}
			}
			all := spans()
			for _, span := range append(of(t, all, getJobSpan, 1), of(t, all, "GET "+jobTemplate, 3)...) {
				if id := span.SpanContext.TraceID().String(); id != remote[3:35] {
					t.Errorf("%s is of the trace %s", span.Name, id)
				}
			}
			if parent := of(t, all, getJobSpan, 1)[0].Parent; parent.SpanID().String() != remote[36:52] || !parent.IsRemote() {
				t.Errorf("the span's parent is %v", parent.SpanID())
			}
		})
	}
}

// TestSpansOfRetries proves that each request that is sent has a span, and how often it was
// sent before.
func TestSpansOfRetries(t *testing.T) {
	box := sandbox.New()
	var n atomic.Int32
	gw, _, spans := traced(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		box.ServeHTTP(w, r)
	}), false)
	_, err := gw.jobs.GetJob(as(t, sandbox.TokenDeveloper), &jobgatev1.GetJobRequest{Project: "1", JobId: sandbox.JobSuccess})
	failure{}.check(t, err)
	all := spans()
	sent := of(t, all, "GET "+jobTemplate, 2)
	if first := toldOf(&sent[0]); strings.Contains(first, "resend_count") || !strings.Contains(first, "status_code=502") || !strings.Contains(first, "(Error )") {
		t.Errorf("first: %s", first)
	}
	if second := toldOf(&sent[1]); !strings.Contains(second, "http.request.resend_count=1") || !strings.Contains(second, "status_code=200") {
		t.Errorf("second: %s", second)
	}
	server := of(t, all, getJobSpan, 1)[0]
	for _, span := range sent {
		if span.Parent.SpanID() != server.SpanContext.SpanID() {
			t.Errorf("%s is not below its call", span.Name)
		}
	}
}

// TestSpansOfSharedReads proves that one who was answered by another one's request tells so.
func TestSpansOfSharedReads(t *testing.T) {
	box := sandbox.New()
	begun, goOn := make(chan struct{}), make(chan struct{})
	gw, s, spans := traced(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-goOn
		box.ServeHTTP(w, r)
	}), false)
	ended := make(chan error, 2)
	call := func() {
		_, err := gw.jobs.GetJob(as(t, sandbox.TokenDeveloper), &jobgatev1.GetJobRequest{Project: "1", JobId: sandbox.JobSuccess})
		ended <- err
	}
	go call()
	<-begun
	go call()
	until(t, func() bool { return s.api.GuardStats().Shared == 1 })
	close(goOn)
	for range 2 {
		failure{}.check(t, <-ended)
	}
	all := spans()
	sent, calls := of(t, all, "GET "+jobTemplate, 1)[0], of(t, all, getJobSpan, 2)
	for _, c := range calls {
		if c.SpanContext.SpanID() == sent.Parent.SpanID() {
			if len(c.Links) != 0 {
				t.Errorf("the one who asked has links %v", c.Links)
			}
			continue
		}
		if len(c.Links) != 1 || c.Links[0].SpanContext.SpanID() != sent.Parent.SpanID() {
			t.Errorf("the one who joined has links %v", c.Links)
		}
	}
}

// until waits until something is so.
func until(t *testing.T, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); !so(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			t.Fatal("it never is")
		}
	}
}

// TestSpansOfFollowers proves that a stream is one span, which tells how much it has sent, and
// that those who share the reading of a log tell so.
func TestSpansOfFollowers(t *testing.T) {
	box := sandbox.New()
	log := logOf(300_000)
	box.SetTrace(sandbox.JobRunning, log)
	gw, _, spans := traced(t, box, false)
	one := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning})
	_, cursor := bytesUpTo(t, one, len(log))
	two := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{
		JobId: sandbox.JobRunning, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: cursor},
	})
	if _, err := two.Recv(); err != nil { // it has joined
		t.Fatal(err)
	}
	box.GrowTrace(sandbox.JobRunning, []byte("one more line\n"))
	box.SetStatus(sandbox.JobRunning, "success")
	for _, stream := range []jobgatev1.TraceService_ReadTraceClient{one, two} {
		if _, err := events(t, stream, nil); err != nil {
			t.Fatal(err)
		}
	}
	all := spans()
	work, streams := of(t, all, "follow log", 1)[0], of(t, all, readTraceSpan, 2)
	var told []string
	for _, span := range streams {
		told = append(told, toldOf(&span))
		if len(span.Events) > 0 {
			t.Errorf("there are events: %v", span.Events)
		}
		first := work.Parent.SpanID() == span.SpanContext.SpanID()
		if !first && (len(span.Links) != 1 || span.Links[0].SpanContext.SpanID() != work.SpanContext.SpanID()) || first && len(span.Links) != 0 {
			t.Errorf("first %v, links %v", first, span.Links)
		}
	}
	slices.Sort(told)
	for i, want := range []string{"jobgate.log.bytes=14 jobgate.log.follow=true jobgate.log.resets=0 jobgate.log.resumed=true", "jobgate.log.bytes=300014 jobgate.log.follow=true jobgate.log.resets=0 jobgate.log.resumed=false"} {
		if !strings.Contains(told[i], want) {
			t.Errorf("%s, want %s", told[i], want)
		}
	}
	for _, span := range all {
		if span.SpanKind.String() == "client" && span.Parent.SpanID() != work.SpanContext.SpanID() &&
			!slices.ContainsFunc(streams, func(s tracetest.SpanStub) bool { return s.SpanContext.SpanID() == span.Parent.SpanID() }) {
			t.Errorf("%s is below nothing", toldOf(&span))
		}
	}
}
