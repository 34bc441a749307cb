package faults

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway is a running gateway, and clients of its faces.
type gateway struct {
	api     *upstream.Client
	conn    *grpc.ClientConn
	jobs    jobgatev1.JobServiceClient
	bridges jobgatev1.BridgeServiceClient
	agents  jobgatev1.AgentServiceClient
	traces  jobgatev1.TraceServiceClient
	web     *http.Client
	url     string // of the HTTP listener
	log     *logs
	lis     server.Listeners
	stop    func() // at once
}

// logs keeps what the gateway says of its own faults.
type logs struct {
	mu     sync.Mutex
	panics bytes.Buffer
}

// Write implements [io.Writer].
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if bytes.Contains(p, []byte("msg=panic")) || bytes.Contains(p, []byte("http: panic")) || bytes.Contains(p, []byte("superfluous")) {
		l.panics.Write(p)
	}
	return len(p), nil
}

// take is what has been said since it was last asked.
func (l *logs) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.panics.Reset()
	return l.panics.String()
}

// setting is how a gateway is made; its zero value will do.
type setting struct {
	server.Config

	lis    server.Listeners                                       // none: on loopback
	dial   func(ctx context.Context, to string) (net.Conn, error) // to either listener
	client []upstream.Option
}

// start runs a gateway in front of the GitLab at url.
func start(t testing.TB, url string, with setting) *gateway {
	t.Helper()
	api, err := upstream.New(url, with.client...)
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{api: api, log: new(logs)}
	log := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	with.Version = "faults"
	with.SpoolMemory = cmp.Or(with.SpoolMemory, 16<<20)
	with.Recheck = cmp.Or(with.Recheck, 30*time.Second)
	s, err := server.New(with.Config, api, log)
	if err != nil {
		t.Fatal(err)
	}
	if with.lis.GRPC == nil {
		with.lis = server.Listeners{GRPC: loopback(t), HTTP: loopback(t)}
	}
	g.lis = with.lis
	if with.dial == nil {
		with.dial = func(ctx context.Context, to string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	at, http1 := with.lis.GRPC.Addr().String(), with.lis.HTTP.Addr().String()
	go func() { done <- s.Run(ctx, with.lis) }()
	g.conn, err = grpc.NewClient("passthrough:///"+at, grpc.WithContextDialer(with.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig(), grpc.WithDisableRetry())
	if err != nil {
		t.Fatal(err)
	}
	g.jobs, g.bridges = jobgatev1.NewJobServiceClient(g.conn), jobgatev1.NewBridgeServiceClient(g.conn)
	g.agents, g.traces = jobgatev1.NewAgentServiceClient(g.conn), jobgatev1.NewTraceServiceClient(g.conn)
	g.url = "http://" + http1
	g.web = &http.Client{
		Transport: &http.Transport{
			DialContext:         func(ctx context.Context, _, to string) (net.Conn, error) { return with.dial(ctx, to) },
			MaxIdleConnsPerHost: 256, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		_ = g.conn.Close()
		g.web.CloseIdleConnections()
		api.Close()
		if said := g.log.take(); said != "" {
			t.Errorf("the gateway failed:\n%.4000s", said)
		}
	})
	t.Cleanup(g.stop)
	return g
}

func loopback(t testing.TB) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

// reasonOf is the reason of an error's ErrorInfo, "" if it has none.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// gitLabStatus is the HTTP status that GitLab answered, by an error's ErrorInfo.
func gitLabStatus(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetMetadata()["upstream_status"]
		}
	}
	return ""
}

// serveHTTP serves a handler on loopback until the test ends.
func serveHTTP(t testing.TB, handler http.Handler) (addr string) {
	t.Helper()
	lis := loopback(t)
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(lis)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return lis.Addr().String()
}

// within fails a test whose part takes too long. What hangs is told by the test's own timeout.
func within(t testing.TB, most time.Duration, what string, begun time.Time) {
	t.Helper()
	if took := time.Since(begun); took > most {
		t.Errorf("%s took %v", what, took.Round(time.Millisecond))
	}
}

// short cuts text for a message.
func short(text string) string { return strings.ToValidUTF8(text[:min(len(text), 300)], "?") }
