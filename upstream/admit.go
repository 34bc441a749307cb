package upstream

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream/quota"
)

// seed is for names of credentials that tell nothing of them.
var seed = maphash.MakeSeed()

// quotaOf names a credential to the limiter. A proof of possession is new with each request.
func quotaOf(c Credential) (name [32]byte) {
	c.DPoP = ""
	if c != (Credential{}) {
		binary.BigEndian.PutUint64(name[:], maphash.Comparable(seed, c))
	}
	return name
}

// Name is by which c goes in logs and views: eight digits of a digest that is another one
// after each start, and tells nothing of c.
func (c Credential) Name() string {
	name := quotaOf(c)
	return hex.EncodeToString(name[:4])
}

// admit waits until GitLab's quota, as far as it is known, lets r be sent, before the time
// that GitLab has for its answer begins. The leave is for the next attempt.
func (c *Client) admit(ctx context.Context, r *request) error {
	if c.guard.quota == nil || r.ticket != nil {
		return nil
	}
	asked := quota.Request{Route: r.lane()}
	if call := CallFrom(ctx); call != nil {
		asked.Credential, asked.Caller = quotaOf(call.Credential), call.Caller
		if call.Poll {
			asked.Class = quota.Poll
		}
	}
	within := patient(ctx)                                            //nolint:contextcheck // it inherits all but the deadline
	if _, ok := within.Deadline(); !ok && asked.Class != quota.Poll { // somebody waits, and is not to wait for ever
		within = hurried{ctx, time.Now().Add(max(c.timeout, 2*c.idle))}
	}
	begun := time.Now()
	ticket, err := c.guard.quota.Wait(within, asked)
	waited := time.Since(begun)
	c.requests.quota.Observe(waited)
	r.quotaWaited += waited
	if err != nil {
		return r.notPassed(ctx, ctx, err)
	}
	r.ticket = ticket
	return nil
}

// settleTicket tells the limiter what came of an attempt.
func settleTicket(t *quota.Ticket, resp *http.Response, err error) {
	switch e, _ := err.(*Error); { //nolint:errorlint // of an attempt it is that itself
	case t == nil:
	case resp != nil:
		t.Done(resp.StatusCode, resp.Header)
	case e != nil && (e.Kind == NotSent || e.Kind == Limited || e.Kind == Invalid):
		t.Unsent()
	default:
		t.Lost()
	}
}

// tellQuota tells the caller what is left of the quota, if that is known.
func (c *Client) tellQuota(call *Call, r *request) {
	if call == nil || c.guard.quota == nil {
		return
	}
	if q, ok := c.guard.quota.Quota(quotaOf(call.Credential), r.lane()); ok {
		call.Quota = &Quota{Limit: q.Limit, Window: q.Window, Remaining: max(q.Remaining, 0), Reset: q.Reset}
	}
}

// Quota is what is known of what GitLab lets a caller do.
type Quota struct {
	Limit     int64 // calls in a window
	Window    time.Duration
	Remaining int64     // calls that are left in this one
	Reset     time.Time // when it ends, by the gateway's clock
}

// patience is how long the one has who began a call that may outlive him, in its context.
type patience struct{}

// WithPatience tells a method of [Client] how long its caller has, where the context outlives
// him: a call that would wait for its turn beyond that is refused at once.
func WithPatience(ctx context.Context, deadline time.Time) context.Context {
	return context.WithValue(ctx, patience{}, deadline)
}

// patient is ctx with the deadline of the one who began the read, for those who would
// rather be refused at once than wait in vain. It does not end then.
func patient(ctx context.Context) context.Context {
	deadline, ok := ctx.Value(patience{}).(time.Time)
	if own, has := ctx.Deadline(); !ok || has && own.Before(deadline) {
		return ctx
	}
	return hurried{ctx, deadline}
}

type hurried struct {
	context.Context //nolint:containedctx // it is one

	deadline time.Time
}

// Deadline implements [context.Context].
func (h hurried) Deadline() (time.Time, bool) { return h.deadline, true }
