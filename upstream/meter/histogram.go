// Package meter counts how long things take, for others to tell: a handful of atomic
// additions each, nothing allocated.
package meter

import (
	"sync/atomic"
	"time"
)

// bounds are the upper ones of the buckets: from what memory answers to what hangs.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

// Histogram counts times. Its zero value is empty. It is safe for concurrent use.
type Histogram struct {
	counts [len(bounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// Observe counts one time in.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(bounds) && d > bounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Reading is what a [Histogram] has counted.
type Reading struct {
	Count   uint64
	Sum     float64            // seconds
	Buckets map[float64]uint64 // times up to a bound in seconds, those of lower bounds among them
}

// Read tells what was counted.
func (h *Histogram) Read() Reading {
	r := Reading{Sum: time.Duration(h.sum.Load()).Seconds(), Buckets: make(map[float64]uint64, len(bounds))}
	for i := range h.counts {
		r.Count += h.counts[i].Load()
		if i < len(bounds) {
			r.Buckets[bounds[i].Seconds()] = r.Count
		}
	}
	return r
}
