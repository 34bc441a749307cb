package live

import (
	"bytes"
	"io"
	"sync"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/upstream"
)

// compared is how many bytes before the new ones the fetcher asks for again.
const compared = 256

// buffers are shared by all fetchers, which need one only while they read.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// read appends what is new of the log, and says how much.
func (f *fetcher) read(g *grant) (grown int64, err error) {
	f.mu.Lock()
	if f.pages != f.bytes {
		f.pages, f.tail, f.empty, f.seen = f.bytes, nil, false, upstream.Validator{}
	}
	held := f.size()
	f.mu.Unlock()
	asked := time.Now()
	f.hub.count.reads.Add(1)
	part := upstream.TraceRange{
		Offset: held - int64(len(f.tail)), Compared: len(f.tail) > 0, Validator: f.seen, SumSkipped: f.base == 0,
	}
	t, err := f.hub.gitlab.Trace(polling(f.ctx, g.who), g.who.Project, f.job, part, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = t.Close() }()
	f.yes(g, asked)
	known := len(f.tail) > 0
	if t.NotModified() {
		f.doubt = false
	} else {
		grown, err = f.take(t, part.Offset)
	}
	f.cost = t.Received()
	f.hub.count.received.Add(f.cost)
	f.pace.spend(time.Now(), max(f.cost-grown, 0)) // what is new has to be read once
	switch {
	case err == nil && held == f.base: // nothing was held, nor is compared
		f.none(grown)
	case err == nil && known && !f.doubt:
		f.match(asked)
	}
	if f.seen = (upstream.Validator{}); err == nil && !f.doubt {
		f.seen = t.Validator()
	}
	return grown, err
}

// match notes that the log is still what it was at its end.
func (f *fetcher) match(asked time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes == f.pages {
		f.matched = asked
	}
}

// take compares what is held already, and appends the rest as it comes.
func (f *fetcher) take(t *upstream.TraceReader, from int64) (grown int64, err error) {
	buf := buffers.Get().(*[64 << 10]byte) //nolint:errcheck,forcetypeassert // nothing else is in it
	defer buffers.Put(buf)
	n, err := t.Fill(buf[:len(f.tail)])
	switch {
	case err != nil && err != io.EOF: //nolint:errorlint // a wrapped one is a log cut short
		return 0, err
	case !bytes.Equal(buf[:n], f.tail[:n]) || f.headDiffers(t, from):
		return f.begunAnew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN), nil
	case n < len(f.tail):
		return f.shorter(), nil
	}
	f.doubt = false
	for err == nil {
		n, err = t.Fill(buf[:])
		grown += int64(n)
		f.keep(buf[:n])
	}
	if err == io.EOF { //nolint:errorlint // as above
		err = nil
	}
	return grown, err
}

// headDiffers says whether what GitLab has sent before the bytes from a place on, although
// it was not asked to, is not what is held.
func (f *fetcher) headDiffers(t *upstream.TraceReader, from int64) bool {
	sent, ok := t.Skipped()
	if !ok {
		return false
	}
	held, ok := f.pages.Digest(from)
	return ok && held != sent
}

// keep appends bytes to the log.
func (f *fetcher) keep(data []byte) {
	if len(data) == 0 {
		return
	}
	err := f.pages.Append(data)
	joined := append(f.tail, data[max(len(data)-compared, 0):]...) //nolint:gocritic // it is cut at once
	f.tail = append(f.tail[:0], joined[max(len(joined)-compared, 0):]...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes == f.pages {
		f.broken = err
		f.tell()
	}
}

// moment is how long GitLab may be without a log, or a part of it, that it moves into its
// archive.
const moment = 900 * time.Millisecond

// shorter is for a log that has less than is held. While GitLab moves a log into its
// archive it may have none for a moment, so that only a second look counts, unless the job
// says that the log was erased.
func (f *fetcher) shorter() (grown int64) {
	switch {
	case f.state.GetErasedAt() != nil:
		return f.begunAnew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED)
	case !f.doubt:
		f.doubt, f.doubted = true, time.Now()
	case time.Since(f.doubted) >= moment:
		return f.begunAnew(jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED)
	}
	return 0
}

// none doubts that a job that ran and has ended has no log, for the same reason.
func (f *fetcher) none(grown int64) {
	f.doubt = grown == 0 && !f.empty && final(f.state) && f.state.GetStartedAt() != nil && f.state.GetErasedAt() == nil
	f.empty = grown == 0
}

// begunAnew begins the log anew, of which nothing is read yet.
func (f *fetcher) begunAnew(why jobgatev1.TraceResetReason) (grown int64) {
	f.rewrite(f.pages, why)
	f.doubt = true
	return 1
}
