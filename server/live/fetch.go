package live

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// fetcher reads one log from GitLab, on behalf of a reader who is there.
type fetcher struct {
	*log
	ctx      context.Context //nolint:containedctx // that of the log
	pace     *pace
	onBehalf Who   // of whom GitLab is being asked
	cost     int64 // bytes that the last look has cost

	state  *jobgatev1.Job
	askJob bool // it may have changed since
	quiet  int  // looks in a row that brought nothing

	pages   *spool.Log         // what was read, as long as it is the log's
	tail    []byte             // the last bytes of it
	seen    upstream.Validator // of the answer of the last look, if all of it was taken
	doubted time.Time          // since when
	doubt   bool               // the last look found less than there was, or should be
	empty   bool               // the last look found nothing at all
}

// fetch reads the log until ctx ends, which it does with the last reader. A log that is
// complete is left alone, until somebody doubts it.
func (l *log) fetch(ctx context.Context) {
	f := &fetcher{log: l, ctx: ctx, pace: newPace(time.Now()), askJob: true}
	defer l.hub.keep(f)
	defer func() { l.contain(recover(), f.onBehalf) }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	if f.begin() {
		timer.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-l.again:
		}
		select { // this look is for all who have asked for one
		case <-l.again:
		default:
		}
		if f.round() { //nolint:contextcheck // it has it
			timer.Stop()
		} else {
			timer.Reset(f.pace.next(f.cost))
		}
	}
}

// begin takes over what is kept of the log, and says whether nobody needs to look.
func (f *fetcher) begin() (complete bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pages, f.tail = f.bytes, f.log.tail
	return f.complete
}

// round looks once, and says whether the log is complete. If GitLab refuses the
// credential, that one's readers end, and the next one is tried.
func (f *fetcher) round() (complete bool) {
	for {
		g := f.anyGrant()
		if g == nil {
			return false
		}
		f.onBehalf = g.who
		done, err := f.look(g)
		switch {
		case err == nil:
			return done
		case f.ctx.Err() != nil:
			return false
		case isRefusal(err):
			f.refuse(g, err)
		default:
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
	asked := time.Now()
	if f.askJob {
		if err := f.getJob(g); err != nil {
			f.pace.quiet()
			return false, err
		}
	}
	if !started(f.state) {
		f.pace.notStarted()
		f.settle(asked, false)
		return false, nil
	}
	grown, err := f.read(g)
	switch {
	case grown > 0: // also if it broke off
		f.quiet = 0
		f.pace.grew()
	case err == nil:
		f.quiet++
		f.pace.quiet()
	default:
		f.pace.quiet()
	}
	if err != nil {
		return false, err
	}
	complete = f.settle(asked, final(f.state) && !f.doubt)
	f.askJob = complete || f.doubt || f.quiet%2 == 1 // while its log grows, a job has not ended
	return complete, nil
}

// settle notes when GitLab was asked, and whether the log is complete, unless it has begun
// anew meanwhile.
func (f *fetcher) settle(asked time.Time, complete bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = asked
	if !f.doubt {
		f.checked = asked
		f.tell()
	}
	if f.stale && !f.doubt {
		f.stale = false
		f.tell()
	}
	if !complete || f.bytes != f.pages {
		return false
	}
	f.complete = true
	f.tell()
	return true
}

func (f *fetcher) getJob(g *grant) error {
	f.hub.count.jobs.Add(1)
	answer, err := f.hub.gitlab.GetJob(polling(f.ctx, g.who), &jobgatev1.GetJobRequest{Project: g.who.Project, JobId: f.job})
	if err != nil {
		return err
	}
	job := new(jobgatev1.Job)
	if err := proto.Unmarshal(answer.ProtoReflect().GetUnknown(), job); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state, f.log.state = job, job
	return nil
}
