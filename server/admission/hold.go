package admission

import (
	"context"
	"log/slog"
	"sync"
)

// hold is a stream that goes on as long as its caller may have it.
type hold struct {
	caller          *Caller
	method, project string
	end             context.CancelCauseFunc
}

// holds are those that are open.
type holds struct {
	mu  sync.Mutex
	all map[*hold]struct{}
}

// Hold returns a context for a stream that was allowed. It ends with a *DeniedError as soon
// as a new policy denies it, and with ErrExpired when the caller's token does. Release must
// be called when the stream ends.
func (g *Gate) Hold(ctx context.Context, c *Caller, method, project string) (held context.Context, release func()) {
	late := func() {}
	if !c.expires.IsZero() {
		ctx, late = context.WithDeadlineCause(ctx, c.expires, ErrExpired)
	}
	held, end := context.WithCancelCause(ctx)
	h := &hold{c, method, project, end}
	g.held.mu.Lock()
	if g.held.all == nil {
		g.held.all = map[*hold]struct{}{}
	}
	g.held.all[h] = struct{}{}
	g.held.mu.Unlock()
	if _, err := g.Decide(c, method, project); err != nil { // a policy that came in between
		end(err)
	}
	return held, func() {
		g.held.mu.Lock()
		delete(g.held.all, h)
		g.held.mu.Unlock()
		end(nil)
		late()
	}
}

// Reload reads the policy again, and ends the streams that a new one denies; see
// [github.com/jobgate/jobgate/server/certs.Reloader].
func (g *Gate) Reload() (changed bool, err error) {
	changed, err = g.policy.Reload()
	if !changed || err != nil {
		return changed, err
	}
	g.held.mu.Lock()
	all := make([]*hold, 0, len(g.held.all))
	for h := range g.held.all {
		all = append(all, h)
	}
	g.held.mu.Unlock()
	for _, h := range all {
		if _, err := g.Decide(h.caller, h.method, h.project); err != nil {
			h.end(err)
		}
	}
	return true, nil
}

// LogValue tells which policy is in use.
func (g *Gate) LogValue() slog.Value {
	p := g.policy.Current()
	return slog.GroupValue(slog.Int("policy_rules", p.Len()), slog.Uint64("policy_generation", p.Generation()), slog.Bool("read_only", p.ReadOnly()))
}
