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
	renew    time.Time     // when to ask again
	refused  error         // GitLab's no
	checking chan struct{} // closed when the check under way is over; nil if none is
}

// holds says whether a reader may be given bytes now. With the lock.
func (g *grant) holds(now time.Time) bool { return g.refused == nil && now.Before(g.until) }

// yes notes a yes that was asked for at that time.
func (l *log) yes(g *grant, asked time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	interval := l.interval()
	until := asked.Add(interval)
	if !until.After(g.until) {
		return
	}
	if !g.holds(time.Now()) {
		l.tell()
	}
	early := interval/50 + rand.N(interval/50+1) //nolint:gosec // not a secret
	if g.until.IsZero() {
		early += rand.N(interval/4 + 1) //nolint:gosec // or those who came together would ask together for ever
	}
	g.until, g.renew = until, until.Add(-early)
}

// refuse ends the readers of a credential.
func (l *log) refuse(g *grant, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.refused = why
	if l.grants[g.who] == g {
		delete(l.grants, g.who) // who comes later asks again
	}
	l.tell()
}

// interval is how long a yes counts; alone in its log, a credential needs none but that of
// the fetcher.
func (h *Hub) interval() time.Duration {
	if h.cfg.Recheck > 0 {
		return max(h.cfg.Recheck, time.Millisecond)
	}
	return time.Hour
}

// Bounds of the stretching of an interval; docs/adr/0006-live-logs.md.
const (
	cheapCheck     = 8 << 20 // bytes of a log that GitLab may load for each
	longestStretch = 10
)

// interval is how long a yes counts for this log. With the lock.
func (l *log) interval() time.Duration {
	interval := l.hub.interval()
	if size := l.size(); size > cheapCheck && l.hub.gitlab.TraceAllowedLoadsAll() {
		return time.Duration(float64(interval) * min(float64(size)/cheapCheck, longestStretch))
	}
	return interval
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

// as is the context of a request on behalf of a credential, for whose answer a reader
// waits.
func as(ctx context.Context, who Who) context.Context {
	return upstream.WithCall(ctx, &upstream.Call{Credential: who.Credential})
}

// polling is the same for a request whose answer may come later.
func polling(ctx context.Context, who Who) context.Context {
	return upstream.WithCall(ctx, &upstream.Call{Credential: who.Credential, Poll: true})
}

// permit returns once GitLab's yes to g counts, asking for it if need be; its refusal, or
// the failure to ask, is the error. Those who ask at the same time ask once.
func (l *log) permit(ctx context.Context, g *grant) error {
	for {
		other, mine, refused := l.settled(g)
		switch {
		case mine:
			return l.check(as(ctx, g.who), g)
		case other == nil:
			return refused
		}
		select {
		case <-other:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// settled returns what is known of g: that somebody else is asking, that it is for the
// caller to ask, or else GitLab's refusal, nil if its yes counts.
func (l *log) settled(g *grant) (other <-chan struct{}, mine bool, refused error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case g.refused != nil || g.holds(time.Now()):
		return nil, false, g.refused
	case g.checking != nil:
		return g.checking, false, nil
	}
	g.checking = make(chan struct{})
	return nil, true, nil
}

// check asks GitLab, in a context of [as] or [polling]. Whoever calls has made g.checking,
// which it closes.
func (l *log) check(ctx context.Context, g *grant) (err error) {
	l.mu.Lock()
	held := l.size()
	l.mu.Unlock()
	err = ErrFailed // unless it returns
	defer func() { l.endCheck(g, err) }()
	asked := time.Now()
	l.hub.count.checks.Add(1)
	err = l.hub.gitlab.TraceAllowed(ctx, g.who.Project, l.job, held)
	switch {
	case err == nil:
		l.yes(g, asked)
	case isRefusal(err):
		l.refuse(g, err)
	}
	return err
}

// endCheck ends the wait of those who wait for a check, and says when to check again.
func (l *log) endCheck(g *grant, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(g.checking)
	g.checking = nil
	if err != nil {
		wait := l.hub.interval() / 10
		if g.holds(time.Now()) {
			wait /= 10 // so that nobody waits if GitLab has only stumbled
		}
		g.renew = time.Now().Add(wait + rand.N(wait+1)) //nolint:gosec // not a secret
	}
}
