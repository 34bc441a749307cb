package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// traceGateway answers ReadTrace with its events and then its error, or never ends.
type traceGateway struct {
	fakeGateway
	hangs   bool
	request *jobgatev1.ReadTraceRequest
}

func (g *traceGateway) ReadTrace(
	req *jobgatev1.ReadTraceRequest, stream grpc.ServerStreamingServer[jobgatev1.ReadTraceResponse],
) error {
	g.request = req
	err := g.fakeGateway.ReadTrace(req, stream)
	if g.hangs {
		<-stream.Context().Done()
	}
	return err
}

func (g *traceGateway) serve(t *testing.T) string {
	t.Helper()
	return serveFakes(t, g, g)
}

func chunkEvent(offset int64, data, cursor string) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Cursor: cursor, Event: &jobgatev1.ReadTraceResponse_Chunk{
		Chunk: &jobgatev1.TraceChunk{Offset: offset, Data: []byte(data)},
	}}
}

func endEvent(size int64, job jobgatev1.JobStatus, word, cursor string) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Cursor: cursor, Event: &jobgatev1.ReadTraceResponse_End{
		End: &jobgatev1.TraceEnd{Size: size, JobStatus: job, JobStatusWord: word},
	}}
}

// succeeded is a log of three bytes.
func succeeded() []*jobgatev1.ReadTraceResponse {
	return []*jobgatev1.ReadTraceResponse{
		chunkEvent(0, "a\x1b\xff", "c1"), endEvent(3, jobgatev1.JobStatus_JOB_STATUS_SUCCESS, "success", "c2"),
	}
}

// someCursor looks like one.
var someCursor = strings.Repeat("aZ0_-", 13)

func TestTraceRequest(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		want *jobgatev1.ReadTraceRequest
	}{
		"the whole log": {nil, &jobgatev1.ReadTraceRequest{}},
		"-f -n":         {[]string{"-f", "-n", "20"}, &jobgatev1.ReadTraceRequest{Follow: true, Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 20}}},
		"--offset 0":    {[]string{"--offset", "0"}, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Offset{}}},
		"--offset":      {[]string{"--offset", "3"}, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Offset{Offset: 3}}},
		"--cursor":      {[]string{"--cursor", someCursor}, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: someCursor}}},
		"no cursor yet": {[]string{"--cursor", ""}, &jobgatev1.ReadTraceRequest{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := &traceGateway{fakeGateway: fakeGateway{err: status.Error(codes.NotFound, "no")}}
			got := jobgate(t, nil, "", append([]string{"trace", "--addr", gateway.serve(t), "a/b", "7"}, tt.args...)...)
			if want := (outcome{code: 1, stderr: "jobgate: NOT_FOUND: no\n"}); got != want {
				t.Errorf("got %#v", got)
			}
			tt.want.Project, tt.want.JobId = "a/b", 7
			if diff := cmp.Diff(tt.want, gateway.request, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTraceOutcome(t *testing.T) {
	t.Parallel()
	ends := func(s jobgatev1.JobStatus, word string) fakeGateway {
		return fakeGateway{events: []*jobgatev1.ReadTraceResponse{endEvent(0, s, word, "c1")}}
	}
	wrong := succeeded()
	wrong[1].GetEnd().Crc64 = proto.Uint64(1)
	rewritten := append([]*jobgatev1.ReadTraceResponse{
		chunkEvent(0, "old", "c1"),
		{Cursor: "c2", Event: &jobgatev1.ReadTraceResponse_Reset_{Reset_: &jobgatev1.TraceReset{Reason: jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED}}},
		{Cursor: "c3", Event: &jobgatev1.ReadTraceResponse_Gap{Gap: &jobgatev1.TraceGap{NextOffset: 5}}},
	}, chunkEvent(5, "new", "c4"), endEvent(8, 0, "", "c5"))
	tests := map[string]struct {
		gateway fakeGateway
		args    []string
		want    outcome
	}{
		"bytes as they are":        {fakeGateway{events: succeeded()}, nil, outcome{0, "a\x1b\xff", ""}},
		"the cursor at the end":    {fakeGateway{events: succeeded()}, []string{"--print-cursor"}, outcome{0, "a\x1b\xff", "c2\n"}},
		"the cursor after a fault": {fakeGateway{events: succeeded()[:1], err: status.Error(codes.NotFound, "no")}, []string{"--print-cursor"}, outcome{1, "a\x1b\xff", "jobgate: NOT_FOUND: no\nc1\n"}},
		"no cursor":                {fakeGateway{err: status.Error(codes.NotFound, "no")}, []string{"--print-cursor"}, outcome{1, "", "jobgate: NOT_FOUND: no\n"}},
		"wrong bytes":              {fakeGateway{events: wrong}, nil, outcome{1, "a\x1b\xff", "jobgate: the log's digest is not that of the bytes received\n"}},
		"a log that changes": {fakeGateway{events: rewritten}, nil, outcome{
			0, "oldnew",
			"jobgate: the log has changed (erased), it goes on at byte 0\njobgate: GitLab no longer has the bytes from 0 to before 5\n",
		}},
		"failed, not asked for": {ends(jobgatev1.JobStatus_JOB_STATUS_FAILED, "failed"), []string{"-f"}, outcome{0, "", ""}},
		"success":               {ends(jobgatev1.JobStatus_JOB_STATUS_SUCCESS, "success"), []string{"-f", "--exit-status"}, outcome{0, "", ""}},
		"skipped":               {ends(jobgatev1.JobStatus_JOB_STATUS_SKIPPED, "skipped"), []string{"-f", "--exit-status"}, outcome{0, "", ""}},
		"failed":                {ends(jobgatev1.JobStatus_JOB_STATUS_FAILED, "failed"), []string{"-f", "--exit-status"}, outcome{1, "", "jobgate: job 7: failed\n"}},
		"canceled":              {ends(jobgatev1.JobStatus_JOB_STATUS_CANCELED, "canceled"), []string{"-f", "--exit-status"}, outcome{1, "", "jobgate: job 7: canceled\n"}},
		"failed, with a cursor": {ends(jobgatev1.JobStatus_JOB_STATUS_FAILED, "failed"), []string{"-f", "--exit-status", "--print-cursor"}, outcome{1, "", "jobgate: job 7: failed\nc1\n"}},
		"a new word":            {ends(0, "exp\x1bired"), []string{"-f", "--exit-status"}, outcome{1, "", "jobgate: job 7: \"exp\\x1bired\"\n"}},
		"no word":               {ends(0, ""), []string{"-f", "--exit-status"}, outcome{1, "", "jobgate: job 7: no word of how it ended\n"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"trace", "--addr", tt.gateway.serve(t), "a/b", "7"}, tt.args...)
			if got := jobgate(t, nil, "", args...); got != tt.want {
				t.Errorf("got  %#v\nwant %#v", got, tt.want)
			}
		})
	}
}

func TestTraceFailsAsCallDoes(t *testing.T) {
	t.Parallel()
	gateway := &fakeGateway{err: status.Error(codes.PermissionDenied, "403 Forbidden\x1b")}
	addr := gateway.serve(t)
	got := jobgate(t, nil, "", "trace", "--addr", addr, "a/b", "7")
	if want := jobgate(t, nil, "", "call", "--addr", addr, "ReadTrace"); got != want {
		t.Errorf("trace %#v\ncall  %#v", got, want)
	}
}

// interrupted runs the program until the gateway has been asked and has sent its events,
// then ends its context, as a signal does.
func interrupted(t *testing.T, args ...string) outcome {
	t.Helper()
	gateway := &traceGateway{fakeGateway: fakeGateway{events: succeeded()[:1]}, hangs: true}
	l := gateway.serve(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	var stdout, stderr bytes.Buffer
	seen := writerFunc(func(p []byte) (int, error) {
		cancel(errors.New("interrupt"))
		return stdout.Write(p)
	})
	code := run(ctx, append([]string{"jobgate", "trace", "--addr", l, "a/b", "7"}, args...), nil, nil, seen, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTraceInterrupted(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                  "",
		"--print-cursor":    "c1\n",
		"-f":                "jobgate: to go on from here: --cursor c1\n",
		"-f --print-cursor": "c1\n",
		"-f --exit-status":  "jobgate: to go on from here: --cursor c1\n",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if got := interrupted(t, strings.Fields(args)...); got != (outcome{exitInterrupted, "a\x1b\xff", want}) {
				t.Errorf("got %#v", got)
			}
		})
	}
}

func TestTraceBrokenPipe(t *testing.T) {
	t.Parallel()
	gateway := &fakeGateway{events: succeeded()}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_ = r.Close()
	var stderr bytes.Buffer
	args := []string{"jobgate", "trace", "--addr", gateway.serve(t), "a/b", "7"}
	if code := run(t.Context(), args, nil, nil, w, &stderr); code != exitBrokenPipe || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %s", code, &stderr)
	}
	full := writerFunc(func([]byte) (int, error) { return 0, io.ErrShortWrite })
	if code := run(t.Context(), args, nil, nil, full, &stderr); code != exitFailure || stderr.String() != "jobgate: short write\n" {
		t.Errorf("exit code %d, stderr %s", code, &stderr)
	}
}

func TestTraceTimeout(t *testing.T) {
	t.Parallel()
	gateway := &traceGateway{hangs: true}
	got := jobgate(t, nil, "", "trace", "-f", "--timeout", "10ms", "--addr", gateway.serve(t), "a/b", "7")
	if want := (outcome{1, "", "jobgate: DEADLINE_EXCEEDED: context deadline exceeded\n"}); got != want {
		t.Errorf("got %#v", got)
	}
}

func TestTraceNotes(t *testing.T) {
	t.Parallel()
	gone := status.Error(codes.Unavailable, "gone\nfor good")
	log := follow.Log(t.Context(), nil, &jobgatev1.ReadTraceRequest{Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: "c1"}})
	var stderr bytes.Buffer
	p := &process{stderr: &stderr}
	fresh := &traceNotes{p: p, start: "c1", log: log}
	if err := fresh.retry(follow.Retry{Err: gone, Tries: firstTries - 1}); err != nil {
		t.Errorf("gives up before the last of the first tries: %v", err)
	}
	if err := fresh.retry(follow.Retry{Err: gone, Tries: firstTries}); !errors.Is(err, gone) {
		t.Errorf("after the first tries: %v", err)
	}
	begun := &traceNotes{p: p, log: log}
	for range 2 {
		for i, wait := range []time.Duration{1, time.Second, time.Minute, time.Minute, time.Minute} {
			if err := begun.retry(follow.Retry{Err: gone, Tries: i + 1, Wait: wait}); err != nil {
				t.Errorf("gives up a log that has begun: %v", err)
			}
		}
	}
	_ = begun.retry(follow.Retry{Err: follow.ErrStale, Tries: 1, Wait: time.Second})
	const line = "jobgate: the log broke off, trying again: "
	if want := strings.Repeat(line+"UNAVAILABLE: gone\n", 2) + line + "the gateway sent nothing for too long\n"; stderr.String() != want {
		t.Errorf("told %s", &stderr)
	}
}
