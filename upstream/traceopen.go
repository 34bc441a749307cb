package upstream

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// open asks for a log, in the parameters of contract section 10 where they are not 0 or
// are the caller's own, and returns the answer from its first byte.
func (l *logCall) open(caller context.Context, part TraceRange) (*TraceReader, error) {
	r, err := l.request(part)
	if err != nil {
		return nil, err
	}
	t, err := l.start(caller, r, part.Validator)
	if err == nil && part.Offset == 0 && !t.same {
		t.start = l.heads.reader(l.log)
	}
	return t, err
}

func (l *logCall) request(part TraceRange) (*request, error) {
	r, err := l.jobRequest(http.MethodGet, l.op().what, l.project, l.jobID, "/trace")
	if err != nil {
		return nil, err
	}
	r.log = true
	if part.Offset > 0 || part.HasOffset {
		r.query.number("byte_offset", part.Offset)
	}
	if part.Limit > 0 || part.HasLimit {
		r.query.number("byte_limit", part.Limit)
	}
	return r, r.invalid(r.query.extra(l.extra))
}

// start sends a request for a log, on condition that the answer is another than the one
// that the validator names, if that was the answer to the same request.
func (l *logCall) start(caller context.Context, r *request, held Validator) (*TraceReader, error) {
	if err := l.admit(caller, r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(caller)
	asked := l.keys.of(CallFrom(ctx), r)
	if held.asked == asked {
		r.validator = held.etag
	}
	watchdog := time.AfterFunc(2*l.idle, func() { cancel(ErrLogIdle) })
	resp, err := l.obtain(ctx, caller, r) //nolint:bodyclose // the reader closes it
	watchdog.Stop()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return &TraceReader{
		request: r, resp: resp, ctx: ctx, caller: caller, cancel: cancel,
		watchdog: watchdog, idle: l.idle, length: resp.ContentLength, size: -1, left: -1,
		same: resp.StatusCode == http.StatusNotModified, held: held, asked: asked,
	}, nil
}

// obtain asks for a log and returns the answer, whose body the caller closes. It is the log;
// or, to a condition, 304; or, to the header Range, 206 or 416, of which it is yet to be seen
// whether they are what was asked for. A 304 about another answer than the one held is
// none: then it asks again, without a condition.
func (l *logCall) obtain(ctx, caller context.Context, r *request) (*http.Response, error) {
	resp, err := l.ask(ctx, caller, r, l.transport)
	if err == nil && resp.StatusCode == http.StatusNotModified && r.validator != "" {
		held := Frame{etag: r.validator}
		if held.isMeant(resp.Header["Etag"]) {
			empty(resp)
			return resp, nil
		}
		drain(resp.Body)
		r.validator = ""
		resp, err = l.ask(ctx, caller, r, l.transport)
	}
	if err != nil {
		return nil, err
	}
	if err := r.checkLog(CallFrom(ctx), resp); err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable {
		empty(resp)
	}
	return resp, nil
}

// checkLog refuses what is not a log, such as the page of a log-in, and closes it.
func (r *request) checkLog(call *Call, resp *http.Response) error {
	switch {
	case r.span != "" && (resp.StatusCode == http.StatusPartialContent || resp.StatusCode == http.StatusRequestedRangeNotSatisfiable):
		return nil
	case resp.StatusCode/100 != 2:
		return r.refusal(call, resp)
	}
	err := checkType(resp.Header, logTypes...)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a log came with status %d", resp.StatusCode)
	}
	if err == nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	return r.unexpected(resp, err)
}

// logTypes are the media types that a log may have.
var logTypes = []string{"text/plain", "application/octet-stream"}

// empty closes the body of an answer, which then has none.
func empty(resp *http.Response) {
	drain(resp.Body)
	resp.Body, resp.ContentLength = http.NoBody, 0
}
