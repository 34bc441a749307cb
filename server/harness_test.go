package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a token that no output may hold. It is no known one.
const canary = "glpat-canary-0123456789"

// gateway is a running gateway and its clients.
type gateway struct {
	jobs    jobgatev1.JobServiceClient
	bridges jobgatev1.BridgeServiceClient
	agents  jobgatev1.AgentServiceClient
	traces  jobgatev1.TraceServiceClient
	conn    *grpc.ClientConn
	addr    string
	url     string // of the HTTP listener
	log     *logBuffer
	stop    func() error // asks for an orderly stop and waits for it
}

// logBuffer holds what was logged, at every level.
type logBuffer struct {
	mu    sync.Mutex
	grown sync.Cond
	b     bytes.Buffer
}

func newLogBuffer() *logBuffer {
	l := new(logBuffer)
	l.grown.L = &l.mu
	return l
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.grown.Broadcast()
	return l.b.Write(p)
}

// waitFor returns once text has been logged.
func (l *logBuffer) waitFor(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.b.String(), text) {
		l.grown.Wait()
	}
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newGateway runs a gateway in front of gitlab until the test ends.
func newGateway(t *testing.T, gitlab http.Handler, opts ...upstream.Option) *gateway {
	t.Helper()
	return newGatewayAt(t, gitlabOf(t, gitlab), opts...)
}

// gitlabOf serves a GitLab, and returns its address.
func gitlabOf(t *testing.T, gitlab http.Handler) string {
	t.Helper()
	front := httptest.NewServer(gitlab)
	t.Cleanup(front.Close)
	return front.URL
}

func newGatewayAt(t *testing.T, url string, opts ...upstream.Option) *gateway {
	t.Helper()
	gw, _ := configured(t, url, Config{ShutdownTimeout: time.Minute}, opts...)
	return gw
}

// shortLived is a gateway that gives calls no time when it stops.
func shortLived(t *testing.T, gitlab http.Handler) *gateway {
	t.Helper()
	gw, _ := configured(t, gitlabOf(t, gitlab), Config{ShutdownTimeout: 10 * time.Millisecond})
	return gw
}

// configured is a gateway with settings of the test's own.
func configured(t *testing.T, url string, cfg Config, opts ...upstream.Option) (*gateway, *Server) {
	t.Helper()
	api, err := upstream.New(url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(api.Close)
	logs := newLogBuffer()
	log := slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.SpoolMemory, cfg.Recheck, cfg.Version = 64<<20, 30*time.Second, "test"
	s, err := New(cfg, api, log)
	if err != nil {
		t.Fatal(err)
	}
	return run(t, s, logs), s
}

func run(t *testing.T, s *Server, logs *logBuffer) *gateway {
	t.Helper()
	open := listen(t)
	_ = open.Admin.Close()
	lis, web := open.GRPC, open.HTTP
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, Listeners{GRPC: lis, HTTP: web}) }()
	conn, err := grpc.NewClient("passthrough:///"+lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		_ = conn.Close()
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return &gateway{
		jobs: jobgatev1.NewJobServiceClient(conn), bridges: jobgatev1.NewBridgeServiceClient(conn),
		agents: jobgatev1.NewAgentServiceClient(conn), traces: jobgatev1.NewTraceServiceClient(conn),
		conn: conn, addr: lis.Addr().String(), url: "http://" + web.Addr().String(), log: logs, stop: stop,
	}
}

// newSandbox is a gateway in front of a sandbox with a clock that stands still.
func newSandbox(t *testing.T, opts ...sandbox.Option) (*gateway, *sandbox.Sandbox) {
	t.Helper()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	box := sandbox.New(append([]sandbox.Option{sandbox.WithClock(func() time.Time { return now })}, opts...)...)
	return newGateway(t, box), box
}

// with is the test's context with metadata.
func with(t *testing.T, pairs ...string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), pairs...)
}

// as is the test's context with an access token.
func as(t *testing.T, token string) context.Context {
	t.Helper()
	return with(t, "private-token", token)
}

// failure is what a test expects of an error.
type failure struct {
	code   codes.Code
	reason string // of ErrorInfo
	field  string // of the first violation, "" for none
}

func (f failure) check(t *testing.T, err error) {
	t.Helper()
	st := status.Convert(err)
	if st.Code() != f.code {
		t.Fatalf("code %v (%s), want %v", st.Code(), st.Message(), f.code)
	}
	if f.code == codes.OK {
		return
	}
	info, request := detailOf[*errdetails.ErrorInfo](st), detailOf[*errdetails.BadRequest](st)
	if info.GetReason() != f.reason || info.GetDomain() != "jobgate" {
		t.Errorf("reason %q of %q, want %q", info.GetReason(), info.GetDomain(), f.reason)
	}
	if field := firstField(request); field != f.field {
		t.Errorf("field %q, want %q", field, f.field)
	}
}

func firstField(d *errdetails.BadRequest) string {
	if len(d.GetFieldViolations()) == 0 {
		return ""
	}
	return d.GetFieldViolations()[0].GetField()
}

// detailOf is the detail of that type, nil if there is none.
func detailOf[T any](st *status.Status) (found T) {
	for _, d := range st.Details() {
		if d, ok := d.(T); ok {
			return d
		}
	}
	return found
}

// wantNoToken asserts that neither error nor log tells a token.
func wantNoToken(t *testing.T, gw *gateway, err error, token string) {
	t.Helper()
	everything := status.Convert(err).Message() + prototext.Format(status.Convert(err).Proto()) + gw.log.String()
	if i := strings.Index(everything, token); i >= 0 {
		t.Errorf("the token is in the output: …%s…", everything[max(0, i-80):i+len(token)])
	}
}

// events reads a stream to its end.
func events(t *testing.T, stream jobgatev1.TraceService_ReadTraceClient, err error) ([]*jobgatev1.ReadTraceResponse, error) {
	t.Helper()
	var all []*jobgatev1.ReadTraceResponse
	for err == nil {
		var event *jobgatev1.ReadTraceResponse
		if event, err = stream.Recv(); err == nil {
			all = append(all, event)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return all, err
}

// answer is a GitLab that gives one answer to everything.
func answer(status int, contentType, body string, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// incoming is the test's context as a server sees it, with metadata.
func incoming(t *testing.T, pairs ...string) context.Context {
	t.Helper()
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs(pairs...))
}
