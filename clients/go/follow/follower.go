package follow

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Follower reads one log. It is for one goroutine at a time, but for
// [Follower.Cursor] and [Follower.Offset], which any may call at any time.
type Follower struct {
	ctx    context.Context //nolint:containedctx // of the whole log: Read has no other
	client jobgatev1.TraceServiceClient
	req    *jobgatev1.ReadTraceRequest
	options

	stream *stream // nil while none is open
	place  place
	tries  int    // in a row that brought nothing new
	rest   []byte // of a chunk that was not handed out whole
	end    *jobgatev1.TraceEnd
	told   atomic.Pointer[mark]
}

// mark is a place as the caller is told it.
type mark struct {
	cursor string
	offset int64
}

// Log prepares to read the log that req asks for; it makes no call yet. The credential
// goes in the outgoing metadata of ctx, as with any call, or in [CallOptions]. When ctx
// ends, so does the log: with an error that is context.Canceled or
// context.DeadlineExceeded, and the cause of ctx. The request is copied.
func Log(
	ctx context.Context, client jobgatev1.TraceServiceClient, req *jobgatev1.ReadTraceRequest, opts ...Option,
) *Follower {
	f := &Follower{
		ctx: ctx, client: client, req: proto.CloneOf(req),
		options: defaults(req.GetFollow()), place: begin(req),
	}
	for _, set := range opts {
		set(&f.options)
	}
	f.publish()
	return f
}

// Bytes ranges over the bytes of the log, in pieces of any size, as they come. They are
// the caller's to keep. An error, if any, is the last thing it yields; without one the
// log has come to its end.
//
// Whoever leaves the loop early, or has dealt with the error, may range again: it goes
// on at the next byte.
func (f *Follower) Bytes() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		defer f.hangUp()
		for {
			data, err := f.next()
			if err == io.EOF { //nolint:errorlint // next's own, unwrapped
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
			f.publish()
			if !yield(data, nil) {
				return
			}
		}
	}
}

// End is the event that ended the log: why, the state of the job, the size. It is nil
// before, and after an error. If the connection broke after the last byte that the
// request's limit allows, it has reason and size only.
func (f *Follower) End() *jobgatev1.TraceEnd { return f.end }

// Cursor is where the log has been read to: after the last bytes that were yielded, or
// written whole, or of which Read has returned the last. It is the request's own
// cursor, if any, before the first event.
func (f *Follower) Cursor() string { return f.told.Load().cursor }

// Offset is the same place as a number of bytes from the start of the log, -1 as long
// as it is not known: before the first bytes of a tail, or after a cursor. In the
// function of [OnReset] or [OnGap] it is still the place before.
func (f *Follower) Offset() int64 { return f.told.Load().offset }

func (f *Follower) publish() {
	f.told.Store(&mark{cursor: f.place.cursor, offset: f.place.next})
}

// next is the next bytes of the log, io.EOF itself after its end.
func (f *Follower) next() ([]byte, error) {
	if data := f.rest; len(data) > 0 {
		f.rest = nil
		return data, nil
	}
	for f.end == nil && !f.limited() {
		event, err := f.receive()
		if err != nil {
			f.hangUp()
			if err := f.retry(err); err != nil {
				return nil, err
			}
			continue
		}
		data, err := f.take(event)
		if err != nil {
			f.hangUp()
			return nil, err
		}
		if len(data) > 0 {
			return data, nil
		}
		f.publish()
	}
	return nil, io.EOF
}

// limited ends a log of which all is there that the request allows, and whose stream
// broke before it could say so: what is left of the limit is 0, which would ask for all.
func (f *Follower) limited() bool {
	if f.stream != nil || f.req.GetLimit() <= 0 || f.place.got < f.req.GetLimit() {
		return false
	}
	f.end = &jobgatev1.TraceEnd{Reason: jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT, Size: f.place.next}
	return true
}

// take is what an event means to the reader. What it yields is the caller's to publish.
func (f *Follower) take(event *jobgatev1.ReadTraceResponse) ([]byte, error) {
	cursor := event.GetCursor()
	if event.GetHeartbeat() == nil || f.stream.age() >= f.longestWait {
		f.tries = 0 // every stream begins with a heartbeat, also one that breaks at once
	}
	switch e := event.GetEvent().(type) {
	case *jobgatev1.ReadTraceResponse_Chunk:
		return e.Chunk.GetData(), f.place.chunk(e.Chunk, cursor)
	case *jobgatev1.ReadTraceResponse_Reset_:
		return nil, f.reset(e.Reset_, cursor)
	case *jobgatev1.ReadTraceResponse_Gap:
		if err := f.place.gap(e.Gap, cursor); err != nil {
			return nil, err
		}
		f.onGap(e.Gap)
	case *jobgatev1.ReadTraceResponse_Heartbeat:
		f.place.stay(cursor)
		f.onHeartbeat(e.Heartbeat)
	case *jobgatev1.ReadTraceResponse_End:
		if err := f.place.end(e.End, cursor); err != nil {
			return nil, err
		}
		f.stream.finish()
		f.stream, f.end = nil, e.End
	default: // newer than this version
		f.place.stay(cursor)
	}
	return nil, nil
}

// reset goes back to where the log was rewritten. It is an error to a caller who did
// not say what is to become of it.
func (f *Follower) reset(r *jobgatev1.TraceReset, cursor string) error {
	was := f.place.next
	if err := f.place.reset(r, cursor); err != nil {
		return err
	}
	if f.onReset == nil {
		f.publish()
		return &ResetError{Reason: r.GetReason(), Offset: r.GetOffset(), Read: was}
	}
	f.onReset(r)
	return nil
}

// over says whether a context has ended. If its deadline has passed, the gateway may have
// seen that first, and it is about to.
func over(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// ended is the error of a log whose context ended.
func ended(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return &endedError{ctx.Err(), cause}
	}
	return context.Cause(ctx)
}
