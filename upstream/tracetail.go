package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Tail is how much of the end of a log is wanted: so many bytes, or so many lines.
// A last line without a newline counts.
type Tail struct {
	Bytes int64
	Lines int
}

// maxTailLines bounds the memory of a tail by lines: eight bytes each.
const maxTailLines = 1_000_000

// TraceTail finds the offset where the tail of a log begins, to be given to
// [Client.Trace]. Size is that of an archived log, from the job's `trace` artifact,
// -1 if it is not known.
//
// Of a GitLab that sends parts of logs, or a front end that does, it reads little more than
// the tail; of another one, unless the size settles it, the whole log, and keeps none of it.
func (c *Client) TraceTail(
	ctx context.Context, project string, jobID int64, tail Tail, size int64, extra []*jobgatev1.Parameter,
) (offset int64, err error) {
	l := c.logCall(project, jobID, extra)
	switch {
	case tail.Bytes < 0 || tail.Lines < 0 || (tail.Bytes > 0) == (tail.Lines > 0):
		return 0, l.invalid("tail", "must be a positive number of either bytes or lines")
	case tail.Lines > maxTailLines:
		return 0, l.invalid("tail", "must not be more than 1000000 lines")
	case tail.Bytes > 0 && size >= 0:
		return max(size-tail.Bytes, 0), nil
	}
	honoured, err := l.honoursSlices(ctx)
	if err == nil && honoured {
		offset, err = l.seekTail(ctx, tail, size)
		if !errors.Is(err, errSlicesIgnored) {
			return offset, err
		}
		err = nil // it has just turned out that they are not honoured any more
	}
	if err != nil {
		return 0, err
	}
	return l.tailByRange(ctx, tail, size)
}

// tailByRange finds the tail in the header Range, as far as that is honoured: the answer to
// a request for the first byte tells how long the log is, or is the whole log.
func (l *logCall) tailByRange(ctx context.Context, tail Tail, size int64) (offset int64, err error) {
	if honoured, _ := l.ranges.load(); honoured && size >= 0 {
		offset, err = l.seekLines(ctx, tail.Lines, size, make([]byte, MaxSlice), l.readRange)
		if !errors.Is(err, errLogShrank) && !errors.Is(err, errRangeIgnored) {
			return offset, err
		}
	}
	if honoured, known := l.ranges.load(); known && !honoured {
		return l.passToTail(ctx, tail)
	}
	t, v, err := l.cut(ctx, TraceRange{Limit: 1})
	switch {
	case err != nil:
		return 0, err
	case v == undecided:
		return l.passToTail(ctx, tail)
	}
	defer func() { _ = t.Close() }()
	switch {
	case v == isWhole:
		return t.tail(tail)
	case t.size < 0:
		return l.passToTail(ctx, tail)
	case tail.Bytes > 0:
		return max(t.size-tail.Bytes, 0), nil
	}
	offset, err = l.seekLines(ctx, tail.Lines, t.size, make([]byte, MaxSlice), l.readRange)
	if errors.Is(err, errRangeIgnored) {
		return l.passToTail(ctx, tail)
	}
	return offset, err
}

// seekTail finds the tail by reading parts of the log.
func (l *logCall) seekTail(ctx context.Context, tail Tail, size int64) (offset int64, err error) {
	buf := make([]byte, MaxSlice)
	if size >= 0 {
		offset, err = l.seekLines(ctx, tail.Lines, size, buf, l.readSlice)
		if !errors.Is(err, errLogShrank) {
			return offset, err
		}
		// The artifact is not the log, or not any more: see for ourselves.
	}
	if size, err = l.findSize(ctx, buf); err != nil {
		return 0, err
	}
	if tail.Bytes > 0 {
		return max(size-tail.Bytes, 0), nil
	}
	return l.seekLines(ctx, tail.Lines, size, buf, l.readSlice)
}

// findSize gallops until a byte is beyond the end, bisects until the end is within
// one slice, and reads that. The log may grow meanwhile.
func (l *logCall) findSize(ctx context.Context, buf []byte) (int64, error) {
	inside, outside := int64(0), int64(MaxSlice)
	for {
		if outside > beyondLogs {
			l.slices.forget()
			return 0, errSlicesIgnored
		}
		there, err := l.hasByte(ctx, outside)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		inside, outside = outside, outside*2
	}
	for outside-inside > MaxSlice {
		middle := inside + (outside-inside)/2
		there, err := l.hasByte(ctx, middle)
		if err != nil {
			return 0, err
		}
		if there {
			inside = middle
		} else {
			outside = middle
		}
	}
	n, err := l.readSlice(ctx, inside, buf)
	return inside + int64(n), err
}

func (l *logCall) hasByte(ctx context.Context, offset int64) (bool, error) {
	var one [1]byte
	n, err := l.readSlice(ctx, offset, one[:])
	return n == 1, err
}

var errLogShrank = errors.New("the log became shorter while its tail was looked for")

// readAt reads len(p) bytes of a log at offset, or fewer at its end.
type readAt func(ctx context.Context, offset int64, p []byte) (int, error)

// seekLines walks back from the end, in slices that grow, until it has met as many
// line ends as there are lines. That of the last line does not count.
func (l *logCall) seekLines(ctx context.Context, lines int, size int64, buf []byte, read readAt) (int64, error) {
	slice := int64(64 << 10)
	for end := size; end > 0; {
		start := max(end-slice, 0)
		part := buf[:end-start]
		n, err := read(ctx, start, part)
		if err != nil {
			return 0, err
		}
		if n < len(part) {
			return 0, &Error{Op: l.op().String(), Kind: Interrupted, Err: errLogShrank}
		}
		if end == size && part[n-1] == '\n' {
			part = part[:n-1]
		}
		for i := bytes.LastIndexByte(part, '\n'); i >= 0; i = bytes.LastIndexByte(part[:i], '\n') {
			lines--
			if lines == 0 {
				return start + int64(i) + 1, nil
			}
		}
		end, slice = start, min(slice*2, MaxSlice)
	}
	return 0, nil
}

// passToTail asks for the whole log, and finds the tail in it.
func (l *logCall) passToTail(ctx context.Context, tail Tail) (int64, error) {
	t, err := l.open(ctx, TraceRange{})
	if err != nil {
		return 0, err
	}
	defer func() { _ = t.Close() }()
	return t.tail(tail)
}

// tail finds the tail in the whole log, which it reads and throws away. If only bytes are
// wanted and GitLab announces the length, it need not read.
func (t *TraceReader) tail(tail Tail) (int64, error) {
	if tail.Bytes > 0 && t.length >= 0 {
		return max(t.length-tail.Bytes, 0), nil
	}
	starts := &lineStarts{ring: make([]int64, 0, min(tail.Lines, 1024)), keep: tail.Lines}
	if _, err := io.Copy(starts, t); err != nil {
		return 0, err
	}
	if tail.Bytes > 0 {
		return max(starts.seen-tail.Bytes, 0), nil
	}
	return starts.tail(), nil
}
