package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// A quota that is used up is told at once, over both faces, with the time to wait, and the
// call is not sent; what is left of one is told with each answer.
func TestQuotaIsTold(t *testing.T) {
	asked := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		reset := strconv.FormatInt(time.Now().Unix()+40, 10)
		answer(200, asJSON, `{"id":7}`, "RateLimit-Limit", "2", "RateLimit-Observed", strconv.Itoa(asked),
			"RateLimit-Remaining", strconv.Itoa(2-asked), "RateLimit-Reset", reset).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	gw, s := configured(t, front.URL, Config{DefaultDeadline: time.Second})
	get := func() (header metadata.MD, err error) {
		_, err = gw.jobs.GetJob(as(t, canary), &jobgatev1.GetJobRequest{Project: "1", JobId: 7}, grpc.Header(&header))
		return header, err
	}
	for _, left := range []string{"1", "0"} {
		header, err := get()
		if err != nil || header.Get("ratelimit-remaining")[0] != left || header.Get("jobgate-quota-remaining")[0] != left {
			t.Errorf("got %v, %v", header, err)
		}
	}
	_, err := get()
	failure{codes.ResourceExhausted, "UPSTREAM_LIMITED", ""}.check(t, err)
	st := status.Convert(err)
	wait := detailOf[*errdetails.RetryInfo](st).GetRetryDelay().AsDuration()
	if quota := detailOf[*errdetails.QuotaFailure](st); wait < 35*time.Second || wait > 45*time.Second || len(quota.GetViolations()) == 0 {
		t.Errorf("wait %v, %v", wait, quota)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, gw.url+"/api/v4/projects/1/jobs/7", http.NoBody)
	req.Header.Set("Private-Token", canary)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if after, _ := strconv.Atoi(resp.Header.Get("Retry-After")); resp.StatusCode != http.StatusTooManyRequests || after < 35 || after > 45 ||
		!strings.Contains(string(body), `"reason":"UPSTREAM_LIMITED"`) {
		t.Errorf("over REST: %d, %v, %s", resp.StatusCode, resp.Header, body)
	}
	admin := httptest.NewRecorder()
	quotaView(s.api).ServeHTTP(admin, httptest.NewRequest(http.MethodGet, "/quota", http.NoBody))
	if view := admin.Body.String(); !strings.Contains(view, `"remaining":0`) || !strings.Contains(view, `"refused_early":2`) || strings.Contains(view, canary) {
		t.Errorf("the view is %s", view)
	}
	if asked != 2 {
		t.Errorf("GitLab was asked %d times", asked)
	}
	wantNoToken(t, gw, err, canary)
}

// A quota that is used up is told at once also to a write that would outlive its caller, and
// to one who wants a log and has no deadline.
func TestQuotaIsToldAtOnce(t *testing.T) {
	asked := 0
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		answer(429, "text/plain", "Retry later\n", "Retry-After", "3600").ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	gw, _ := configured(t, front.URL, Config{})
	ctx, cancel := context.WithTimeout(as(t, canary), 20*time.Second)
	defer cancel()
	begun := time.Now()
	for range 2 {
		_, err := gw.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: 7, RequestId: "a"})
		failure{codes.ResourceExhausted, "UPSTREAM_LIMITED", ""}.check(t, err)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, gw.url+"/api/v4/projects/1/jobs/7/trace", http.NoBody)
		req.Header.Set("Private-Token", canary)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("the log: %d", resp.StatusCode)
		}
	}
	if took := time.Since(begun); took > 10*time.Second || asked > 2 {
		t.Errorf("took %v, GitLab was asked %d times", took, asked)
	}
}
