package meter

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, time.Second, 5 * time.Minute, time.Hour} {
		h.Observe(d)
	}
	r := h.Read()
	if want := (time.Hour + 5*time.Minute + time.Second + 2*time.Millisecond + 1).Seconds(); r.Count != 6 || r.Sum != want {
		t.Errorf("%d times, together %v, want 6 and %v", r.Count, r.Sum, want)
	}
	for bound, want := range map[float64]uint64{0.001: 2, 0.0025: 3, 0.5: 3, 1: 4, 60: 4, 300: 5} {
		if got := r.Buckets[bound]; got != want {
			t.Errorf("up to %v are %d, want %d", bound, got, want)
		}
	}
	if len(r.Buckets) != len(bounds) {
		t.Errorf("%d buckets", len(r.Buckets))
	}
}

// TestSetIsBounded proves that many names take the room of few, and that none is lost.
func TestSetIsBounded(t *testing.T) {
	var s Set[Histogram]
	var wg sync.WaitGroup
	const names = 3 * most
	for i := range names {
		wg.Go(func() {
			s.Get(fmt.Sprint(i)).Observe(0)
			s.Get(fmt.Sprint(i)).Observe(0)
		})
	}
	wg.Wait()
	n, all := 0, uint64(0)
	for _, h := range s.All() {
		n++
		all += h.Read().Count
	}
	if n != most+1 || all != 2*names {
		t.Errorf("%d names have %d, want %d with %d", n, all, most+1, 2*names)
	}
}

func TestKnownNameCostsNothing(t *testing.T) {
	var s Set[Histogram]
	name := fmt.Sprint("get ", "job")
	s.Get(name)
	if n := testing.AllocsPerRun(100, func() { s.Get(name).Observe(time.Second) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
