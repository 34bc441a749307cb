package server

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/minio/crc64nvme"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream/sandbox"
)

// A chunk that is sent from where it is looks as if protobuf had marshaled it, and its end
// is told once.
func TestSendingIsTheEvent(t *testing.T) {
	for _, size := range []int{1, 127, 128, 1000, 1024, 1025, 16 << 10, 256 << 10} {
		for _, offset := range []int64{0, 1, 127, 128, 1 << 40} {
			data := bytes.Repeat([]byte("x"), size)
			want := &jobgatev1.ReadTraceResponse{
				Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Offset: offset, Data: data}},
				Cursor: strings.Repeat("c", 63),
			}
			s := &sending{frame: newFrame(offset, data, want.GetCursor(), 0, true), data: data, done: make(chan struct{}, 1)}
			wire, err := codec{new(bufferPool)}.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			var got jobgatev1.ReadTraceResponse
			if err := proto.Unmarshal(wire.Materialize(), &got); err != nil || !proto.Equal(&got, want) || wire.Len() != proto.Size(want) {
				t.Errorf("%d bytes at %d: %d bytes, want %d; %v", size, offset, wire.Len(), proto.Size(want), err)
			}
			wire.Ref() // as gRPC does while they are in its queue
			wire.Free()
			early := len(s.done)
			wire.Free()
			if small := mem.IsBelowBufferPoolingThreshold(size); early != 0 || small != (len(s.done) == 0) {
				t.Errorf("%d bytes at %d: the end was told %d times early, %d in all", size, offset, early, len(s.done))
			}
		}
	}
}

// Callers who read, who stop for a while and who leave in the middle of a chunk do not
// harm each other.
func TestFollowersWhoStop(t *testing.T) {
	gw, box := newSandbox(t)
	log := logOf(3 << 20)
	box.SetTrace(sandbox.JobRunning, log)
	var stopped, left []jobgatev1.TraceService_ReadTraceClient
	ctx, leave := context.WithCancel(as(t, sandbox.TokenMaintainer))
	for range 20 {
		stopped = append(stopped, follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning}))
		left = append(left, follow(ctx, t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning}))
	}
	for i, stream := range append(stopped, left...) {
		bytesUpTo(t, stream, i%20*100_000+1)
	}
	fast := follow(as(t, sandbox.TokenMaintainer), t, gw, &jobgatev1.ReadTraceRequest{JobId: sandbox.JobRunning})
	if got, _ := bytesUpTo(t, fast, len(log)); !bytes.Equal(got, log) {
		t.Error("a caller who reads got other bytes")
	}
	leave()
	box.SetStatus(sandbox.JobRunning, "success")
	var all sync.WaitGroup
	for _, stream := range append(stopped, fast) {
		all.Go(func() {
			for {
				event, err := stream.Recv()
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if end := event.GetEnd(); end != nil && end.GetCrc64() != crc64nvme.Checksum(log) {
					t.Errorf("the end tells another digest: %v", end)
				}
				if c := event.GetChunk(); c != nil && !bytes.Equal(c.GetData(), log[c.GetOffset():][:len(c.GetData())]) {
					t.Errorf("other bytes at %d", c.GetOffset())
				}
			}
		})
	}
	all.Wait()
}
