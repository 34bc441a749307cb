package live

import "errors"

// ErrFailed is the end of the readers of a log whose fetcher, or the check of a credential,
// has panicked.
var ErrFailed = errors.New("the gateway failed to read the log")

// contain ends a log, and not the process, for what its own goroutine panicked with, if it
// did. Whoever comes later begins another one.
func (l *log) contain(why any, who Who) {
	if why == nil {
		return
	}
	if l.hub.cfg.Panicked != nil {
		l.hub.cfg.Panicked(who.Credential, why)
	}
	l.hub.leave(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = ErrFailed
	l.tell()
}
