package main

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// testLogSize is beyond one block and no multiple of it.
const testLogSize = 2<<20 + 12345

// serveTest serves a role in this process until the test ends.
func serveTest(t *testing.T, name string, serve role, cfg roleConfig) *peer {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serve(lis, cfg) }()
	p := &peer{name: name, addr: lis.Addr().String(), http: lis.Addr().String()}
	if err := p.dial(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, conn := range p.conns {
			_ = conn.Close()
		}
		_ = lis.Close()
		<-done
	})
	return p
}

// TestPeersAnswerTheSameJobs makes every call of every row on every peer.
func TestPeersAnswerTheSameJobs(t *testing.T) {
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: testLogSize})
	cfg := roleConfig{upstream: "http://" + upstream.addr, logSize: testLogSize}
	for _, name := range []string{"floor", "relay", "memory", "clientgo", "vanguard"} {
		p := serveTest(t, name, roles[name], cfg)
		for _, v := range payload.Variants {
			for _, r := range rows {
				t.Run(name+"/"+v.Name+"/"+r.name, func(t *testing.T) {
					c, err := newCall(name, v, r)
					if err != nil {
						t.Fatal(err)
					}
					if err := verify(t.Context(), p, c, v, r); err != nil {
						t.Fatal(err)
					}
					if _, err := load(t.Context(), name, &grpcLoad{c, p.conns}, 20, 4); err != nil {
						t.Fatal(err)
					}
				})
			}
		}
	}
}

// TestVerifyRefusesOtherJobs asks a peer for a page and takes it for another.
func TestVerifyRefusesOtherJobs(t *testing.T) {
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: 1})
	p := serveTest(t, "floor", serveFloor, roleConfig{upstream: "http://" + upstream.addr})
	c, err := newCall("floor", payload.Variants[0], rows[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t.Context(), p, c, payload.Variants[0], rows[2]); err == nil {
		t.Error("a page of 20 passed for one of 100")
	}
}

// chunked is a TraceService that sends a log, or one that is spoilt.
type chunked struct {
	jobgatev1.UnimplementedTraceServiceServer
	log []byte
}

// ReadTrace sends the log in chunks and the end.
func (c *chunked) ReadTrace(_ *jobgatev1.ReadTraceRequest, stream grpc.ServerStreamingServer[jobgatev1.ReadTraceResponse]) error {
	const size = 100_000
	for at := 0; at < len(c.log); at += size {
		data := c.log[at:min(at+size, len(c.log))]
		chunk := &jobgatev1.TraceChunk{Offset: int64(at), Data: data}
		if err := stream.Send(&jobgatev1.ReadTraceResponse{
			Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: chunk},
			Cursor: strconv.Itoa(at),
		}); err != nil {
			return err
		}
	}
	return stream.Send(&jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_End{End: &jobgatev1.TraceEnd{}}})
}

// TestLogReaders reads a log both ways: whole, short, and with one wrong byte.
func TestLogReaders(t *testing.T) {
	check := &logChecker{block: logBlock(), size: testLogSize}
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: testLogSize})
	proxy := serveTest(t, "proxy", serveProxy, roleConfig{upstream: "http://" + upstream.addr})
	if err := check.readHTTP(t.Context(), proxy, payload.JobID(0)); err != nil {
		t.Errorf("through the proxy: %v", err)
	}
	var log []byte
	for len(log) < testLogSize {
		log = append(log, check.block...)
	}
	log = log[:testLogSize]
	spoilt := append([]byte(nil), log...)
	spoilt[testLogSize-1]++
	for name, test := range map[string]struct {
		log []byte
		ok  bool
	}{"whole": {log, true}, "short": {log[:testLogSize-1], false}, "spoilt": {spoilt, false}} {
		t.Run(name, func(t *testing.T) {
			p := serveTest(t, gatewayName, func(lis net.Listener, _ roleConfig) error {
				server := grpc.NewServer()
				jobgatev1.RegisterTraceServiceServer(server, &chunked{log: test.log})
				return server.Serve(lis)
			}, roleConfig{})
			if err := check.readTrace(t.Context(), p, payload.JobID(0)); (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestLogSlices reads slices of the fake upstream's log, as GitLab has them.
func TestLogSlices(t *testing.T) {
	check := &logChecker{block: logBlock()}
	upstream := serveTest(t, "upstream", serveUpstream, roleConfig{logSize: testLogSize})
	for query, want := range map[string]int64{
		"byte_limit=5": 5, "byte_offset=0&byte_limit=512000": 512000, "byte_offset=99999999": 0,
	} {
		check.size = want
		url := fmt.Sprintf("http://%s/api/v4/projects/%d/jobs/%d/trace?%s", upstream.addr, logProject, payload.JobID(0), query)
		if err := check.readURL(t.Context(), url); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

// TestLoadStopsAtTheFirstError makes calls that all fail.
func TestLoadStopsAtTheFirstError(t *testing.T) {
	p := serveTest(t, "floor", serveFloor, roleConfig{upstream: "http://127.0.0.1:1"})
	c, err := newCall("floor", payload.Variants[0], rows[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = load(t.Context(), "floor", &grpcLoad{c, p.conns}, 1000, 4)
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want the call's status", err)
	}
}

// TestMedian takes the middle, or the mean of the middle two.
func TestMedian(t *testing.T) {
	if got := median([]float64{5, 1, 3}); got != 3 {
		t.Errorf("odd: %v", got)
	}
	if got := median([]float64{4, 1, 2, 10}); got != 3 {
		t.Errorf("even: %v", got)
	}
}
