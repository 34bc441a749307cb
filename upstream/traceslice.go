package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// traceOverlap is how many bytes before a part are read twice, and compared: an answer
// does not tell where it begins, and of several machines behind one address some may
// not know of parts.
const traceOverlap = 1 << 10

// slice reads a part of a GitLab that is known to send parts. Should it turn out that
// the answer is no part, the whole log is read.
func (l *logCall) slice(ctx context.Context, part TraceRange) (*TraceReader, error) {
	var buf [2 * traceOverlap]byte
	n := min(part.Offset, traceOverlap)
	if part.Limit > 0 && part.Limit <= maxSlice {
		n = min(n, maxSlice-part.Limit)
	}
	before, again := buf[:n], buf[traceOverlap:traceOverlap+n]
	got, err := int(n), error(nil)
	if n > 0 {
		got, err = l.readSlice(ctx, part.Offset-n, before)
	}
	switch {
	case errors.Is(err, errSlicesIgnored):
		return l.whole(ctx, part)
	case err != nil:
		return nil, err
	case int64(got) < n:
		size := int64(-1)
		if got > 0 {
			size = part.Offset - n + int64(got)
		}
		return l.nothing(ctx, size), nil
	}
	t, err := l.openFrom(ctx, part, n)
	if err != nil {
		return nil, err
	}
	if t.skip == 0 && n > 0 {
		if _, err := io.ReadFull(t, again); err != nil || !bytes.Equal(before, again) {
			_ = t.Close()
			l.slices.ignored()
			return l.whole(ctx, part)
		}
	}
	t.limit(part.Limit)
	return t, nil
}

// openFrom opens a part with the n bytes before it. What is longer than it was asked
// to be is the whole log.
func (l *logCall) openFrom(ctx context.Context, part TraceRange, n int64) (*TraceReader, error) {
	ask := int64(0)
	if part.Limit > 0 && part.Limit+n <= maxSlice {
		ask = part.Limit + n
	}
	t, err := l.open(ctx, part.Offset-n, ask)
	if err != nil {
		return nil, err
	}
	if ask > 0 && t.length > ask {
		l.slices.ignored()
		t.size, t.skip = t.length, part.Offset
	} else if ask > 0 && t.length < 0 {
		t.surprise = l.slices.forget
	}
	return t, nil
}

// nothing is the part of a log beyond its end.
func (l *logCall) nothing(caller context.Context, size int64) *TraceReader {
	ctx, cancel := context.WithCancelCause(caller)
	t := &TraceReader{
		resp: &http.Response{Body: http.NoBody}, ctx: ctx, caller: caller, cancel: cancel,
		watchdog: time.NewTimer(0), size: size, left: -1, err: io.EOF,
	}
	t.watchdog.Stop()
	return t
}
