package upstream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// TraceReader is a log that is being read, byte for byte as GitLab sends it. It
// holds no more than a buffer of it. A log that ends before its announced length
// ends with an [*Error], never with [io.EOF].
//
// Read must not be called from two goroutines at a time; Close may be called at
// any time and ends a Read under way.
type TraceReader struct {
	request     *request
	resp        *http.Response
	ctx, caller context.Context //nolint:containedctx // Read has none
	cancel      context.CancelCauseFunc
	watchdog    *time.Timer
	idle        time.Duration

	length   int64  // announced bytes of the body, -1 if unknown
	size     int64  // bytes of the whole log, -1 if unknown
	skip     int64  // bytes to throw away first
	left     int64  // bytes to deliver at most, -1 for all
	got      int64  // bytes of the body read
	surprise func() // called if the body goes on beyond left; that is then an error
	err      error  // that Read ended with
}

// Size is the size of the whole log in bytes as far as GitLab told it, else -1.
func (t *TraceReader) Size() int64 { return t.size }

func (t *TraceReader) limit(n int64) {
	if n > 0 {
		t.left = n
	}
}

var errTraceClosed = errors.New("the log was closed")

// Close ends the reading.
func (t *TraceReader) Close() error {
	t.cancel(errTraceClosed)
	t.watchdog.Stop()
	return t.resp.Body.Close()
}

// Read reads the next bytes of the log.
func (t *TraceReader) Read(p []byte) (int, error) {
	if t.err == nil && t.skip > 0 {
		t.pass()
	}
	if t.err == nil && t.left == 0 {
		t.finish()
	}
	if t.err != nil || len(p) == 0 {
		return 0, t.err
	}
	if t.left >= 0 {
		p = p[:min(int64(len(p)), t.left)]
	}
	n := t.read(p)
	if t.left >= 0 {
		t.left -= int64(n)
	}
	if n > 0 {
		return n, nil
	}
	return 0, t.err
}

// pass throws away what is before the offset.
func (t *TraceReader) pass() {
	scratch := newBuffer()
	defer scratch.free()
	if cap(scratch.bytes) < firstBuffer {
		scratch.bytes = make([]byte, 0, firstBuffer)
	}
	p := scratch.bytes[:cap(scratch.bytes)]
	for t.err == nil && t.skip > 0 {
		t.skip -= int64(t.read(p[:min(int64(len(p)), t.skip)]))
	}
}

// finish ends a log that has brought as much as was asked for.
func (t *TraceReader) finish() {
	var more [1]byte
	if t.surprise != nil && t.read(more[:]) > 0 {
		t.surprise()
		t.err = t.request.about(Malformed, t.resp, errSlicesIgnored)
	}
	if t.err == nil {
		t.err = io.EOF
	}
}

// read reads from the body while the watchdog is awake, and turns how the body
// ends into t.err.
func (t *TraceReader) read(p []byte) int {
	t.watchdog.Reset(t.idle)
	n, err := t.resp.Body.Read(p)
	t.watchdog.Stop()
	t.got += int64(n)
	if isEnd(err) {
		err = cmp.Or(shorter(t.got, t.length), err)
	}
	switch {
	case err == nil || isEnd(err):
		t.err = err
	case errors.Is(context.Cause(t.ctx), errTraceClosed):
		t.err = fs.ErrClosed
	default:
		t.err = t.request.bodyFailed(t.ctx, t.caller, t.resp, err)
	}
	return n
}
