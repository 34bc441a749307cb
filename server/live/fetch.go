package live

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// fetcher reads one log from GitLab, on behalf of a reader who is there.
type fetcher struct {
	*log
	ctx   context.Context //nolint:containedctx // that of the log
	pace  *pace
	buf   []byte
	cost  int64 // bytes that the last look has cost
	short bool  // the last look found less than is held
	state *jobgatev1.Job
	quiet int // looks in a row that brought nothing
}

// compared is how many bytes before the new ones the fetcher asks for again.
const compared = 256

// fetch reads the log until ctx ends, which it does with the last reader. A log that is
// complete is left alone, unless it turns out that it was rewritten.
func (l *log) fetch(ctx context.Context) {
	f := &fetcher{log: l, ctx: ctx, pace: newPace(time.Now()), buf: make([]byte, spool.BlockSize)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.again:
		}
		if f.round() {
			timer.Stop()
		} else {
			timer.Reset(f.pace.next(f.cost))
		}
	}
}

// round looks once, and says whether the log is complete. If GitLab refuses the
// credential, that one's readers end, and the next one is tried.
func (f *fetcher) round() (complete bool) {
	for {
		g := f.anyGrant()
		if g == nil {
			return false
		}
		done, err := f.look(g)
		switch {
		case err == nil:
			return done
		case f.ctx.Err() != nil:
			return false
		case isRefusal(err):
			f.update(func() { f.refuse(g, err) })
		default:
			f.pace.quiet()
			return false
		}
	}
}

// anyGrant is one on whose behalf GitLab can be asked: rather one that it said yes to.
func (f *fetcher) anyGrant() (found *grant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.grants {
		if found == nil || g.until.After(found.until) {
			found = g
		}
	}
	return found
}

// look asks for the job, if that may have changed, and then for what is new of its log: a
// log is complete if it was read after the job had ended (contract, section 10).
func (f *fetcher) look(g *grant) (complete bool, err error) {
	if f.state == nil || f.quiet%2 == 1 || !started(f.state) { // while its log grows, a job has not ended
		if f.state, err = f.getJob(g); err != nil {
			return false, err
		}
		f.update(func() { f.log.state = f.state })
	}
	if !started(f.state) {
		f.pace.notStarted()
		f.update(func() { f.asked = time.Now() })
		return false, nil
	}
	grown, err := f.read(g)
	if err != nil {
		return false, err
	}
	if grown > 0 {
		f.quiet = 0
		f.pace.grew()
	} else {
		f.quiet++
		f.pace.quiet()
	}
	complete = final(f.state) && !f.short
	f.update(func() { f.asked, f.complete = time.Now(), complete })
	return complete, nil
}

func (f *fetcher) getJob(g *grant) (*jobgatev1.Job, error) {
	answer, err := f.hub.gitlab.GetJob(as(f.ctx, g.who), &jobgatev1.GetJobRequest{Project: g.who.Project, JobId: f.job})
	if err != nil {
		return nil, err
	}
	job := new(jobgatev1.Job)
	return job, proto.Unmarshal(answer.ProtoReflect().GetUnknown(), job)
}

// read appends what is new of the log, and says how much.
func (f *fetcher) read(g *grant) (grown int64, err error) {
	f.mu.Lock()
	held, base, pages := f.size(), f.base, f.bytes
	f.mu.Unlock()
	before, _ := pages.Tail(held-base, compared)
	asked := time.Now()
	t, err := f.hub.gitlab.Trace(as(f.ctx, g.who), g.who.Project, f.job, upstream.TraceRange{Offset: held - int64(len(before))}, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = t.Close() }()
	f.update(func() { f.yes(g, asked) })
	grown, err = f.take(t, before, pages)
	f.cost = t.Received()
	f.pace.spend(time.Now(), f.cost)
	return grown, err
}

// take compares what is held already, and appends the rest as it comes.
func (f *fetcher) take(t io.Reader, before []byte, pages *spool.Log) (grown int64, err error) {
	n, err := io.ReadFull(t, f.buf[:len(before)])
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return 0, f.shorter(pages)
	case err != nil:
		return 0, err
	case !bytes.Equal(f.buf[:n], before):
		f.update(func() { f.rewrite(pages, jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN) })
		f.short = true // not complete before it was read anew
		return 1, nil
	}
	f.short = false
	for {
		n, err := t.Read(f.buf)
		if n > 0 {
			grown += int64(n)
			f.update(func() {
				if f.log.bytes == pages {
					f.broken = pages.Append(f.buf[:n])
				}
			})
		}
		switch {
		case err == io.EOF: //nolint:errorlint // a wrapped one is a log cut short
			return grown, nil
		case err != nil:
			return grown, err
		}
	}
}

// shorter is for a log that has less than is held. While GitLab moves a log into its
// archive it may have none for a moment, so that only a second look counts, unless the job
// says that the log was erased.
func (f *fetcher) shorter(pages *spool.Log) error {
	erased := f.state.GetErasedAt() != nil
	if !f.short && !erased {
		f.short, f.quiet = true, 0 // the look makes it 1, and the job is asked for
		return nil
	}
	why := jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED
	if erased {
		why = jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED
	}
	f.update(func() { f.rewrite(pages, why) })
	f.short = true // not complete before it was read anew
	return nil
}
