package isolation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

// world is one round: a GitLab, a gateway, and callers.
type world struct {
	t                 *testing.T
	seed              uint64
	gitlab            *gitlab
	recheck, finished time.Duration
	plan              string
	callers           [12]caller // who come again and again

	grpc *grpc.ClientConn
	web  *http.Transport

	ctx    context.Context //nolint:containedctx // that of all calls
	cancel context.CancelFunc
	calls  sync.WaitGroup

	mu     sync.Mutex
	failed bool
	count  map[string]int

	open      int // followers
	followers []*follower
	next      []op       // pages that somebody was told of
	tags      [20]string // that somebody was told
	cursors   [jobs]string
}

// fail notes what must not be. Of what follows from it nothing is said.
func (w *world) failf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.failed {
		w.failed = true
		w.t.Errorf("seed %d, %s, after %s: %s", w.seed, w.plan, time.Since(began), fmt.Sprintf(format, args...))
	}
	w.cancel()
}

// began is when a bubble's time begins.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *world) hasFailed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *world) tally(what string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count[what] += n
}

// newWorld starts a gateway. Stop ends it.
func newWorld(t *testing.T, seed uint64, r *rand.Rand) (w *world, stop func()) {
	t.Helper()
	w = &world{t: t, seed: seed, count: map[string]int{}}
	w.ctx, w.cancel = context.WithCancel(t.Context())
	w.gitlab = newGitlab(rand.New(rand.NewPCG(seed, 4)), w.failf)
	w.recheck = []time.Duration{30 * time.Second, 30 * time.Second, 30 * time.Second, 0}[r.IntN(4)]
	for i := range w.callers {
		w.callers[i] = anybody(r)
	}
	circuit, cache := r.IntN(2) == 0, []int64{64 << 20, 64 << 20, 64 << 10, 0}[r.IntN(4)]
	refusals := []time.Duration{time.Second, time.Second, 0}[r.IntN(3)]
	w.finished = []time.Duration{0, 10 * time.Second}[r.IntN(2)]
	spool := []int64{64 << 20, 64 << 20, 1}[r.IntN(3)]
	w.plan = fmt.Sprintf("logs in form %d, recheck %s, circuit %v, cache %d, refusals %s, finished jobs %s, spool %d",
		w.gitlab.form, w.recheck, circuit, cache, refusals, w.finished, spool)
	api, err := upstream.New("http://gitlab.test", upstream.WithTransport(w.gitlab), upstream.WithCircuit(circuit),
		upstream.WithCache(cache), upstream.WithNegativeCache(refusals), upstream.WithFinishedJobs(w.finished))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(&logged{w}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := server.New(server.Config{
		ShutdownTimeout: time.Second, SpoolMemory: spool, Recheck: w.recheck, Version: "test",
	}, api, log)
	if err != nil {
		t.Fatal(err)
	}
	at := [3]*bufconn.Listener{bufconn.Listen(256 << 10), bufconn.Listen(256 << 10), bufconn.Listen(256 << 10)}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, server.Listeners{GRPC: at[0], HTTP: at[1], Admin: at[2]}) }()
	w.grpc, err = grpc.NewClient("passthrough:///gateway", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return at[0].DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		t.Fatal(err)
	}
	w.web = &http.Transport{
		MaxIdleConnsPerHost: 64, DisableCompression: true,
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			if strings.HasPrefix(addr, "admin") {
				return at[2].DialContext(ctx)
			}
			return at[1].DialContext(ctx)
		},
	}
	return w, func() {
		w.metrics()
		w.cancel()
		w.calls.Wait()
		_ = w.grpc.Close()
		w.web.CloseIdleConnections()
		end()
		if err := <-done; err != nil {
			w.failf("the gateway ended with %v", err)
		}
		api.Close()
		w.gitlab.with(func() {
			for what, n := range w.gitlab.count {
				w.tally("gitlab: "+what, n)
			}
		})
	}
}

// logged looks for what may not be logged: tokens, and what GitLab answered.
type logged struct{ *world }

// Write implements [io.Writer].
func (l *logged) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("glpat-secret")) || bytes.Contains(p, []byte(neverBegin)) || bytes.Contains(p, []byte(lineBegin)) {
		l.failf("logged: %s", p)
	}
	return len(p), nil
}

// metrics notes what the gateway tells of itself, so that a round in which nothing was shared
// is seen to prove nothing.
func (w *world) metrics() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://admin/metrics", http.NoBody)
	if err != nil {
		w.failf("%v", err)
		return
	}
	resp, err := w.web.RoundTrip(req)
	if err != nil {
		w.failf("metrics: %v", err)
		return
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	for text := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(text), " ")
		n, err := strconv.ParseFloat(value, 64)
		if err == nil && strings.HasPrefix(name, "jobgate_") && strings.Contains(name, "_total") {
			w.tally(name, int(n))
		}
	}
}
