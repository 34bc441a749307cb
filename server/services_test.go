package server

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/gitlabjson"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

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

// Words and members of GitLab's future reach the caller.
func TestFutureGitLab(t *testing.T) {
	const answered = `{"id":7,"status":"dreaming","created_at":"2026-03-04T10:22:40Z","mood":{"level":[1,2.50]}}`
	gw := newGateway(t, answer(200, asJSON, answered))
	if got := ask(t, gw.url, "GET", "/projects/1/jobs/7", me, canary); got.body != answered {
		t.Errorf("REST %s", got.body)
	}
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
