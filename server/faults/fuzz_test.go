package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// inProcess is a sandbox as a transport.
type inProcess struct{ http.Handler }

// RoundTrip implements [http.RoundTripper].
func (h inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	r := httptest.NewRequestWithContext(req.Context(), req.Method, req.URL.String(), http.NoBody)
	r.Header = req.Header.Clone()
	if req.Body != nil {
		defer req.Body.Close()
		r.Body, r.ContentLength = req.Body, req.ContentLength
	}
	r.RequestURI = req.URL.RequestURI()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// fuzzed is a gateway in memory before a sandbox.
func fuzzed(f *testing.F, gitlab http.RoundTripper) (*gateway, *port) {
	f.Helper()
	grpc, web := newPort("grpc"), newPort("web")
	return start(f, "http://gitlab", setting{
		Config: server.Config{MaxDeadline: time.Second, DefaultDeadline: time.Second},
		lis:    server.Listeners{GRPC: grpc, HTTP: web},
		dial: func(ctx context.Context, to string) (net.Conn, error) {
			if to == grpc.String() {
				return grpc.dial(ctx)
			}
			return web.dial(ctx)
		},
		client: []upstream.Option{
			upstream.WithTransport(gitlab), upstream.WithCircuit(false), upstream.WithQuota(false), upstream.WithAttempts(1),
			upstream.WithTimeout(time.Second), upstream.WithIdleTimeout(500 * time.Millisecond), upstream.WithMaxBody(1 << 20),
		},
	}), web
}

// last is the request that ends a connection.
const last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// FuzzHTTP sends bytes to the HTTP face. Whatever they are, what comes back are whole answers
// of HTTP, and the gateway does not fail.
func FuzzHTTP(f *testing.F) {
	const credential = "Private-Token: " + sandbox.TokenMaintainer + "\r\n"
	for _, seed := range []string{
		"GET /api/v4/projects/1/jobs HTTP/1.1\r\nHost: x\r\n" + credential + "\r\n",
		"GET /api/v4/projects/acme%2Fwidgets/jobs?scope[]=failed&per_page=2&pagination=keyset HTTP/1.1\r\nHost: x\r\n" + credential + "If-None-Match: W/\"a\", *\r\n\r\n",
		"HEAD /api/v4/projects/1/jobs/101 HTTP/1.1\r\nHost: x\r\n" + credential + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: [::1]:99\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\n\r\n",
		"POST /api/v4/projects/1/jobs/104/play HTTP/1.1\r\nHost: x\r\n" + credential + "Jobgate-Request-Id: one\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n{\"job_variables_attributes\":[{\"key\":\"A\",\"value\":\"b\"}],\"x\":1}",
		"POST /api/v4/projects/1/jobs/102/retry HTTP/1.1\r\nHost: x\r\n" + credential + "Transfer-Encoding: chunked\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n5\r\na=b&c\r\n0\r\nTrailer: x\r\n\r\n",
		"GET /api/v4/projects/1/jobs/101/trace HTTP/1.1\r\nHost: x\r\n" + credential + "Range: bytes=10-20\r\nIf-Range: \"x\"\r\n\r\n",
		"GET /api/v4/projects/1/jobs/101/trace?follow=true HTTP/1.1\r\nHost: x\r\n" + credential + "Accept: text/event-stream\r\nLast-Event-ID: AAAA\r\n\r\n",
		"GET /api/v4/projects/1/jobs/101/trace?byte_offset=5&byte_limit=7 HTTP/1.0\r\n" + credential + "Range: bytes=-5\r\n\r\n",
		"GET /api/v4/job HTTP/1.1\r\nHost: x\r\nJob-Token: " + sandbox.JobTokenRunning + "\r\nX-Request-Id: \x7f\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "PUT /api/v4/%2e%2e/..//x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
		"GET /api/v4/projects/1/pipelines/100/bridges?private_token=" + sandbox.TokenMaintainer + "&access_token=x HTTP/1.1\r\nHost: x\r\nOrigin: https://x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
	} {
		f.Add([]byte(seed))
	}
	g, web := fuzzed(f, inProcess{sandbox.New()})
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn, err := web.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begun := time.Now()
		_ = conn.SetDeadline(begun.Add(10 * time.Second))
		var writing sync.WaitGroup
		writing.Go(func() {
			_, _ = conn.Write(append(bytes.Clone(sent), last...))
			time.AfterFunc(1500*time.Millisecond, func() { conn.Close() }) // it waits for the rest of a body
		})
		got, _ := io.ReadAll(conn)
		if time.Since(begun) > 5*time.Second {
			t.Errorf("it took %v", time.Since(begun))
		}
		conn.Close()
		writing.Wait()
		wantAnswers(t, sent, got)
		if said := g.log.take(); said != "" {
			t.Fatalf("the gateway failed: %.1000s", said)
		}
	})
}

// wantAnswers asserts that what came back are answers, but for the end of the last one if it is
// one of a log, or was not waited for.
func wantAnswers(t *testing.T, sent, got []byte) {
	t.Helper()
	requests := bufio.NewReader(io.MultiReader(bytes.NewReader(sent), strings.NewReader(last)))
	answers := bufio.NewReader(bytes.NewReader(got))
	for {
		if _, err := answers.Peek(1); err != nil {
			return
		}
		req, err := http.ReadRequest(requests)
		if err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
		} else {
			req = nil
		}
		resp, err := http.ReadResponse(answers, req)
		if err != nil {
			t.Fatalf("no answer: %v\n%q", err, got)
		}
		for resp.StatusCode == http.StatusContinue {
			if resp, err = http.ReadResponse(answers, req); err != nil {
				return // the body did not come
			}
		}
		if resp.StatusCode < 200 || resp.StatusCode > 599 {
			t.Fatalf("status %d\n%q", resp.StatusCode, got)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		endless := errors.Is(err, io.ErrUnexpectedEOF) && strings.Contains(string(sent), "follow")
		if err != nil && !endless {
			t.Fatalf("half an answer: %v\n%q", err, got)
		}
		if resp.Close {
			return // net/http itself answers HEAD with a body if it does not like the version
		}
	}
}

// raw is a codec for bytes.
type raw struct{}

// Marshal implements [encoding.CodecV2].
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

// Unmarshal implements [encoding.CodecV2].
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// Name implements [encoding.CodecV2].
func (raw) Name() string { return "proto" }

var methods = []string{
	jobgatev1.JobService_ListProjectJobs_FullMethodName, jobgatev1.JobService_ListPipelineJobs_FullMethodName,
	jobgatev1.JobService_GetJob_FullMethodName, jobgatev1.JobService_GetTokenJob_FullMethodName,
	jobgatev1.JobService_CancelJob_FullMethodName, jobgatev1.JobService_RetryJob_FullMethodName,
	jobgatev1.JobService_EraseJob_FullMethodName, jobgatev1.JobService_PlayJob_FullMethodName,
	jobgatev1.BridgeService_ListPipelineBridges_FullMethodName, jobgatev1.AgentService_GetAllowedAgents_FullMethodName,
	jobgatev1.TraceService_ReadTrace_FullMethodName,
}

// FuzzGRPC sends bytes as the request of each method, with a value as its metadata.
func FuzzGRPC(f *testing.F) {
	seed := func(method int, m proto.Message) {
		wire, _ := proto.Marshal(m)
		f.Add(uint8(method), wire, "x-request-id", "one")
	}
	seed(0, &jobgatev1.ListProjectJobsRequest{Project: "1", PageSize: 3, PageToken: "AAAA", Scope: []jobgatev1.JobStatus{1, 2}})
	seed(1, &jobgatev1.ListPipelineJobsRequest{Project: "acme/widgets", PipelineId: 100, IncludeRetried: new(true)})
	seed(2, &jobgatev1.GetJobRequest{Project: "1", JobId: 101, ExtraParameters: []*jobgatev1.Parameter{{Name: "a[]", Value: "\x00"}}})
	seed(3, &jobgatev1.GetTokenJobRequest{})
	seed(4, &jobgatev1.CancelJobRequest{Project: "1", JobId: 105, RequestId: "a", Force: new(true)})
	seed(7, &jobgatev1.PlayJobRequest{Project: "1", JobId: 104, JobVariablesAttributes: []*jobgatev1.JobVariable{{Key: "k", Value: "v"}}})
	seed(8, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 100})
	seed(10, &jobgatev1.ReadTraceRequest{Project: "1", JobId: 101, Start: &jobgatev1.ReadTraceRequest_Cursor{Cursor: "AAAA"}})
	seed(10, &jobgatev1.ReadTraceRequest{Project: "1", JobId: 101, Start: &jobgatev1.ReadTraceRequest_TailLines{TailLines: 3}, Limit: 10})
	f.Add(uint8(2), []byte("\x0a\x01\x31\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "sudo", "ada")
	f.Add(uint8(2), []byte{0xff}, "private-token", "\t")
	g, _ := fuzzed(f, inProcess{sandbox.New()})
	f.Fuzz(func(t *testing.T, n uint8, wire []byte, key, value string) {
		method := methods[int(n)%len(methods)]
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "private-token", sandbox.TokenMaintainer)
		if carries(key, value) {
			ctx = metadata.AppendToOutgoingContext(ctx, key, value)
		}
		begun := time.Now()
		stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodecV2(raw{}))
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.SendMsg(&wire)
		_ = stream.CloseSend()
		for err == nil {
			var answer []byte
			err = stream.RecvMsg(&answer)
		}
		if time.Since(begun) > 2500*time.Millisecond && !strings.HasSuffix(method, "ReadTrace") {
			t.Errorf("it took %v", time.Since(begun))
		}
		switch code := status.Code(err); {
		case errors.Is(err, io.EOF):
		case code == codes.Unknown, reasonOf(err) == "GATEWAY_FAILED", code == codes.Internal && reasonOf(err) == "" && !strings.Contains(err.Error(), "unmarshal"):
			t.Errorf("%s: %v %s", method, err, reasonOf(err))
		}
		if said := g.log.take(); said != "" {
			t.Fatalf("the gateway failed: %.1000s", said)
		}
	})
}

// carries says whether a client can send that as metadata.
func carries(key, value string) bool {
	if key == "" || strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, ":") || strings.HasSuffix(key, "-bin") {
		return false
	}
	for _, c := range []byte(key) {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-_.", rune(c)) {
			return false
		}
	}
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	switch key {
	case "content-type", "user-agent", "te", "connection", "host", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection":
		return false
	}
	return true
}

// answering answers each request with the same bytes.
type answering struct {
	mu   sync.Mutex
	sent []byte
}

func (a *answering) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	a.mu.Lock()
	sent := a.sent
	a.mu.Unlock()
	go func() {
		defer there.Close()
		in := bufio.NewReader(there)
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_ = there.SetWriteDeadline(time.Now().Add(2 * time.Second))
		_, _ = there.Write(sent)
	}()
	return here, nil
}

// FuzzAnswer has GitLab answer with bytes: status, headers and body. Each face answers then, and
// the gateway does not fail.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"id\":1}",
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: W/\"x\"\r\nLink: <http://gitlab/api/v4/projects/1/jobs?cursor=a>; rel=\"next\", <x>; rel=first\r\nX-Next-Page: 2\r\nX-Total: 99999999999999999999\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
		"HTTP/1.1 429 No\r\nRetry-After: 99999999999\r\nRateLimit-Limit: x\r\nRateLimit-Reset: -1\r\nRateLimit-Remaining: 0\r\nContent-Length: 11\r\n\r\nRetry later",
		"HTTP/1.1 206 Part\r\nContent-Range: bytes 5-9/10\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nabcde",
		"HTTP/1.1 416 No\r\nContent-Range: bytes */-1\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: http://gitlab/api/v4/projects/2/jobs/1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nxx",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\x00", "HTTP/1.1 999 ?\r\n\r\n", "HTTP/1.1 099 ?\r\n\r\n",
		"HTTP/1.1 403 No\r\nContent-Type: application/json\r\nContent-Length: 44\r\n\r\n{\"message\":\"403 Forbidden\",\"error\":[1,{\"a\":}", "\x00\x01",
		"HTTP/1.1 200 OK\r\nDate: x\r\nX-Request-Id: \xff\xfe\r\nVary: \r\nX-A\xc3: b\r\nContent-Type: application/json\r\n\r\n{\"id\":1,\"id\":2}",
	} {
		for n := range uint8(5) {
			f.Add(n, []byte(seed))
		}
	}
	gitlab := new(answering)
	g, _ := fuzzed(f, &http.Transport{DialContext: gitlab.dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10})
	f.Fuzz(func(t *testing.T, n uint8, sent []byte) {
		gitlab.mu.Lock()
		gitlab.sent = sent
		gitlab.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		ctx = metadata.AppendToOutgoingContext(ctx, "private-token", "x")
		paths := []string{"GET " + project + "/jobs/1", "GET " + project + "/jobs", "POST " + project + "/jobs/1/retry", "GET " + project + "/jobs/1/trace", "GET " + project + "/pipelines/1/bridges"}
		begun := time.Now()
		var err error
		switch n % 5 {
		case 0:
			_, err = g.jobs.GetJob(ctx, &jobgatev1.GetJobRequest{Project: "1", JobId: 1})
		case 1:
			_, err = g.jobs.ListProjectJobs(ctx, &jobgatev1.ListProjectJobsRequest{Project: "1"})
		case 2:
			_, err = g.jobs.RetryJob(ctx, &jobgatev1.RetryJobRequest{Project: "1", JobId: 1})
		case 3:
			var stream jobgatev1.TraceService_ReadTraceClient
			stream, err = g.traces.ReadTrace(ctx, &jobgatev1.ReadTraceRequest{Project: "1", JobId: 1, Start: &jobgatev1.ReadTraceRequest_Offset{Offset: 5}})
			for err == nil {
				_, err = stream.Recv()
			}
		case 4:
			_, err = g.bridges.ListPipelineBridges(ctx, &jobgatev1.ListPipelineBridgesRequest{Project: "1", PipelineId: 1})
		}
		switch {
		case err == nil || errors.Is(err, io.EOF):
		case reasonOf(err) == "" || reasonOf(err) == "GATEWAY_FAILED" || reasonOf(err) == "DEADLINE_EXCEEDED":
			t.Errorf("%v, %q", err, reasonOf(err))
		}
		answer := route{token: "x", rest: func(int64) string { return paths[n%5] }}.overREST(ctx, g, 0, "")
		if strings.HasPrefix(answer, "no answer") || strings.Contains(answer, "GATEWAY_FAILED") {
			t.Error(answer)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
		if said := g.log.take(); said != "" {
			t.Fatalf("the gateway failed: %.1000s", said)
		}
	})
}
