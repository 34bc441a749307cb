package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// sameAsGitLab asserts that an answer over gRPC, written as GitLab's JSON, is what
// GitLab itself says to the same request.
func sameAsGitLab(t *testing.T, got []byte, box http.Handler, method, path string, header ...string) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "/api/v4"+path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	box.ServeHTTP(rec, req)
	var want, have any
	if err := json.Unmarshal(rec.Body.Bytes(), &want); err != nil {
		t.Fatalf("%s: %v", rec.Body, err)
	}
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if !reflect.DeepEqual(strip(want), strip(have)) {
		t.Errorf("%s %s\ngot  %s\nwant %s", method, path, got, rec.Body)
	}
}

// strip takes out the host, which GitLab derives from the request.
func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = strip(v[k])
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case string:
		if _, path, ok := strings.Cut(v, "://"); ok {
			_, path, _ = strings.Cut(path, "/")
			return path
		}
	}
	return v
}

func asGitLab(t *testing.T, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out, err := gitlabjson.TableOf(m).AppendJSON(nil, wire)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func listAsGitLab(t *testing.T, page, element proto.Message) []byte {
	t.Helper()
	wire, err := proto.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	out, err := gitlabjson.TableOf(element).AppendJSONList(nil, wire, 1)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadsAnswerAsGitLab(t *testing.T) {
	for _, version := range []string{"current", "15.6"} {
		t.Run(version, func(t *testing.T) {
			gw, box := newSandbox(t, sandbox.WithVersion(version))
			ctx := as(t, sandbox.TokenMaintainer)
			const widgets = sandbox.ProjectWidgets
			me := []string{"Private-Token", sandbox.TokenMaintainer}

			for _, id := range []int64{sandbox.JobSuccess, sandbox.JobFailed, sandbox.JobRunning, sandbox.JobManual, sandbox.JobOrphan, sandbox.JobErased, sandbox.JobBig} {
				job, err := gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: widgets, JobId: id})
				if err != nil {
					t.Fatal(id, err)
				}
				sameAsGitLab(t, asGitLab(t, job), box, "GET", "/projects/1/jobs/"+itoa(id), me...)
			}
			jobs, err := gw.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: 100})
			if err != nil {
				t.Fatal(err)
			}
			sameAsGitLab(t, listAsGitLab(t, jobs, &jobgatev1.Job{}), box, "GET", "/projects/1/jobs?per_page=100", me...)
			pipeline, err := gw.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{
				Project: widgets, PipelineId: sandbox.PipelineMain, IncludeRetried: new(true), PageSize: 101,
				Scope: []jobgatev1.JobStatus{jobgatev1.JobStatus_JOB_STATUS_SUCCESS, jobgatev1.JobStatus_JOB_STATUS_WAITING_FOR_RESOURCE},
			})
			if err != nil {
				t.Fatal(err)
			}
			sameAsGitLab(t, listAsGitLab(t, pipeline, &jobgatev1.Job{}), box, "GET",
				"/projects/1/pipelines/100/jobs?include_retried=true&per_page=100&scope[]=success&scope[]=waiting_for_resource", me...)
			if len(pipeline.GetJobs()) < 2 || pipeline.GetTotalSize() != int64(len(pipeline.GetJobs())) {
				t.Errorf("%d jobs, total %d", len(pipeline.GetJobs()), pipeline.GetTotalSize())
			}
			bridges, err := gw.bridges.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: widgets, PipelineId: sandbox.PipelineMain})
			if err != nil {
				t.Fatal(err)
			}
			sameAsGitLab(t, listAsGitLab(t, bridges, &jobgatev1.Bridge{}), box, "GET", "/projects/1/pipelines/100/bridges", me...)

			ctx = with(t, "job-token", sandbox.JobTokenDeploy)
			own, err := gw.jobs.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
			if err != nil {
				t.Fatal(err)
			}
			sameAsGitLab(t, asGitLab(t, own), box, "GET", "/job", "Job-Token", sandbox.JobTokenDeploy)
			agents, err := gw.agents.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			sameAsGitLab(t, asGitLab(t, agents), box, "GET", "/job/allowed_agents", "Job-Token", sandbox.JobTokenDeploy)
		})
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestWritesDoWhatTheySay(t *testing.T) {
	gw, box := newSandbox(t)
	ctx := as(t, sandbox.TokenMaintainer)
	const widgets = sandbox.ProjectWidgets
	canceled, err := gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: widgets, JobId: sandbox.JobPending})
	if err != nil || canceled.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_CANCELED {
		t.Errorf("cancel: %v, %v", canceled.GetStatus(), err)
	}
	canceled, err = gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: widgets, JobId: sandbox.JobRunning})
	if err != nil || canceled.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_CANCELING {
		t.Errorf("cancel of a running job: %v, %v", canceled.GetStatus(), err)
	}
	canceled, err = gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: widgets, JobId: sandbox.JobCanceling, Force: new(true)})
	if err != nil || canceled.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_CANCELED {
		t.Errorf("force: %v, %v", canceled.GetStatus(), err)
	}
	retried, err := gw.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: widgets, JobId: sandbox.JobFailed})
	if err != nil || retried.GetId() == sandbox.JobFailed || retried.GetName() == "" {
		t.Errorf("retry: %v, %v", retried.GetId(), err)
	}
	erased, err := gw.jobs.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: widgets, JobId: sandbox.JobSuccess})
	if err != nil || erased.GetErasedAt() == nil || len(erased.GetArtifacts()) != 0 {
		t.Errorf("erase: %v, %v", erased.GetErasedAt(), err)
	}
	played, err := gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{
		Project: widgets, JobId: sandbox.JobManual,
		JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "DEPLOY_ENV", Value: "staging"}},
	})
	if err != nil || played.GetJob().GetId() != sandbox.JobManual || played.GetBridge() != nil {
		t.Errorf("play: %v, %v", played, err)
	}
	bridge, err := gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{Project: widgets, JobId: sandbox.JobBridgeManual})
	if err != nil || bridge.GetBridge().GetId() != sandbox.JobBridgeManual || bridge.GetJob() != nil {
		t.Errorf("play of a trigger job: %v, %v", bridge, err)
	}
	inputs, err := structpb.NewStruct(map[string]any{"environment": "staging", "dry_run": true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gw.jobs.PlayJob(ctx, &jobgatev1.PlayJobRequest{Project: widgets, JobId: sandbox.JobInputs, JobInputs: inputs}); err != nil {
		t.Errorf("play with inputs: %v", err)
	}
	if n := arrivals(box, http.MethodPost); n != 8 {
		t.Errorf("8 writes arrived as %d", n)
	}
	for _, r := range box.Requests() {
		if r.Method == http.MethodPost && (strings.Contains(r.Query, "staging") || r.Header.Get("Idempotency-Key") != "") {
			t.Errorf("a variable or an idempotency key in %s?%s", r.Path, r.Query)
		}
	}
}

// Words and members of GitLab's future reach the caller.
func TestFutureGitLab(t *testing.T) {
	gw := newGateway(t, answer(200, asJSON, `{"id":7,"status":"dreaming","mood":{"level":[1,2.50]},"created_at":"2026-03-04T10:22:40Z"}`))
	job, err := gw.jobs.GetJob(as(t, canary), &jobgatev1.GetJobRequest{Project: "1", JobId: 7})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"status": `"dreaming"`, "mood": `{"level":[1,2.50]}`, "created_at": `"2026-03-04T10:22:40Z"`}
	if !reflect.DeepEqual(job.GetExtra(), want) {
		t.Errorf("extra %v", job.GetExtra())
	}
	if job.GetStatus() != 0 || job.GetCreatedAt().AsTime().Hour() != 10 || len(job.GetAbsent()) == 0 {
		t.Errorf("%v", job)
	}
}

func TestPagesCoverTheList(t *testing.T) {
	for _, version := range []string{"current", "15.6"} {
		gw, _ := newSandbox(t, sandbox.WithVersion(version))
		ctx := as(t, sandbox.TokenDeveloper)
		seen := map[int64]bool{}
		req := &jobgatev1.ListProjectJobsRequest{Project: sandbox.ProjectWidgets, PageSize: 30}
		pages, before := 0, int64(1<<62)
		for {
			page, err := gw.jobs.ListProjectJobs(ctx, req)
			if err != nil {
				t.Fatal(version, err)
			}
			pages++
			for _, job := range page.GetJobs() {
				if job.GetId() >= before {
					t.Fatalf("%s: job %d comes after %d", version, job.GetId(), before)
				}
				before = job.GetId()
				seen[job.GetId()] = true
			}
			if page.GetNextPageToken() == "" {
				break
			}
			req.PageToken = page.GetNextPageToken()
			req.PageSize = int32(20 + pages%2) // may change between pages
		}
		if len(seen) < 150 || pages < 6 || !seen[sandbox.JobSuccess] {
			t.Errorf("%s: %d jobs on %d pages", version, len(seen), pages)
		}
	}
}

func TestPipelinePagesKeepTheirSize(t *testing.T) {
	gw, _ := newSandbox(t)
	ctx := as(t, sandbox.TokenDeveloper)
	req := &jobgatev1.ListPipelineJobsRequest{Project: sandbox.ProjectWidgets, PipelineId: sandbox.PipelineMain, PageSize: 4}
	seen := map[int64]int{}
	var total int64
	for {
		page, err := gw.jobs.ListPipelineJobs(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		total = page.GetTotalSize()
		for _, job := range page.GetJobs() {
			seen[job.GetId()]++
		}
		if page.GetNextPageToken() == "" {
			break
		}
		req.PageToken, req.PageSize = page.GetNextPageToken(), 7
	}
	if int64(len(seen)) != total || total < 10 {
		t.Errorf("%d jobs of %d", len(seen), total)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("job %d came %d times", id, n)
		}
	}
}

func TestForeignPageTokens(t *testing.T) {
	gw, _ := newSandbox(t)
	ctx := as(t, sandbox.TokenDeveloper)
	page, err := gw.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: sandbox.ProjectWidgets, PageSize: 2})
	if err != nil || page.GetNextPageToken() == "" {
		t.Fatal(err)
	}
	token := page.GetNextPageToken()
	foreign := failure{code: 3, reason: "INVALID_REQUEST", field: "page_token"}
	others := map[string]*jobgatev1.ListProjectJobsRequest{
		"other project":   {Project: sandbox.ProjectDocs},
		"other scope":     {Project: sandbox.ProjectWidgets, Scope: []jobgatev1.JobStatus{7}},
		"other ref":       {Project: sandbox.ProjectWidgets, Ref: new("main")},
		"other parameter": {Project: sandbox.ProjectWidgets, ExtraParameters: extra("x", "y")},
	}
	for name, req := range others {
		req.PageToken = token
		t.Run(name, func(t *testing.T) {
			_, err := gw.jobs.ListProjectJobs(ctx, req)
			foreign.check(t, err)
		})
	}
	_, err = gw.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: sandbox.ProjectWidgets, PipelineId: 100, PageToken: token})
	foreign.check(t, err)
}

// GitLab's own paging goes through as it is, and its headers come back.
func TestGitLabsOwnPaging(t *testing.T) {
	gw, box := newSandbox(t)
	var header metadata.MD
	page, err := gw.jobs.ListPipelineJobs(as(t, sandbox.TokenDeveloper), &jobgatev1.ListPipelineJobsRequest{
		Project: sandbox.ProjectWidgets, PipelineId: sandbox.PipelineMain,
		Paging: &jobgatev1.GitlabPaging{Page: new(int64(2)), PerPage: new(int64(5)), Sort: new("asc")},
	}, grpc.Header(&header))
	if err != nil || page.GetNextPageToken() != "" || len(page.GetJobs()) != 5 {
		t.Fatal(page, err)
	}
	if got := header.Get("x-next-page"); len(got) != 1 || got[0] != "3" {
		t.Errorf("x-next-page %q of %v", got, header)
	}
	if len(header.Get("x-request-id")) != 1 {
		t.Errorf("no x-request-id in %v", header)
	}
	if got := box.Requests(); !strings.Contains(got[len(got)-1].Query, "page=2&per_page=5&sort=asc") {
		t.Errorf("asked by %q", got[len(got)-1].Query)
	}
	_, err = gw.jobs.ListProjectJobs(as(t, sandbox.TokenDeveloper), &jobgatev1.ListProjectJobsRequest{
		Project: sandbox.ProjectWidgets, Paging: &jobgatev1.GitlabPaging{Pagination: new("keyset"), PerPage: new(int64(2))},
	}, grpc.Header(&header))
	if err != nil || len(header.Get("x-next-cursor")) != 1 {
		t.Errorf("no cursor in %v, %v", header, err)
	}
}

// The caller's credential reaches GitLab as it came, and nothing else of the metadata.
func TestCredentialsPassThrough(t *testing.T) {
	var got http.Header
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("Content-Type", asJSON)
		_, _ = io.WriteString(w, `{"id":7}`)
	}))
	ctx := with(t, "private-token", "a", "authorization", "Bearer b", "job-token", "c", "sudo", "d", "dpop", "e", "cookie", "f", "x-forwarded-for", "g", "jobgate-face", "h")
	if err := getJob.rpc(ctx, gw); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Private-Token": "a", "Authorization": "Bearer b", "Job-Token": "c", "Sudo": "d", "Dpop": "e", "Cookie": "", "X-Forwarded-For": "", "Jobgate-Face": ""}
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Get(name), value)
		}
	}
}

// A moved project: reads follow it once, within GitLab only.
func TestMovedProject(t *testing.T) {
	gw, box := newSandbox(t, sandbox.WithURL(""))
	if err := get(sandbox.ProjectGadgetsOld, sandbox.JobGadgets)(as(t, sandbox.TokenDeveloper), gw); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, r := range box.Requests() {
		paths = append(paths, r.Path)
	}
	if len(paths) != 2 || !strings.HasPrefix(paths[1], "/api/v4/projects/4/jobs/") {
		t.Errorf("asked for %q", paths)
	}
}

func TestBridgesOfAnOlderAndALaterGitLab(t *testing.T) {
	asked := map[string]int{}
	gone := "bridges"
	gw := newGateway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		asked[last]++
		if last == gone {
			grape(404, "404 Not Found").ServeHTTP(w, r)
			return
		}
		answer(200, asJSON, `[{"id":5}]`).ServeHTTP(w, r)
	}))
	ask := func() {
		t.Helper()
		page, err := gw.bridges.ListPipelineBridges(context.Background(), &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 1})
		if err != nil || len(page.GetBridges()) != 1 {
			t.Fatal(page, err)
		}
	}
	ask()
	ask()
	if asked["bridges"] != 1 || asked["trigger_jobs"] != 2 {
		t.Errorf("asked %v", asked)
	}
	gone = "trigger_jobs"
	ask()
	if asked["bridges"] != 2 {
		t.Errorf("asked %v after the routes changed", asked)
	}
}

func TestSlowCallersDoNotOutliveTheirDeadline(t *testing.T) {
	gw := newGateway(t, hangs())
	ctx, cancel := context.WithTimeout(as(t, canary), 30*time.Millisecond)
	defer cancel()
	if err := listPipelineJobs.rpc(ctx, gw); err == nil {
		t.Error("an answer from a GitLab that hangs")
	}
}
