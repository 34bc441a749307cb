package live

import (
	"context"
	"time"
)

// watch renews the grants before they end, and wakes readers for their heartbeats.
func (l *log) watch(ctx context.Context) {
	renew := time.NewTimer(l.hub.interval() / 10)
	defer renew.Stop()
	beat := time.NewTicker(l.hub.cfg.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			l.beat()
		case <-renew.C:
			renew.Reset(l.renewDue(ctx))
		}
	}
}

func (l *log) beat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.beats++
	l.tell()
}

// renewDue asks again for those grants whose time has come, and returns when to look
// again: soon enough for any that is given until then.
func (l *log) renewDue(ctx context.Context) time.Duration {
	now, next := time.Now(), l.hub.interval()/10
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range l.grants {
		switch {
		case g.checking != nil || g.until.IsZero(): // somebody asks, or has no yes to renew
		case g.renew.After(now):
			next = min(next, g.renew.Sub(now))
		default:
			g.checking = make(chan struct{})
			l.hub.runs.Go(func() {
				defer func() { l.contain(recover(), g.who) }()
				_ = l.check(polling(ctx, g.who), g) // noted in the grant
			})
		}
	}
	return next
}
