package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
	"github.com/jobgate/jobgate/upstream"
)

// Kind is what an [Event] tells.
type Kind int

// Kinds of events.
const (
	Chunk     Kind = iota + 1 // more bytes
	Reset                     // the log was rewritten, and begins anew at 0
	Heartbeat                 // nothing new
	End                       // the job has ended, and its last byte was delivered
)

// Event is what happened to a log.
type Event struct {
	Kind      Kind
	Offset    int64  // of the first byte of Data; else the place where the reader is
	Data      []byte // of a chunk; valid until the next call of Next
	Why       jobgatev1.TraceResetReason
	Staleness time.Duration // since GitLab was last asked with success
	Size      int64         // of the log as far as it is known
	Job       *jobgatev1.Job
}

// Reader is one who follows a log. It is for one goroutine, but for Close.
type Reader struct {
	log        *log
	grant      *grant
	who        Who
	offset     int64
	generation int
	page       spool.Page
	history    *upstream.TraceReader // of bytes before those that are shared
	buf        []byte
	beats      int64 // heartbeats heard
	once       sync.Once
}

// Close ends the reader. What Next has returned must not be used any more.
func (r *Reader) Close() {
	r.once.Do(func() {
		r.release()
		r.log.exit(r.grant)
	})
}

func (r *Reader) release() {
	r.page.Release()
	r.page = spool.Page{}
	if r.history != nil {
		_ = r.history.Close()
		r.history = nil
	}
}

// Next returns what comes next, and waits for it. Its errors are those of GitLab's refusal
// of this reader's credential, an [*upstream.Error], and of ctx.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	r.page.Release()
	r.page = spool.Page{}
	for {
		event, wait, err := r.poll(ctx)
		if event.Kind != 0 || err != nil {
			return event, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// over is a wait that is over.
var over = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// poll returns what there is to tell now, or what to wait for.
func (r *Reader) poll(ctx context.Context) (event Event, wait <-chan struct{}, err error) {
	l := r.log
	l.mu.Lock()
	wait = l.changed
	now := time.Now()
	at := Event{Offset: r.offset, Staleness: now.Sub(l.asked), Size: l.size(), Job: l.state}
	switch {
	case r.grant.refused != nil:
		err = r.grant.refused
	case l.broken != nil:
		err = l.broken
	case !r.grant.holds(now):
		// Not a byte; but a sign of life while a job has not even begun.
		at.Kind = r.heartbeat(l)
	case r.generation != l.generation:
		r.generation, r.offset = l.generation, 0
		at.Kind, at.Offset, at.Why = Reset, 0, l.why
	case r.offset > l.size() && l.complete, r.offset == l.size() && l.complete:
		at.Kind = End
	case r.offset < l.size():
		base, bytes := l.base, l.bytes
		l.mu.Unlock()
		event, err = r.chunk(ctx, at, base, bytes)
		return event, over, err
	default:
		at.Kind = r.heartbeat(l)
	}
	l.mu.Unlock()
	return at, wait, err
}

// heartbeat is the kind of the event if it is time for one. With the lock.
func (r *Reader) heartbeat(l *log) Kind {
	if r.beats == l.beats {
		return 0
	}
	r.beats = l.beats
	return Heartbeat
}

// chunk reads the bytes that come next: those that are shared, or, if the reader began
// before them, the reader's own.
func (r *Reader) chunk(ctx context.Context, at Event, base int64, bytes *spool.Log) (Event, error) {
	at.Kind = Chunk
	if r.offset < base {
		return r.before(ctx, at, base)
	}
	page, err := bytes.Page(r.offset - base)
	if gone, ok := errors.AsType[*spool.EvictedError](err); ok {
		page, err = r.restore(ctx, gone, base, bytes)
	}
	if errors.Is(err, spool.ErrDiffers) {
		r.log.update(func() { r.log.rewrite(bytes, jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN) })
	}
	if errors.Is(err, spool.ErrDiffers) || errors.Is(err, spool.ErrClosed) {
		return Event{}, nil // look again
	}
	if err != nil {
		return Event{}, err
	}
	r.page, at.Data = page, page.Data
	r.offset += int64(len(page.Data))
	return at, nil
}

// restore fetches a block again that the spool had no room for, with the reader's own
// credential.
func (r *Reader) restore(ctx context.Context, gone *spool.EvictedError, base int64, bytes *spool.Log) (spool.Page, error) {
	part := upstream.TraceRange{Offset: base + gone.Start, Limit: gone.End - gone.Start}
	t, err := r.log.hub.gitlab.Trace(as(ctx, r.who), r.who.Project, r.log.job, part, nil)
	if err != nil {
		return spool.Page{}, err
	}
	defer func() { _ = t.Close() }()
	data, err := io.ReadAll(t)
	if err != nil {
		return spool.Page{}, err
	}
	return bytes.RestorePage(r.offset-base, data)
}

// before reads bytes before those that are shared, as one stream.
func (r *Reader) before(ctx context.Context, at Event, base int64) (Event, error) {
	if r.history == nil {
		part := upstream.TraceRange{Offset: r.offset, Limit: base - r.offset}
		t, err := r.log.hub.gitlab.Trace(as(ctx, r.who), r.who.Project, r.log.job, part, nil)
		if err != nil {
			return Event{}, err
		}
		r.history = t
		if r.buf == nil {
			r.buf = make([]byte, spool.BlockSize)
		}
	}
	n, err := r.history.Read(r.buf)
	switch {
	case n > 0:
		at.Data = r.buf[:n]
		r.offset += int64(n)
		return at, nil
	case err == io.EOF: //nolint:errorlint // a wrapped one is a log cut short
		_ = r.history.Close()
		r.history = nil
		if r.offset < base {
			return Event{}, io.ErrUnexpectedEOF
		}
		return Event{}, nil
	}
	return Event{}, err
}
