package upstream

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// newSandbox is a client of a small GitLab, and the context of a maintainer in it.
func newSandbox(t *testing.T, opts ...sandbox.Option) (*Client, *sandbox.Sandbox, *Call) {
	t.Helper()
	sb := sandbox.New(opts...)
	server := httptest.NewServer(sb)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, WithQuota(false)), sb, &Call{Credential: Credential{PrivateToken: sandbox.TokenMaintainer}}
}

var versions = []string{sandbox.VersionCurrent, sandbox.VersionOld}

func TestSandboxReads(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c, _, call := newSandbox(t, sandbox.WithVersion(version))
			ctx := WithCall(t.Context(), call)
			job, err := c.GetJob(ctx, &jobgatev1.GetJobRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobBig})
			if err != nil || parse(job) != nil || job.GetId() != sandbox.JobBig {
				t.Errorf("got %v, %v", job, err)
			}
			if call.Reply.Status != 200 || call.Reply.Header.Get("X-Request-Id") == "" {
				t.Errorf("reply is %+v", call.Reply)
			}
			all := collect(t, c.ProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: 3}))
			if !slices.Contains(all, sandbox.JobSuccess) || !slices.IsSortedFunc(all, func(a, b int64) int { return int(b - a) }) {
				t.Errorf("jobs are %v", all)
			}
			req := &jobgatev1.ListPipelineJobsRequest{Project: "1", PipelineId: sandbox.PipelineMain, PageSize: 4}
			if some := collect(t, c.PipelineJobs(ctx, req)); len(some) == 0 || len(some) >= len(all) {
				t.Errorf("%d of %d jobs are of the pipeline", len(some), len(all))
			}
			found := 0
			for bridge, err := range c.PipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{
				Project: "1", PipelineId: sandbox.PipelineMain, PageSize: 1,
			}) {
				found++
				if err != nil || bridge.GetId() == 0 {
					t.Fatal(bridge, err)
				}
			}
			if found < 3 {
				t.Errorf("%d trigger jobs", found)
			}
		})
	}
}

// posts counts the writes that arrived.
func posts(sb *sandbox.Sandbox) (n int) {
	for _, r := range sb.Requests() {
		if r.Method == http.MethodPost {
			n++
		}
	}
	return n
}

func TestSandboxWritesArriveOnce(t *testing.T) {
	c, sb, call := newSandbox(t)
	ctx := WithCall(t.Context(), call)
	const project = sandbox.ProjectWidgets
	retried, err := c.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: project, JobId: sandbox.JobFailed})
	if err != nil || call.Reply.Status != 201 || parse(retried) != nil || retried.GetId() == sandbox.JobFailed {
		t.Errorf("retry: %v, %v", retried, err)
	}
	played, err := c.PlayJob(ctx, &jobgatev1.PlayJobRequest{
		Project: project, JobId: sandbox.JobInputs,
		JobInputs: inputs(t, `{"environment":"staging"}`),
	})
	if err != nil || call.Reply.Status != 200 || parse(played) != nil || played.GetJob().GetId() != sandbox.JobInputs {
		t.Errorf("play: %v, %v", played, err)
	}
	played, err = c.PlayJob(ctx, &jobgatev1.PlayJobRequest{Project: project, JobId: sandbox.JobBridgeManual})
	if err != nil || parse(played) != nil || played.GetBridge().GetId() != sandbox.JobBridgeManual {
		t.Errorf("play of a trigger job: %v, %v", played, err)
	}
	for kind, answered := range map[sandbox.FaultKind]Kind{
		sandbox.ResetBeforeReply: Interrupted, sandbox.ResetMidBody: Interrupted, sandbox.ShortBody: Interrupted,
		sandbox.CutJSON: Malformed, sandbox.WrongShape: Malformed, sandbox.WrongContentType: Malformed,
		sandbox.GzipBomb: TooLarge, sandbox.Redirect: Redirected, sandbox.TooManyJSON: Answered,
		sandbox.TooManyText: Answered, sandbox.TooManyHTML: Answered, sandbox.EndlessBody: TooLarge,
	} {
		sb.Fail(sandbox.Match{Method: "POST"}, sandbox.Fault{Kind: kind, Times: 1})
		before := posts(sb)
		_, err := c.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: project, JobId: sandbox.JobRunning})
		if e := wantError(t, err, answered); !e.Write || posts(sb)-before != 1 {
			t.Errorf("%s: %d writes, %v", kind, posts(sb)-before, e)
		}
	}
}

func TestSandboxMovedProject(t *testing.T) {
	c, _, call := newSandbox(t, sandbox.WithURL("")) // its own address in redirects
	ctx := WithCall(t.Context(), call)
	req := &jobgatev1.GetJobRequest{Project: sandbox.ProjectGadgetsOld, JobId: sandbox.JobGadgets}
	if _, err := c.GetJob(ctx, req); err != nil {
		t.Error(err)
	}
	_, err := c.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: sandbox.ProjectGadgetsOld, JobId: sandbox.JobGadgets})
	if e := wantError(t, err, Answered); e.Status != 405 {
		t.Errorf("got %v", e)
	}
	call.KeepRedirects = true
	_, err = c.GetJob(ctx, req)
	if e := wantError(t, err, Redirected); e.Status != 301 || call.Reply.Header.Get("Location") == "" {
		t.Errorf("got %v, reply %v", e, call.Reply)
	}
}

func TestSandboxTokenOfAJob(t *testing.T) {
	c, _, call := newSandbox(t)
	call.Credential = Credential{JobToken: sandbox.JobTokenRunning}
	ctx := WithCall(t.Context(), call)
	job, err := c.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
	if err != nil || parse(job) != nil || job.GetId() != sandbox.JobRunning {
		t.Errorf("got %v, %v", job, err)
	}
	agents, err := c.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
	if err != nil || parse(agents) != nil || agents.GetJob().GetId() != sandbox.JobRunning {
		t.Errorf("got %v, %v", agents, err)
	}
}

func TestSandboxTraces(t *testing.T) {
	log := lines(600_000)
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			c, sb, call := newSandbox(t, sandbox.WithVersion(version))
			sb.SetTrace(sandbox.JobRunning, log)
			ctx := WithCall(t.Context(), call)
			for _, tail := range []Tail{{Bytes: 1000}, {Lines: 20}} {
				offset, err := c.TraceTail(ctx, sandbox.ProjectWidgets, sandbox.JobRunning, tail, -1, nil)
				if err != nil || offset != tailOffset(log, tail) {
					t.Fatalf("%+v begins at %d, %v", tail, offset, err)
				}
				trace, err := c.Trace(ctx, sandbox.ProjectWidgets, sandbox.JobRunning, TraceRange{Offset: offset}, nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(trace)
				if err != nil || !bytes.Equal(got, log[offset:]) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
				_ = trace.Close()
			}
			if honoured, known := c.slices.load(); !known || honoured != (version == sandbox.VersionCurrent) {
				t.Errorf("slices: %v, %v", honoured, known)
			}
		})
	}
}

func TestSandboxRefusals(t *testing.T) {
	c, sb, call := newSandbox(t)
	sb.Revoke(sandbox.TokenReporter)
	for token, want := range map[string]string{
		"": "401 Unauthorized", "glpat-unknown": "401 Unauthorized",
		sandbox.TokenReporter: "Token was revoked. You have to re-authorize from the user.",
		sandbox.TokenOutsider: "404 Project Not Found",
	} {
		call.Credential.PrivateToken = token
		_, err := c.GetJob(WithCall(t.Context(), call), &jobgatev1.GetJobRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobSuccess})
		e := wantError(t, err, Answered)
		if e.Message != want || (e.Code == "invalid_token") != strings.HasPrefix(want, "Token") {
			t.Errorf("%q: got %v, code %q", token, e, e.Code)
		}
	}
}
