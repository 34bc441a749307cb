package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const (
	// followConnections and followCredentials are shared by the followers of a log.
	followConnections = 100
	followCredentials = 10
	// verifyEvery is how many followers there are for each that compares every byte; the
	// others look at the place and size of each chunk.
	verifyEvery = 100
)

// Windows of the followers' connections and streams. They are fixed, so that a busy
// machine does not make them grow, and what is on its way stays within 100 MiB.
const (
	followConnWindow   = 1 << 20
	followStreamWindow = 512 << 10
)

// followers follow one log on one server.
type followers struct {
	marks  []int64 // places in the log: who has all bytes before one has passed it
	passed []passing
	begun  passing
	first  atomic.Int64 // when the first bytes came, in nanoseconds since 1970
	cancel context.CancelCauseFunc
	failed context.Context
	conns  []*grpc.ClientConn
	runs   sync.WaitGroup
	times  [][]int64 // when each follower passed each mark
}

// passing counts followers, until all have come by.
type passing struct {
	left atomic.Int64
	done chan struct{}
}

func (p *passing) expect(n int) {
	p.left.Store(int64(n))
	p.done = make(chan struct{})
}

func (p *passing) pass() {
	if p.left.Add(-1) == 0 {
		close(p.done)
	}
}

// follow has n followers ask for a job's log, and returns when all have been answered.
func follow(ctx context.Context, p *peer, job int64, n int, marks []int64) (*followers, error) {
	f := &followers{marks: marks, passed: make([]passing, len(marks)), times: make([][]int64, n)}
	// Without the run's deadline, which gRPC would pass on: who follows a log has none.
	f.failed, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { f.cancel(context.Cause(ctx)) })
	f.begun.expect(n)
	for i := range f.passed {
		f.passed[i].expect(n)
	}
	pool := new(tieredPool)
	for range min(n, followConnections) {
		conn, err := grpc.NewClient("passthrough:///"+p.addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialConnWindowSize(followConnWindow), grpc.WithInitialWindowSize(followStreamWindow),
			experimental.WithBufferPool(pool),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{pool})))
		if err != nil {
			f.close()
			return nil, err
		}
		f.conns = append(f.conns, conn)
	}
	request, err := proto.Marshal(&jobgatev1.ReadTraceRequest{Project: strconv.Itoa(followProject), JobId: job, Follow: true})
	if err != nil {
		f.close()
		return nil, err
	}
	block := logBlock()
	for i := range n {
		f.runs.Go(func() {
			one := &follower{all: f, i: i}
			if i%verifyEvery == 0 {
				one.check = &logChecker{block: block}
			}
			if err := one.run(f.failed, request); err != nil {
				f.cancel(fmt.Errorf("%s: follower %d: %w", p.name, i, err))
			}
		})
	}
	if err := f.wait(&f.begun); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// wait returns when all followers have come by, or one has failed.
func (f *followers) wait(p *passing) error {
	late := time.NewTimer(logTimeout)
	defer late.Stop()
	select {
	case <-p.done:
		return nil
	case <-f.failed.Done():
		return context.Cause(f.failed)
	case <-late.C:
		return fmt.Errorf("%d followers do not get on", p.left.Load())
	}
}

// ended returns when all streams have ended, as they should.
func (f *followers) ended() error {
	f.runs.Wait()
	return context.Cause(f.failed)
}

// close ends all streams and connections.
func (f *followers) close() {
	f.cancel(nil)
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.runs.Wait()
}

// follower is one of them.
type follower struct {
	all   *followers
	i     int
	check *logChecker // nil for most
	begun bool
	got   int64
}

func (f *follower) run(ctx context.Context, request []byte) error {
	ctx, cancel := context.WithCancel(callerContext(ctx, f.i%followCredentials))
	defer cancel()
	stream, err := f.all.conns[f.i%len(f.all.conns)].NewStream(ctx, &grpc.StreamDesc{ServerStreams: true},
		jobgatev1.TraceService_ReadTrace_FullMethodName)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(&frame{data: request}), stream.CloseSend()); err != nil {
		return err
	}
	event := &frame{view: f.view}
	if f.check != nil {
		event.view, event.visit = nil, f.visit
	}
	for {
		err := stream.RecvMsg(event)
		switch {
		case errors.Is(err, io.EOF):
			return f.end()
		case err != nil:
			return err
		}
		if !f.begun {
			f.begun = true
			f.all.begun.pass()
		}
	}
}

// end is for a stream that has ended well, which it must not do early.
func (f *follower) end() error {
	if n := len(f.all.times[f.i]); n < len(f.all.marks) {
		return fmt.Errorf("the stream ended at byte %d, want %d", f.got, f.all.marks[n])
	}
	return nil
}

// view looks at the place and size of a chunk.
func (f *follower) view(data mem.BufferSlice) error {
	var head [128]byte
	n := 0
	for _, part := range data {
		n += copy(head[n:], part.ReadOnlyData())
	}
	if offset, size, ok := chunkHead(head[:n]); ok {
		return f.chunk(offset, size)
	}
	return nil
}

// visit compares the bytes of a chunk.
func (f *follower) visit(b []byte) error {
	offset, data, ok := traceChunk(b)
	if !ok {
		return nil
	}
	if err := f.check.check(offset, data); err != nil {
		return err
	}
	return f.chunk(offset, int64(len(data)))
}

func (f *follower) chunk(offset, size int64) error {
	if offset != f.got {
		return fmt.Errorf("chunk at %d, want %d", offset, f.got)
	}
	now, all := time.Now().UnixNano(), f.all
	if f.got == 0 {
		all.first.CompareAndSwap(0, now)
	}
	f.got += size
	for k := len(all.times[f.i]); k < len(all.marks) && f.got >= all.marks[k]; k++ {
		all.times[f.i] = append(all.times[f.i], now)
		all.passed[k].pass()
	}
	return nil
}

// chunkHead reads the offset and the number of bytes of a chunk from the first bytes of
// a ReadTraceResponse.
func chunkHead(b []byte) (offset, size int64, ok bool) {
	for len(b) > 0 {
		number, typ, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return 0, 0, false
		}
		b = b[tag:]
		switch {
		case number == 1 && !ok: // the chunk: go in
			_, n := protowire.ConsumeVarint(b)
			ok, b = n > 0, b[max(n, 0):]
			continue
		case ok && number == 1:
			v, _ := protowire.ConsumeVarint(b)
			offset = int64(v)
		case ok && number == 2:
			v, n := protowire.ConsumeVarint(b)
			return offset, int64(v), n > 0
		}
		n := protowire.ConsumeFieldValue(number, typ, b)
		if n < 0 {
			return 0, 0, false
		}
		b = b[n:]
	}
	return 0, 0, false
}
