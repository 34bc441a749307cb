package live

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/jobgate/jobgate/upstream"
)

// grant is GitLab's yes to one credential for one log. The log's lock guards it.
type grant struct {
	who      Who
	readers  int
	until    time.Time     // the yes counts so long
	refused  error         // GitLab's no
	checking chan struct{} // closed when the check under way is over; nil if none is
}

// holds says whether a reader may be given bytes now. With the lock.
func (g *grant) holds(now time.Time) bool { return g.refused == nil && now.Before(g.until) }

// yes notes a yes that was asked for at that time. With the lock.
func (l *log) yes(g *grant, asked time.Time) {
	if until := asked.Add(l.hub.interval()); until.After(g.until) {
		g.until = until
	}
}

// interval is how long a yes counts; alone in its log, a credential needs none but that of
// the fetcher.
func (h *Hub) interval() time.Duration {
	if h.cfg.Recheck > 0 {
		return h.cfg.Recheck
	}
	return time.Hour
}

// isRefusal says whether GitLab has refused a credential, rather than failed.
func isRefusal(err error) bool {
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok || e.Kind != upstream.Answered {
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		return true
	}
	return e.Status == http.StatusBadRequest
}

// as is the context of a request on behalf of a credential.
func as(ctx context.Context, who Who) context.Context {
	return upstream.WithCall(ctx, &upstream.Call{Credential: who.Credential})
}

// permit returns once GitLab's yes to g counts, asking for it if need be; its refusal, or
// the failure to ask, is the error. Those who ask at the same time ask once.
func (l *log) permit(ctx context.Context, g *grant) error {
	for {
		l.mu.Lock()
		if g.refused != nil || g.holds(time.Now()) {
			defer l.mu.Unlock()
			return g.refused
		}
		other := g.checking
		if other == nil {
			g.checking = make(chan struct{})
		}
		l.mu.Unlock()
		if other == nil {
			return l.check(ctx, g)
		}
		select {
		case <-other:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// check asks GitLab. It ends what permit has begun.
func (l *log) check(ctx context.Context, g *grant) error {
	l.mu.Lock()
	held := l.size()
	l.mu.Unlock()
	asked := time.Now()
	err := l.hub.gitlab.TraceAllowed(as(ctx, g.who), g.who.Project, l.job, held)
	l.update(func() {
		switch {
		case err == nil:
			l.yes(g, asked)
		case isRefusal(err):
			l.refuse(g, err)
		}
		close(g.checking)
		g.checking = nil
	})
	return err
}

// refuse ends the readers of a credential. With the lock.
func (l *log) refuse(g *grant, why error) {
	g.refused = why
	if l.grants[g.who] == g {
		delete(l.grants, g.who) // who comes later asks again
	}
}

// watch renews the grants before they end, and wakes readers for their heartbeats.
func (l *log) watch(ctx context.Context) {
	renew := time.NewTimer(l.pause())
	defer renew.Stop()
	beat := time.NewTicker(l.hub.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			l.update(func() { l.beats++ })
		case <-renew.C:
			l.renewDue(ctx)
			renew.Reset(l.pause())
		}
	}
}

// pause is the time between two looks at the grants, with jitter, so that logs do not ask
// all at once.
func (l *log) pause() time.Duration {
	tenth := l.hub.interval() / 10
	return tenth/2 + rand.N(tenth/2+1) //nolint:gosec // not a secret
}

// renewDue asks again for those grants that end soon.
func (l *log) renewDue(ctx context.Context) {
	soon := time.Now().Add(l.hub.interval() / 3)
	var due []*grant
	l.mu.Lock()
	for _, g := range l.grants {
		if g.checking == nil && g.until.Before(soon) && !g.until.IsZero() {
			g.checking = make(chan struct{})
			due = append(due, g)
		}
	}
	l.mu.Unlock()
	for _, g := range due {
		l.hub.runs.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, l.hub.interval()/3)
			defer cancel()
			_ = l.check(ctx, g) // noted in the grant
		})
	}
}
