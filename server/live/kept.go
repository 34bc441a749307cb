package live

import (
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
	"github.com/jobgate/jobgate/server/spool"
)

// keptLogs is how many finished logs are kept without a reader. Of each the last block may
// stay in memory, the others make room for logs that are being read.
const keptLogs = 64

// kept is a finished log that nobody reads. It costs GitLab nothing when somebody comes
// again, but for the yes to that one and, after an interval, a look whether it is still
// the same.
type kept struct {
	bytes *spool.Log
	tail  []byte // the last bytes of it
	state *jobgatev1.Job
	asked time.Time
}

// keep keeps the bytes of a log that has ended with its last reader, if they are the whole
// log of a job that has ended, and else gives them back. The fetcher has stopped.
func (h *Hub) keep(f *fetcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.readers > 0 { // it was broken off, and they have yet to hear so
		return
	}
	whole := l.complete && l.base == 0 && l.broken == nil && l.bytes == f.pages
	if !whole || h.cfg.Recheck <= 0 || h.closed || h.logs[l.job] != nil {
		l.bytes.Close()
		return
	}
	h.forget(l.job)
	h.kept[l.job] = &kept{l.bytes, f.tail, l.state, l.asked}
	h.order = append(h.order, l.job)
	if len(h.order) > keptLogs {
		h.forget(h.order[0])
	}
}

// takeKept lets a new log begin with the bytes that are kept of it. With the lock.
func (h *Hub) takeKept(l *log) {
	k := h.kept[l.job]
	if k == nil {
		return
	}
	l.bytes.Close()
	l.base, l.bytes, l.tail, l.state, l.asked, l.complete = 0, k.bytes, k.tail, k.state, k.asked, true
	h.unlist(l.job)
}

// forget gives back what is kept of a log. With the lock.
func (h *Hub) forget(job int64) {
	if k := h.kept[job]; k != nil {
		k.bytes.Close()
		h.unlist(job)
	}
}

func (h *Hub) unlist(job int64) {
	delete(h.kept, job)
	for i, other := range h.order {
		if other == job {
			h.order = append(h.order[:i], h.order[i+1:]...)
			return
		}
	}
}
