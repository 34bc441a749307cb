package server

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/server/live"
)

// follow streams a log until its job has ended. The log is shared with all who follow it.
// The job is empty if it is not known yet.
func (s *traceService) follow(
	req *jobgatev1.ReadTraceRequest, stream jobgatev1.TraceService_ReadTraceServer, at cursor, job *jobgatev1.Job,
) error {
	ctx, cancel := s.untilDrained(stream.Context())
	defer cancel()
	r := &traceRead{traceService: s, req: req, job: job, stream: stream, place: newPlace(at)}
	defer func() { r.told.tell(ctx, req) }()
	if err := r.beginFollow(ctx, at); err != nil {
		return err
	}
	f := &traceFollow{traceRead: r, inside: inproc.Inside(ctx)}
	if err := f.join(ctx, live.Before{Bytes: bytes.Clone(r.place.last), Asked: time.Now()}); err != nil {
		return err
	}
	defer func() { f.reader.Close() }()
	if err := f.heartbeat(live.Event{Size: f.place.at.offset}); err != nil { // it has begun
		return err
	}
	err := f.run(ctx)
	if !errors.Is(err, live.ErrBehind) {
		return err
	}
	if err := f.anew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN); err != nil {
		return err
	}
	if err := f.join(ctx, live.Before{}); err != nil {
		return err
	}
	return f.run(ctx)
}

// untilDrained is a context that also ends some time after the server began to stop: not
// all streams at once, so that their callers do not all come back at once.
func (s *traceService) untilDrained(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.draining, func() {
		wait := time.NewTimer(rand.N(s.grace/2 + 1)) //nolint:gosec // not a secret
		defer wait.Stop()
		select {
		case <-wait.C:
			cancel(errShutdown)
		case <-ctx.Done():
		}
	})
	aged := func() bool { return false }
	if s.age > 0 {
		aged = time.AfterFunc(s.age*9/10+rand.N(s.age/10+1), func() { cancel(errAged) }).Stop //nolint:gosec // not a secret
	}
	return ctx, func() {
		stop()
		aged()
		cancel(nil)
	}
}

// errAged ends a stream that is as old as its connection may become.
var errAged = errors.New("the connection has reached its age; connect again")

// traceFollow is a log that is being followed by one caller.
type traceFollow struct {
	*traceRead
	reader    *live.Reader
	delivered int64
	inside    bool          // the caller is a face in this process
	done      chan struct{} // told when the chunk that was sent last is written
}

// join makes f a reader of the log from its place on.
func (f *traceFollow) join(ctx context.Context, before live.Before) error {
	who := live.Who{Credential: callOf(ctx).Credential, Project: f.req.GetProject()}
	reader, err := f.hub.Join(ctx, who, f.req.GetJobId(), f.place.at.offset, before)
	if err != nil {
		return err
	}
	if f.reader != nil {
		f.reader.Close()
	}
	f.reader = reader
	return nil
}

func (f *traceFollow) run(ctx context.Context) error {
	for {
		event, err := f.reader.Next(ctx)
		if err != nil {
			return f.leave(ctx, err)
		}
		if event.Job != nil {
			f.job = event.Job
		}
		done, err := f.send(event)
		if done || err != nil {
			return err
		}
	}
}

// leave ends a stream before its log has ended. If the server ends it, the caller gets a
// last event, with the place to go on from.
func (f *traceFollow) leave(ctx context.Context, err error) error {
	if why := context.Cause(ctx); errors.Is(why, errShutdown) || errors.Is(why, errAged) {
		_ = f.heartbeat(live.Event{Size: f.place.at.offset})
		return why
	}
	return err
}

// send tells the caller of an event, and says whether it is the last one.
func (f *traceFollow) send(event live.Event) (done bool, err error) {
	switch event.Kind {
	case live.Chunk:
		return f.chunk(event.Data)
	case live.Reset:
		return false, f.anew(event.Why)
	case live.Gap:
		return false, f.gap(event)
	case live.Heartbeat:
		return false, f.heartbeat(event)
	case live.End:
		return true, f.sendEnd(f.delivered)
	}
	return false, nil
}

func (f *traceFollow) chunk(data []byte) (done bool, err error) {
	limit := f.req.GetLimit()
	if limit == 0 {
		if sent, err := f.sendShared(data); sent {
			f.delivered += int64(len(data))
			f.told.bytes += int64(len(data))
			return false, err
		}
	}
	if limit > 0 {
		data = data[:min(int64(len(data)), limit-f.delivered)]
	}
	f.delivered += int64(len(data))
	if err := f.sendChunk(data); err != nil {
		return false, err
	}
	if limit > 0 && f.delivered == limit {
		return true, f.sendEnd(f.delivered)
	}
	return false, nil
}

// gap passes over bytes. Of what is before the place nothing is known then.
func (f *traceFollow) gap(event live.Event) error {
	f.place = newPlace(cursor{instance: f.instance, job: f.req.GetJobId(), offset: event.Next})
	return f.stream.Send(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Gap{Gap: &jobgatev1.TraceGap{Offset: event.Offset, NextOffset: event.Next}},
		Cursor: f.place.cursor(),
	})
}

// heartbeat is a sign of life, for those who follow.
func (f *traceFollow) heartbeat(event live.Event) error {
	if !f.req.GetFollow() {
		return nil
	}
	return f.stream.Send(&jobgatev1.ReadTraceResponse{
		Event: &jobgatev1.ReadTraceResponse_Heartbeat{Heartbeat: &jobgatev1.TraceHeartbeat{
			Staleness: durationpb.New(event.Staleness), Size: event.Size,
		}},
		Cursor: f.place.cursor(),
	})
}
