package server

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/inproc"
	"github.com/jobgate/jobgate/server/live"
	"github.com/jobgate/jobgate/upstream"
)

// traceService answers jobgate.v1.TraceService.
type traceService struct {
	jobgatev1.UnimplementedTraceServiceServer
	api      *upstream.Client
	instance uint16 // of the cursors that this service gives out
	hub      *live.Hub
	shares   bool // whether a log is read once for all
	readings readings
	streams  *callerLimit
	draining context.Context //nolint:containedctx // ends when the server begins to stop
	grace    time.Duration   // that it gives to streams then
	age      time.Duration   // that a stream may reach, 0 for any
}

// maxChunk is how many bytes of a log one event holds.
const maxChunk = 256 << 10

// chunks are the buffers that logs pass through, one per stream.
var chunks sync.Pool

func newChunk() *[maxChunk]byte {
	if b, ok := chunks.Get().(*[maxChunk]byte); ok {
		return b
	}
	return new([maxChunk]byte)
}

// ReadTrace reads the job before its log: a log is complete if it was read after the
// job had ended (contract, section 10).
func (s *traceService) ReadTrace(req *jobgatev1.ReadTraceRequest, stream jobgatev1.TraceService_ReadTraceServer) error {
	ctx := stream.Context()
	at, err := s.cursorOf(req)
	if err != nil {
		return err
	}
	exit, err := s.streams.enter(callOf(ctx))
	if err != nil {
		return err
	}
	defer exit()
	if req.GetFollow() {
		return s.follow(req, stream, at, new(jobgatev1.Job))
	}
	job, err := s.job(ctx, req)
	if err != nil {
		return err
	}
	together, leave := s.readTogether(req, job)
	defer leave()
	if together {
		if err := s.api.TraceAllowed(ctx, req.GetProject(), req.GetJobId(), 0); err != nil { // a follower's yes may be old
			return err
		}
		return s.follow(req, stream, at, job)
	}
	buf := newChunk()
	defer chunks.Put(buf)
	r := &traceRead{traceService: s, req: req, job: job, stream: stream, buf: buf[:], place: newPlace(at)}
	defer func() { r.told.tell(ctx, req) }()
	if err := r.open(ctx, at); err != nil {
		return err
	}
	defer func() { _ = r.log.Close() }()
	return r.copy()
}

// job is the job of the log, nil for a caller who wants nothing of it.
func (s *traceService) job(ctx context.Context, req *jobgatev1.ReadTraceRequest) (*jobgatev1.Job, error) {
	if caller := inproc.CallerFrom(ctx); caller != nil && caller.LogOnly {
		return nil, nil //nolint:nilnil // see above
	}
	answer, err := s.api.GetJob(ctx, &jobgatev1.GetJobRequest{Project: req.GetProject(), JobId: req.GetJobId()})
	if err != nil {
		return nil, err
	}
	job := new(jobgatev1.Job)
	return job, proto.Unmarshal(answer.ProtoReflect().GetUnknown(), job)
}

// callOf is the call of a context, an anonymous one if it has none.
func callOf(ctx context.Context) *upstream.Call {
	if call := upstream.CallFrom(ctx); call != nil {
		return call
	}
	return new(upstream.Call)
}

// cursorOf is where the request says that the stream begins. Of a tail it is not known
// yet.
func (s *traceService) cursorOf(req *jobgatev1.ReadTraceRequest) (cursor, error) {
	begin := cursor{instance: s.instance, job: req.GetJobId(), known: true}
	switch start := req.GetStart().(type) {
	case *jobgatev1.ReadTraceRequest_Offset:
		begin.offset, begin.known = start.Offset, start.Offset == 0
	case *jobgatev1.ReadTraceRequest_Cursor:
		c, err := parseCursor(start.Cursor, s.instance, req.GetJobId())
		if err != nil {
			return cursor{}, invalid("cursor", err.Error())
		}
		return c, nil
	}
	return begin, nil
}

// traceRead is one log on its way to one caller.
type traceRead struct {
	*traceService
	req    *jobgatev1.ReadTraceRequest
	job    *jobgatev1.Job
	stream jobgatev1.TraceService_ReadTraceServer
	log    *upstream.TraceReader
	buf    []byte
	place  place
	told   told
}

// open finds where to begin and opens the log there. A log that no longer has the
// bytes before a cursor is told as reset, and begun anew.
func (r *traceRead) open(ctx context.Context, at cursor) error {
	at, err := r.start(ctx, at, r.req.GetExtraParameters())
	if err != nil {
		return err
	}
	overlap := int64(at.overlap)
	n, err := r.openCompared(ctx, at)
	if err == nil && r.lacks(n, at) {
		if err = errors.Join(r.log.Close(), aMoment(ctx)); err == nil {
			n, err = r.openCompared(ctx, at)
		}
	}
	if err != nil || overlap == 0 {
		return err
	}
	why := r.changed(r.buf[:n], at)
	if why == 0 {
		return nil
	}
	if err := r.log.Close(); err != nil {
		return err
	}
	if err := r.anew(why); err != nil {
		return err
	}
	return r.openAt(ctx, 0, 0)
}

// openCompared opens the log at a cursor, and reads into the buffer what is there of the
// bytes before, which the cursor compares.
func (r *traceRead) openCompared(ctx context.Context, at cursor) (n int, err error) {
	overlap := int64(at.overlap)
	if err := r.openAt(ctx, at.offset-overlap, overlap); err != nil || overlap == 0 {
		return 0, err
	}
	if n, err = r.log.Fill(r.buf[:overlap]); err != nil && err != io.EOF { //nolint:errorlint // Fill's own, unwrapped
		return n, errors.Join(err, r.log.Close())
	}
	return n, nil
}

// openAt opens the log at offset, so far that the limit is kept after what is read
// only for comparison.
func (r *traceRead) openAt(ctx context.Context, offset, compared int64) error {
	part := upstream.TraceRange{Offset: offset, Compared: compared > 0}
	if r.req.GetLimit() > 0 {
		part.Limit = min(r.req.GetLimit(), math.MaxInt64-compared) + compared
	}
	if _, ok := r.req.GetStart().(*jobgatev1.ReadTraceRequest_Offset); ok || r.req.GetStart() == nil {
		part.HasOffset, part.HasLimit = ok, part.Limit > 0 && part.Limit <= upstream.MaxSlice
	}
	log, err := r.api.Trace(ctx, r.req.GetProject(), r.req.GetJobId(), part, r.req.GetExtraParameters())
	if err != nil {
		return err
	}
	r.log = log
	if caller := inproc.CallerFrom(ctx); caller != nil {
		caller.LogLength = log.Length()
	}
	return nil
}

// copy sends the log chunk by chunk, then its end. What was read before a failure is
// sent first.
func (r *traceRead) copy() error {
	begin := r.place.at.offset
	for {
		n, err := r.log.Fill(r.buf)
		if n > 0 {
			if err := r.sendChunk(r.buf[:n]); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF: //nolint:errorlint // a wrapped one is a log cut short
			return r.sendEnd(r.place.at.offset - begin)
		case err != nil:
			return err
		}
	}
}

func (r *traceRead) sendChunk(data []byte) error {
	chunk := &jobgatev1.TraceChunk{Offset: r.place.at.offset, Data: data}
	r.place.advance(data)
	r.told.bytes += int64(len(data))
	return r.stream.Send(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Chunk{Chunk: chunk},
		Cursor: r.place.cursor(),
	})
}

func (r *traceRead) sendEnd(delivered int64) error {
	end := &jobgatev1.TraceEnd{
		Reason:        jobgatev1.TraceEndReason_TRACE_END_REASON_CURRENT,
		JobStatus:     r.job.GetStatus(),
		JobStatusWord: statusWord(r.job),
		Size:          r.place.at.offset,
	}
	if final(r.job.GetStatus()) {
		end.Reason = jobgatev1.TraceEndReason_TRACE_END_REASON_COMPLETE
	}
	if limit := r.req.GetLimit(); limit > 0 && delivered >= limit {
		end.Reason = jobgatev1.TraceEndReason_TRACE_END_REASON_LIMIT
	}
	if r.place.at.known {
		end.Crc64 = &r.place.at.crc
	}
	return r.stream.Send(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_End{End: end},
		Cursor: r.place.cursor(),
	})
}
