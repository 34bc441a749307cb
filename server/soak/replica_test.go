package soak

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/test/bufconn"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

// recheck is how long GitLab's yes to a credential counts.
const recheck = 30 * time.Second

// replica is a gateway at an address, or one after another.
type replica struct {
	*world
	name  string
	rand  *rand.Rand
	dir   string
	runs  sync.WaitGroup
	wires wires

	mu         sync.Mutex
	grpc, http *bufconn.Listener // nil while it is down
	stop       context.CancelFunc
}

// start brings up a gateway that knows nothing of the one before.
func (r *replica) start() {
	api, err := upstream.New("http://gitlab.test", upstream.WithUserAgent(r.name), upstream.WithTransport(&http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return r.gitlab.listener.DialContext(ctx) },
		MaxIdleConns:       256,
		IdleConnTimeout:    90 * time.Second,
		DisableCompression: true,
	}))
	if err != nil {
		r.fail(err)
		return
	}
	s, err := server.New(r.config(), api, slog.New(slog.DiscardHandler))
	if err != nil {
		r.fail(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	at := server.Listeners{GRPC: bufconn.Listen(buffered), HTTP: bufconn.Listen(buffered)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grpc, r.http, r.stop = at.GRPC.(*bufconn.Listener), at.HTTP.(*bufconn.Listener), stop
	r.runs.Go(func() {
		defer api.Close()
		if err := s.Run(ctx, at); err != nil {
			r.fail(err)
		}
	})
}

func (r *replica) config() server.Config {
	cfg := server.Config{
		ShutdownTimeout: 5 * time.Second, MaxConnectionAge: r.plan.age, SpoolMemory: cmp.Or(r.plan.memory, 64<<20),
		Recheck: recheck, Version: "soak",
	}
	if !r.plan.steady {
		cfg.ShutdownTimeout = []time.Duration{0, 5 * time.Second, time.Minute}[r.rand.IntN(3)]
		cfg.MaxConnectionAge = []time.Duration{0, time.Minute, 10 * time.Minute}[r.rand.IntN(3)]
		cfg.SpoolMemory = []int64{64 << 20, 1 << 20, 1}[r.rand.IntN(3)]
		cfg.SpoolDisk, cfg.SpoolDir = []int64{0, 1 << 20}[r.rand.IntN(2)], r.dir
	}
	return cfg
}

// drain stops the gateway as an orderly restart does. Who asks for the address from then on is
// refused, until there is another one.
func (r *replica) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grpc, r.http = nil, nil
	r.stop()
}

// kill is the end of the process: all connections break at once. What is left of it here may
// not be noticed by anybody.
func (r *replica) kill() {
	r.drain()
	r.wires.closeAll()
}

// restart stops the gateway one way or the other, and starts another one after a while.
func (r *replica) restart(stop func(), after time.Duration) {
	r.mu.Lock()
	down := r.grpc == nil
	r.mu.Unlock()
	if down {
		return
	}
	stop()
	r.restarts.Go(func() {
		time.Sleep(after)
		r.start()
	})
}

func (r *replica) dialGRPC(ctx context.Context, _ string) (net.Conn, error) {
	r.mu.Lock()
	at := r.grpc
	r.mu.Unlock()
	return r.wires.dial(ctx, at)
}

func (r *replica) dialHTTP(ctx context.Context) (net.Conn, error) {
	r.mu.Lock()
	at := r.http
	r.mu.Unlock()
	return r.wires.dial(ctx, at)
}

// client is a connection to whatever gateway is at the address. The caller closes it.
func (r *replica) client() *grpc.ClientConn {
	conn, err := grpc.NewClient("passthrough:///"+r.name,
		grpc.WithContextDialer(r.dialGRPC),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(64<<10), grpc.WithInitialConnWindowSize(64<<10), // else it finds that there is no delay, and holds megabytes
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second}), // or a silent one would stay
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, MaxDelay: time.Second},
		}))
	if err != nil {
		r.fail(err)
	}
	return conn
}
