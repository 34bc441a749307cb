package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const (
	fanoutName = "fanout"
	// fanoutGrow is the method by which this program lets a log of the fan-out grow.
	fanoutGrow = "/bench.Fanout/Grow"
	// frameSize is how many bytes of a log one frame holds at most, as the gateway's do.
	frameSize = 256 << 10
)

// fanoutServer is the least that sharing a log over gRPC must do: grpc-go that sends
// each follower the same frames, encoded once, from memory. It has no upstream, and
// asks for no permission.
type fanoutServer struct {
	block []byte
	mu    sync.Mutex
	logs  map[int64]*fanoutLog
}

// fanoutLog is one log. The server's lock guards it.
type fanoutLog struct {
	frames  [][]byte
	size    int64
	ended   bool
	changed chan struct{}
	grown   grown
}

// serveFanout serves jobgate.v1.TraceService so.
func serveFanout(lis net.Listener, _ roleConfig) error {
	s := &fanoutServer{block: logBlock(), logs: map[int64]*fanoutLog{}}
	pool := new(tieredPool)
	server := grpc.NewServer(append(gatewayOptions(pool), grpc.ForceServerCodecV2(rawCodec{pool}))...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: jobgatev1.TraceService_ServiceDesc.ServiceName,
		HandlerType: (*any)(nil),
		Streams:     []grpc.StreamDesc{{StreamName: "ReadTrace", ServerStreams: true, Handler: s.follow}},
	}, s)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: strings.Split(fanoutGrow, "/")[1],
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Grow", Handler: s.grow}},
	}, s)
	return server.Serve(lis)
}

// log is the log of a job; with the lock.
func (s *fanoutServer) log(job int64) *fanoutLog {
	if s.logs[job] == nil {
		s.logs[job] = &fanoutLog{changed: make(chan struct{})}
	}
	return s.logs[job]
}

// follow sends a log to one follower.
func (s *fanoutServer) follow(_ any, stream grpc.ServerStream) error {
	var req jobgatev1.ReadTraceRequest
	if err := stream.RecvMsg(&frame{visit: func(b []byte) error { return proto.Unmarshal(b, &req) }}); err != nil {
		return err
	}
	begun, err := proto.Marshal(&jobgatev1.ReadTraceResponse{
		Event: &jobgatev1.ReadTraceResponse_Heartbeat{Heartbeat: new(jobgatev1.TraceHeartbeat)},
	})
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&frame{data: begun}); err != nil {
		return err
	}
	s.mu.Lock()
	l := s.log(req.GetJobId())
	s.mu.Unlock()
	for next := 0; ; {
		s.mu.Lock()
		frames, ended, changed := l.frames[next:], l.ended, l.changed
		s.mu.Unlock()
		for _, data := range frames {
			if err := stream.SendMsg(&frame{data: data}); err != nil {
				return err
			}
		}
		next += len(frames)
		switch {
		case len(frames) > 0:
			continue
		case ended:
			return nil
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// grow makes a log as long as it is told, or ends it, and answers when the bytes were
// there to be read. One that has
// ended is forgotten by all but its followers.
func (s *fanoutServer) grow(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var job, size int64
	if err := decode(&frame{visit: func(b []byte) error {
		_, err := fmt.Sscan(string(b), &job, &size)
		return err
	}}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.log(job)
	if l.ended = size <= l.size; l.ended {
		delete(s.logs, job)
	}
	for l.size < size {
		data, err := s.encode(job, l.size, min(frameSize, size-l.size))
		if err != nil {
			return nil, err
		}
		l.frames, l.size = append(l.frames, data), min(l.size+frameSize, size)
	}
	l.grown = grown{l.size, time.Now().UnixNano()}
	close(l.changed)
	l.changed = make(chan struct{})
	return &frame{data: fmt.Append(nil, l.grown.Size, l.grown.At)}, nil
}

// encode makes the frame of a part of the log, with a cursor as long as the gateway's.
func (s *fanoutServer) encode(job, offset, n int64) ([]byte, error) {
	data := make([]byte, 0, n)
	for at := offset; int64(len(data)) < n; {
		part := s.block[at%logBlockSize:]
		part = part[:min(int64(len(part)), n-int64(len(data)))]
		data, at = append(data, part...), at+int64(len(part))
	}
	if int64(len(data)) != n {
		return nil, errors.New("a frame of the wrong size")
	}
	return proto.Marshal(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: &jobgatev1.TraceChunk{Offset: offset, Data: data}},
		Cursor: fmt.Sprintf("%063d", job),
	})
}
