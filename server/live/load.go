package live

import (
	"context"
	"errors"
	"io"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// ready is a wait that is over.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// load gets the bytes that come next. It returns what to wait for before the reader looks
// at its log again, whether it has got them or not.
func (r *Reader) load(ctx context.Context, base int64, bytes *spool.Log) (wait <-chan struct{}, err error) {
	page, err := bytes.Take(r.offset-base, r.pace)
	gone, ok := errors.AsType[*spool.EvictedError](err)
	if ok {
		if other := r.log.restoring(bytes, gone.Block); other != nil {
			return other, nil
		}
		page, err = r.restoreFirst(ctx, gone, base, bytes)
	}
	switch {
	case err == nil:
		r.page, r.failed, r.missed = page.Fit(r.pace), 0, time.Time{}
		return ready, nil
	case errors.Is(err, spool.ErrDiffers):
		r.log.rewrite(bytes, jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN)
		return ready, nil
	case errors.Is(err, spool.ErrClosed):
		if r.log.is(bytes) {
			return nil, err
		}
		return ready, nil // it has begun anew
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case isRefusal(err):
		r.log.refuse(r.grant, err)
		return ready, nil
	case errors.Is(err, errTooShort):
		if r.isHole(bytes) {
			r.hole = base + gone.End
			return ready, nil
		}
		r.log.doubt()
	}
	return r.later(), nil
}

// isHole says whether bytes that GitLab does not send are lost, and not just the end of a
// log that became shorter: it has looked several times, and meanwhile seen that the log
// still reaches where it did. A chunk of a log that is stored in chunks may get lost so.
func (r *Reader) isHole(bytes *spool.Log) bool {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.missed.IsZero() {
		r.missed = time.Now()
	}
	return r.failed >= 2 && l.bytes == bytes && l.matched.After(r.missed)
}

// later is the time of the next attempt after one that has failed.
func (r *Reader) later() <-chan struct{} {
	r.failed++
	over := make(chan struct{})
	time.AfterFunc(min(soonest<<min(r.failed-1, 5), latest), func() { close(over) })
	return over
}

// restoreFirst restores a block for all who wait for it.
func (r *Reader) restoreFirst(ctx context.Context, gone *spool.EvictedError, base int64, bytes *spool.Log) (spool.Page, error) {
	defer r.log.restored(bytes, gone.Block)
	return r.restore(ctx, gone, base, bytes)
}

var errTooShort = errors.New("the log is shorter than it was")

// restore fetches a block again that the spool had no room for, with the reader's own
// credential.
func (r *Reader) restore(ctx context.Context, gone *spool.EvictedError, base int64, bytes *spool.Log) (spool.Page, error) {
	asked, who := time.Now(), r.grant.who
	r.log.hub.count.restores.Add(1)
	part := upstream.TraceRange{Offset: base + gone.Start, Limit: gone.End - gone.Start}
	t, err := r.log.hub.gitlab.Trace(as(ctx, who), who.Project, r.log.job, part, nil)
	if err != nil {
		return spool.Page{}, err
	}
	defer func() { _ = t.Close() }()
	r.log.yes(r.grant, asked)
	data, err := io.ReadAll(t)
	r.log.hub.count.received.Add(t.Received())
	switch {
	case err != nil:
		return spool.Page{}, err
	case int64(len(data)) < part.Limit:
		return spool.Page{}, errTooShort
	}
	return bytes.RestorePage(r.offset-base, data)
}

// place is a block that is being fetched again.
type place struct {
	bytes *spool.Log
	block int64
}

// restoring is closed when the block has been fetched by somebody else; nil if it is for
// the caller to do so, and to call restored.
func (l *log) restoring(bytes *spool.Log, block int64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.fetching[place{bytes, block}]; other != nil {
		return other
	}
	if l.fetching == nil {
		l.fetching = map[place]chan struct{}{}
	}
	l.fetching[place{bytes, block}] = make(chan struct{})
	return nil
}

func (l *log) restored(bytes *spool.Log, block int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.fetching[place{bytes, block}])
	delete(l.fetching, place{bytes, block})
}
