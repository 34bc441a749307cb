package sandbox

import (
	"bytes"
	"fmt"
	"net/http"
)

// trace is GET …/jobs/:job_id/trace (contract sections 7.7, 10): always 200 for a readable job,
// empty when there is no log.
func (c *call) trace() *reply {
	p, j, fail := c.readableJob()
	if fail != nil {
		return fail
	}
	if j.debug && p.role(c.who.user) < roleDeveloper {
		return forbidden("")
	}
	log := j.logAt(c.now)
	if c.fault != nil && c.fault.Kind == RewrittenLog {
		log = c.fault.rewrite(log)
	}
	out := textReply(http.StatusOK, c.slice(log))
	out.set("Content-Disposition", fmt.Sprintf(`infile; filename="%d.log"`, j.id))
	return out
}

// slice applies byte_offset and byte_limit, where this GitLab knows them.
func (c *call) slice(log []byte) []byte {
	if c.s.old || c.fault != nil && c.fault.Kind == NoSlices {
		return log
	}
	if offset, ok := c.int("byte_offset"); ok {
		log = log[min(offset, int64(len(log))):]
	}
	if limit, ok := c.int("byte_limit"); ok {
		log = log[:min(limit, int64(len(log)))]
	}
	return log
}

// rewrite is a log whose earlier bytes have changed, as after runner trouble.
func (f *Fault) rewrite(log []byte) []byte {
	if f.Body != "" {
		return []byte(f.Body)
	}
	_, rest, _ := bytes.Cut(log, []byte("\n"))
	return append([]byte("\x1b[0KRewritten by the sandbox\x1b[0;m\n"), rest...)
}
