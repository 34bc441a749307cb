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
	begin, end := int64(0), int64(len(log))
	sliced := !c.s.old && (c.fault == nil || c.fault.Kind != NoSlices && c.fault.Kind != RangeFront)
	if offset, ok := c.int("byte_offset"); ok && sliced {
		begin = min(offset, end)
	}
	if c.fault != nil && c.fault.Kind == LostChunk {
		end = c.fault.readable(begin, end)
	}
	if limit, ok := c.int("byte_limit"); ok && sliced {
		end = min(end, begin+limit)
	}
	return log[begin:end]
}

const defaultChunk = 128 << 10 // of incremental logging; contract section 10

// readable is where a read from begin on ends: at the chunk that was lost, or at end. Of
// that chunk there is nothing to read.
func (f *Fault) readable(begin, end int64) int64 {
	size := f.Size
	if size <= 0 {
		size = defaultChunk
	}
	hole := int64(f.After)
	switch {
	case begin < hole:
		return min(hole, end)
	case begin < hole+size:
		return begin
	}
	return end
}

// rewrite is a log whose earlier bytes have changed, as after runner trouble.
func (f *Fault) rewrite(log []byte) []byte {
	if f.Body != "" {
		return []byte(f.Body)
	}
	_, rest, _ := bytes.Cut(log, []byte("\n"))
	return append([]byte("\x1b[0KRewritten by the sandbox\x1b[0;m\n"), rest...)
}
