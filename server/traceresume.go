package server

import (
	"context"
	"io"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// start is where a request begins: of a tail, that has to be looked for.
func (r *traceRead) start(ctx context.Context, at cursor, extra []*jobgatev1.Parameter) (cursor, error) {
	tail, ok := tailOf(r.req)
	if !ok {
		return at, nil
	}
	offset, err := r.api.TraceTail(ctx, r.req.GetProject(), r.req.GetJobId(), tail, archivedSize(r.job), extra)
	if err != nil {
		return at, err
	}
	at.offset, at.known = offset, offset == 0
	r.place = newPlace(at)
	return at, nil
}

// lacks says whether n bytes before the place of a cursor are fewer than there were, although
// the log was not erased.
func (r *traceRead) lacks(n int, at cursor) bool {
	return n < int(at.overlap) && r.job.GetErasedAt() == nil
}

// changed says why what is before the place of a cursor is no longer what it was; if it is,
// the place has it.
func (r *traceRead) changed(before []byte, at cursor) jobgatev1.TraceResetReason {
	switch {
	case len(before) == int(at.overlap) && overlapHash(before) == at.hash:
		r.place.keep(before)
		return 0
	case len(before) == int(at.overlap):
		return jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN
	case r.job.GetErasedAt() != nil:
		return jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED
	}
	return jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED
}

// beginFollow finds where to begin. What a cursor remembers is compared with what GitLab
// has; if that differs, a reset is sent, and the log begins anew.
func (r *traceRead) beginFollow(ctx context.Context, at cursor) error {
	at, err := r.start(ctx, at, nil)
	if err != nil || at.overlap == 0 {
		return err
	}
	n := int64(at.overlap)
	before, err := r.before(ctx, at.offset-n, n)
	if err == nil && r.lacks(len(before), at) {
		if err = aMoment(ctx); err == nil {
			before, err = r.before(ctx, at.offset-n, n)
		}
	}
	if err != nil {
		return err
	}
	if why := r.changed(before, at); why != 0 {
		return r.anew(why)
	}
	return nil
}

// aMoment is how long GitLab may have no log, or less of it, while it moves it into its
// archive: a log that lacks what was there before is looked at twice.
func aMoment(ctx context.Context) error {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// before reads n bytes, or fewer if there are no more.
func (r *traceRead) before(ctx context.Context, offset, n int64) ([]byte, error) {
	t, err := r.api.Trace(ctx, r.req.GetProject(), r.req.GetJobId(), upstream.TraceRange{Offset: offset, Limit: n, Compared: true}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return io.ReadAll(t)
}

// anew tells that the log begins anew.
func (r *traceRead) anew(why jobgatev1.TraceResetReason) error {
	r.told.resets++
	r.place = newPlace(cursor{instance: r.instance, job: r.req.GetJobId(), known: true})
	return r.stream.Send(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Reset_{Reset_: &jobgatev1.TraceReset{Reason: why}},
		Cursor: r.place.cursor(),
	})
}
