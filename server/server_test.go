package server

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// quiet is a logger into a buffer, and the buffer.
func quiet() (*slog.Logger, *logBuffer) {
	logs := newLogBuffer()
	return slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})), logs
}

func TestHealthNamesEveryService(t *testing.T) {
	gw, _ := newSandbox(t)
	client := healthv1.NewHealthClient(gw.conn)
	for _, service := range []string{"", "jobgate.v1.JobService", "jobgate.v1.BridgeService", "jobgate.v1.AgentService", "jobgate.v1.TraceService"} {
		got, err := client.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", service, got, err)
		}
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	gw, _ := newSandbox(t)
	stream, err := reflectionv1.NewServerReflectionClient(gw.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	got, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, s := range got.GetListServicesResponse().GetService() {
		names += s.GetName() + " "
	}
	if !strings.Contains(names, "jobgate.v1.TraceService") {
		t.Errorf("services %s", names)
	}
	_ = stream.CloseSend()
}

// A panic becomes INTERNAL, is logged with its stack, and tells no token.
func TestPanicsAreContained(t *testing.T) {
	log, logs := quiet()
	c := newChain(Config{}, log, context.Background())
	handler := func(ctx context.Context, _ any) (any, error) {
		panic("the token is " + upstream.CallFrom(ctx).Credential.PrivateToken)
	}
	ctx := incoming(t, "private-token", canary)
	_, err := c.unary(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 1}, &grpc.UnaryServerInfo{FullMethod: "/jobgate.v1.JobService/GetJob"}, handler)
	failure{codes.Internal, "GATEWAY_FAILED", ""}.check(t, err)
	if text := logs.String(); !strings.Contains(text, "server_test.go") || !strings.Contains(text, "[redacted]") {
		t.Errorf("the log lacks the stack or the value: %s", text)
	}
	wantNoToken(t, &gateway{log: logs}, err, canary)
}

// A token that GitLab repeats in its answer is cut out of the status.
func TestEchoedTokensAreCutOut(t *testing.T) {
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Private-Token")
		w.Header().Set("X-Request-Id", token)
		message(403, "403 Forbidden - "+token).ServeHTTP(w, r)
	}))
	err := getJob.rpc(as(t, canary), gw)
	failure{codes.PermissionDenied, "ACCESS_DENIED", ""}.check(t, err)
	wantNoToken(t, gw, err, canary)
}

func TestCallsAreLogged(t *testing.T) {
	gw, _ := newSandbox(t)
	_ = getJob.rpc(with(t, "private-token", canary, "x-request-id", "find-me-42"), gw)
	if err := gw.stop(); err != nil {
		t.Fatal(err)
	}
	text := gw.log.String()
	for _, want := range []string{"method=/jobgate.v1.JobService/GetJob", "code=Unauthenticated", "reason=TOKEN_REJECTED", "request_id=find-me-42", "upstream_status=401"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the log: %s", want, text)
		}
	}
}

// A stop lets calls in progress end, and takes no new ones.
func TestStopWaitsForCalls(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		w.Header().Set("Content-Type", asJSON)
		_, _ = io.WriteString(w, `{"id":7}`)
	}))
	result := make(chan error, 1)
	go func() { result <- getJob.rpc(context.Background(), gw) }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- gw.stop() }()
	gw.log.waitFor("stopping")
	select {
	case err := <-stopped:
		t.Fatalf("stopped (%v) with a call in progress", err)
	default:
	}
	close(release)
	if err := <-result; err != nil {
		t.Errorf("the call in progress: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Run: %v", err)
	}
	if code := status.Code(getJob.rpc(t.Context(), gw)); code != codes.Unavailable {
		t.Errorf("a call after the stop: %v", code)
	}
}

// What outlasts the grace time is ended, and told so.
func TestStopEndsWhatOutlastsTheGrace(t *testing.T) {
	reached := make(chan struct{})
	box := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/trace") {
			answer(200, asJSON, `{"id":7,"status":"running"}`).ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", asText)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		close(reached)
		<-r.Context().Done()
	})
	gw := shortLived(t, box)
	stream, err := gw.traces.ReadTrace(t.Context(), &jobgatev1.ReadTraceRequest{Project: "1", JobId: 7})
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	go func() { _ = gw.stop() }()
	_, err = events(t, stream, nil)
	failure{codes.Unavailable, "SHUTTING_DOWN", ""}.check(t, err)
	if err := gw.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// A write that GitLab has, and that the stop cuts off, is not told as never sent.
func TestStopTellsOfWritesThatWereSent(t *testing.T) {
	reached := make(chan struct{})
	gw := shortLived(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(reached)
		<-r.Context().Done()
	}))
	result := make(chan error, 1)
	go func() { result <- cancelJob.rpc(context.Background(), gw) }()
	<-reached
	if err := gw.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}.check(t, <-result)
}

// REST calls that outlast the grace time are ended too, and told so; a log breaks off.
func TestStopEndsRESTCalls(t *testing.T) {
	cases := map[string]struct {
		request
		status int
		reason string
	}{
		"read":  {getJob, 503, "SHUTTING_DOWN"},
		"write": {cancelJob, 502, "WRITE_OUTCOME_UNKNOWN"},
		"relay": {request{nil, "HEAD", getJob.path}, 503, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			reached := make(chan struct{})
			gw := shortLived(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(reached)
				<-r.Context().Done()
			}))
			stopped := make(chan error, 1)
			go func() {
				<-reached
				stopped <- gw.stop()
			}()
			got := c.overREST(t, gw)
			if err := <-stopped; err != nil {
				t.Errorf("Run: %v", err)
			}
			if c.reason != "" {
				wantOwn(t, got, c.status, c.reason)
			} else if got.status != c.status {
				t.Errorf("status %d", got.status)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	front := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer front.Close()
	secure := &tls.Config{Certificates: front.TLS.Certificates, MinVersion: tls.VersionTLS13}
	api, err := upstream.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	log, _ := quiet()
	s, err := New(Config{GRPCTLS: secure, HTTPTLS: secure, ShutdownTimeout: time.Minute, Version: "test"}, api, log)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	conn, err := grpc.NewClient("passthrough:///"+l.GRPC.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(front.Client().Transport.(*http.Transport).TLSClientConfig)), grpc.WithAuthority("example.com"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("gRPC over TLS: %v, %v", got, err)
	}
	_ = conn.Close()
	if code, body := fetch(t, front.Client(), "https://"+l.HTTP.Addr().String()+"/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("HTTP over TLS: %d %q", code, body)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	front.Client().CloseIdleConnections()
}

func TestHTTPAndAdminFaces(t *testing.T) {
	front := httptest.NewServer(sandbox.New())
	defer front.Close()
	api, err := upstream.New(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	log, _ := quiet()
	s, err := New(Config{ShutdownTimeout: time.Minute, Version: "1.2.3-test"}, api, log)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	cases := map[string]struct {
		url  string
		code int
		body string
	}{
		"health":          {l.HTTP.Addr().String() + "/healthz", 200, "ok"},
		"unknown path":    {l.HTTP.Addr().String() + "/api/v4/version", 404, `{"error":"404 Not Found"}`},
		"no metrics":      {l.HTTP.Addr().String() + "/metrics", 404, "404"},
		"admin health":    {l.Admin.Addr().String() + "/healthz", 200, "ok"},
		"metrics":         {l.Admin.Addr().String() + "/metrics", 200, `jobgate_build_info{version="1.2.3-test"} 1`},
		"cache":           {l.Admin.Addr().String() + "/metrics", 200, `jobgate_cache_answers_total{result="hit"} 0`},
		"streams":         {l.Admin.Addr().String() + "/metrics", 200, "jobgate_log_streams 0"},
		"fetchers":        {l.Admin.Addr().String() + "/metrics", 200, "jobgate_log_fetchers 0"},
		"resets":          {l.Admin.Addr().String() + "/metrics", 200, `jobgate_log_resets_total{reason="truncated"} 0`},
		"lag":             {l.Admin.Addr().String() + "/metrics", 200, `jobgate_log_reader_lag_bytes_bucket{le="0"} 0`},
		"permission":      {l.Admin.Addr().String() + "/metrics", 200, `jobgate_log_upstream_requests_total{purpose="permission"} 0`},
		"circuit":         {l.Admin.Addr().String() + "/metrics", 200, "jobgate_upstream_up 1"},
		"calls":           {l.Admin.Addr().String() + "/metrics", 200, `jobgate_upstream_calls{state="waiting"} 0`},
		"request ids":     {l.Admin.Addr().String() + "/metrics", 200, `jobgate_request_id_writes_total{result="replayed"} 0`},
		"gitlab's health": {l.Admin.Addr().String() + "/healthz/gitlab", 200, "ok"},
		"quota":           {l.Admin.Addr().String() + "/quota", 200, "[]"},
		"quota left":      {l.Admin.Addr().String() + "/metrics", 200, `jobgate_quota_remaining_share_bucket{le="0.1"} 0`},
		"spool":           {l.Admin.Addr().String() + "/metrics", 200, `jobgate_spool_bytes{place="memory"} 0`},
		"profiles":        {l.Admin.Addr().String() + "/debug/pprof/goroutine?debug=1", 200, "goroutine profile"},
		"no commandline":  {l.Admin.Addr().String() + "/debug/pprof/cmdline", 404, ""},
	}
	for name, c := range cases {
		if code, body := fetch(t, client, "http://"+c.url); code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %.200q", name, code, body)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestRunFailsWithItsListener(t *testing.T) {
	api, err := upstream.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	log, _ := quiet()
	s, err := New(Config{ShutdownTimeout: time.Second, Version: "test"}, api, log)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	_ = l.HTTP.Close()
	if err := s.Run(t.Context(), l); err == nil {
		t.Error("Run went on without its HTTP listener")
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	if _, err := New(Config{ShutdownTimeout: -1}, nil, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "shutdown-timeout") {
		t.Errorf("%v", err)
	}
}

func listen(t *testing.T) Listeners {
	t.Helper()
	one := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	return Listeners{GRPC: one(), HTTP: one(), Admin: one()}
}

func fetch(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// Every ErrorReason has a row in docs/errors.md.
func TestEveryReasonIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for n, name := range jobgatev1.ErrorReason_name {
		if n != 0 && !strings.Contains(string(text), strings.TrimPrefix(name, reasonPrefix)) {
			t.Errorf("%s is not in docs/errors.md", name)
		}
	}
}
