package follow_test

import (
	"context"
	"errors"
	"hash/crc64"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// eventStream is the gateway's side of a call.
type eventStream = grpc.ServerStreamingServer[jobgatev1.ReadTraceResponse]

// gateway is a gateway whose answers the test writes. It can stop and start again.
type gateway struct {
	jobgatev1.UnimplementedTraceServiceServer
	answer func(call int, req *jobgatev1.ReadTraceRequest, stream eventStream) error

	mu       sync.Mutex
	requests []*jobgatev1.ReadTraceRequest
	listener *bufconn.Listener // nil while it is down
	server   *grpc.Server
	restarts sync.WaitGroup
}

func (g *gateway) ReadTrace(req *jobgatev1.ReadTraceRequest, stream eventStream) error {
	g.mu.Lock()
	call := len(g.requests)
	g.requests = append(g.requests, req)
	g.mu.Unlock()
	return g.answer(call, req, stream)
}

// asked is what it was asked so far.
func (g *gateway) asked() []*jobgatev1.ReadTraceRequest {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

func (g *gateway) start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listener = bufconn.Listen(64 << 10)
	g.server = grpc.NewServer()
	jobgatev1.RegisterTraceServiceServer(g.server, g)
	go func(s *grpc.Server, l net.Listener) { _ = s.Serve(l) }(g.server, g.listener)
}

// stop breaks all connections.
func (g *gateway) stop() {
	g.mu.Lock()
	server := g.server
	g.listener = nil
	g.mu.Unlock()
	server.Stop()
}

// restart stops it, and starts it again after a while.
func (g *gateway) restart(after time.Duration) {
	g.restarts.Go(func() {
		g.stop()
		time.Sleep(after)
		g.start()
	})
}

func (g *gateway) dial(ctx context.Context, _ string) (net.Conn, error) {
	g.mu.Lock()
	listener := g.listener
	g.mu.Unlock()
	if listener == nil {
		return nil, errors.New("connection refused")
	}
	return listener.DialContext(ctx)
}

// client starts the gateway and returns a client of it. Both end with the test.
func (g *gateway) client(t *testing.T) jobgatev1.TraceServiceClient {
	t.Helper()
	g.start()
	t.Cleanup(func() {
		g.restarts.Wait()
		g.stop()
	})
	conn, err := grpc.NewClient("passthrough:///gateway",
		grpc.WithContextDialer(g.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond},
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return jobgatev1.NewTraceServiceClient(conn)
}

// plays answers the first call with the first list of events, and so on; each call ends
// well after them.
func plays(calls ...[]*jobgatev1.ReadTraceResponse) *gateway {
	return &gateway{answer: func(call int, _ *jobgatev1.ReadTraceRequest, stream eventStream) error {
		for _, event := range calls[min(call, len(calls)-1)] {
			if err := stream.Send(event); err != nil {
				return err
			}
		}
		return nil
	}}
}

// events is a list of events, the cursor of each being its place in the list.
func events(list ...*jobgatev1.ReadTraceResponse) []*jobgatev1.ReadTraceResponse {
	for i, event := range list {
		event.Cursor = string(rune('a' + i))
	}
	return list
}

func chunk(offset int64, data string) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_Chunk{
		Chunk: &jobgatev1.TraceChunk{Offset: offset, Data: []byte(data)},
	}}
}

func reset(offset int64) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_Reset_{Reset_: &jobgatev1.TraceReset{
		Reason: jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED, Offset: offset,
	}}}
}

func gap(offset, next int64) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_Gap{
		Gap: &jobgatev1.TraceGap{Offset: offset, NextOffset: next},
	}}
}

func heartbeat(size int64) *jobgatev1.ReadTraceResponse {
	return &jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_Heartbeat{
		Heartbeat: &jobgatev1.TraceHeartbeat{Size: size},
	}}
}

// end ends a log of that size, with a digest if it is given the bytes.
func end(size int64, whole ...string) *jobgatev1.ReadTraceResponse {
	e := &jobgatev1.TraceEnd{
		Reason:    jobgatev1.TraceEndReason_TRACE_END_REASON_COMPLETE,
		JobStatus: jobgatev1.JobStatus_JOB_STATUS_SUCCESS,
		Size:      size,
	}
	if len(whole) > 0 {
		e.Crc64 = new(digest([]byte(whole[0])))
	}
	return &jobgatev1.ReadTraceResponse{Event: &jobgatev1.ReadTraceResponse_End{End: e}}
}

var nvme = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// digest is CRC-64/NVME, of another make than the package's.
func digest(b []byte) uint64 { return crc64.Checksum(b, nvme) }
