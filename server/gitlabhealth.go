package server

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/jobgate/jobgate/upstream"
)

// gitlabService is the name by which gRPC health tells whether GitLab answers. The health
// of the gateway itself does not hang on it: another replica would fare no better.
const gitlabService = "gitlab"

// healthPeriod is how often it is looked at.
const healthPeriod = time.Second

// watchGitLab tells the health of GitLab as seen from here, until ctx ends.
func (s *Server) watchGitLab(ctx context.Context, api *upstream.Client) {
	s.health.SetServingStatus(gitlabService, healthv1.HealthCheckResponse_SERVING)
	tick := time.NewTicker(healthPeriod)
	defer tick.Stop()
	down := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h := api.Health()
		switch {
		case h.Down && !down:
			s.log.Warn("gitlab does not answer", slog.String("reason", h.Reason))
			s.health.SetServingStatus(gitlabService, healthv1.HealthCheckResponse_NOT_SERVING)
		case !h.Down && down:
			s.log.Info("gitlab answers again")
			s.health.SetServingStatus(gitlabService, healthv1.HealthCheckResponse_SERVING)
		}
		down = h.Down
	}
}

// gitlabHealthz answers 200 while GitLab answers, as far as is known, else 503.
func gitlabHealthz(api *upstream.Client) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if h := api.Health(); h.Down {
			http.Error(w, h.Reason, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}
