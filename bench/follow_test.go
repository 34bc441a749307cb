package main

import (
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const testFollowers = verifyEvery + 1

// TestFollowersOfTheFanout has followers read a log of the fan-out that grows.
func TestFollowersOfTheFanout(t *testing.T) {
	b := &bench{}
	p := serveTest(t, fanoutName, serveFanout, roleConfig{})
	cost, took, err := b.growing(t.Context(), p, b.followJob(), testFollowers, frameSize+12345, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(cost.Grown) != growSteps || len(took) != growSteps {
		t.Fatalf("%d steps were noted and %d measured, want %d", len(cost.Grown), len(took), growSteps)
	}
	for k, step := range took {
		if len(step) != testFollowers || step[0] <= 0 || step[len(step)-1] > time.Minute {
			t.Errorf("step %d took %v to %v for %d followers", k, step[0], step[len(step)-1], len(step))
		}
	}
}

// TestFollowersFindFaults has them read what is no log, or not all of it.
func TestFollowersFindFaults(t *testing.T) {
	log := logBlock()
	spoilt := append([]byte(nil), log...)
	spoilt[len(spoilt)-1]++
	for name, test := range map[string]struct {
		log []byte
		ok  bool
	}{"whole": {log, true}, "short": {log[:len(log)-1], false}, "spoilt": {spoilt, false}} {
		t.Run(name, func(t *testing.T) {
			p := serveTest(t, gatewayName, func(lis net.Listener, _ roleConfig) error {
				server := grpc.NewServer()
				jobgatev1.RegisterTraceServiceServer(server, &chunked{log: test.log})
				return server.Serve(lis)
			}, roleConfig{})
			f, err := follow(t.Context(), p, payload.JobID(0), 2, []int64{int64(len(log))})
			if err == nil {
				err = f.ended()
				f.close()
			}
			if (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestFollowedLogGrowsAsItIsRead reads a log of the fake upstream as the gateway does.
func TestFollowedLogGrowsAsItIsRead(t *testing.T) {
	b := &bench{upstream: serveTest(t, "upstream", serveUpstream, roleConfig{logSize: 1})}
	job := b.followJob()
	if _, err := b.tell(t.Context(), job, "size=1000&step=500&steps=2"); err != nil {
		t.Fatal(err)
	}
	check := &logChecker{block: logBlock()}
	url := "http://" + b.upstream.addr + followJobs + "13373360001"
	for _, read := range []struct {
		query string
		want  int64
	}{
		{"byte_limit=1", 1}, // a check does not make it grow
		{"byte_offset=0", 1000},
		{"byte_limit=100", 100}, // nor does a part
		{"", 1500},
		{"", 2000},
		{"", 2000},
	} {
		check.size = read.want
		if err := check.readURL(t.Context(), url+"/trace?"+read.query); err != nil {
			t.Errorf("%q: %v", read.query, err)
		}
	}
	cost, err := b.tell(t.Context(), job, "")
	if err != nil {
		t.Fatal(err)
	}
	if cost.Requests != 5 || cost.Checks != 1 || cost.Bytes != 1+1000+100+1500+2000+2000 {
		t.Errorf("cost %d requests, %d checks, %d bytes", cost.Requests, cost.Checks, cost.Bytes)
	}
	if len(cost.Grown) != 3 || cost.Grown[2].Size != 2000 {
		t.Errorf("grown %+v", cost.Grown)
	}
}

// TestChunkHead reads the head of a chunk whose data is elsewhere, and of other events.
func TestChunkHead(t *testing.T) {
	for _, offset := range []int64{0, 1, 1 << 40} {
		b, err := proto.Marshal(&jobgatev1.ReadTraceResponse{
			Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Offset: offset, Data: make([]byte, 5000)}},
			Cursor: "c",
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, size, ok := chunkHead(b[:100]); got != offset || size != 5000 || !ok {
			t.Errorf("chunk at %d: got %d, %d bytes, %v", offset, got, size, ok)
		}
		f := &follower{all: &followers{times: make([][]int64, 1)}, got: offset}
		if err := f.view(mem.BufferSlice{mem.SliceBuffer(b[:3]), mem.SliceBuffer(b[3:50]), mem.SliceBuffer(b[50:])}); err != nil || f.got != offset+5000 {
			t.Errorf("in pieces, at %d: got %d, %v", offset, f.got, err)
		}
	}
	b, err := proto.Marshal(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Heartbeat{Heartbeat: &jobgatev1.TraceHeartbeat{Size: 5}},
		Cursor: "c",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := chunkHead(b); ok {
		t.Error("a heartbeat was taken for a chunk")
	}
}

// TestCountGoroutines leaves out those of idle connections.
func TestCountGoroutines(t *testing.T) {
	const profile = "goroutine profile: total 14\n" +
		"10 @ 0x1 0x2\n#\t0x1\tmain.wait+0x1\tmain.go:1\n\n" +
		"3 @ 0x3\n#\t0x3\tnet/http.(*persistConn).readLoop+0x1\ttransport.go:1\n\n" +
		"1 @ 0x4\n#\t0x4\tmain.main+0x1\tmain.go:2\n"
	if n, err := countGoroutines(profile); n != 11 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := countGoroutines("<html>"); err == nil {
		t.Error("something else passed for a profile")
	}
}
