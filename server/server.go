// Package server is the gateway: the services, the chain that every call passes
// through, and the listeners. A call goes one way: gRPC, chain, service, upstream
// client. See docs/architecture.md.
package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"
	channelz "google.golang.org/grpc/channelz/service"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // callers may compress
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/server/live"
	"github.com/jobgate/jobgate/server/rest"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// Server is the gateway. It is made by [New] and runs once.
type Server struct {
	cfg    Config
	api    *upstream.Client
	log    *slog.Logger
	grpc   *grpc.Server
	health *health.Server
	http   *http.Server
	admin  *http.Server
	hub    *live.Hub
	pool   *spool.Pool
	writes *writes
	drain  context.CancelFunc      // asks streams to end soon
	abort  context.CancelCauseFunc // ends the calls that outlast a graceful stop
}

// Listeners are the sockets that a [Server] serves and closes. GRPC is required, the
// others may be nil. TLS is the server's, by its [Config]: these are plain.
type Listeners struct{ GRPC, HTTP, Admin net.Listener }

// New builds a gateway in front of the GitLab of api. It opens nothing; api and log
// stay the caller's.
func New(cfg Config, api *upstream.Client, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	life, abort := context.WithCancelCause(context.Background())
	c := newChain(cfg, log, life)
	s := &Server{cfg: cfg, api: api, log: log, abort: abort, grpc: grpc.NewServer(grpcOptions(cfg, c)...), health: health.NewServer()}
	pool, err := spool.NewPool(spool.Config{Memory: cfg.SpoolMemory, Disk: cfg.SpoolDisk, Dir: cfg.SpoolDir, Log: log})
	if err != nil {
		return nil, err
	}
	s.pool = pool
	s.hub = live.NewHub(api, pool, live.Config{
		Recheck: cfg.Recheck, Heartbeat: cmp.Or(cfg.Heartbeat, 30*time.Second),
		Tracer:   cfg.Tracer,
		Panicked: func(who upstream.Credential, why any) { logPanic(context.Background(), log, who, why) },
	})
	draining, drain := context.WithCancel(context.Background())
	s.drain = drain
	traces := &traceService{
		api: api, instance: instanceTag(api.URL()), hub: s.hub, shares: cfg.Recheck > 0, draining: draining, grace: cfg.ShutdownTimeout,
		age:     cfg.MaxConnectionAge,
		streams: newStreamLimit(cmp.Or(cfg.MaxStreams, 20_000)),
	}
	s.writes = newWrites(api, log, cfg.RequestIDWindow)
	registerServices(s.grpc, api, s.writes, traces)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(s.grpc, s.health)
	if !cfg.NoReflection {
		reflection.Register(s.grpc)
	}
	if cfg.Channelz {
		channelz.RegisterChannelzServiceToServer(s.grpc)
	}
	inside := inproc.New(c.unary, c.stream)
	registerServices(inside, api, s.writes, traces)
	face, err := rest.New(rest.Config{
		Channel: inside, Relay: c.relay(api), //nolint:bodyclose // Relay closes it
		MaxBody: cmp.Or(cfg.MaxRequest, 4<<20), MaxHeader: cmp.Or(cfg.MaxHeader, 64<<10),
		PublicURL: cfg.PublicURL, TrustedProxies: cfg.TrustedProxies, Tracer: cfg.Tracer,
	})
	if err != nil {
		return nil, err
	}
	s.http = httpServer(life, log, httpFace(s.health, face), cfg.HTTPTLS, cfg.MaxHeader)
	s.admin = httpServer(life, log, adminFace(s.health, api, &s.cfg, log, cacheCollector{api}, guardCollector{api}, onceCollector{s.writes.store}, logCollector{traces.streams, pool, s.hub},
		callCollector{&c.meters}, requestCollector{api}), nil, cfg.MaxHeader)
	return s, nil
}

// registerServices registers the services of the contract, for either face.
func registerServices(at grpc.ServiceRegistrar, api *upstream.Client, w *writes, traces *traceService) {
	jobgatev1.RegisterJobServiceServer(at, &jobService{api: api, writes: w})
	jobgatev1.RegisterBridgeServiceServer(at, &bridgeService{api: api})
	jobgatev1.RegisterAgentServiceServer(at, &agentService{api: api})
	jobgatev1.RegisterTraceServiceServer(at, traces)
}

// streamWorkers are the goroutines that serve calls one after the other; beyond them a
// call has one of its own. Theirs have stacks of the right size already.
const streamWorkers = 64

func grpcOptions(cfg Config, c *chain) []grpc.ServerOption {
	pool := new(bufferPool)
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{pool}),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.UnaryInterceptor(c.unary),
		grpc.StreamInterceptor(c.stream),
		experimental.BufferPool(pool),
		grpc.WriteBufferSize(64 << 10),
		grpc.MaxRecvMsgSize(int(cmp.Or(cfg.MaxRequest, 4<<20))),
		grpc.MaxHeaderListSize(uint32(cmp.Or(cfg.MaxHeader, 64<<10))), //nolint:gosec // Validate bounds it
		grpc.ConnectionTimeout(20 * time.Second),
	}
	options = append(options, cfg.Connections.options(cfg.MaxConnectionAge)...)
	if cfg.GRPCTLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(cfg.GRPCTLS)))
	}
	return options
}

// Held is the most bytes of memory that logs have taken at once since it was called before.
func (s *Server) Held() int64 { return s.pool.Most() }

// Run serves until ctx ends, and then stops: health says so, no call is taken any
// more, those in progress may go on for Config.ShutdownTimeout, and what is left is
// ended with UNAVAILABLE. It returns nil after an orderly stop.
func (s *Server) Run(ctx context.Context, l Listeners) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var serving sync.WaitGroup
	serve := func(what func() error) {
		serving.Go(func() {
			if err := what(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				fail(err)
			}
		})
	}
	serving.Go(func() { s.watchGitLab(ctx, s.api) })
	serve(func() error { return s.grpc.Serve(l.GRPC) })
	if l.HTTP != nil {
		serve(func() error { return serveHTTP(s.http, l.HTTP) })
	}
	if l.Admin != nil {
		serve(func() error { return serveHTTP(s.admin, l.Admin) })
	}
	<-ctx.Done()
	err := context.Cause(ctx)
	s.stop() //nolint:contextcheck // ctx has ended; the grace time counts from here
	serving.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// abortGrace is how long streams have to tell their callers that they were aborted.
const abortGrace = time.Second

func (s *Server) stop() {
	s.health.Shutdown()
	s.drain()
	s.log.Info("stopping", slog.String("at_most", s.cfg.ShutdownTimeout.String()))
	deadline, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	defer cancel()
	web, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	drained := make(chan struct{})
	go func() {
		var both sync.WaitGroup
		both.Go(s.grpc.GracefulStop)
		both.Go(func() { _ = s.http.Shutdown(web) })
		both.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-deadline.Done():
		s.log.Warn("calls are still in progress and will be ended")
		s.abort(errShutdown)
		select {
		case <-drained:
		case <-time.After(abortGrace):
		}
		s.grpc.Stop()
		giveUp()
		<-drained
	}
	s.abort(errShutdown)
	_ = s.http.Close()
	s.finishWrites()
	s.hub.Close()
	_ = s.pool.Close()
	_ = s.admin.Close() // last: it is what tells about the stop
}

// finishWrites lets writes that go on without their callers come to an end.
func (s *Server) finishWrites() {
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	late := time.AfterFunc(abortGrace, func() { end(errShutdown) })
	defer late.Stop()
	s.writes.close(ctx)
}
