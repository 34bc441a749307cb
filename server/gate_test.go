package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

const (
	readers  = "  - {name: readers, callers: ['jwt:ada', 'jwt:ben'], methods: [read], projects: ['acme/widgets', '1']}\n"
	deployer = "  - {name: deployer, callers: ['jwt:ada', 'jwt:eve'], methods: [PlayJob, RetryJob, CancelJob, EraseJob], projects: ['1']}\n"
)

// TestGate proves who is let in, over both faces, that GitLab is asked by the gateway's own
// token, and that a refusal says why.
func TestGate(t *testing.T) {
	w := newGated(t, nil, readers+deployer)
	get := func(ctx context.Context) error {
		_, err := w.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: 101})
		return err
	}
	for name, c := range map[string]struct {
		header []string
		want   failure
		status int
		says   string
	}{
		"a good token":      {[]string{"authorization", "Bearer " + w.token("ada", time.Hour)}, failure{}, 200, ""},
		"nothing":           {nil, failure{codes.Unauthenticated, "CALLER_REJECTED", ""}, 401, "bearer token, is needed"},
		"a token of GitLab": {[]string{"private-token", sandbox.TokenMaintainer}, failure{codes.Unauthenticated, "CALLER_REJECTED", ""}, 401, "private-token"},
		"both":              {[]string{"authorization", "Bearer " + w.token("ada", time.Hour), "sudo", "root"}, failure{codes.Unauthenticated, "CALLER_REJECTED", ""}, 401, "sudo"},
		"expired":           {[]string{"authorization", "Bearer " + w.token("ada", -time.Hour)}, failure{codes.Unauthenticated, "TOKEN_EXPIRED", ""}, 401, "exp"},
		"garbage":           {[]string{"authorization", "Bearer x"}, failure{codes.Unauthenticated, "CALLER_REJECTED", ""}, 401, "bearer token"},
		"somebody else":     {[]string{"authorization", "Bearer " + w.token("eve", time.Hour)}, failure{codes.PermissionDenied, "POLICY_DENIED", ""}, 403, "policy"},
	} {
		t.Run(name, func(t *testing.T) {
			err := get(with(t, c.header...))
			c.want.check(t, err)
			got := ask(t, w.url, http.MethodGet, "/projects/acme%2Fwidgets/jobs/101", c.header...)
			if got.status != c.status || !strings.Contains(got.body, c.says) || !strings.Contains(status.Convert(err).Message(), c.says) {
				t.Errorf("gRPC: %v; REST: %d %s", err, got.status, got.body)
			}
			if asked := w.take(); len(asked) != map[bool]int{true: 2}[c.status == 200] {
				t.Errorf("GitLab was asked %d times", len(asked))
			}
			for i := 1; i < len(c.header); i += 2 {
				if secret := strings.TrimPrefix(c.header[i], "Bearer "); len(secret) > 6 {
					wantNoToken(t, w.gateway, err, secret)
				}
			}
			wantNoToken(t, w.gateway, err, ownToken)
		})
	}
}

// TestGateDecidesPerMethodAndProject proves that the policy is asked for just what is sent.
func TestGateDecidesPerMethodAndProject(t *testing.T) {
	w := newGated(t, nil, readers+deployer)
	ada, ben := "Bearer "+w.token("ada", time.Hour), "Bearer "+w.token("ben", time.Hour)
	for _, c := range []struct {
		who, method, path, body string
		status                  int
	}{
		{ada, "GET", "/projects/1/jobs", "", 200},
		{ada, "GET", "/projects/2/jobs", "", 403},
		{ada, "GET", "/projects/acme%2fwidgets/jobs", "", 200},
		{ada, "GET", "/projects/acme%2Fgadgets/jobs", "", 403},
		{ada, "GET", "/projects/1/jobs/101/trace", "", 200},
		{ada, "GET", "/projects/2/jobs/101/trace", "", 403},
		{ada, "GET", "/job", "", 403},
		{ada, "POST", "/projects/1/jobs/102/retry", "", 201},
		{ben, "POST", "/projects/1/jobs/102/retry", "", 403},
		// what goes as it came
		{ada, "HEAD", "/projects/1/jobs", "", 200},
		{ada, "HEAD", "/projects/2/jobs", "", 403},
		{ada, "GET", "/projects/1/jobs?per_page=abc", "", 400},
		{ada, "GET", "/projects/1/jobs.json", "", 403},
		{ada, "GET", "/projects/1//jobs", "", 403},
		{ada, "GET", "/projects/1/jobs?sudo=root", "", 401},
		{ada, "GET", "/projects/1/jobs?private_token=" + sandbox.TokenMaintainer, "", 401},
		{ada, "GET", "/projects/1/jobs?private_token[]=x", "", 401},
		{ada, "POST", "/projects/1/jobs/102/cancel?_method=GET", "", 401},
		{ada, "GET", "/projects/1/jobs?id=2", "", 401},
		{ada, "GET", "/projects/1/jobs?id[]=acme%2Fgadgets", "", 401},
		{ada, "POST", "/projects/1/jobs/102/retry?job_id=103", "", 401},
		{"", "GET", "/projects/1/jobs?access_token=" + ada[len("Bearer "):], "", 401},
		{ada, "GET", "/projects/1/jobs/101/trace", "bytes=99999999-", 416},
		{ada, "POST", "/projects/1/jobs/102/play.json", "", 403},
		{ada, "PUT", "/projects/1/jobs/102/play", "", 403},
	} {
		header := []string{"Authorization", c.who}
		if strings.HasPrefix(c.body, "bytes=") {
			header, c.body = append(header, "Range", c.body), ""
		}
		got := send(t, w.url, c.method, c.path, c.body, header...)
		if c.status == 416 && got.header.Get("Content-Range") == "" {
			t.Errorf("%s: the size is not told", c.path)
		}
		if got.status != c.status {
			t.Errorf("%s %s: %d %.200s, want %d", c.method, c.path, got.status, got.body, c.status)
		}
		if asked := w.take(); (len(asked) > 0) != (c.status/100 == 2 || c.status == 400 || c.status == 416) {
			t.Errorf("%s %s: GitLab was asked %d times", c.method, c.path, len(asked))
		}
	}
	if text := w.log.String(); strings.Count(text, "msg=audit") != 13 || !strings.Contains(text, "rule=deployer") || !strings.Contains(text, "caller=jwt:ada") {
		t.Errorf("%d audit lines", strings.Count(text, "msg=audit"))
	}
}

// TestGateKeepsCallersApart proves that a request id is its caller's own, although GitLab
// knows only one.
func TestGateKeepsCallersApart(t *testing.T) {
	w := newGated(t, nil, deployer)
	play := func(name string) *jobgatev1.PlayJobResponse {
		t.Helper()
		answer, err := w.jobs.PlayJob(with(t, "authorization", "Bearer "+w.token(name, time.Hour)),
			&jobgatev1.PlayJobRequest{Project: "1", JobId: sandbox.JobManual, RequestId: "same"})
		if err != nil && status.Code(err) != codes.FailedPrecondition {
			t.Fatal(err)
		}
		return answer
	}
	play("ada")
	w.take()
	play("eve")
	asked := w.take()
	if len(asked) != 1 || asked[0].Method != http.MethodPost {
		t.Errorf("the write of another caller was answered by %d requests", len(asked))
	}
}

// TestGateTokenIsReplaced proves that a write is done once also if the gateway's token is
// another one by the time of the repeat.
func TestGateTokenIsReplaced(t *testing.T) {
	w := newGated(t, nil, readers+deployer)
	ctx := with(t, "authorization", "Bearer "+w.token("ada", time.Hour))
	retry := func() *jobgatev1.Job {
		t.Helper()
		job, err := w.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: 102, RequestId: "x"})
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	first := retry()
	w.replaceToken(sandbox.TokenAdmin)
	if again := retry(); again.GetId() != first.GetId() {
		t.Errorf("done as %d, and again as %d", first.GetId(), again.GetId())
	}
}

// TestGateEndsStreams proves that a followed log ends when a new policy denies it, and when
// the caller's token expires, and that a bad policy changes nothing.
func TestGateEndsStreams(t *testing.T) {
	w := newGated(t, nil, readers)
	follow := func(d time.Duration) jobgatev1.TraceService_ReadTraceClient {
		t.Helper()
		ctx, cancel := context.WithTimeout(with(t, "authorization", "Bearer "+w.token("ada", d)), 20*time.Second)
		t.Cleanup(cancel)
		stream, err := w.traces.ReadTrace(ctx,
			&jobgatev1.ReadTraceRequest{Project: "1", JobId: sandbox.JobRunning, Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		return stream
	}
	stream := follow(time.Hour)
	w.write("  - {name: x, callers: [nobody], methods: [read], projects: [all]}\n")
	if changed, err := w.gate.Reload(); changed || err == nil {
		t.Errorf("a bad policy: changed %v, %v", changed, err)
	}
	w.write(readers + "  - {name: stop, callers: ['jwt:ada'], methods: [read], projects: ['1'], effect: deny}\n")
	if changed, err := w.gate.Reload(); !changed || err != nil {
		t.Fatalf("changed %v, %v", changed, err)
	}
	failure{codes.PermissionDenied, "POLICY_DENIED", ""}.check(t, drain(stream))

	w.write(readers)
	if _, err := w.gate.Reload(); err != nil {
		t.Fatal(err)
	}
	failure{codes.Unauthenticated, "TOKEN_EXPIRED", ""}.check(t, drain(follow(-28*time.Second))) // the leeway is 30 s
}

// drain reads a stream to its end.
func drain(stream jobgatev1.TraceService_ReadTraceClient) error {
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestGateTokenRejected proves that a caller is not told that his token is bad when it is
// the gateway's.
func TestGateTokenRejected(t *testing.T) {
	w := newGated(t, message(401, "401 Unauthorized"), readers)
	bearer := "Bearer " + w.token("ada", time.Hour)
	_, err := w.jobs.GetJob(with(t, "authorization", bearer), &jobgatev1.GetJobRequest{Project: "1", JobId: 1})
	failure{codes.Internal, "GATEWAY_TOKEN_REJECTED", ""}.check(t, err)
	got := ask(t, w.url, http.MethodGet, "/projects/1/jobs/1", "Authorization", bearer)
	if got.status != http.StatusInternalServerError || !strings.Contains(got.body, "GATEWAY_TOKEN_REJECTED") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// TestReadOnly proves that a gateway which is read-only sends no write, whoever asks.
func TestReadOnly(t *testing.T) {
	box := sandbox.New()
	asked := 0
	gw, _ := configured(t, gitlabOf(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			asked++
		}
		box.ServeHTTP(w, r)
	})), Config{ShutdownTimeout: time.Second, ReadOnly: true})
	ctx := as(t, sandbox.TokenMaintainer)
	if _, err := gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 101}); err != nil {
		t.Error(err)
	}
	_, err := gw.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: 102})
	failure{codes.PermissionDenied, "POLICY_DENIED", ""}.check(t, err)
	for _, path := range []string{"/projects/1/jobs/102/retry", "/projects/1/jobs/102/play?unknown=1"} {
		if got := send(t, gw.url, http.MethodPost, path, "", "Private-Token", sandbox.TokenMaintainer); got.status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if asked != 0 {
		t.Errorf("%d writes were sent", asked)
	}
}
