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

// Windows are fixed, so that a busy machine does not make them grow. With the wide ones,
// what is on its way stays within 100 MiB; the narrow ones are those that HTTP/2 begins
// with on streams.
var (
	wide   = windows{conn: 1 << 20, stream: 512 << 10}
	narrow = windows{conn: 1 << 20, stream: 64 << 10}
)

// followers follow one log on one server.
type followers struct {
	marks  []int64 // places in the log: who has all bytes before one has passed it
	manner func(i int) manner
	passed []passing
	begun  passing
	first  atomic.Int64 // when the first bytes came, in nanoseconds since 1970
	chunks atomic.Int64 // that the fast ones have read
	others atomic.Int64 // bytes that those have read who are not fast
	cancel context.CancelCauseFunc
	failed context.Context
	conns  []*grpc.ClientConn
	runs   sync.WaitGroup
	times  [][]int64 // when each follower passed each mark
}

// manner is how one of them reads. Only those who read as fast as they can, from the first
// byte on, pass marks; the others leave when these have passed the last one.
type manner struct {
	from  int64   // the first byte
	stop  int64   // after so many it reads no more; 0 is never
	speed float64 // bytes per second; 0 is as fast as it can
	check bool    // it compares every byte
}

func (m manner) fast() bool { return m.stop == 0 && m.speed == 0 }

// eager is the manner of those who all read as fast as they can.
func eager(i int) manner { return manner{check: i%verifyEvery == 0} }

// windows are those of the connections and streams of followers.
type windows struct{ conn, stream int32 }

// passing counts followers, until all have come by.
type passing struct {
	left atomic.Int64
	done chan struct{}
}

func (p *passing) expect(n int) {
	p.left.Store(int64(n))
	p.done = make(chan struct{})
}

// over says whether all have come by.
func (p *passing) over() bool { return p.left.Load() <= 0 }

func (p *passing) pass() {
	if p.left.Add(-1) == 0 {
		close(p.done)
	}
}

// follow has n followers ask for a job's log, and returns when all have been answered.
func follow(ctx context.Context, p *peer, job int64, n int, marks []int64) (*followers, error) {
	return followAs(ctx, p, job, n, marks, wide, eager)
}

// followAs is follow by followers of several manners.
func followAs(ctx context.Context, p *peer, job int64, n int, marks []int64, w windows, how func(i int) manner) (*followers, error) {
	f := &followers{marks: marks, manner: how, passed: make([]passing, len(marks)), times: make([][]int64, n)}
	// Without the run's deadline, which gRPC would pass on: who follows a log has none.
	f.failed, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { f.cancel(context.Cause(ctx)) })
	f.begun.expect(n)
	fast := 0
	for i := range n {
		if how(i).fast() {
			fast++
		}
	}
	for i := range f.passed {
		f.passed[i].expect(fast)
	}
	pool := new(tieredPool)
	for range min(n, followConnections) {
		conn, err := grpc.NewClient("passthrough:///"+p.addr,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialConnWindowSize(w.conn), grpc.WithInitialWindowSize(w.stream),
			experimental.WithBufferPool(pool),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{pool})))
		if err != nil {
			f.close()
			return nil, err
		}
		f.conns = append(f.conns, conn)
	}
	block := logBlock()
	for i := range n {
		f.runs.Go(func() {
			one := &follower{all: f, i: i, manner: how(i)}
			one.got = one.from
			if one.manner.check {
				one.checker = &logChecker{block: block}
			}
			if err := one.run(f.failed, job); err != nil {
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
	manner
	all     *followers
	i       int
	checker *logChecker // nil for most
	begun   bool
	since   time.Time // when its first bytes came
	got     int64
}

func (f *follower) run(ctx context.Context, job int64) error {
	ctx, cancel := context.WithCancel(callerContext(ctx, f.i%followCredentials))
	defer cancel()
	request, err := proto.Marshal(f.request(job))
	if err != nil {
		return err
	}
	stream, err := f.all.conns[f.i%len(f.all.conns)].NewStream(ctx, &grpc.StreamDesc{ServerStreams: true},
		jobgatev1.TraceService_ReadTrace_FullMethodName)
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(&frame{data: request}), stream.CloseSend()); err != nil {
		return err
	}
	event := &frame{view: f.view}
	if f.checker != nil {
		event.view, event.visit = nil, f.visit
	}
	for f.goesOn(ctx) {
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
	return nil
}

// request is what the follower asks for.
func (f *follower) request(job int64) *jobgatev1.ReadTraceRequest {
	m := &jobgatev1.ReadTraceRequest{Project: strconv.Itoa(followProject), JobId: job, Follow: true}
	if f.from > 0 {
		m.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: f.from}
	}
	return m
}

// goesOn waits as long as the follower does before it reads again, and says whether it
// does so at all.
func (f *follower) goesOn(ctx context.Context) bool {
	if f.fast() {
		return true
	}
	last := &f.all.passed[len(f.all.passed)-1]
	var wait <-chan time.Time // for ever
	switch read := f.got - f.from; {
	case last.over():
		return false
	case f.stop > 0 && read >= f.stop:
	case f.speed == 0:
		return true
	default:
		wait = time.After(time.Duration(float64(read)/f.speed*1e9) - time.Since(f.since))
	}
	select {
	case <-wait:
		return true
	case <-last.done:
	case <-ctx.Done():
	}
	return false
}

// end is for a stream that has ended well, which it must not do early.
func (f *follower) end() error {
	if want := f.all.marks[len(f.all.marks)-1]; f.got < want {
		return fmt.Errorf("the stream ended at byte %d, want %d", f.got, want)
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
	if err := f.checker.check(offset, data); err != nil {
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
	if f.since.IsZero() {
		f.since = time.Now()
	}
	f.got += size
	if !f.fast() {
		all.others.Add(size)
		return nil
	}
	all.chunks.Add(1)
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
