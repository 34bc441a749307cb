package upstream

import (
	"context"
	"net/http"
	"time"
)

// TraceAllowed asks GitLab whether the caller may read the log of a job, and reads nothing
// of it: nil is yes. It asks for one byte at held, the number of bytes that somebody has
// already, where this GitLab sends parts of logs, and else for the header alone, for which
// GitLab loads the whole log. Any other answer than a log is an [Error], as of
// [Client.Trace]; contract section 10.
func (c *Client) TraceAllowed(caller context.Context, project string, jobID, held int64) error {
	l := c.logCall(project, jobID, nil)
	ask := TraceRange{Offset: held, Limit: 1, HasOffset: true}
	honoured, known := c.slices.load()
	alone := known && !honoured
	if alone {
		ask = TraceRange{}
	}
	r, err := l.request(ask)
	if err != nil {
		return err
	}
	if alone {
		r.method = http.MethodHead
	}
	ctx, cancel := context.WithCancelCause(caller)
	defer cancel(nil)
	watchdog := time.AfterFunc(2*c.idle, func() { cancel(ErrLogIdle) })
	defer watchdog.Stop()
	resp, err := c.send(ctx, caller, r)
	if err != nil {
		return err
	}
	if err := r.checkLog(resp); err != nil { // closes it
		return err
	}
	if !known && resp.ContentLength > 1 {
		c.slices.ignored()
	}
	return resp.Body.Close()
}
