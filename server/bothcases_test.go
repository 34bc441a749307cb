package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// bothCase is one call on both faces: by stub, and as GitLab's own clients make it.
type bothCase struct {
	header       string // of the credential
	token        string
	method, path string
	body         string // JSON, "" for none
	rpc          func(ctx context.Context, gw *gateway) (proto.Message, error)
	element      proto.Message // of a list, nil if the answer is none
}

// over is the answer over gRPC, in GitLab's JSON.
func (c bothCase) over(t *testing.T, gw *gateway) []byte {
	t.Helper()
	m, err := c.rpc(with(t, strings.ToLower(c.header), c.token), gw)
	if err != nil {
		t.Fatal(err)
	}
	switch m := m.(type) {
	case *jobgatev1.PlayJobResponse:
		if m.GetBridge() != nil {
			return asGitLab(t, m.GetBridge())
		}
		return asGitLab(t, m.GetJob())
	default:
		if c.element != nil {
			return listAsGitLab(t, m, c.element)
		}
		return asGitLab(t, m)
	}
}

// direct is GitLab's own answer.
func (c bothCase) direct(t *testing.T, box http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), c.method, "/api/v4"+c.path, strings.NewReader(c.body))
	req.Header.Set(c.header, c.token)
	req.Header.Set("Content-Type", asJSON)
	rec := httptest.NewRecorder()
	box.ServeHTTP(rec, req)
	return rec
}

const me, my = "Private-Token", sandbox.TokenMaintainer

func getJobCase(id int64) bothCase {
	return bothCase{me, my, "GET", "/projects/acme%2Fwidgets/jobs/" + itoa(id), "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "acme/widgets", JobId: id})
	}, nil}
}

var bothReads = map[string]bothCase{
	"success": getJobCase(sandbox.JobSuccess), "failed": getJobCase(sandbox.JobFailed), "running": getJobCase(sandbox.JobRunning),
	"manual": getJobCase(sandbox.JobManual), "orphan": getJobCase(sandbox.JobOrphan), "erased": getJobCase(sandbox.JobErased), "big": getJobCase(sandbox.JobBig),
	"project jobs": {me, my, "GET", "/projects/1/jobs?per_page=100", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: 100})
	}, &jobgatev1.Job{}},
	"pipeline jobs": {me, my, "GET", "/projects/1/pipelines/100/jobs?include_retried=true&per_page=100&scope[]=success&scope[]=waiting_for_resource", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		page, err := gw.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{
			Project: "1", PipelineId: sandbox.PipelineMain, IncludeRetried: new(true), PageSize: 101,
			Scope: []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_WAITING_FOR_RESOURCE},
		})
		if err == nil && (len(page.GetJobs()) < 2 || page.GetTotalSize() != int64(len(page.GetJobs()))) {
			panic("the page holds too little")
		}
		return page, err
	}, &jobgatev1.Job{}},
	"trigger jobs": {me, my, "GET", "/projects/1/pipelines/100/bridges", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.bridges.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: sandbox.PipelineMain})
	}, &jobgatev1.Bridge{}},
	"token's job": {"Job-Token", sandbox.JobTokenDeploy, "GET", "/job", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
	}, nil},
	"agents": {"Job-Token", sandbox.JobTokenDeploy, "GET", "/job/allowed_agents", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.agents.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
	}, nil},
}

// A read answers on both faces what GitLab itself says; over REST byte for byte, if its
// members come in the order of a current GitLab.
func TestReadsAnswerAsGitLab(t *testing.T) {
	for _, version := range []string{"current", "15.6"} {
		for name, c := range bothReads {
			t.Run(version+"/"+name, func(t *testing.T) {
				gw, box := newSandbox(t, sandbox.WithVersion(version), sandbox.WithURL("https://gitlab.example.com"))
				want := c.direct(t, box)
				if got := c.over(t, gw); sorted(t, string(got)) != sorted(t, want.Body.String()) {
					t.Errorf("gRPC %.300s\nGitLab says %.300s", got, want.Body)
				}
				got := ask(t, gw.url, c.method, c.path, c.header, c.token)
				if got.status != want.Code || sorted(t, got.body) != sorted(t, want.Body.String()) || version == "current" && got.body != want.Body.String() {
					t.Errorf("REST %d %.300s\nGitLab says %d %.300s", got.status, got.body, want.Code, want.Body)
				}
			})
		}
	}
}

const jobPath = "/projects/1/jobs/"

var bothWrites = map[string]bothCase{
	"cancel": {me, my, "POST", jobPath + itoa(sandbox.JobPending) + "/cancel", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: sandbox.JobPending})
	}, nil},
	"cancel of a running job": {me, my, "POST", jobPath + itoa(sandbox.JobRunning) + "/cancel", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: sandbox.JobRunning})
	}, nil},
	"force": {me, my, "POST", jobPath + itoa(sandbox.JobCanceling) + "/cancel", `{"force":true}`, func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: "1", JobId: sandbox.JobCanceling, Force: new(true)})
	}, nil},
	"retry": {me, my, "POST", jobPath + itoa(sandbox.JobFailed) + "/retry", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: sandbox.JobFailed})
	}, nil},
	"erase": {me, my, "POST", jobPath + itoa(sandbox.JobSuccess) + "/erase", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: "1", JobId: sandbox.JobSuccess})
	}, nil},
	"play": {me, my, "POST", jobPath + itoa(sandbox.JobManual) + "/play", `{"job_variables_attributes":[{"key":"DEPLOY_ENV","value":"staging"}]}`, func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{
			Project: "1", JobId: sandbox.JobManual, JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "DEPLOY_ENV", Value: "staging"}},
		})
	}, nil},
	"play of a trigger job": {me, my, "POST", jobPath + itoa(sandbox.JobBridgeManual) + "/play", "", func(ctx context.Context, gw *gateway) (proto.Message, error) {
		return gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{Project: "1", JobId: sandbox.JobBridgeManual})
	}, nil},
	"play with inputs": {me, my, "POST", jobPath + itoa(sandbox.JobInputs) + "/play", `{"job_inputs":{"dry_run":true,"environment":"staging"}}`, func(ctx context.Context, gw *gateway) (proto.Message, error) {
		inputs, err := structpb.NewStruct(map[string]any{"environment": "staging", "dry_run": true})
		if err != nil {
			return nil, err
		}
		return gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{Project: "1", JobId: sandbox.JobInputs, JobInputs: inputs})
	}, nil},
}

// A write does on both faces what it does at GitLab itself, once, and answers the same.
func TestWritesDoAsGitLab(t *testing.T) {
	for name, c := range bothWrites {
		t.Run(name, func(t *testing.T) {
			same := sandbox.WithURL("https://gitlab.example.com")
			_, alone := newSandbox(t, same)
			want := c.direct(t, alone)
			if want.Code/100 != 2 {
				t.Fatalf("GitLab refuses: %d %s", want.Code, want.Body)
			}
			gw, box := newSandbox(t, same)
			if got := c.over(t, gw); sorted(t, string(got)) != sorted(t, want.Body.String()) {
				t.Errorf("gRPC %.300s\nGitLab says %.300s", got, want.Body)
			}
			web, webBox := newSandbox(t, same)
			got := send(t, web.url, c.method, c.path, c.body, c.header, c.token, "Content-Type", asJSON)
			if got.status != want.Code || got.body != want.Body.String() {
				t.Errorf("REST %d %.300s\nGitLab says %d %.300s", got.status, got.body, want.Code, want.Body)
			}
			for face, box := range map[string]*sandbox.Sandbox{"gRPC": box, "REST": webBox} {
				if n := arrivals(box, http.MethodPost); n != 1 {
					t.Errorf("%s: 1 write arrived as %d", face, n)
				}
				for _, r := range box.Requests() {
					if strings.Contains(r.Query, "staging") || r.Header.Get("Idempotency-Key") != "" {
						t.Errorf("%s: a variable or an idempotency key in %s?%s", face, r.Path, r.Query)
					}
				}
			}
		})
	}
}

// sorted is JSON with its members in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
