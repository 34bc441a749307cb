package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/minio/crc64nvme"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

func follow(ctx context.Context, t *testing.T, gw *gateway, req *jobgatev1.ReadTraceRequest) jobgatev1.TraceService_ReadTraceClient {
	t.Helper()
	req.Project, req.Follow = "1", true
	stream, err := gw.traces.ReadTrace(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// bytesUpTo reads a stream until it has brought so many bytes, and returns them with the
// last cursor.
func bytesUpTo(t *testing.T, stream jobgatev1.TraceService_ReadTraceClient, n int) (log []byte, cursor string) {
	t.Helper()
	for len(log) < n {
		event, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d bytes of %d: %v", len(log), n, err)
		}
		log = append(log, event.GetChunk().GetData()...)
		cursor = event.GetCursor()
	}
	return log, cursor
}

// A running job is followed up to its end: what was there, what comes, and how it ended.
func TestFollowUpToTheEnd(t *testing.T) {
	gw, box := newSandbox(t)
	first := logOf(700_000)
	box.SetTrace(sandbox.JobRunning, first)
	stream := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning})
	log, cursor := bytesUpTo(t, stream, len(first))
	box.GrowTrace(sandbox.JobRunning, []byte("one more line\n"))
	box.SetStatus(sandbox.JobRunning, "success")
	more, err := events(t, stream, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range more {
		log = append(log, event.GetChunk().GetData()...)
	}
	want := string(first) + "one more line\n"
	end := more[len(more)-1].GetEnd()
	if string(log) != want || end.GetReason() != jobgatev1.TraceEndReason_TRACE_END_REASON_COMPLETE || end.GetJobStatusWord() != "success" ||
		end.GetSize() != int64(len(want)) || end.Crc64 == nil || end.GetCrc64() != crc64nvme.Checksum([]byte(want)) {
		t.Errorf("%d bytes of %d, end %v", len(log), len(want), end)
	}
	again := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{
		JobId: sandbox.JobRunning, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: cursor},
	})
	rest, err := events(t, again, nil)
	if err != nil {
		t.Fatal(err)
	}
	var tail []byte
	for _, event := range rest {
		tail = append(tail, event.GetChunk().GetData()...)
	}
	if string(tail) != "one more line\n" || rest[len(rest)-1].GetEnd() == nil {
		t.Errorf("continued with %q", tail)
	}
}

// Followers of one log cost GitLab one reader, and a yes for each credential.
func TestFollowersShare(t *testing.T) {
	gw, box := newSandbox(t)
	log := logOf(600_000)
	box.SetTrace(sandbox.JobRunning, log)
	var streams []jobgatev1.TraceService_ReadTraceClient
	for i := range 40 {
		token := []string{sandbox.TokenMaintainer, sandbox.TokenDeveloper}[i%2]
		streams = append(streams, follow(as(t, token), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning}))
	}
	for _, stream := range streams {
		if got, _ := bytesUpTo(t, stream, len(log)); !bytes.Equal(got, log) {
			t.Fatal("other bytes")
		}
	}
	whole, yes := 0, 0
	for _, r := range box.Requests() {
		switch {
		case strings.Contains(r.Query, "byte_limit=1"):
			yes++
		case strings.HasSuffix(r.Path, "/trace"):
			whole++
		}
	}
	if whole > 4 || yes > 4 {
		t.Errorf("40 followers: the log was asked for %d times, a yes %d times", whole, yes)
	}
}

// A refused credential does not join a log that others follow.
func TestFollowNeedsGitLabsYes(t *testing.T) {
	gw, box := newSandbox(t)
	box.SetTrace(sandbox.JobRunning, logOf(1000))
	bytesUpTo(t, follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning}), 1000)
	for token, want := range map[string]failure{
		sandbox.TokenOutsider: {codes.NotFound, "PROJECT_NOT_FOUND", ""},
		"":                    {codes.Unauthenticated, "CREDENTIAL_MISSING", ""},
		canary:                {codes.Unauthenticated, "TOKEN_REJECTED", ""},
	} {
		t.Run(token, func(t *testing.T) {
			got, err := events(t, follow(as(t, token), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning}), nil)
			want.check(t, err)
			if len(got) != 0 {
				t.Errorf("events %v", got)
			}
		})
	}
}

// A stream that the server ends tells its place first.
func TestFollowersLearnTheirPlaceAtTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		grace, age time.Duration
	}{"stop": {10 * time.Millisecond, 0}, "age": {time.Minute, 300 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			box := sandbox.New()
			front := httptest.NewServer(box)
			defer front.Close()
			gw, s := configured(t, front.URL, Config{ShutdownTimeout: c.grace, MaxConnectionAge: c.age})
			box.SetTrace(sandbox.JobRunning, logOf(1000))
			stream := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning, Start: &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: 100}})
			_, cursor := bytesUpTo(t, stream, 100)
			if name == "stop" {
				s.drain()
			}
			last, err := events(t, stream, nil)
			failure{codes.Unavailable, "SHUTTING_DOWN", ""}.check(t, err)
			if len(last) == 0 || last[len(last)-1].GetCursor() != cursor {
				t.Errorf("last events %v, want the cursor %s", last, cursor)
			}
		})
	}
}

// Over REST a log is followed as it is, as server-sent events, or as lines of JSON.
func TestFollowOverREST(t *testing.T) {
	const log = "first\nsecond \xff\n"
	for accept, want := range map[string]string{"*/*": "text/plain", "text/event-stream": "text/event-stream", "application/x-ndjson": "application/x-ndjson"} {
		t.Run(want, func(t *testing.T) {
			gw, box := newSandbox(t)
			box.SetTrace(sandbox.JobRunning, []byte(log))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, gw.url+"/api/v4"+runningLog+"?follow=true", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Private-Token", sandbox.TokenMaintainer)
			req.Header.Set("Accept", accept)
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != want {
				t.Fatalf("%d %v", resp.StatusCode, resp.Header)
			}
			box.SetStatus(sandbox.JobRunning, "failed")
			var got []byte
			ended := want == "text/plain"
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() {
				line := lines.Text()
				if want == "text/plain" {
					got = append(got, line+"\n"...)
					continue
				}
				line = strings.TrimPrefix(line, "data: ")
				if !strings.HasPrefix(line, "{") {
					continue
				}
				var event struct{ Data, Status string }
				if err := json.Unmarshal([]byte(line), &event); err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				data, err := base64.StdEncoding.DecodeString(event.Data)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, data...)
				ended = ended || event.Status == "failed"
			}
			if string(got) != log || !ended || lines.Err() != nil {
				t.Errorf("%q, ended %v, %v", got, ended, lines.Err())
			}
		})
	}
}

// What is wrong before the first event is an error as of any other call.
func TestFollowErrorsOverREST(t *testing.T) {
	gw, _ := newSandbox(t)
	if got := ask(t, gw.url, "GET", runningLog+"?follow=true"); got.status != 401 || got.body != `{"message":"401 Unauthorized"}` {
		t.Errorf("nobody: %d %s", got.status, got.body)
	}
	got := ask(t, gw.url, "GET", runningLog+"?follow=true", "Private-Token", sandbox.TokenMaintainer, "Last-Event-ID", "nonsense")
	wantOwn(t, got, 400, "INVALID_REQUEST")
	if got := ask(t, gw.url, "GET", "/projects/1/jobs/131/trace?follow=true", "Private-Token", sandbox.TokenMaintainer); got.status != 404 {
		t.Errorf("trigger job: %d %s", got.status, got.body)
	}
}

// One credential cannot open streams without end; another one still can.
func TestStreamsAreLimited(t *testing.T) {
	limit := newStreamLimit(2)
	mine, yours := &upstream.Call{Credential: upstream.Credential{PrivateToken: "a"}}, &upstream.Call{Credential: upstream.Credential{PrivateToken: "a", Sudo: "b"}}
	leave, err := limit.enter(mine)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = limit.enter(mine); err != nil {
		t.Fatal(err)
	}
	if _, err = limit.enter(mine); err == nil {
		t.Error("a third stream")
	}
	if _, other := limit.enter(yours); other != nil {
		t.Error(other)
	}
	leave()
	if _, again := limit.enter(mine); again != nil {
		t.Error(again)
	}
	st := status.Convert(statusOf(t.Context(), newCall(t.Context(), "", nil), err).Err())
	if info := detailOf[*errdetails.ErrorInfo](st); st.Code() != codes.ResourceExhausted || info.GetReason() != "TOO_MANY_STREAMS" {
		t.Errorf("%v", st)
	}
}

// Many who read a finished log at the same time, each its whole, cost GitLab two readings
// at most, and hear what one hears who reads it alone.
func TestReadersOfAFinishedLogShare(t *testing.T) {
	gw, box := newSandbox(t)
	log := logOf(3_000_000)
	box.SetTrace(sandbox.JobSuccess, log)
	read := func(req *jobgatev1.ReadTraceRequest) jobgatev1.TraceService_ReadTraceClient {
		req.Project, req.JobId = "1", sandbox.JobSuccess
		stream, err := gw.traces.ReadTrace(as(t, sandbox.TokenMaintainer), req)
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	var streams []jobgatev1.TraceService_ReadTraceClient
	for range 20 {
		streams = append(streams, read(&jobgatev1.ReadTraceRequest{}))
	}
	part := read(&jobgatev1.ReadTraceRequest{Limit: 1000, Start: &jobgatev1.ReadTraceRequest_Offset{Offset: 2000}})
	for _, stream := range append(streams, part) {
		all, err := events(t, stream, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for _, event := range all[:len(all)-1] {
			if event.GetChunk() == nil {
				t.Errorf("heard %v", event)
			}
			got = append(got, event.GetChunk().GetData()...)
		}
		want, reason := log, jobgatev1.TraceEndReason_TRACE_END_REASON_COMPLETE
		if stream == part {
			want, reason = log[2000:3000], jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT
		}
		if end := all[len(all)-1].GetEnd(); !bytes.Equal(got, want) || end.GetReason() != reason || end.GetJobStatusWord() != "success" {
			t.Errorf("%d bytes of %d, end %v", len(got), len(want), end)
		}
	}
	whole := 0
	for _, r := range box.Requests() {
		if strings.HasSuffix(r.Path, "/trace") && !strings.Contains(r.Query, "byte_limit=1") {
			whole++
		}
	}
	if whole > 2+1 {
		t.Errorf("the log was read %d times", whole)
	}
}
