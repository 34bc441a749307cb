package server

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

func get(project string, id int64) rpc {
	return func(ctx context.Context, gw *gateway) error {
		_, err := gw.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: project, JobId: id})
		return err
	}
}

func list(req *jobgatev1.ListProjectJobsRequest) rpc {
	return func(ctx context.Context, gw *gateway) error {
		if req.GetProject() == "" {
			req.Project = sandbox.ProjectWidgets
		}
		_, err := gw.jobs.ListProjectJobs(ctx, req)
		return err
	}
}

func listPipeline(project string, pipeline int64) rpc {
	return func(ctx context.Context, gw *gateway) error {
		_, err := gw.jobs.ListPipelineJobs(ctx, &jobgatev1.ListPipelineJobsRequest{Project: project, PipelineId: pipeline})
		return err
	}
}

func trace(req *jobgatev1.ReadTraceRequest) rpc {
	return func(ctx context.Context, gw *gateway) error {
		req.Project = sandbox.ProjectWidgets
		if req.GetJobId() == 0 {
			req.JobId = sandbox.JobSuccess
		}
		stream, err := gw.traces.ReadTrace(ctx, req)
		if err == nil {
			for err == nil {
				_, err = stream.Recv()
			}
		}
		return err
	}
}

func extra(name, value string) []*jobgatev1.Parameter {
	return []*jobgatev1.Parameter{{Name: name, Value: value}}
}

// Wrong input over gRPC, against the sandbox: GitLab's own words where it has them,
// else an error that names field and rule.
func TestWrongInput(t *testing.T) {
	const (
		widgets = sandbox.ProjectWidgets
		bad     = "INVALID_REQUEST"
	)
	invalid := func(field string) failure { return failure{codes.InvalidArgument, bad, field} }
	noProject := failure{codes.NotFound, "PROJECT_NOT_FOUND", ""}
	noJob := failure{codes.NotFound, "JOB_NOT_FOUND", ""}
	cases := map[string]struct {
		metadata []string
		call     rpc
		want     failure
		message  string
	}{
		"no token":                      {[]string{}, get(widgets, 101), failure{codes.Unauthenticated, "CREDENTIAL_MISSING", ""}, "401 Unauthorized"},
		"unknown token":                 {[]string{"private-token", canary}, get(widgets, 101), failure{codes.Unauthenticated, "TOKEN_REJECTED", ""}, "401 Unauthorized"},
		"unknown bearer token":          {[]string{"authorization", "Bearer " + canary}, get(widgets, 101), failure{codes.Unauthenticated, "TOKEN_REJECTED", ""}, "401 Unauthorized"},
		"expired token":                 {[]string{"private-token", sandbox.TokenExpired}, get(widgets, 101), failure{codes.Unauthenticated, "TOKEN_EXPIRED", ""}, "Token is expired"},
		"revoked token":                 {[]string{"private-token", sandbox.TokenRevoked}, get(widgets, 101), failure{codes.Unauthenticated, "TOKEN_REVOKED", ""}, "Token was revoked"},
		"job token where none is taken": {[]string{"job-token", sandbox.JobTokenRunning}, get(widgets, 101), failure{codes.Unauthenticated, "TOKEN_REJECTED", ""}, "401 Unauthorized"},
		"access token for a job token": {nil, func(ctx context.Context, gw *gateway) error {
			_, err := gw.jobs.GetTokenJob(ctx, &jobgatev1.GetTokenJobRequest{})
			return err
		}, failure{codes.NotFound, "JOB_TOKEN_REQUIRED", ""}, "404 Job Not Found"},
		"job token of a finished job": {[]string{"job-token", sandbox.JobTokenFinished}, func(ctx context.Context, gw *gateway) error {
			_, err := gw.agents.GetAllowedAgents(ctx, &jobgatev1.GetAllowedAgentsRequest{})
			return err
		}, failure{codes.Unauthenticated, "TOKEN_REJECTED", ""}, "401 Unauthorized"},
		"token without a scope":        {[]string{"private-token", sandbox.TokenNoScope}, get(widgets, 101), failure{codes.PermissionDenied, "TOKEN_SCOPE_INSUFFICIENT", ""}, "higher privileges"},
		"two tokens of a kind":         {[]string{"private-token", "glpat-a", "private-token", "glpat-b"}, get(widgets, 101), invalid("private-token"), "once"},
		"sudo without the right":       {[]string{"private-token", sandbox.TokenDeveloper, "sudo", "ada"}, get(widgets, 101), failure{codes.PermissionDenied, "ACCESS_DENIED", ""}, "Must be admin"},
		"sudo as nobody":               {[]string{"private-token", sandbox.TokenAdmin, "sudo", "nobody"}, get(widgets, 101), failure{codes.NotFound, "USER_NOT_FOUND", ""}, "'nobody'"},
		"anonymous, project list":      {[]string{}, list(&jobgatev1.ListProjectJobsRequest{Project: sandbox.ProjectDocs}), failure{codes.Unauthenticated, "CREDENTIAL_MISSING", ""}, "401 Unauthorized"},
		"anonymous, private pipeline":  {[]string{}, listPipeline(widgets, sandbox.PipelineMain), noProject, "404 Project Not Found"},
		"anonymous, public pipeline":   {[]string{}, listPipeline(sandbox.ProjectDocs, sandbox.PipelineDocs), failure{}, ""},
		"empty project":                {nil, get("", 101), invalid("project"), "must not be empty"},
		"project ..":                   {nil, get("..", 101), invalid("project"), "'..'"},
		"project that climbs":          {nil, get("a/../../admin", 101), invalid("project"), "'..'"},
		"project that climbs, escaped": {nil, get("%2e%2e%2f", 101), noProject, "404 Project Not Found"},
		"project with NUL":             {nil, get("acme/wid\x00gets", 101), invalid("project"), "control"},
		"project of 10 kB":             {nil, get(strings.Repeat("a", 10_000), 101), invalid("project"), "2048"},
		"project with a query":         {nil, get("acme/widgets?private_token=x#y", 101), noProject, "404 Project Not Found"},
		"unknown project":              {nil, get("acme/nothing", 101), noProject, "404 Project Not Found"},
		"moved project, write": {nil, func(ctx context.Context, gw *gateway) error {
			_, err := gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: sandbox.ProjectGadgetsOld, JobId: sandbox.JobGadgets})
			return err
		}, failure{codes.InvalidArgument, "PROJECT_MOVED", "project"}, "moved"},
		"job 0":                       {nil, get(widgets, 0), invalid("job_id"), "positive"},
		"job -1":                      {nil, get(widgets, -1), invalid("job_id"), "positive"},
		"unknown job":                 {nil, get(widgets, 999), noJob, "404 Not found"},
		"trigger job":                 {nil, get(widgets, sandbox.JobBridge), noJob, "404 Not found"},
		"pipeline 0":                  {nil, listPipeline(widgets, 0), invalid("pipeline_id"), "positive"},
		"pipeline of another project": {nil, listPipeline(widgets, sandbox.PipelineVault), failure{codes.NotFound, "PIPELINE_NOT_FOUND", ""}, "404 Not found"},
		"unspecified scope":           {nil, list(&jobgatev1.ListProjectJobsRequest{Scope: []jobgatev1.JobStatus{7, 0}}), invalid("scope[1]"), "known state"},
		"scope beyond the enum":       {nil, list(&jobgatev1.ListProjectJobsRequest{Scope: []jobgatev1.JobStatus{99}}), invalid("scope[0]"), "known state"},
		"unknown scope word":          {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("scope[]", "finished")}), invalid("scope"), "scope does not have a valid value"},
		"credential as parameter":     {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("private_token", canary)}), invalid("extra_parameters[0].name"), "credential"},
		"credential in brackets":      {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("[job_token]", canary)}), invalid("extra_parameters[0].name"), "credential"},
		"path parameter":              {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("id", "5")}), invalid("extra_parameters[0].name"), "path parameter"},
		"paging parameter":            {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("per_page", "5")}), invalid("extra_parameters[0].name"), "paging"},
		"method parameter":            {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("_method", "DELETE")}), invalid("extra_parameters[0].name"), "method"},
		"parameter without a name":    {nil, list(&jobgatev1.ListProjectJobsRequest{ExtraParameters: extra("", "x")}), invalid("extra_parameters[0].name"), "empty"},
		"page size -1":                {nil, list(&jobgatev1.ListProjectJobsRequest{PageSize: -1}), invalid("page_size"), "negative"},
		"damaged page token":          {nil, list(&jobgatev1.ListProjectJobsRequest{PageToken: "AAAA"}), invalid("page_token"), "unchanged"},
		"page token that is none":     {nil, list(&jobgatev1.ListProjectJobsRequest{PageToken: "https://elsewhere.example/"}), invalid("page_token"), "unchanged"},
		"both ways to page":           {nil, list(&jobgatev1.ListProjectJobsRequest{PageSize: 5, Paging: &jobgatev1.GitlabPaging{}}), invalid("paging"), "together"},
		"GitLab's page size 0":        {nil, list(&jobgatev1.ListProjectJobsRequest{Paging: &jobgatev1.GitlabPaging{PerPage: new(int64)}}), invalid("per_page"), "not allowed"},
		"request id": {nil, func(ctx context.Context, gw *gateway) error {
			_, err := gw.jobs.EraseJob(ctx, &jobgatev1.EraseJobRequest{Project: widgets, JobId: 101, RequestId: "not once"})
			return err
		}, invalid("request_id"), "visible ASCII"},
		"follow with parameters":         {nil, trace(&jobgatev1.ReadTraceRequest{Follow: true, ExtraParameters: extra("x", "1")}), invalid("extra_parameters"), "shared"},
		"follow of a trigger job":        {nil, trace(&jobgatev1.ReadTraceRequest{Follow: true, JobId: sandbox.JobBridge}), failure{codes.NotFound, "JOB_NOT_FOUND", ""}, "404 Not found"},
		"negative offset":                {nil, trace(&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Offset{Offset: -1}}), invalid("offset"), "negative"},
		"negative limit":                 {nil, trace(&jobgatev1.ReadTraceRequest{Limit: -1}), invalid("limit"), "negative"},
		"tail of no bytes":               {nil, trace(&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailBytes{}}), invalid("tail_bytes"), "from 1"},
		"tail of too many lines":         {nil, trace(&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 100_001}}), invalid("tail_lines"), "100000"},
		"damaged cursor":                 {nil, trace(&jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: "x"}}), invalid("cursor"), "unchanged"},
		"slice parameter":                {nil, trace(&jobgatev1.ReadTraceRequest{ExtraParameters: extra("byte_offset", "1")}), invalid("extra_parameters[0].name"), "part of a log"},
		"log of a trigger job":           {nil, trace(&jobgatev1.ReadTraceRequest{JobId: sandbox.JobBridge}), noJob, "404 Not found"},
		"log of a debug job for readers": {[]string{"private-token", sandbox.TokenReporter}, trace(&jobgatev1.ReadTraceRequest{JobId: sandbox.JobDebug}), failure{codes.PermissionDenied, "ACCESS_DENIED", ""}, "403 Forbidden"},
	}
	gw, _ := newSandbox(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			pairs := c.metadata
			if pairs == nil {
				pairs = []string{"private-token", sandbox.TokenDeveloper}
			}
			err := c.call(with(t, pairs...), gw)
			c.want.check(t, err)
			if !strings.Contains(status.Convert(err).Message(), c.message) && !violates(err, c.message) {
				t.Errorf("%v lacks %q", err, c.message)
			}
			for i := 1; i < len(pairs); i += 2 {
				if strings.HasPrefix(pairs[i-1], "private") || strings.HasPrefix(pairs[i-1], "job") {
					wantNoToken(t, gw, err, pairs[i])
				}
			}
			wantNoToken(t, gw, err, canary)
		})
	}
}

func violates(err error, words string) bool {
	for _, v := range detailOf[*errdetails.BadRequest](status.Convert(err)).GetFieldViolations() {
		if strings.Contains(v.GetDescription(), words) {
			return true
		}
	}
	return false
}

// Faults of the sandbox, on unary calls and logs: a typed error each, no hang.
func TestFaultyUpstream(t *testing.T) {
	cases := map[sandbox.FaultKind]map[string]codes.Code{
		sandbox.HangBeforeHeader: {"get": codes.Unavailable, "write": codes.Unknown, "log": codes.Unavailable},
		sandbox.HangAfterHeader:  {"get": codes.Unavailable, "write": codes.Unknown, "log": codes.Unavailable},
		sandbox.ResetBeforeReply: {"get": codes.Unavailable, "write": codes.Unknown, "log": codes.Unavailable},
		sandbox.ResetMidBody:     {"get": codes.Unavailable, "write": codes.Unknown, "log": codes.Unavailable},
		sandbox.ShortBody:        {"get": codes.Unavailable, "write": codes.Unknown, "log": codes.Unavailable},
		sandbox.EndlessBody:      {"get": codes.ResourceExhausted, "write": codes.Unknown},
		sandbox.GzipBomb:         {"get": codes.ResourceExhausted, "write": codes.Unknown},
		sandbox.WrongContentType: {"get": codes.Internal, "write": codes.Unknown, "log": codes.Internal},
		sandbox.CutJSON:          {"get": codes.Internal, "write": codes.Unknown},
		sandbox.WrongShape:       {"get": codes.Internal, "write": codes.Unknown},
		sandbox.Redirect:         {"get": codes.Internal, "write": codes.Internal, "log": codes.Internal},
		sandbox.StatusFault:      {"get": codes.Internal, "write": codes.Internal, "log": codes.Internal},
		sandbox.TooManyText:      {"get": codes.ResourceExhausted, "write": codes.ResourceExhausted, "log": codes.ResourceExhausted},
		sandbox.TooManyHTML:      {"get": codes.ResourceExhausted, "write": codes.ResourceExhausted},
		sandbox.TooManyJSON:      {"get": codes.ResourceExhausted, "write": codes.ResourceExhausted},
	}
	calls := map[string]struct {
		route string
		call  rpc
	}{
		"get": {sandbox.RouteJob, get(sandbox.ProjectWidgets, sandbox.JobSuccess)},
		"write": {sandbox.RouteRetry, func(ctx context.Context, gw *gateway) error {
			_, err := gw.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobFailed})
			return err
		}},
		"write that is read back": {sandbox.RouteCancel, func(ctx context.Context, gw *gateway) error {
			job, err := gw.jobs.CancelJob(ctx, &jobgatev1.CancelJobRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobPending})
			if err == nil && job.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_CANCELED {
				t.Errorf("answered with %v", job)
			}
			return err
		}},
		"log": {sandbox.RouteTrace, trace(&jobgatev1.ReadTraceRequest{})},
	}
	box := sandbox.New()
	patient := newGateway(t, box, upstream.WithMaxBody(1<<20), upstream.WithQuota(false))
	hasty := newGateway(t, box, upstream.WithTimeout(200*time.Millisecond), upstream.WithIdleTimeout(100*time.Millisecond), upstream.WithQuota(false))
	for kind, outcomes := range cases {
		if outcomes["write"] == codes.Unknown {
			outcomes["write that is read back"] = codes.OK
		}
		for what, want := range outcomes {
			t.Run(string(kind)+" "+what, func(t *testing.T) {
				gw := patient
				if kind == sandbox.HangBeforeHeader || kind == sandbox.HangAfterHeader { // only these end by the clock
					gw = hasty
				}
				box.Reset()
				box.Fail(sandbox.Match{Route: calls[what].route}, sandbox.Fault{Kind: kind, Size: 4 << 20})
				err := calls[what].call(as(t, sandbox.TokenMaintainer), gw)
				if status.Code(err) != want {
					t.Errorf("%v, want %v", err, want)
				}
				if err != nil && detailOf[*errdetails.ErrorInfo](status.Convert(err)).GetReason() == "" {
					t.Errorf("no reason: %v", err)
				}
				wantNoToken(t, gw, err, sandbox.TokenMaintainer)
				if n := arrivals(box, http.MethodPost); n > 1 {
					t.Errorf("the write arrived %d times", n)
				}
			})
		}
	}
}

func arrivals(box *sandbox.Sandbox, method string) (n int) {
	for _, r := range box.Requests() {
		if r.Method == method {
			n++
		}
	}
	return n
}

// What a failure of the log's upstream leaves: all bytes before it, then the error.
func TestBrokenLogDeliversWhatCame(t *testing.T) {
	box := sandbox.New()
	gw := newGateway(t, box)
	log := []byte(strings.Repeat("0123456789abcdef", 1<<16)) // 1 MiB
	box.SetTrace(sandbox.JobSuccess, log)
	box.Fail(sandbox.Match{Route: sandbox.RouteTrace}, sandbox.Fault{Kind: sandbox.ResetMidBody, After: 700_000})
	stream, err := gw.traces.ReadTrace(as(t, sandbox.TokenDeveloper), &jobgatev1.ReadTraceRequest{Project: sandbox.ProjectWidgets, JobId: sandbox.JobSuccess})
	all, err := events(t, stream, err)
	failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, err)
	var got []byte
	for _, e := range all {
		got = append(got, e.GetChunk().GetData()...)
		if e.GetEnd() != nil {
			t.Error("a broken log has an end")
		}
	}
	if !bytes.Equal(got, log[:len(got)]) || len(got) == 0 {
		t.Errorf("%d bytes, not those of the log", len(got))
	}
	// The last event's cursor continues where the stream broke.
	box.ClearFaults()
	rest, err := gw.traces.ReadTrace(as(t, sandbox.TokenDeveloper), &jobgatev1.ReadTraceRequest{
		Project: sandbox.ProjectWidgets, JobId: sandbox.JobSuccess, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: all[len(all)-1].GetCursor()},
	})
	more, err := events(t, rest, err)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range more {
		got = append(got, e.GetChunk().GetData()...)
	}
	if !bytes.Equal(got, log) {
		t.Errorf("continued to %d bytes, not the log of %d", len(got), len(log))
	}
}

// A peer that is no GitLab at all.
func TestGarbageInsteadOfHTTP(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n"))
			_ = conn.Close()
		}
	}()
	gw := newGatewayAt(t, "http://"+lis.Addr().String())
	failure{codes.Unavailable, "UPSTREAM_UNAVAILABLE", ""}.check(t, getJob.rpc(as(t, canary), gw))
	if code := status.Code(cancelJob.rpc(as(t, canary), gw)); code != codes.Unknown && code != codes.Unavailable {
		t.Errorf("write: %v", code)
	}
	_ = lis.Close()
	<-done
}
