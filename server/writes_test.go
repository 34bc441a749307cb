package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// writtenTo counts the writes that reached GitLab.
func writtenTo(box *sandbox.Sandbox) (n int) {
	for _, r := range box.Requests() {
		if r.Method == http.MethodPost {
			n++
		}
	}
	return n
}

func retryOnce(t *testing.T, gw *gateway, token, id string) (*jobgatev1.Job, metadata.MD, error) {
	t.Helper()
	var header metadata.MD
	job, err := gw.jobs.RetryJob(as(t, token), &jobgatev1.RetryJobRequest{Project: "1", JobId: sandbox.JobFailed, RequestId: id}, grpc.Header(&header))
	return job, header, err
}

// A write with a request id is done once: a repeat has the first answer, says so, and is
// the same over both faces.
func TestRepeatedWriteIsDoneOnce(t *testing.T) {
	gw, box := newSandbox(t)
	first, header, err := retryOnce(t, gw, sandbox.TokenMaintainer, "r1")
	if err != nil || len(header["jobgate-replayed"]) > 0 {
		t.Fatal(err, header)
	}
	again, header, err := retryOnce(t, gw, sandbox.TokenMaintainer, "r1")
	if err != nil || again.GetId() != first.GetId() || header.Get("jobgate-replayed")[0] != "true" || header.Get("x-request-id") == nil {
		t.Errorf("again: %v, %v, %v", again.GetId(), header, err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, gw.url+"/api/v4/projects/1/jobs/102/retry", http.NoBody)
	req.Header.Set("Private-Token", sandbox.TokenMaintainer)
	req.Header.Set("Jobgate-Request-Id", "r1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Jobgate-Replayed") != "true" || !strings.HasPrefix(string(body), `{"id":`+itoa(first.GetId())+",") {
		t.Errorf("over REST: %d, %v, %.100s", resp.StatusCode, resp.Header, body)
	}
	if n := writtenTo(box); n != 1 {
		t.Errorf("GitLab got %d writes", n)
	}
	if other, _, err := retryOnce(t, gw, sandbox.TokenMaintainer, "r2"); err == nil {
		t.Errorf("another id was answered with %d", other.GetId())
	}
}

// Repeats that come at the same time wait for the first.
func TestConcurrentRepeatsWait(t *testing.T) {
	gw, box := newSandbox(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	ids := map[int64]int{}
	for range 30 {
		wg.Go(func() {
			job, _, err := retryOnce(t, gw, sandbox.TokenMaintainer, "same")
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[job.GetId()]++
		})
	}
	wg.Wait()
	if len(ids) != 1 || writtenTo(box) != 1 {
		t.Errorf("answers %v, GitLab got %d writes", ids, writtenTo(box))
	}
}

// What was answered before is told to nobody whom GitLab refuses now.
func TestRepeatNeedsGitLabsYes(t *testing.T) {
	gw, box := newSandbox(t)
	if _, _, err := retryOnce(t, gw, sandbox.TokenDeveloper, "r1"); err != nil {
		t.Fatal(err)
	}
	box.Revoke(sandbox.TokenDeveloper)
	_, _, err := retryOnce(t, gw, sandbox.TokenDeveloper, "r1")
	failure{codes.Unauthenticated, "TOKEN_REVOKED", ""}.check(t, err)
	cancel := &jobgatev1.CancelJobRequest{Project: "1", JobId: sandbox.JobRunning, RequestId: "r1"}
	if _, err := gw.jobs.CancelJob(as(t, sandbox.TokenMaintainer), cancel); err != nil {
		t.Fatal(err)
	}
	box.Fail(sandbox.Match{Route: sandbox.RouteJob}, sandbox.Fault{Kind: sandbox.StatusFault, Status: 500})
	_, err = gw.jobs.CancelJob(as(t, sandbox.TokenMaintainer), cancel)
	failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}.check(t, err)
	if n := writtenTo(box); n != 2 {
		t.Errorf("GitLab got %d writes", n)
	}
}

// The same id with another request is refused; of another credential it is another id, and
// so is that of another method.
func TestRequestIDBelongsToOneRequest(t *testing.T) {
	gw, box := newSandbox(t)
	if _, _, err := retryOnce(t, gw, sandbox.TokenMaintainer, "r1"); err != nil {
		t.Fatal(err)
	}
	_, err := gw.jobs.RetryJob(as(t, sandbox.TokenMaintainer), &jobgatev1.RetryJobRequest{Project: "1", JobId: sandbox.JobSuccess, RequestId: "r1"})
	failure{codes.InvalidArgument, "REQUEST_ID_REUSED", "request_id"}.check(t, err)
	if n := writtenTo(box); n != 1 {
		t.Errorf("GitLab got %d writes", n)
	}
	_, _, err = retryOnce(t, gw, sandbox.TokenDeveloper, "r1")
	failure{codes.FailedPrecondition, "JOB_NOT_RETRYABLE", ""}.check(t, err)
	if _, err := gw.jobs.CancelJob(as(t, sandbox.TokenMaintainer), &jobgatev1.CancelJobRequest{Project: "1", JobId: sandbox.JobRunning, RequestId: "r1"}); err != nil {
		t.Error(err)
	}
	if n := writtenTo(box); n != 3 {
		t.Errorf("GitLab got %d writes", n)
	}
}

// What GitLab has refused may be tried again; a write whose answer was lost is not sent
// again, whoever asks for it how often.
func TestRepeatAfterAFailure(t *testing.T) {
	gw, box := newSandbox(t)
	box.Fail(sandbox.Match{Route: sandbox.RouteRetry}, sandbox.Fault{Kind: sandbox.StatusFault, Status: 409, Body: `{"message":"409 Conflict: Resource lock"}`, Times: 1})
	_, _, err := retryOnce(t, gw, sandbox.TokenMaintainer, "refused")
	failure{codes.Aborted, "UPSTREAM_CONFLICT", ""}.check(t, err)
	box.Fail(sandbox.Match{Route: sandbox.RouteRetry}, sandbox.Fault{Kind: sandbox.ResetBeforeReply, Times: 1})
	for range 3 {
		_, _, err = retryOnce(t, gw, sandbox.TokenMaintainer, "refused")
		failure{codes.Unknown, "WRITE_OUTCOME_UNKNOWN", ""}.check(t, err)
	}
	if n := writtenTo(box); n != 2 {
		t.Errorf("GitLab got %d writes", n)
	}
}

// A trigger job is no job that can be read by itself, and is answered again all the same.
func TestRepeatedWriteOfATriggerJob(t *testing.T) {
	gw, box := newSandbox(t)
	var ids []int64
	for range 2 {
		played, err := gw.jobs.PlayJob(as(t, sandbox.TokenMaintainer), &jobgatev1.PlayJobRequest{Project: "1", JobId: sandbox.JobBridgeManual, RequestId: "p"})
		if err != nil {
			t.Fatal(err)
		}
		retried, err := gw.jobs.RetryJob(as(t, sandbox.TokenMaintainer), &jobgatev1.RetryJobRequest{Project: "1", JobId: sandbox.JobBridgeFailed, RequestId: "p"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, played.GetBridge().GetId(), retried.GetId())
	}
	if writtenTo(box) != 2 || ids[0] != sandbox.JobBridgeManual || ids[0] != ids[2] || ids[1] != ids[3] {
		t.Errorf("answers %v, GitLab got %d writes", ids, writtenTo(box))
	}
}

// A write goes on when its caller has gone, and a repeat learns how it came out.
func TestWriteOutlivesItsCaller(t *testing.T) {
	arrived, goOn := make(chan struct{}), make(chan struct{})
	posts := 0
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts++
			close(arrived)
			<-goOn
		}
		answer(201, asJSON, `{"id":7,"status":"pending"}`).ServeHTTP(w, r)
	}))
	ctx, leave := context.WithCancel(as(t, canary))
	gone := make(chan error, 1)
	req := &jobgatev1.RetryJobRequest{Project: "1", JobId: 6, RequestId: "r1"}
	go func() {
		_, err := gw.jobs.RetryJob(ctx, req)
		gone <- err
	}()
	<-arrived
	leave()
	if err := <-gone; err == nil {
		t.Error("answered although the caller had gone")
	}
	close(goOn)
	job, err := gw.jobs.RetryJob(as(t, canary), req)
	if job.GetId() != 7 || err != nil || posts != 1 {
		t.Errorf("the repeat got %v, %v; GitLab got %d writes", job, err, posts)
	}
	wantNoToken(t, gw, err, canary)
}
