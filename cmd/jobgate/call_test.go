package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const canary = "glpat-canary"

// fakeGateway answers with what its fields say, and remembers what it was asked.
type fakeGateway struct {
	jobgatev1.UnimplementedJobServiceServer
	jobgatev1.UnimplementedTraceServiceServer

	err    error
	events []*jobgatev1.ReadTraceResponse

	request *jobgatev1.GetJobRequest
	md      metadata.MD
}

func (f *fakeGateway) GetJob(
	ctx context.Context, req *jobgatev1.GetJobRequest,
) (*jobgatev1.Job, error) {
	f.request = req
	f.md, _ = metadata.FromIncomingContext(ctx)
	return &jobgatev1.Job{Id: req.GetJobId(), AllowFailure: true}, f.err
}

func (f *fakeGateway) ReadTrace(
	_ *jobgatev1.ReadTraceRequest, stream grpc.ServerStreamingServer[jobgatev1.ReadTraceResponse],
) error {
	for _, event := range f.events {
		if err := stream.Send(event); err != nil {
			return err
		}
	}
	return f.err
}

// serve starts f and returns its address.
func (f *fakeGateway) serve(t *testing.T) string {
	t.Helper()
	return serveFakes(t, f, f)
}

// serveFakes serves the two services until the test ends, and returns where.
func serveFakes(t *testing.T, jobs jobgatev1.JobServiceServer, traces jobgatev1.TraceServiceServer) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	jobgatev1.RegisterJobServiceServer(s, jobs)
	jobgatev1.RegisterTraceServiceServer(s, traces)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// outcome is what a run of the program leaves behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// jobgate runs the program in process. No output may hold the canary.
func jobgate(t *testing.T, environ []string, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"jobgate"}, args...), environ,
		strings.NewReader(stdin), &stdout, &stderr)
	if strings.Contains(stdout.String()+stderr.String(), canary) {
		t.Errorf("the output holds a credential:\n%s%s", &stdout, &stderr)
	}
	return outcome{code, stdout.String(), stderr.String()}
}

func TestCallUnary(t *testing.T) {
	t.Parallel()
	for _, method := range []string{
		"GetJob", "JobService/GetJob", "jobgate.v1.JobService/GetJob",
		"/jobgate.v1.JobService/GetJob", "jobgate.v1.JobService.GetJob",
	} {
		gateway := &fakeGateway{}
		got := jobgate(t, nil, "", "call", "--addr", gateway.serve(t), method, `{"project":"a/b","job_id":7}`)
		if got.code != 0 || got.stderr != "" {
			t.Fatalf("%s: exit code %d, stderr %q", method, got.code, got.stderr)
		}
		var job map[string]any
		if err := json.Unmarshal([]byte(got.stdout), &job); err != nil {
			t.Fatal(err)
		}
		if job["id"] != "7" || job["allow_failure"] != true || !strings.Contains(got.stdout, "\n  \"id\"") {
			t.Errorf("%s: printed %s", method, got.stdout)
		}
		if gateway.request.GetProject() != "a/b" {
			t.Errorf("%s: sent %v", method, gateway.request)
		}
	}
}

func TestCallReadsStandardInput(t *testing.T) {
	t.Parallel()
	gateway := &fakeGateway{}
	got := jobgate(t, nil, `{"job_id":9}`, "call", "--addr", gateway.serve(t), "GetJob", "-")
	if got.code != 0 || gateway.request.GetJobId() != 9 {
		t.Errorf("exit code %d, sent %v, stderr %s", got.code, gateway.request, got.stderr)
	}
}

func TestCallCredentials(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		environ, args []string
		want          map[string]string
	}{
		"none":                             {nil, nil, map[string]string{"private-token": ""}},
		"--token":                          {nil, []string{"--token", canary}, map[string]string{"private-token": canary}},
		"JOBGATE_TOKEN":                    {[]string{"JOBGATE_TOKEN=" + canary}, nil, map[string]string{"private-token": canary}},
		"--token before JOBGATE_TOKEN":     {[]string{"JOBGATE_TOKEN=other"}, []string{"--token", canary}, map[string]string{"private-token": canary}},
		"a -H beside the token":            {nil, []string{"--token", canary, "-H", "Sudo: 7"}, map[string]string{"private-token": canary, "sudo": "7"}},
		"a -H instead of the token":        {[]string{"JOBGATE_TOKEN=other"}, []string{"-H", "Job-Token:" + canary}, map[string]string{"private-token": "", "job-token": canary}},
		"a value with a colon and a comma": {nil, []string{"-H", "dpop: a:b,c"}, map[string]string{"dpop": "a:b,c"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := &fakeGateway{}
			args := append([]string{"call", "--addr", gateway.serve(t), "GetJob"}, tt.args...)
			if got := jobgate(t, tt.environ, "", args...); got.code != 0 {
				t.Fatalf("exit code %d: %s", got.code, got.stderr)
			}
			for name, want := range tt.want {
				if got := strings.Join(gateway.md.Get(name), "|"); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestCallReadTrace(t *testing.T) {
	t.Parallel()
	log := "a\x1b[0Kb\r\xff\n"
	gateway := &fakeGateway{events: []*jobgatev1.ReadTraceResponse{
		{Event: &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Data: []byte(log[:3])}}},
		{Event: &jobgatev1.ReadTraceResponse_Gap{Gap: &jobgatev1.TraceGap{Offset: 3, NextOffset: 9}}, Cursor: "c1"},
		{Event: &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Offset: 9, Data: []byte(log[3:])}}},
	}, err: status.Error(codes.Unavailable, "cut")}
	got := jobgate(t, nil, "", "call", "--addr", gateway.serve(t), "ReadTrace")
	want := outcome{
		code:   1,
		stdout: log,
		stderr: `{"gap":{"offset":"3","next_offset":"9"},"cursor":"c1"}` + "\njobgate: UNAVAILABLE: cut\n",
	}
	if got != want {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestCallFailure(t *testing.T) {
	t.Parallel()
	s, err := status.New(codes.NotFound, "404 Not\x1b[2J found").WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{
			Reason: "JOB_NOT_FOUND", Domain: "jobgate", Metadata: map[string]string{"upstream_status": "404"},
		}),
		protoadapt.MessageV1Of(&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "job_id", Description: "must be positive"},
		}}),
		protoadapt.MessageV1Of(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{
			{Subject: "user", Description: "600 a minute"},
		}}),
		protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(1500_000_000)}),
		protoadapt.MessageV1Of(&jobgatev1.UpstreamError{
			Status: 404, ContentType: "application/json", Body: []byte("{\"message\":\n\"404 Not found\"}\n"), Truncated: true,
		}),
		protoadapt.MessageV1Of(&errdetails.DebugInfo{Detail: "x"}),
	)
	if err != nil {
		t.Fatal(err)
	}
	gateway := &fakeGateway{err: s.Err()}
	got := jobgate(t, nil, "", "call", "--addr", gateway.serve(t), "GetJob")
	want := outcome{code: 1, stderr: `jobgate: NOT_FOUND: "404 Not\x1b[2J found"
  reason: JOB_NOT_FOUND (jobgate)
  upstream_status: 404
  field job_id: must be positive
  quota user: 600 a minute
  try again in: 1.5s
  GitLab answered 404, application/json:
    {"message":
    "404 Not found"} … (cut here)
  google.rpc.DebugInfo: {"detail":"x"}
`}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got.stderr, want.stderr)
	}
}
