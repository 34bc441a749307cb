package upstream

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/crc64nvme"
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
	total    int64  // bytes that Read delivers in all, -1 if unknown
	skip     int64  // bytes to throw away first
	left     int64  // bytes to deliver at most, -1 for all
	got      int64  // bytes of the body read
	surprise func() // called if the body goes on beyond left; that is then an error
	err      error  // that Read ended with

	same  bool      // the answer is still the one that the validator names
	held  Validator // that one
	asked frameKey  // what it is the answer to
	from  int64     // the offset that was asked for

	sums    bool   // what is thrown away is summed up
	skipped int64  // bytes thrown away
	crc     uint64 // of those

	start *headReader // learns how the log begins, nil if it is not read from there
	ahead []byte      // bytes of the body that were read, but not yet for Read
	end   error       // that the body ended with after those
}

// Size is the size of the whole log in bytes as far as GitLab told it, else -1.
func (t *TraceReader) Size() int64 { return t.size }

// Length is how many bytes Read will deliver in all, if that is known when the log is
// opened, else -1.
func (t *TraceReader) Length() int64 { return t.total }

// Received is how many bytes GitLab has sent so far, also those before the part that was
// asked for.
func (t *TraceReader) Received() int64 { return t.got }

// Skipped is the CRC-64/NVME of the bytes before the offset, for who knows them to notice
// that they have changed. It is told after the first Read, and only if
// [TraceRange.SumSkipped] asked for it and GitLab sent them: all of them, from the first
// byte of the log on.
func (t *TraceReader) Skipped() (crc uint64, ok bool) {
	return t.crc, t.sums && t.skipped > 0 && t.skip == 0
}

// rest is how many bytes Read is yet to deliver, -1 if unknown.
func (t *TraceReader) rest() int64 {
	switch {
	case t.err != nil && isEnd(t.err):
		return 0
	case t.length < 0:
		return -1
	}
	rest := max(t.length-t.got+int64(len(t.ahead))-t.skip, 0)
	if t.left >= 0 {
		rest = min(rest, t.left)
	}
	return rest
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

// Fill reads until p is full or the log ends. At its end the error is [io.EOF] and nothing
// else: that of a log that was cut short wraps [io.ErrUnexpectedEOF].
func (t *TraceReader) Fill(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = t.Read(p[n:])
		n += m
	}
	return n, err
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
		n := t.read(p[:min(int64(len(p)), t.skip)])
		t.skip -= int64(n)
		t.skipped += int64(n)
		if t.sums {
			t.crc = crc64nvme.Update(t.crc, p[:n])
		}
	}
}

// finish ends a log that has brought as much as was asked for.
func (t *TraceReader) finish() {
	if t.start != nil {
		t.start.done(false)
		t.start = nil
	}
	var more [1]byte
	if t.surprise != nil && t.read(more[:]) > 0 {
		t.surprise()
		t.err = t.request.about(Interrupted, t.resp, errSlicesIgnored) // another machine has answered
	}
	if t.err == nil {
		t.err = io.EOF
	}
}

// read reads what was read ahead, then from the body.
func (t *TraceReader) read(p []byte) int {
	if len(t.ahead) > 0 {
		n := copy(p, t.ahead)
		t.ahead = t.ahead[n:]
		return n
	}
	if t.end != nil {
		t.err = t.end
		return 0
	}
	var n int
	n, t.err = t.receive(p)
	return n
}

// peek reads ahead, before the first Read: n bytes, or fewer if the body has no more. That
// tells its length.
func (t *TraceReader) peek(n int) ([]byte, error) {
	if cap(t.ahead) < n {
		t.ahead = append(make([]byte, 0, n), t.ahead...)
	}
	for len(t.ahead) < n && t.end == nil {
		var m int
		m, t.end = t.receive(t.ahead[len(t.ahead):n])
		t.ahead = t.ahead[:len(t.ahead)+m]
	}
	if t.end != nil && !isEnd(t.end) {
		return nil, t.end
	}
	return t.ahead, nil
}

// receive reads from the body while the watchdog is awake, and completes the error that
// the body ends with.
func (t *TraceReader) receive(p []byte) (int, error) {
	t.watchdog.Reset(t.idle)
	n, err := t.resp.Body.Read(p)
	t.watchdog.Stop()
	t.got += int64(n)
	if isEnd(err) {
		if err = cmp.Or(shorter(t.got, t.length), err); isEnd(err) {
			t.length = t.got
		}
	}
	if t.start != nil && (!t.start.see(p[:n]) || isEnd(err)) {
		t.start.done(isEnd(err))
		t.start = nil
	}
	switch {
	case err == nil || isEnd(err):
		return n, err
	case errors.Is(context.Cause(t.ctx), errTraceClosed):
		return n, fs.ErrClosed
	}
	return n, t.request.bodyFailed(t.ctx, t.caller, t.resp, nil, err)
}
