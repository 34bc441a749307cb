package upstream

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Raw is a request that goes to GitLab as it came, for what no typed method can express.
type Raw struct {
	Method      string
	Path        string // escaped, below `/api/v4`, with the leading slash: "/projects/a%2Fb/jobs"
	Query       string // raw, without '?'
	ContentType string // of the body, "" for none
	Body        []byte // nil for none
	Accept      string // "" is application/json, as for typed calls
	Route       string // that the path is one of, for spans: "/api/v4/projects/{project}/jobs"; "" if not known
}

// Relay sends raw, a write once, and calls answer with GitLab's answer, whatever its status: also a
// redirect, which is never followed, and 304. Errors of answer come back as they are; all
// others are an [*Error], of a write by the rules of writes. It sets [Call.Reply].
//
// The body is decoded and not bounded in total. The header must come within
// [WithTimeout], or twice [WithIdleTimeout] if that is longer, and each read of the body
// within the latter; a read that fails gives an [*Error] of kind [Interrupted]. Answer
// must not keep the body.
func (c *Client) Relay(ctx context.Context, raw Raw, answer func(*http.Response) error) error {
	r, err := c.rawRequest(raw)
	if err != nil {
		return err
	}
	if err := c.admit(ctx, r); err != nil {
		return err
	}
	caller := ctx
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	watchdog := time.AfterFunc(max(c.timeout, 2*c.idle), func() { cancel(ErrUpstreamTimeout) })
	defer watchdog.Stop()
	resp, err := c.ask(ctx, caller, r, c.unmoved)
	if err != nil {
		return err
	}
	watchdog.Stop()
	defer func() { _ = resp.Body.Close() }()
	if resp.Body != http.NoBody {
		resp.Body = &relayedBody{
			ReadCloser: resp.Body, request: r, resp: resp, ctx: ctx, caller: caller,
			watchdog: watchdog, idle: c.idle, length: announced(r.method, resp),
		}
	}
	return answer(resp)
}

// announced is how many bytes the body must have, -1 if that is not known. To HEAD, and
// with some statuses, a length is told but none sent.
func announced(method string, resp *http.Response) int64 {
	switch {
	case method == http.MethodHead, resp.StatusCode == http.StatusNoContent, resp.StatusCode == http.StatusNotModified:
		return -1
	}
	return resp.ContentLength
}

// relayedBody is the body of an answer that is passed on.
type relayedBody struct {
	io.ReadCloser
	request     *request
	resp        *http.Response
	ctx, caller context.Context //nolint:containedctx // Read has none
	watchdog    *time.Timer
	idle        time.Duration
	length      int64 // announced bytes, -1 if unknown
	got         int64
	err         error // that Read ended with
}

// Read reads while the watchdog is awake.
func (b *relayedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	b.watchdog.Reset(b.idle)
	n, err := b.ReadCloser.Read(p)
	b.watchdog.Stop()
	b.got += int64(n)
	if isEnd(err) && shorter(b.got, b.length) != nil {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && !isEnd(err) {
		err = b.request.about(Interrupted, b.resp, cause(b.ctx, b.caller, err))
	}
	b.err = err
	return n, err
}
