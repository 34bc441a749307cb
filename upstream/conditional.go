package upstream

import (
	"context"
	"errors"
	"net/http"

	"github.com/jobgate/jobgate/upstream/retry"
)

// fetch asks for JSON and returns it as wire bytes. Equal reads that are under way share
// a call; a write, and a read that is to be fresh, is the caller's own.
func (c *Client) fetch(caller context.Context, r *request, encode encoder) ([]byte, http.Header, error) {
	call := CallFrom(caller)
	r.respell(call)
	if r.method != http.MethodGet {
		if err := c.admit(caller, r); err != nil {
			return nil, nil, err
		}
		ctx, cancel := c.bounded(caller)
		defer cancel()
		resp, err := c.send(ctx, caller, r) //nolint:bodyclose // take closes it
		if err != nil {
			return nil, nil, err
		}
		return c.take(ctx, caller, r, resp, encode)
	}
	key := c.keys.of(call, r)
	run := func(ctx context.Context) (f fetched) {
		f.wire, f.header, f.err = c.read(ctx, r, key, encode)
		if own := CallFrom(ctx); own != nil {
			f.call = *own
		}
		c.refusals.note(key, f)
		return f
	}
	if call != nil && call.Fresh {
		answer := run(caller)
		return answer.wire, answer.header, answer.err
	}
	answer, ok := c.refusals.find(key)
	if !ok {
		answer, ok = c.findFinished(key, r)
	}
	if !ok {
		answer = c.flights.share(caller, key, run, func() error {
			return &Error{Op: r.op.String(), Kind: Interrupted, Err: cause(caller, caller, caller.Err())}
		})
	}
	if call != nil {
		call.Reply, call.Lease, call.Frame = answer.call.Reply, answer.call.Lease, answer.call.Frame
		call.Quota = answer.call.Quota
	}
	return answer.wire, answer.header, answer.err
}

// read asks for JSON, and returns its own wire bytes, or those of a frame that GitLab has
// just confirmed. If GitLab refuses it for its quota, it waits for that and asks again,
// unless the caller has not the time.
func (c *Client) read(caller context.Context, r *request, key frameKey, encode encoder) ([]byte, http.Header, error) {
	if err := c.admit(caller, r); err != nil {
		return nil, nil, err
	}
	for again := 0; ; again++ {
		wire, header, err := c.readWithin(caller, r, key, encode)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Status != http.StatusTooManyRequests || c.guard.quota == nil || again == mostRefused || c.admit(caller, r) != nil {
			return wire, header, err
		}
	}
}

// mostRefused is how often a read waits for a quota that has turned out to be used up.
const mostRefused = 2

// readWithin reads within the time of a call. An answer that breaks off is asked for again
// as one that does not come.
func (c *Client) readWithin(caller context.Context, r *request, key frameKey, encode encoder) ([]byte, http.Header, error) {
	ctx, cancel := c.bounded(caller)
	defer cancel()
	for {
		wire, header, err := c.readOnce(ctx, caller, r, key, encode)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind != Interrupted || e.Status == 0 || ctx.Err() != nil {
			return wire, header, err
		}
		wait, ok := c.again(ctx, r, 0)
		if !ok || r.tries.Pause(ctx, wait) != retry.Again {
			return nil, nil, err
		}
	}
}

func (c *Client) readOnce(
	ctx, caller context.Context, r *request, key frameKey, encode encoder,
) ([]byte, http.Header, error) {
	if c.frames == nil {
		resp, err := c.send(ctx, caller, r) //nolint:bodyclose // take closes it
		if err != nil {
			return nil, nil, err
		}
		return c.take(ctx, caller, r, resp, encode)
	}
	call := CallFrom(caller)
	held, asked := c.frames.lookup(key), c.finished.now()
	resp, same, err := c.askUnlessSame(ctx, caller, r, held) //nolint:bodyclose // take or refusal closes it
	switch {
	case err != nil:
		return nil, nil, err
	case same:
		c.frames.hits.Add(1)
		c.finished.confirmed(r, held, asked)
		return held.wire, held.confirm(call, resp.Header), nil
	case resp.StatusCode/100 != 2:
		if isGone(resp.StatusCode) {
			c.frames.drop(key)
		}
		return nil, nil, r.refusal(call, resp)
	}
	wire, header, err := c.take(ctx, caller, r, resp, encode)
	if err == nil {
		c.finished.confirmed(r, c.frames.admit(key, resp, wire), asked)
	}
	return wire, header, err
}

// askUnlessSame asks once, on condition that the answer is no longer that of held, if
// there is one. Same says that it still is. A 304 about another answer than held is none:
// then it asks again, without a condition.
func (c *Client) askUnlessSame(
	ctx, caller context.Context, r *request, held *Frame,
) (resp *http.Response, same bool, err error) {
	if held != nil {
		r.validator = held.etag
	}
	resp, err = c.ask(ctx, caller, r, c.transport)
	if err != nil || held == nil || resp.StatusCode != http.StatusNotModified {
		return resp, false, err
	}
	drain(resp.Body)
	if held.isMeant(resp.Header["Etag"]) {
		return resp, true, nil
	}
	r.validator = ""
	resp, err = c.ask(ctx, caller, r, c.transport)
	return resp, false, err
}

// isMeant tells whether a 304 with these ETags is about f. Without any it is about the
// one that was asked with.
func (f *Frame) isMeant(etags []string) bool {
	return len(etags) == 0 || len(etags) == 1 && sameETag(etags[0], f.etag)
}

// confirm makes f the answer of call, and returns its header: that of the 304, overlaid.
func (f *Frame) confirm(call *Call, fresh http.Header) http.Header {
	f.overlay(fresh)
	if call != nil {
		call.Reply, call.Frame = Reply{Status: http.StatusOK, Header: fresh}, f
	}
	return fresh
}

// isGone tells a status after which an earlier answer will hardly come again.
func isGone(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}
