package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// A write whose answer was lost may have been done. It is not sent again; the job is read,
// and if that proves that it was done just then, the job is the answer. It proves so for a
// job that was erased, or canceled, since the write was sent, by GitLab's own clock. A job
// that is being canceled, or was canceled before, proves nothing, nor does a new job of
// the same name: that may be somebody else's retry.

// readBacks is how often a job is read after a lost answer, and readBackPause the time
// between: GitLab may be busy with the write.
const (
	readBacks     = 2
	readBackPause = 300 * time.Millisecond
	readBackTime  = 5 * time.Second // for all of it
)

// slack is for clocks that are read in whole seconds.
const slack = 2 * time.Second

// settled sends a write and answers it: as GitLab did, or, if its answer was lost, with the
// job as it is read then, if when tells a time since the write was sent.
func (c *Client) settled(ctx context.Context, r *request, when func(*jobgatev1.Job) time.Time) (*jobgatev1.Job, error) {
	sent := time.Now()
	job, lost := c.job(ctx, r)
	if !outcomeUnknown(lost) || otherSuccess(lost) {
		return job, lost
	}
	own := Reply{}
	call := CallFrom(ctx)
	if call != nil {
		own = call.Reply
	}
	within, cancel := context.WithTimeoutCause(ctx, readBackTime, ErrUpstreamTimeout)
	defer cancel()
	for i := range readBacks {
		if i > 0 && !pause(within, readBackPause) {
			break
		}
		job, clock, err := c.readBack(within, r)
		if err == nil && when(parsed(job)).After(sent.Add(clock-slack)) {
			if call != nil { // as if GitLab had answered the write
				call.Reply.Status = http.StatusCreated
				delete(call.Reply.Header, "Etag")
			}
			return job, nil
		}
	}
	if call != nil {
		call.Reply = own
	}
	return nil, lost
}

// otherSuccess says whether GitLab has answered a success of another kind than the
// contract has, such as that it will do it later: that is its answer.
func otherSuccess(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == Malformed && e.Status/100 == 2 && (e.Status != http.StatusCreated || errors.Is(err, errNoJob))
}

// parsed is a job that is wire-backed; an empty one if it cannot be read.
func parsed(job *jobgatev1.Job) *jobgatev1.Job {
	read := new(jobgatev1.Job)
	if proto.Unmarshal(job.ProtoReflect().GetUnknown(), read) != nil {
		read.Reset()
	}
	return read
}

// outcomeUnknown says whether err is of a write whose outcome is not known.
func outcomeUnknown(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.OutcomeUnknown()
}

// readBack reads the job that a write was about, from GitLab and from nowhere else, and
// tells how far its clock is ahead.
func (c *Client) readBack(caller context.Context, write *request) (job *jobgatev1.Job, clock time.Duration, err error) {
	r, err := c.jobRequest(http.MethodGet, "read back job", string(write.op.project), write.op.id, "")
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := c.bounded(caller)
	defer cancel()
	resp, err := c.send(ctx, caller, r) //nolint:bodyclose // take closes it
	if err != nil {
		return nil, 0, err
	}
	if date, failed := http.ParseTime(resp.Header.Get("Date")); failed == nil {
		clock = time.Until(date)
	}
	wire, _, err := c.take(ctx, caller, r, resp, encodeJob)
	if err != nil {
		return nil, 0, err
	}
	job = new(jobgatev1.Job)
	job.ProtoReflect().SetUnknown(wire)
	return job, clock, nil
}

// pause waits, and says whether ctx lets it.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// canceledAt is when a job was canceled, zero if it was not.
func canceledAt(job *jobgatev1.Job) time.Time {
	if job.GetStatus() != jobgatev1.JobStatus_JOB_STATUS_CANCELED || job.GetFinishedAt() == nil {
		return time.Time{}
	}
	return job.GetFinishedAt().AsTime()
}

// erasedAt is when a job was erased, zero if it was not.
func erasedAt(job *jobgatev1.Job) time.Time {
	if job.GetErasedAt() == nil {
		return time.Time{}
	}
	return job.GetErasedAt().AsTime()
}
