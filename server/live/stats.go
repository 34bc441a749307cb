package live

import (
	"sync/atomic"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

// Stats is what a Hub does now, and what it did since it was made.
type Stats struct {
	Readers, Fetchers, Kept int           // readers; logs that they read; finished logs without one
	Staleness               time.Duration // of the log for which GitLab was not asked for longest

	Reads, Restores, Checks, Jobs int64 // requests to GitLab: for new bytes, evicted ones, a yes, the job
	Received                      int64 // bytes of logs that GitLab sent
	Delivered                     int64 // bytes given to readers
	Saved                         int64 // those of them that another reader was given before
	Gaps                          int64
	Resets                        map[jobgatev1.TraceResetReason]int64
	Lags                          [len(LagBounds) + 1]int64 // chunks by how far the reader is behind then
	LagSum                        int64                     // bytes, over all chunks
}

// LagBounds are the upper bounds of Stats.Lags in bytes; the last of those has none.
var LagBounds = [...]int64{0, 64 << 10, 1 << 20, 16 << 20, 256 << 20}

// reasons are those of a reset.
const reasons = jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED + 1

// counters are what Stats tells of the past.
type counters struct {
	reads, restores, checks, jobs    atomic.Int64
	received, delivered, saved, gaps atomic.Int64
	resets                           [reasons]atomic.Int64
	lags                             [len(LagBounds) + 1]atomic.Int64
	lagSum                           atomic.Int64
}

// Stats tells what the Hub does and did.
func (h *Hub) Stats() Stats {
	c := &h.count
	s := Stats{
		Reads: c.reads.Load(), Restores: c.restores.Load(), Checks: c.checks.Load(), Jobs: c.jobs.Load(),
		Received: c.received.Load(), Delivered: c.delivered.Load(), Saved: c.saved.Load(), Gaps: c.gaps.Load(),
		Resets: map[jobgatev1.TraceResetReason]int64{}, LagSum: c.lagSum.Load(),
	}
	for why := range c.resets {
		if why > 0 {
			s.Resets[jobgatev1.TraceResetReason(why)] = c.resets[why].Load()
		}
	}
	for i := range c.lags {
		s.Lags[i] = c.lags[i].Load()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Kept = len(h.kept)
	for _, l := range h.logs {
		s.Fetchers++
		l.mu.Lock()
		s.Readers += l.readers
		if !l.complete {
			s.Staleness = max(s.Staleness, time.Since(l.asked))
		}
		l.mu.Unlock()
	}
	return s
}

// delivered counts a chunk that ends at the byte end. With the log's lock.
func (l *log) delivered(n int, end int64) {
	c := &l.hub.count
	fresh := min(max(end-l.told, 0), int64(n))
	l.told = max(l.told, end)
	c.delivered.Add(int64(n))
	c.saved.Add(int64(n) - fresh)
	lag := l.size() - end
	bucket := 0
	for bucket < len(LagBounds) && lag > LagBounds[bucket] {
		bucket++
	}
	c.lags[bucket].Add(1)
	c.lagSum.Add(lag)
}
