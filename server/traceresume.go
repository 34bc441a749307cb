package server

import (
	"context"
	"io"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// beginFollow finds where to begin. What a cursor remembers is compared with what GitLab
// has; if that differs, a reset is sent, and the log begins anew.
func (r *traceRead) beginFollow(ctx context.Context, at cursor) (err error) {
	project, id := r.req.GetProject(), r.req.GetJobId()
	if tail, ok := tailOf(r.req); ok {
		if at.offset, err = r.api.TraceTail(ctx, project, id, tail, archivedSize(r.job), nil); err != nil {
			return err
		}
		at.known = at.offset == 0
		r.place = newPlace(at)
	}
	n := int64(at.overlap)
	if n == 0 {
		return nil
	}
	before, err := r.before(ctx, at.offset-n, n)
	if err == nil && int64(len(before)) < n {
		if err := aMoment(ctx); err != nil {
			return err
		}
		before, err = r.before(ctx, at.offset-n, n)
	}
	switch {
	case err != nil:
		return err
	case int64(len(before)) < n:
		return r.anew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED)
	case overlapHash(before) != at.hash:
		return r.anew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN)
	}
	r.place.keep(before)
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
	r.place = newPlace(cursor{instance: r.instance, job: r.req.GetJobId(), known: true})
	return r.stream.Send(&jobgatev1.ReadTraceResponse{
		Event:  &jobgatev1.ReadTraceResponse_Reset_{Reset_: &jobgatev1.TraceReset{Reason: why}},
		Cursor: r.place.cursor(),
	})
}
