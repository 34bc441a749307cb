package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// callLine is a line of the access log.
type callLine struct {
	Level, Msg, Method, Face, Code, Reason, Credential, Caller string

	TookMS            *float64 `json:"took_ms"`
	RequestID         string   `json:"request_id"`
	UpstreamRequestID string   `json:"upstream_request_id"`
	UpstreamStatus    int      `json:"upstream_status"`
	TraceID           string   `json:"trace_id"`
}

// logging is a gateway that logs at info as JSON, and what it has logged of calls.
func logging(t *testing.T, cfg Config) (*gateway, *Server, func() []callLine) {
	t.Helper()
	api, err := upstream.New(gitlabOf(t, sandbox.New()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	logs := newLogBuffer()
	cfg.ShutdownTimeout, cfg.SpoolMemory, cfg.Recheck, cfg.Version = time.Minute, 64<<20, 30*time.Second, "test"
	s, err := New(cfg, api, slog.New(slog.NewJSONHandler(logs, nil)))
	if err != nil {
		t.Fatal(err)
	}
	gw := run(t, s, logs)
	return gw, s, func() (lines []callLine) {
		if err := gw.stop(); err != nil {
			t.Fatal(err)
		}
		for text := range bytes.SplitSeq([]byte(logs.String()), []byte("\n")) {
			var line callLine
			if len(text) > 0 && json.Unmarshal(text, &line) != nil {
				t.Errorf("no JSON: %s", text)
			}
			if line.Msg == "call" {
				lines = append(lines, line)
			}
		}
		return lines
	}
}

// callBoth makes a call that succeeds and one that does not, on both faces.
func callBoth(t *testing.T, gw *gateway) {
	t.Helper()
	for _, job := range []int64{sandbox.JobSuccess, 999} {
		_, _ = gw.jobs.GetJob(with(t, "private-token", sandbox.TokenDeveloper, "traceparent", remote, "x-request-id", "mine"),
			&jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: job})
	}
	for _, path := range []string{"/projects/acme%2Fwidgets/jobs/101", "/projects/acme%2Fwidgets/jobs/999"} {
		ask(t, gw.url, "GET", path, "Private-Token", sandbox.TokenDeveloper, "traceparent", remote, "X-Request-Id", "mine")
	}
	if _, err := healthv1.NewHealthClient(gw.conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestAccessLog(t *testing.T) {
	gw, s, lines := logging(t, Config{AccessLog: true, Tracer: sdktrace.NewTracerProvider().Tracer("test")})
	callBoth(t, gw)
	seen := httptest.NewRecorder()
	s.admin.Handler.ServeHTTP(seen, httptest.NewRequestWithContext(t.Context(), "GET", "/quota", http.NoBody))
	got := lines()
	if len(got) != 4 {
		t.Fatalf("%d lines: %+v", len(got), got)
	}
	for i, line := range got {
		code, reason, status, face := "OK", "", http.StatusOK, faces[i/2]
		if i%2 == 1 {
			code, reason, status = "NotFound", "JOB_NOT_FOUND", http.StatusNotFound
		}
		if line.Level != "INFO" || line.Method != jobgatev1.JobService_GetJob_FullMethodName || line.Face != face || line.Code != code ||
			line.Reason != reason || line.UpstreamStatus != status || line.RequestID != "mine" || line.Caller != "127.0.0.1" || line.TraceID != remote[3:35] {
			t.Errorf("line %d: %+v", i, line)
		}
		if line.TookMS == nil || *line.TookMS <= 0 || *line.TookMS > 60_000 {
			t.Errorf("line %d: took %v", i, line.TookMS)
		}
		if !regexp.MustCompile(`^[0-9a-f]{8}$`).MatchString(line.Credential) || !strings.Contains(seen.Body.String(), `"credential":"`+line.Credential+`"`) {
			t.Errorf("line %d: credential %s is not in %s", i, line.Credential, seen.Body)
		}
		if line.UpstreamRequestID == "" {
			t.Errorf("line %d: no request id of GitLab's", i)
		}
	}
	for _, secret := range []string{sandbox.TokenDeveloper, "acme", "widgets"} {
		if strings.Contains(gw.log.String(), secret) {
			t.Errorf("%q is logged: %s", secret, gw.log)
		}
	}
}

// TestNoAccessLog proves that without it what succeeds, or is the caller's own fault, is not
// logged at info.
func TestNoAccessLog(t *testing.T) {
	gw, _, lines := logging(t, Config{})
	callBoth(t, gw)
	if got := lines(); len(got) > 0 {
		t.Errorf("logged: %+v", got)
	}
}

func TestIsRequestID(t *testing.T) {
	for _, id := range []string{"01JG3QXV7Z5V9W8D4T2N6R0KFA", "b3e1c7a2-8f4d-4c1e-9a7b-2d5f8e6c1a90", "4bf92f3577b34da6a3ce929d0e0e4736"} {
		if !isRequestID(id) {
			t.Errorf("%q is none", id)
		}
	}
	for _, text := range []string{
		"", "short", "glpat-abcdefghij0123456789ab", "glcbt-64_abcdefghij0123456789", "abcdefghijABCDEFGHIJ01234567", strings.Repeat("a", 64), "Private-Token=01JG3QXV7Z5V9W8D4T2N",
	} {
		if isRequestID(text) {
			t.Errorf("%q is one", text)
		}
	}
}

// TestLogLevel proves that the level of the log can be told and changed while the gateway
// serves, and by nothing but its words.
func TestLogLevel(t *testing.T) {
	level := new(slog.LevelVar)
	_, s := configured(t, gitlabOf(t, sandbox.New()), Config{ShutdownTimeout: time.Minute, LogLevel: level})
	for _, step := range []struct {
		method, body string
		status       int
		level        slog.Level
	}{
		{"GET", "", 200, slog.LevelInfo},
		{"PUT", "debug", 200, slog.LevelDebug},
		{"PUT", "warn\n", 200, slog.LevelWarn},
		{"PUT", "", 400, slog.LevelWarn},
		{"PUT", "WARN", 400, slog.LevelWarn},
		{"PUT", "info+1", 400, slog.LevelWarn},
		{"PUT", strings.Repeat(" ", 100) + "info", 400, slog.LevelWarn},
		{"POST", "info", 405, slog.LevelWarn},
		{"PUT", "error", 200, slog.LevelError},
		{"PUT", "info", 200, slog.LevelInfo},
		{"GET", "", 200, slog.LevelInfo},
	} {
		w := httptest.NewRecorder()
		s.admin.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), step.method, "/log/level", strings.NewReader(step.body)))
		if w.Code != step.status || level.Level() != step.level {
			t.Errorf("%s %.20q: %d, and the level is %v, want %d and %v", step.method, step.body, w.Code, level.Level(), step.status, step.level)
		}
		if want := strings.ToLower(step.level.String()) + "\n"; step.status == 200 && w.Body.String() != want {
			t.Errorf("%s %.20q: %q, want %q", step.method, step.body, w.Body, want)
		}
	}
}

// TestMetricsOfCalls proves that both faces are told by the same names, and that no label has
// what callers have written.
func TestMetricsOfCalls(t *testing.T) {
	gw, s, stopped := logging(t, Config{})
	callBoth(t, gw)
	ask(t, gw.url, "GET", "/projects/acme%2Fwidgets/jobs/101?a=%zz", "Private-Token", sandbox.TokenDeveloper)
	stopped()
	w := httptest.NewRecorder()
	s.admin.Handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", http.NoBody))
	lines := strings.Split(w.Body.String(), "\n")
	const job = `method="jobgate.v1.JobService/GetJob"`
	for _, want := range []string{
		`jobgate_rpc_total{code="OK",face="grpc",` + job + `} 1`,
		`jobgate_rpc_total{code="NOT_FOUND",face="grpc",` + job + `} 1`,
		`jobgate_rpc_total{code="OK",face="rest",` + job + `} 1`,
		`jobgate_rpc_total{code="NOT_FOUND",face="rest",` + job + `} 1`,
		`jobgate_rpc_total{code="INVALID_ARGUMENT",face="rest",method="jobgate.rest/Relay"} 1`,
		`jobgate_rpc_total{code="OK",face="grpc",method="grpc.health.v1.Health/Check"} 1`,
		`jobgate_rpc_in_flight{face="grpc",` + job + `} 0`,
		`jobgate_rpc_in_flight{face="rest",` + job + `} 0`,
		`jobgate_rpc_duration_seconds_count{code="OK",face="grpc",` + job + `} 1`,
		`jobgate_rpc_duration_seconds_bucket{code="OK",face="grpc",` + job + `,le="300"} 1`,
		`jobgate_upstream_requests_total{route="get job",status="2xx"} 2`,
		`jobgate_upstream_requests_total{route="relay",status="4xx"} 1`,
		`jobgate_upstream_request_duration_seconds_count{route="get job",status="2xx"} 2`,
		`jobgate_upstream_queue_seconds_bucket{queue="slots",le="300"} 5`,
		`jobgate_upstream_queue_seconds_bucket{queue="quota",le="300"} 5`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("missing: %s", want)
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if strings.Contains(line, "acme") || strings.Contains(line, "widgets") || strings.Contains(line, "credential") {
			t.Errorf("told: %s", line)
		}
	}
}
