package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobgate/jobgate/upstream/circuit"
	"github.com/jobgate/jobgate/upstream/quota"
	"github.com/jobgate/jobgate/upstream/retry"
	"github.com/jobgate/jobgate/upstream/slots"
)

// guard is what stands between a call and the network: whether it is sent, when, and, if
// it is a read, whether it is sent again; docs/adr/0007-bad-days.md. Calls are told apart by what
// they ask for, so that one route that is slow or broken leaves the others alone.
type guard struct {
	attempts int  // of a read
	calls    int  // under way
	breaks   bool // whether there are circuits
	paced    bool // whether GitLab's limits are kept

	quota    *quota.Limiter // nil without one
	retries  *retry.Policy
	slots    *slots.Limiter
	circuits sync.Map     // of *circuit.Breaker, by lane
	answered atomic.Int64 // when GitLab last answered, in Unix nanoseconds
}

// init makes the parts, of settings that are complete.
func (g *guard) init() (err error) {
	if g.attempts < 1 || g.attempts > 10 {
		return errors.New("upstream: attempts must be from 1 to 10")
	}
	if g.calls < 1 {
		return errors.New("upstream: there must be room for one call at least")
	}
	if g.paced {
		if g.quota, err = quota.New(quota.Config{}); err != nil {
			return err
		}
	}
	if g.retries, err = retry.New(retry.Config{Attempts: g.attempts}); err != nil {
		return err
	}
	g.slots, err = slots.New(slots.Config{Slots: g.calls})
	return err
}

// circuit is that of a lane.
func (g *guard) circuit(lane string) *circuit.Breaker {
	if b, ok := g.circuits.Load(lane); ok {
		return b.(*circuit.Breaker) //nolint:errcheck,forcetypeassert // nothing else is in it
	}
	b, err := circuit.New(circuit.Config{Name: "gitlab (" + lane + ")"})
	if err != nil {
		panic(err) // the defaults are right
	}
	one, _ := g.circuits.LoadOrStore(lane, b)
	return one.(*circuit.Breaker) //nolint:errcheck,forcetypeassert // as above
}

// lane is what calls have in common that share a circuit and a part of the slots.
func (r *request) lane() string {
	if r.relayed {
		return "relay"
	}
	return r.op.what
}

// pass is the leave to send one request.
type pass struct {
	guard  *guard
	permit circuit.Permit
	slot   *slots.Slot
	write  bool
	stream bool // the body comes at its reader's pace
}

// enter waits until r may be sent. Nothing of it is sent if it may not.
func (g *guard) enter(ctx context.Context, r *request) (*pass, error) {
	p := &pass{guard: g, write: r.isWrite(), stream: r.log || r.relayed}
	var err error
	if g.breaks {
		b := g.circuit(r.lane())
		if p.permit, err = b.Allow(!p.write || g.mayTry(b)); err != nil {
			return nil, err
		}
	}
	if p.slot, err = g.slots.Acquire(patient(ctx), r.lane()); err != nil {
		p.permit.Done(circuit.Ignored)
		return nil, err
	}
	if err := p.permit.Check(); err != nil {
		p.leave(circuit.Ignored)
		return nil, err
	}
	return p, nil
}

// mayTry says whether a write may find out if writes are answered again, as no read does:
// once GitLab has answered anything, or after a while.
func (g *guard) mayTry(b *circuit.Breaker) bool {
	s := b.Stats()
	return s.State == circuit.Open && (g.answered.Load() > s.Since.UnixNano() || time.Since(s.Since) > 10*time.Second)
}

func (p *pass) leave(o circuit.Outcome) {
	p.permit.Done(o)
	p.slot.Release()
}

// failed is when no answer came.
func (p *pass) failed(ctx context.Context, err error) {
	why, outcome := context.Cause(ctx), circuit.Failure
	switch _, own := errors.AsType[*Error](err); {
	case own: // a layer of ours has refused it
		outcome = circuit.Ignored
	case errors.Is(why, ErrUpstreamTimeout), errors.Is(why, ErrLogIdle):
	case why != nil:
		outcome = circuit.GaveUp
	}
	p.leave(outcome)
}

// answer is when the header of an answer has come. The slot is kept until its body has
// been read, unless that may take any time.
func (p *pass) answer(resp *http.Response) {
	outcome := circuit.OfStatus(resp.StatusCode)
	if p.write && resp.StatusCode >= http.StatusInternalServerError {
		outcome = circuit.Ignored // a GitLab in maintenance refuses writes alone
	}
	if outcome == circuit.Success {
		p.guard.answered.Store(time.Now().UnixNano())
	}
	if p.stream || resp.Body == http.NoBody {
		p.leave(outcome)
		return
	}
	p.permit.Done(outcome)
	resp.Body = &guardedBody{resp.Body, p.slot}
}

// guardedBody gives its slot back when it is closed.
type guardedBody struct {
	io.ReadCloser
	slot *slots.Slot
}

// Close implements [io.Closer].
func (b *guardedBody) Close() error {
	b.slot.Release()
	return b.ReadCloser.Close()
}

// notPassed makes the error of a request that guard did not let through.
func (r *request) notPassed(ctx, caller context.Context, err error) error {
	e := &Error{Op: r.op.String(), Kind: NotSent, Write: r.isWrite(), Err: err}
	if open, ok := errors.AsType[*circuit.OpenError](err); ok {
		e.RetryAfter = open.RetryAfter
		return e
	}
	if full, ok := errors.AsType[*slots.RefusedError](err); ok {
		e.Kind, e.RetryAfter = Limited, max(full.Wait, time.Second)
		return e
	}
	if used, ok := errors.AsType[*quota.Exhausted](err); ok {
		e.Kind, e.RetryAfter = Limited, used.RetryAfter
		return e
	}
	e.Err = cause(ctx, caller, err)
	return e
}

// passing says whether what a read came to may pass, and how long GitLab asks to wait.
func passing(ctx context.Context, resp *http.Response, err error) (after time.Duration, ok bool) {
	if err == nil {
		if !retry.Transient(resp.StatusCode) {
			return 0, false
		}
		return retryAfter(resp.StatusCode, resp.Header), true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || ctx.Err() != nil || isHeldBack(err) {
		return 0, false
	}
	return 0, e.Kind == NotSent || e.Kind == Interrupted
}

// isHeldBack says whether a request was not sent because it was better not to.
func isHeldBack(err error) bool {
	e, _ := errors.AsType[*Error](err)
	_, open := errors.AsType[*circuit.OpenError](err)
	return open || e != nil && e.Kind == Limited
}

// Health is how GitLab has been answering.
type Health struct {
	// Down says that calls are not sent any more, but for a few that find out whether they
	// are answered again, and that none has been answered since.
	Down bool
	// Reason is what does not answer, "" unless Down.
	Reason string
}

// Health tells how GitLab has been answering.
func (c *Client) Health() Health {
	var h Health
	answered := time.Unix(0, c.guard.answered.Load())
	c.guard.circuits.Range(func(lane, b any) bool {
		s := b.(*circuit.Breaker).Stats() //nolint:errcheck,forcetypeassert // nothing else is in it
		if s.State == circuit.Open && s.Since.After(answered) {
			h = Health{Down: true, Reason: fmt.Sprintf("gitlab does not answer (%v) since %s", lane, s.Since.UTC().Format(time.RFC3339))}
		}
		return !h.Down
	})
	return h
}
