package server

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// TestReplayAsksAfresh proves that the answer to an earlier write is given only after
// GitLab's yes of now: not one that it gave a moment ago, to a read.
func TestReplayAsksAfresh(t *testing.T) {
	var revoked atomic.Bool
	gw, _ := configured(t, gitlabOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", asJSON)
		w.Header().Set("Etag", `W/"1"`)
		switch {
		case revoked.Load():
			message(401, "401 Unauthorized").ServeHTTP(w, r)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"id":7,"status":"canceled"}`))
		case r.Header.Get("If-None-Match") != "":
			w.WriteHeader(http.StatusNotModified)
		default:
			_, _ = w.Write([]byte(`{"id":7,"status":"canceled"}`))
		}
	})), Config{ShutdownTimeout: time.Minute}, upstream.WithFinishedJobs(10*time.Second))
	ctx := as(t, canary)
	cancel := func() error {
		_, err := gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: 7, RequestId: "a"})
		return err
	}
	get := func() error {
		_, err := gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
		return err
	}
	for i, call := range []func() error{cancel, get, get, get, cancel} {
		if err := call(); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	revoked.Store(true)
	if err := get(); err != nil {
		t.Errorf("a finished job of a moment ago: %v", err)
	}
	if err := cancel(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("the answer of an earlier write, without a yes: %v", err)
	}
}
