package live

import (
	"context"
	"errors"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
)

// Kind is what an [Event] tells.
type Kind int

// Kinds of events.
const (
	Chunk     Kind = iota + 1 // more bytes
	Reset                     // the log was rewritten, and begins anew at 0
	Gap                       // bytes that GitLab no longer has are passed over
	Heartbeat                 // nothing new
	End                       // the job has ended, and its last byte was delivered
)

// Event is what happened to a log.
type Event struct {
	Kind      Kind
	Offset    int64  // of the first byte of Data or of a gap; else the place where the reader is
	Next      int64  // behind the last byte of a gap
	Data      []byte // of a chunk; valid until the next call of Next or Close
	Why       jobgatev1.TraceResetReason
	Staleness time.Duration // since GitLab was last asked with success
	Size      int64         // of the log as far as it is known
	Job       *jobgatev1.Job
}

// Reader is one who follows a log. It is for one goroutine.
type Reader struct {
	log        *log
	grant      *grant
	offset     int64
	generation int
	beats      int64      // heartbeats heard
	page       spool.Page // what comes next, or was told last
	told       time.Time  // when it was
	had        int        // bytes that were told since pace was
	took       time.Duration
	pace       spool.Pace // how fast they were given back before
	failed     int        // attempts in a row to get what comes next
	missed     time.Time  // since when GitLab does not send it
	hole       int64      // where it goes on behind what is lost, if that is beyond offset
	before     Before     // to be compared before the first byte is told
	closed     bool
}

// Close ends the reader. What Next has returned must not be used any more.
func (r *Reader) Close() {
	if r.closed {
		return
	}
	r.closed = true
	r.release()
	r.log.exit(r.grant)
}

func (r *Reader) release() {
	r.measure()
	r.page.Release()
	r.page = spool.Page{}
}

// Abandon is for a chunk that somebody may still be reading when Next or Close is called,
// nobody knows how long. Its Data stays as it is.
func (r *Reader) Abandon() {
	r.page.Abandon()
	r.page = spool.Page{}
}

// A reader is measured over so many bytes or so long, whichever is first: a caller's window
// takes some bytes at once, however slow it is. It is quick if it takes 1 MiB per second, or
// stays quick with a little less.
const (
	measured = spool.BlockSize
	longest  = time.Second
	quick    = 1 << 20 / float64(time.Second)
	patience = time.Second / 4
)

// measure notes how fast the reader is, by how long it has had what it was told last.
func (r *Reader) measure() {
	if len(r.page.Data) == 0 || r.told.IsZero() {
		return
	}
	r.had += len(r.page.Data)
	r.took += time.Since(r.told)
	r.told = time.Time{}
	if r.had < measured && r.took < longest {
		return
	}
	if r.pace == spool.Quick {
		r.took -= patience
	}
	r.pace = spool.Slow
	if float64(r.had) >= quick*float64(r.took) {
		r.pace = spool.Quick
	}
	r.had, r.took = 0, 0
}

var errReaderClosed = errors.New("the reader of the log is closed")

// Next returns what comes next, and waits for it. Its errors are those of GitLab's refusal
// of this reader's credential, an [*upstream.Error], and of ctx.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	if r.closed {
		return Event{}, errReaderClosed
	}
	r.release()
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

// poll returns what there is to tell now, or what to wait for before it is called again.
// Bytes are told only if that is right at this very moment, however long they took to get.
func (r *Reader) poll(ctx context.Context) (event Event, wait <-chan struct{}, err error) {
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now, size := time.Now(), l.size()
	at := Event{Offset: r.offset, Staleness: now.Sub(l.asked), Size: l.known(), Job: l.state}
	if !r.grant.holds(now) { // how long it has become is not his to know
		at.Size = min(at.Size, r.offset)
	}
	switch {
	case r.grant.refused != nil:
		return Event{}, nil, r.grant.refused
	case l.broken != nil:
		return Event{}, nil, l.broken
	case !r.grant.holds(now) || l.stale: // not a byte, but a sign of life
	case r.before.Bytes != nil && r.beats == l.beats:
		wait, err = r.fits()
		return Event{}, wait, err
	case r.before.Bytes != nil:
	case r.generation != l.generation:
		r.release()
		r.generation, r.offset, r.failed, r.missed, r.hole = l.generation, 0, 0, time.Time{}, 0
		at.Kind, at.Offset, at.Why = Reset, 0, l.why
		return at, nil, nil
	case len(r.page.Data) > 0:
		r.offset += int64(len(r.page.Data))
		l.delivered(len(r.page.Data), r.offset)
		at.Kind, at.Data, r.told = Chunk, r.page.Data, now
		return at, nil, nil
	case r.hole > r.offset:
		at.Kind, at.Next, r.offset = Gap, r.hole, r.hole
		l.hub.count.gaps.Add(1)
		return at, nil, nil
	case r.offset >= size && l.complete:
		at.Kind = End
		return at, nil, nil
	case r.offset < size && (r.failed == 0 || r.beats == l.beats):
		base, bytes := l.base, l.bytes
		l.mu.Unlock()
		defer l.mu.Lock()
		wait, err = r.load(ctx, base, bytes)
		return Event{}, wait, err
	}
	if r.beats == l.beats {
		return Event{}, l.wait(), nil
	}
	r.beats = l.beats
	at.Kind = Heartbeat
	return at, nil, nil
}
