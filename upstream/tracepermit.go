package upstream

import (
	"context"
	"net/http"
	"time"
)

// TraceAllowed asks GitLab whether the caller may read the log of a job, and reads nothing
// of it: nil is yes. It asks for one byte at held, the number of bytes that somebody has
// already, in the way that is known to work here: in GitLab's own words, or in the header
// Range, to which it is also a yes that the log ends there. If none works, it asks for the
// header alone, for which GitLab loads the whole log. Any other answer than a log is an
// [Error], as of [Client.Trace]; contract section 10.
func (c *Client) TraceAllowed(caller context.Context, project string, jobID, held int64) error {
	l := c.logCall(project, jobID, nil)
	if honoured, known := c.slices.load(); honoured || !known {
		return l.allowsSlice(caller, held)
	}
	if honoured, _ := c.ranges.load(); honoured {
		t, v, err := l.cut(caller, TraceRange{Offset: held, Limit: 1})
		if err != nil {
			return err
		}
		if v != undecided {
			return t.Close()
		}
	}
	return l.allows(caller, http.MethodHead, TraceRange{}, func(*http.Response) {})
}

// TraceAllowedLoadsAll says whether [Client.TraceAllowed] makes GitLab load the whole log: it
// is known to honour neither way to ask for a part.
func (c *Client) TraceAllowedLoadsAll() bool {
	slices, known := c.slices.load()
	ranges, _ := c.ranges.load()
	return known && !slices && !ranges
}

// allowsSlice asks for a byte in GitLab's own words. More than that is a GitLab that
// ignores them.
func (l *logCall) allowsSlice(caller context.Context, held int64) error {
	ask := TraceRange{Offset: held, Limit: 1, HasOffset: true}
	return l.allows(caller, http.MethodGet, ask, func(resp *http.Response) {
		if _, known := l.slices.load(); !known && resp.ContentLength > 1 {
			l.slices.ignored()
		}
	})
}

// allows asks, lets yes look at the header, and reads nothing.
func (l *logCall) allows(caller context.Context, method string, ask TraceRange, yes func(*http.Response)) error {
	r, err := l.request(ask)
	if err != nil {
		return err
	}
	r.method = method
	if err := l.admit(caller, r); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	watchdog := time.AfterFunc(2*l.idle, func() { cancel(ErrLogIdle) })
	defer watchdog.Stop()
	resp, err := l.obtain(ctx, caller, r)
	if err != nil {
		return err
	}
	yes(resp)
	return resp.Body.Close()
}
