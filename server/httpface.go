package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jobgate/jobgate/server/rest"
	"github.com/jobgate/jobgate/upstream"
)

// httpFace is what the HTTP listener answers: health, and the REST face for all else. It
// is no [http.ServeMux], which would clean paths that GitLab has to see as they are.
func httpFace(h *health.Server, api http.Handler) http.Handler {
	health := healthz(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rest.BodyTime))
		}
		if r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			health.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// adminFace is for those who run the gateway: health, metrics, profiles. It is kept
// off the other listeners since it tells about all callers.
func adminFace(h *health.Server, api *upstream.Client, cfg *Config, log *slog.Logger, own ...prometheus.Collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(cfg.Version), driftCollector{})
	registry.MustRegister(own...)
	mux := http.NewServeMux()
	mux.Handle("GET /healthz", healthz(h))
	mux.Handle("GET /healthz/gitlab", gitlabHealthz(api))
	mux.Handle("GET /quota", quotaView(api))
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	logLevel(mux, cfg.LogLevel, log)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// healthz answers 200 while the gateway serves, else 503.
func healthz(h *health.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rest.BodyTime))
		}
		state, err := h.Check(r.Context(), &healthv1.HealthCheckRequest{})
		if err != nil || state.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			http.Error(w, "not serving", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}

// httpServer serves handler. Its requests end with life, like all calls.
func httpServer(life context.Context, log *slog.Logger, handler http.Handler, secure *tls.Config, maxHeader int64) *http.Server {
	return &http.Server{
		Handler:           handler,
		TLSConfig:         secure,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      rest.WriteTime, // logs begin it anew with each piece
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    int(cmp.Or(maxHeader, 64<<10)) + rest.MaxTarget,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return life },
	}
}

func serveHTTP(s *http.Server, l net.Listener) error {
	if s.TLSConfig != nil {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}
