package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/jobgate/jobgate/clients/go/follow"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// conns are a follower's connections, one for each replica.
type conns struct {
	*record
	open map[*replica]*grpc.ClientConn
}

func newConns(r *record) conns { return conns{r, map[*replica]*grpc.ClientConn{}} }

func (c conns) to(on *replica) *grpc.ClientConn {
	if c.open[on] == nil {
		c.open[on] = on.client()
	}
	return c.open[on]
}

func (c conns) hangUp(on *replica) {
	if c.open[on] != nil {
		_ = c.open[on].Close()
		delete(c.open, on)
	}
}

func (c conns) close() {
	for on := range c.open {
		c.hangUp(on)
	}
}

func (r *record) request(begin start) *jobgatev1.ReadTraceRequest {
	req := &jobgatev1.ReadTraceRequest{Project: "1", JobId: r.job, Follow: true}
	switch {
	case begin.has:
		req.Start = &jobgatev1.ReadTraceRequest_Offset{Offset: begin.offset}
	case begin.tail > 0:
		req.Start = &jobgatev1.ReadTraceRequest_TailBytes{TailBytes: begin.tail}
	}
	return req
}

// begin is where a record begins.
func (r *record) begin(at start) {
	r.from, r.whole = at.offset, at == start{}
	if at.tail > 0 {
		r.from = -1
	}
}

// raw is a client of ReadTrace that goes on with the last cursor.
type raw struct {
	conns
	req *jobgatev1.ReadTraceRequest
}

func newRaw(r *record, begin start) follower {
	r.begin(begin)
	return &raw{newConns(r), r.request(begin)}
}

func (f *raw) stream(ctx context.Context, on *replica) error {
	f.record.openf("on %s", on.name)
	if f.rand.IntN(2) == 0 {
		f.hangUp(on)
	}
	ctx, alarm, cancel := watched(metadata.AppendToOutgoingContext(ctx, "private-token", f.token))
	defer cancel()
	events, err := jobgatev1.NewTraceServiceClient(f.to(on)).ReadTrace(ctx, f.req)
	for err == nil {
		var event *jobgatev1.ReadTraceResponse
		if event, err = events.Recv(); err != nil {
			break
		}
		alarm.sign()
		if err := f.take(event); err != nil {
			return err
		}
		f.req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: event.GetCursor()}
		f.dawdle(ctx)
	}
	if err == io.EOF {
		return nil
	}
	return sorted(ctx, err)
}

func (r *record) take(event *jobgatev1.ReadTraceResponse) error {
	switch e := event.GetEvent().(type) {
	case *jobgatev1.ReadTraceResponse_Chunk:
		return r.chunk(e.Chunk.GetOffset(), e.Chunk.GetData())
	case *jobgatev1.ReadTraceResponse_Reset_:
		return r.reset(e.Reset_.GetOffset(), word(e.Reset_.GetReason().String(), "TRACE_RESET_REASON_"))
	case *jobgatev1.ReadTraceResponse_Gap:
		return r.gap(e.Gap.GetOffset(), e.Gap.GetNextOffset())
	case *jobgatev1.ReadTraceResponse_Heartbeat:
		r.count("heartbeats", 1)
		return nil
	case *jobgatev1.ReadTraceResponse_End:
		return r.end(endOf(e.End))
	}
	return fmt.Errorf("an event of an unknown kind: %v", event)
}

func endOf(e *jobgatev1.TraceEnd) *ending {
	say := &ending{word(e.GetReason().String(), "TRACE_END_REASON_"), e.GetJobStatusWord(), e.GetSize(), nil}
	if e.Crc64 != nil {
		sum := e.GetCrc64()
		say.crc = &sum
	}
	return say
}

func word(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

// sorted says what the end of a gRPC stream means.
func sorted(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("%w: %w", errNo, err)
	case codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", errBusy, err)
	case codes.Unavailable:
		return fmt.Errorf("%w: %w", errBroken, err)
	case codes.Internal, codes.Unknown, codes.Canceled:
		if len(s.Details()) == 0 { // a stream that was cut off, in grpc-go's words
			return fmt.Errorf("%w: %w", errBroken, err)
		}
	}
	return fmt.Errorf("the stream failed: %w, %v", err, s.Details())
}

// library is a client that leaves it all to the follow package. Its one stream is all of them.
type library struct {
	conns
	req *jobgatev1.ReadTraceRequest
}

func newLibrary(r *record, begin start) follower {
	r.begin(begin)
	return &library{newConns(r), r.request(begin)}
}

// ReadTrace makes each call on another replica.
func (f *library) ReadTrace(
	ctx context.Context, req *jobgatev1.ReadTraceRequest, opts ...grpc.CallOption,
) (grpc.ServerStreamingClient[jobgatev1.ReadTraceResponse], error) {
	on := f.pick()
	f.record.openf("on %s", on.name)
	return jobgatev1.NewTraceServiceClient(f.to(on)).ReadTrace(ctx, req, opts...)
}

func (f *library) stream(ctx context.Context, _ *replica) error {
	var wrong error
	ctx, cancel := context.WithCancelCause(metadata.AppendToOutgoingContext(ctx, "private-token", f.token))
	defer cancel(nil)
	must := func(err error) {
		if err != nil && wrong == nil {
			wrong = err
			cancel(err)
		}
	}
	log := follow.Log(ctx, f, f.req, follow.StaleAfter(patience), follow.Backoff(100*time.Millisecond, 5*time.Second),
		follow.OnReset(func(e *jobgatev1.TraceReset) {
			must(f.reset(e.GetOffset(), word(e.GetReason().String(), "TRACE_RESET_REASON_")))
		}),
		follow.OnGap(func(e *jobgatev1.TraceGap) { must(f.gap(e.GetOffset(), e.GetNextOffset())) }),
		follow.OnHeartbeat(func(*jobgatev1.TraceHeartbeat) { f.count("heartbeats", 1) }),
		follow.OnRetry(func(r follow.Retry) error {
			f.count("streams broken", 1)
			f.notef("%v, again in %s", r.Err, r.Wait)
			return nil
		}))
	for data, err := range log.Bytes() {
		if err == nil {
			err = f.chunk(log.Offset()-int64(len(data)), data)
			must(err)
		}
		switch {
		case wrong != nil:
			return wrong
		case err != nil:
			return libraryFailed(ctx, err)
		}
		f.dawdle(ctx)
		if f.rand.IntN(20) == 0 { // the process ends, and another one goes on
			f.req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: log.Cursor()}
			return fmt.Errorf("%w: by itself", errBroken)
		}
	}
	if wrong != nil {
		return wrong
	}
	return f.end(endOf(log.End()))
}

// libraryFailed says what an error of the library's means: what passes, it has tried again.
func libraryFailed(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil {
		return why
	}
	if code := status.Code(err); code == codes.Unauthenticated || code == codes.PermissionDenied {
		return fmt.Errorf("%w: %w", errNo, err)
	}
	if errors.Is(err, follow.ErrStale) {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return fmt.Errorf("the library gave up: %w, %v", err, status.Convert(err).Details())
}
