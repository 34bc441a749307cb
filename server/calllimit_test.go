package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// A credential has no more calls under way than one may, and whoever asks for the gateway's
// own health is not kept out, although he has no credential, as others have none.
func TestCallsAreLimited(t *testing.T) {
	arrived, goOn := make(chan struct{}, 10), make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-goOn
		answer(401, asJSON, `{"message":"401 Unauthorized"}`).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	gw, _ := configured(t, front.URL, Config{MaxCalls: 1, ShutdownTimeout: time.Minute})
	first := make(chan error, 1)
	get := func(id int64) error {
		_, err := gw.jobs.GetJob(t.Context(), &jobgatev1.GetJobRequest{Project: "1", JobId: id})
		return err
	}
	go func() { first <- get(1) }()
	<-arrived
	failure{codes.ResourceExhausted, "TOO_MANY_CALLS", ""}.check(t, get(2))
	resp, err := http.Get(gw.url + "/api/v4/projects/1/jobs/3")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("over REST: %d", resp.StatusCode)
	}
	health, err := healthv1.NewHealthClient(gw.conn).Check(context.Background(), &healthv1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", health, err)
	}
	close(goOn)
	failure{codes.Unauthenticated, "CREDENTIAL_MISSING", ""}.check(t, <-first)
}
