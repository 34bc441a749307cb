package follow

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// stream is one call of ReadTrace.
type stream struct {
	events grpc.ServerStreamingClient[jobgatev1.ReadTraceResponse]
	opened time.Time
	cancel context.CancelFunc
	watch  *time.Timer // ends a silent call; nil if it may be silent
	silent atomic.Bool // whether it did
	stale  time.Duration
}

// lastWord is how long a gateway that has sent the end event may take to end the call.
const lastWord = time.Second

// receive is the next event, of a new call if there is none.
func (f *Follower) receive() (*jobgatev1.ReadTraceResponse, error) {
	if f.stream == nil {
		f.stream = &stream{stale: f.staleAfter}
	}
	event, err := f.stream.receive(f)
	switch {
	case err == nil:
		return event, nil
	case over(f.ctx):
		return nil, ended(f.ctx)
	case f.stream.silent.Load():
		return nil, ErrStale
	case err == io.EOF: //nolint:errorlint // gRPC's own, unwrapped
		return nil, errCutShort
	}
	return nil, err
}

// receive is the next event as gRPC gives it. Silence counts only while it waits: what
// the caller does between two events may take its time.
func (s *stream) receive(f *Follower) (*jobgatev1.ReadTraceResponse, error) {
	if s.events == nil {
		if err := s.open(f); err != nil {
			return nil, err
		}
	} else if s.watch != nil {
		s.watch.Reset(s.stale)
	}
	event, err := s.events.Recv()
	if s.watch != nil {
		s.watch.Stop()
	}
	return event, err
}

// open makes the call.
func (s *stream) open(f *Follower) (err error) {
	ctx, cancel := context.WithCancel(f.ctx)
	s.opened, s.cancel = time.Now(), cancel
	if s.stale > 0 {
		s.watch = time.AfterFunc(s.stale, func() {
			s.silent.Store(true)
			cancel()
		})
	}
	s.events, err = f.client.ReadTrace(ctx, f.request(), f.callOptions...)
	return err
}

func (s *stream) age() time.Duration { return time.Since(s.opened) }

// request asks for what is not there yet.
func (f *Follower) request() *jobgatev1.ReadTraceRequest {
	req := proto.CloneOf(f.req)
	if f.place.cursor != "" {
		req.Start = &jobgatev1.ReadTraceRequest_Cursor{Cursor: f.place.cursor}
	}
	if req.GetLimit() > 0 {
		req.Limit -= f.place.got
	}
	return req
}

// hangUp ends the call, if there is one.
func (f *Follower) hangUp() {
	if f.stream != nil {
		f.stream.close()
		f.stream = nil
	}
}

func (s *stream) close() {
	if s.watch != nil {
		s.watch.Stop()
	}
	if s.cancel != nil {
		s.cancel()
	}
}

// finish lets the gateway end the call, so that it does not count it as canceled.
func (s *stream) finish() {
	late := time.AfterFunc(lastWord, s.cancel)
	defer late.Stop()
	_, _ = s.events.Recv() // io.EOF; all that counts has come
	s.close()
}
