package upstream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream/retry"
)

// send asks once and returns an answer of success, whose body the caller closes.
// Its errors are complete. The context is the call's own, made from the caller's.
func (c *Client) send(ctx, caller context.Context, r *request) (*http.Response, error) {
	resp, err := c.ask(ctx, caller, r, c.transport)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, r.refusal(CallFrom(ctx), resp)
	}
	return resp, nil
}

// ask sends a request and returns the answer, whatever its status. A read that fails in a
// way that may pass is sent again, within the context and the budget of retries.
func (c *Client) ask(ctx, caller context.Context, r *request, by http.RoundTripper) (*http.Response, error) {
	var before error
	if r.isWrite() {
		c.finished.written()
	}
	for {
		resp, err := c.attempt(ctx, caller, r, by)
		if r.isWrite() {
			c.flights.forgetAll()
			c.refusals.forgetAll()
			c.finished.written()
			return resp, err
		}
		after, ok := passing(ctx, resp, err)
		switch {
		case !ok && before != nil && isHeldBack(err):
			return nil, before // that is why it is
		case !ok:
			return resp, err
		}
		before = err
		wait, ok := c.again(ctx, r, after)
		if !ok {
			return resp, err
		}
		if resp != nil {
			drain(resp.Body)
		}
		if r.tries.Pause(ctx, wait) != retry.Again {
			return nil, &Error{Op: r.op.String(), Kind: Interrupted, Err: cause(ctx, caller, ctx.Err())}
		}
	}
}

// again says whether a read that has failed is to be sent again, and after which wait.
func (c *Client) again(ctx context.Context, r *request, after time.Duration) (wait time.Duration, ok bool) {
	wait, verdict := r.tries.Next(ctx, after)
	return wait, verdict == retry.Again
}

// attempt sends a request once.
func (c *Client) attempt(ctx, caller context.Context, r *request, by http.RoundTripper) (*http.Response, error) {
	r.maxError = int(c.bounds.errorBody)
	call := CallFrom(ctx)
	if call != nil {
		call.Reply, call.Lease, call.Frame = Reply{}, nil, nil
	}
	var sent proof
	watched := ctx
	if r.isWrite() { // of a read nobody asks whether it was sent
		watched = sent.watch(ctx)
	} else if r.tries == nil {
		tries := c.guard.retries.Begin()
		r.tries = &tries
	}
	if err := c.admit(ctx, r); err != nil {
		return nil, err
	}
	ticket := r.ticket
	r.ticket = nil
	if ticket != nil {
		defer ticket.Unsent() // unless something else is known by then
	}
	begun := time.Now()
	pass, err := c.guard.enter(ctx, r)
	r.slotsWaited = time.Since(begun)
	c.requests.slots.Observe(r.slotsWaited)
	if err != nil {
		return nil, r.notPassed(ctx, caller, err)
	}
	begun = time.Now()
	resp, err := by.RoundTrip(c.build(c.spans.noting(watched, r), r))
	c.requests.note(r.lane(), resp, time.Since(begun))
	r.sent++
	r.quotaWaited = 0
	if err != nil {
		pass.failed(ctx, err)
		err := c.notAnswered(ctx, caller, r, &sent, err)
		settleTicket(ticket, nil, err)
		return nil, err
	}
	if resp.Body == nil {
		resp.Body = http.NoBody
	}
	pass.answer(resp)
	settleTicket(ticket, resp, nil)
	if call != nil {
		call.Credential.scrubHeader(resp.Header)
		c.tellQuota(call, r)
		call.Reply = Reply{Status: resp.StatusCode, Header: resp.Header}
	}
	if resp.StatusCode < http.StatusOK { // 101, or one that HTTP does not have and no server can write
		_ = resp.Body.Close()
		return nil, r.about(Malformed, resp, errStatus)
	}
	return resp, nil
}

var errStatus = errors.New("gitlab answered with a status that is none of an answer")

// notAnswered makes the error of a request without an answer.
func (c *Client) notAnswered(ctx, caller context.Context, r *request, sent *proof, err error) error {
	if refused, ok := errors.AsType[*Error](err); ok { // by a layer of our own
		return r.invalid(refused)
	}
	e := &Error{Op: r.op.String(), Kind: Interrupted, Write: r.isWrite(), Err: cause(ctx, caller, err)}
	switch {
	case sent.nothingWritten(c.provable && r.isWrite(), err):
		e.Kind = NotSent
	case isLargeHeader(err):
		e.Kind, e.Err = TooLarge, errHeaderTooLarge
	}
	return e
}

// encoder turns an answer's JSON into wire bytes, appended to dst.
type encoder func(dst, json []byte) ([]byte, error)

var errPart = errors.New("gitlab answered a part, 206, without being asked for one")

// take reads JSON, closes the answer, and returns it as wire bytes of its own.
func (c *Client) take(
	ctx, caller context.Context, r *request, resp *http.Response, encode encoder,
) ([]byte, http.Header, error) {
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusPartialContent {
		return nil, nil, r.unexpected(resp, errPart)
	}
	if err := checkType(resp.Header, "application/json"); err != nil {
		return nil, nil, r.unexpected(resp, err)
	}
	json, err := readBody(resp, c.bounds.body, &c.bodies)
	defer json.free()
	if err != nil {
		return nil, nil, r.bodyFailed(ctx, caller, resp, json.bytes, err)
	}
	lease := newLease(len(json.bytes) * 3 / 4)
	wire, err := encode(lease.bytes, json.bytes)
	if err != nil {
		lease.Release()
		return nil, nil, r.malformed(resp, json.bytes, err)
	}
	if call := CallFrom(caller); call != nil {
		lease.bytes = wire
		call.Lease = lease
	}
	return wire, resp.Header, nil
}

// bounded ends a call at the client's own timeout, unless the caller's deadline comes
// first in any case.
func (c *Client) bounded(caller context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := caller.Deadline(); ok && time.Until(deadline) < c.timeout {
		return caller, func() {}
	}
	return context.WithTimeoutCause(caller, c.timeout, ErrUpstreamTimeout)
}

// bodyFailed makes the error of an answer that could not be read further than body.
func (r *request) bodyFailed(ctx, caller context.Context, resp *http.Response, body []byte, err error) error {
	switch {
	case errors.Is(err, errCrowded) && !r.isWrite(): // it may be asked for again
		e := r.about(Limited, resp, err)
		e.Status, e.RetryAfter = 0, time.Second
		return e
	case errors.Is(err, errTooLarge), errors.Is(err, errCrowded):
		return r.about(TooLarge, resp, err)
	case errors.Is(err, errCorrupt):
		e := r.malformed(resp, body, err)
		e.Truncated = true
		return e
	}
	return r.about(Interrupted, resp, cause(ctx, caller, err))
}

// malformed makes the error of an answer that is not what the API promises, and
// keeps a copy of its start.
func (r *request) malformed(resp *http.Response, body []byte, err error) *Error {
	e := r.about(Malformed, resp, err)
	e.Body = append([]byte(nil), body[:min(len(body), r.maxError)]...)
	e.Truncated = len(body) > r.maxError
	return e
}

// unexpected is malformed for an answer that is not even read.
func (r *request) unexpected(resp *http.Response, err error) error {
	e := r.about(Malformed, resp, err)
	e.Body, e.Truncated = r.readStart(resp.Body)
	return e
}
