package live

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobgate/jobgate/server/spool"
)

// TestMeasure tells readers by how long they keep what they are told.
func TestMeasure(t *testing.T) {
	const kib = 1 << 10
	for name, c := range map[string]struct {
		pace spool.Pace
		size int
		each []time.Duration
		want spool.Pace
	}{
		"nothing yet":                   {spool.Unknown, 16 * kib, nil, spool.Unknown},
		"too few bytes to tell":         {spool.Unknown, 16 * kib, []time.Duration{0, 0, 0}, spool.Unknown},
		"one block at once":             {spool.Unknown, 256 * kib, []time.Duration{0}, spool.Quick},
		"one block in half a second":    {spool.Unknown, 256 * kib, []time.Duration{500 * time.Millisecond}, spool.Slow},
		"the same, but quick before":    {spool.Quick, 256 * kib, []time.Duration{500 * time.Millisecond}, spool.Quick},
		"a block in a second":           {spool.Quick, 256 * kib, []time.Duration{time.Second}, spool.Slow},
		"few bytes for long":            {spool.Quick, 100, []time.Duration{2 * time.Second}, spool.Slow},
		"a window's worth, then slowly": {spool.Slow, 64 * kib, []time.Duration{0, 0, 500 * time.Millisecond, 500 * time.Millisecond}, spool.Slow},
		"small parts at once":           {spool.Slow, 16 * kib, slices.Repeat([]time.Duration{10 * time.Millisecond}, 16), spool.Quick},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &Reader{pace: c.pace}
				for _, took := range c.each {
					r.page, r.told = spool.Page{Data: make([]byte, c.size)}, time.Now()
					time.Sleep(took)
					r.release()
				}
				if r.pace != c.want {
					t.Errorf("got %v, want %v", r.pace, c.want)
				}
			})
		})
	}
}
