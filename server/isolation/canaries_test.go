package isolation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

// written is all that a process writes.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) take() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := bytes.Clone(w.b.Bytes())
	w.b.Reset()
	return b
}

// What is one for the process: the logs of others, and the secrets that are looked for in them.
var (
	grpcLog, stdLog = new(written), new(written)
	secrets         canaries
	logsOnce        sync.Once
)

// cage is a gateway before a parrot.
type cage struct {
	t      *testing.T
	parrot *parrot
	log    written
	spans  written
	conn   *grpc.ClientConn
	client *http.Client
	web    string
	admin  string
	stop   func()
}

func newCage(t *testing.T, opts ...upstream.Option) *cage {
	t.Helper()
	logsOnce.Do(func() {
		grpclog.SetLoggerV2(grpclog.NewLoggerV2WithVerbosity(grpcLog, grpcLog, grpcLog, 99))
		stdlog.SetOutput(stdLog)
	})
	c := &cage{t: t, parrot: &parrot{inner: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}}}
	c.parrot.mood.Store(moods[0])
	front := httptest.NewServer(c.parrot)
	front.Config.ErrorLog = stdlog.New(io.Discard, "", 0)
	tracer := tracerTo(t, &c.spans)
	opts = append([]upstream.Option{
		upstream.WithTracing(tracer, true),
		upstream.WithTransport(c.parrot), upstream.WithTimeout(60 * time.Millisecond), upstream.WithIdleTimeout(50 * time.Millisecond), upstream.WithAttempts(2),
	}, opts...)
	api, err := upstream.New(front.URL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Config{SpoolMemory: 1 << 20, Recheck: 30 * time.Second, Version: "test", ShutdownTimeout: 50 * time.Millisecond, Tracer: tracer, AccessLog: true}, api,
		slog.New(both{
			slog.NewTextHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug - 4, AddSource: true}),
			slog.NewJSONHandler(&c.log, &slog.HandlerOptions{Level: slog.LevelDebug - 4}),
		}))
	if err != nil {
		t.Fatal(err)
	}
	var at [3]net.Listener
	for i := range at {
		if at[i], err = new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, server.Listeners{GRPC: at[0], HTTP: at[1], Admin: at[2]}) }()
	if c.conn, err = grpc.NewClient("passthrough:///"+at[0].Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{}))); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	c.client = &http.Client{Transport: transport}
	c.web, c.admin = "http://"+at[1].Addr().String(), "http://"+at[2].Addr().String()
	c.stop = sync.OnceFunc(func() {
		end()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = c.conn.Close()
		transport.CloseIdleConnections()
		api.Close()
		if inner, ok := c.parrot.inner.(*http.Transport); ok {
			inner.CloseIdleConnections()
		}
		front.CloseClientConnections()
		front.Close()
	})
	t.Cleanup(c.stop)
	return c
}

// tracerTo makes spans of everything, and writes all that they tell.
func tracerTo(t *testing.T, w io.Writer) trace.Tracer {
	t.Helper()
	to, err := stdouttrace.New(stdouttrace.WithWriter(w))
	if err != nil {
		t.Fatal(err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(to)).Tracer("test")
}

// both logs twice.
type both [2]slog.Handler

// Enabled implements [slog.Handler].
func (both) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (b both) Handle(ctx context.Context, r slog.Record) error {
	_ = b[0].Handle(ctx, r.Clone())
	return b[1].Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (b both) WithAttrs(attrs []slog.Attr) slog.Handler {
	return both{b[0].WithAttrs(attrs), b[1].WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (b both) WithGroup(name string) slog.Handler {
	return both{b[0].WithGroup(name), b[1].WithGroup(name)}
}

func statusBytes(err error) []byte {
	b, _ := proto.Marshal(status.Convert(err).Proto())
	return b
}

// knownOfGRPC are the first bytes of what is no gRPC, in the log of grpc-go, which is off
// unless GRPC_GO_LOG_SEVERITY_LEVEL is info.
func knownOfGRPC(f find) bool { return strings.Contains(f.text, "bogus greeting") }

// knownOfHTTP is what net/http writes to the standard log of this process: that of the real
// one is taken and cut, see TestProcess.
func knownOfHTTP(f find) bool { return strings.Contains(f.text, "received on idle HTTP channel") }

func nothingKnown(find) bool { return false }

// get reads a page of the admin's.
func (c *cage) get(path string) (int, []byte) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.admin+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// pages are all that tells of the process.
var pages = []string{
	"/metrics", "/quota", "/healthz", "/healthz/gitlab", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine?debug=1",
	"/debug/pprof/heap?debug=1", "/debug/pprof/allocs?debug=1", "/debug/pprof/block?debug=1", "/debug/pprof/mutex?debug=1",
	"/debug/pprof/threadcreate?debug=1", "/debug/pprof/trace?seconds=0.05", "/debug/pprof/heap", "/debug/pprof/goroutine",
}

// look looks for secrets in all that the gateway has written since, and in its pages.
func (c *cage) look(where string) {
	c.t.Helper()
	for _, page := range pages {
		_, body := c.get(page)
		secrets.none(c.t, where+", "+page, body, nothingKnown)
	}
	spans := c.spans.take()
	if !bytes.Contains(spans, []byte("jobs/{job_id}")) {
		c.t.Errorf("%s: there are no spans: %.300q", where, spans)
	}
	secrets.none(c.t, where+", the spans", spans, nothingKnown)
	secrets.none(c.t, where+", the log", c.log.take(), nothingKnown)
	secrets.none(c.t, where+", the log of gRPC", grpcLog.take(), knownOfGRPC)
	secrets.none(c.t, where+", the log of net/http", stdLog.take(), knownOfHTTP)
}

// TestCanaries sends secrets by all ways, in all moods of GitLab's.
func TestCanaries(t *testing.T) { //nolint:tparallel // it looks at what is one for the process
	for _, m := range moods {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := newCage(t, upstream.WithCircuit(false))
			if code, body := c.get("/debug/pprof/cmdline"); code != http.StatusNotFound {
				t.Errorf("the command line is told: %d %q", code, body)
			}
			c.parrot.mood.Store(m)
			c.all(m)
			c.look(m.name)
		})
	}
}

// patience is how long a call may take.
const patience = 150 * time.Millisecond

// all sends a secret by each way, to some in the background while the process is looked at.
func (c *cage) all(m *mood) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	slow := m.name == "hangs"
	var calls sync.WaitGroup
	limit := make(chan struct{}, 32)
	run := func(call func()) {
		limit <- struct{}{}
		calls.Go(func() {
			defer func() { <-limit }()
			call()
		})
	}
	for i, way := range grpcWays {
		if m.panics() && way.follows() {
			continue // which ends the process
		}
		k := secrets.add(m.name, "grpc, "+way.name, way.token)
		run(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			got := way.send(ctx, c.conn, k.token())
			if (way.token && !m.data || !m.echoes) && k.in(got) {
				c.t.Errorf("%s: told %.800q", k.way, got)
			}
		})
		if i%4 == 0 {
			run(func() { c.stranger(ctx, m) })
		}
	}
	for i, way := range restWays {
		if (i+len(m.name))%2 != 0 || slow && i%5 != 0 || m.panics() && way.follows() {
			continue
		}
		k := secrets.add(m.name, "rest, "+way.name, way.field)
		run(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			got, code := way.send(ctx, c.client, c.web, k.token())
			if !m.echoes && k.in(got) {
				c.t.Errorf("%s: told %d %.800q", k.way, code, got)
			}
		})
		if i%16 == 0 {
			run(func() { c.stranger(ctx, m) })
		}
	}
	if slow {
		_, body := c.get("/debug/pprof/goroutine?debug=2")
		secrets.none(c.t, "goroutines of calls under way", body, nothingKnown)
	}
	calls.Wait()
}

func (m *mood) panics() bool { return strings.HasPrefix(m.name, "panic") }

func (way grpcWay) follows() bool { return strings.HasPrefix(way.name, "followed") }

func (way restWay) follows() bool { return strings.Contains(way.path, "follow=true") }

// stranger is somebody else, who asks for the same: he may hear his own secret at most.
func (c *cage) stranger(ctx context.Context, m *mood) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if m.panics() {
		return
	}
	ways := []restWay{restWays[rand.IntN(len(restWays))], {method: http.MethodGet, path: "/api/v4/projects/1/jobs/1000", header: map[string]string{"Private-Token": "@"}}}
	for _, way := range ways {
		got, code := way.send(ctx, c.client, c.web, "glpat-of-a-stranger")
		if found := secrets.find(got); len(found) > 0 {
			c.t.Errorf("%s, %s: a stranger is told %d, %v", m.name, way.name, code, found)
		}
	}
	got := grpcWays[rand.IntN(len(grpcWays))].send(ctx, c.conn, "glpat-of-a-stranger")
	if found := secrets.find(got); len(found) > 0 {
		c.t.Errorf("%s: a stranger is told %v", m.name, found)
	}
}

// TestCanariesOnBadDays sends secrets while calls are held back, limited, cut off.
func TestCanariesOnBadDays(t *testing.T) {
	bad := func(names ...string) (all []*mood) {
		for _, m := range moods {
			for _, name := range names {
				if m.name == name {
					all = append(all, m)
				}
			}
		}
		return all
	}
	for name, opts := range map[string][]upstream.Option{
		"an open circuit": {upstream.WithCircuit(true)},
		"one slot":        {upstream.WithConcurrency(1)},
		"a small bound":   {upstream.WithMaxBody(10)},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCage(t, opts...)
			for _, m := range bad("hangs", "503", "network", "no HTTP", "answers") {
				c.parrot.mood.Store(m)
				c.all(m)
			}
			c.look(name)
		})
	}
	t.Run("a stop", func(t *testing.T) {
		c := newCage(t)
		c.parrot.mood.Store(bad("hangs")[0])
		var calls sync.WaitGroup
		for _, way := range grpcWays {
			k := secrets.add("stop", way.name, true)
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if got := way.send(ctx, c.conn, k.token()); k.in(got) {
					t.Errorf("%s: told %.800q", k.way, got)
				}
			})
		}
		for i, way := range restWays {
			if i%20 != 0 {
				continue
			}
			k := secrets.add("stop", way.name, true)
			calls.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				if got, code := way.send(ctx, c.client, c.web, k.token()); k.in(got) {
					t.Errorf("%s: told %d %.800q", k.way, code, got)
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		c.stop()
		calls.Wait()
		secrets.none(t, "the log of a stop", c.log.take(), nothingKnown)
		secrets.none(t, "the log of gRPC", grpcLog.take(), knownOfGRPC)
	})
}

// TestCanaryOnTheWire sends secrets in what is no HTTP, or not this one.
func TestCanaryOnTheWire(t *testing.T) {
	c := newCage(t)
	for _, form := range []string{
		"GET /api/v4/projects/1/jobs?private_token=@ HTTP/9.9\r\n\r\n", "@\r\n\r\n", "GET @ HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nPrivate-Token: @\x00\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: @ @\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nPrivate-Token @\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: @\r\n\r\n",
		"POST /api/v4/projects/1/jobs/1000/play HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n@\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n@@@@@@@@",
		"\x16\x03\x01\x00\xff@@@@@@@@@@", "GET http://user:@@elsewhere.test/api/v4/job HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT @:443 HTTP/1.1\r\n\r\n",
		"@ / HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\nPrivate-Token: @\r\n\r\n",
	} {
		for _, at := range []string{c.web, c.admin, "http://" + c.conn.Target()[len("passthrough:///"):]} {
			k := secrets.add("none", fmt.Sprintf("%.40q at %s", form, at), false)
			conn, err := net.Dial("tcp", at[len("http://"):])
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
			_, _ = io.WriteString(conn, strings.ReplaceAll(form, "@", k.token()))
			got, _ := io.ReadAll(conn)
			_ = conn.Close()
			if k.in(got) {
				t.Errorf("%s: told %q", k.way, got)
			}
		}
	}
	c.look("the wire")
}
