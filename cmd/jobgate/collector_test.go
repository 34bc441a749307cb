package main

import (
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"
)

func TestPercent(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		live, held int64
		want       int
	}{
		"nothing is held":           {20 * mib, 0, 200},
		"some is":                   {40 * mib, 10 * mib, 125}, // 60 MiB of garbage, but for 10
		"most is":                   {100 * mib, 64 * mib, 18}, // half of the rest
		"all is":                    {64 * mib, 64 * mib, leastPercent},
		"what is held is gone":      {20 * mib, 64 * mib, leastPercent},
		"nothing lives, it is said": {0, 0, leastPercent},
	} {
		t.Run(name, func(t *testing.T) {
			if got := percentFor(c.live, c.held); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// TestAfterCollections has something held, and then nothing any more.
func TestAfterCollections(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	var held atomic.Int64
	limitCollections()(held.Load)
	set := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	for _, c := range []struct{ held, want int64 }{{1 << 40, leastPercent}, {0, lazyPercent}} {
		held.Store(c.held)
		for range 1000 {
			runtime.GC()
			time.Sleep(time.Millisecond) // for the finalizer
			metrics.Read(set)
			if int64(set[0].Value.Uint64()) == c.want {
				break
			}
		}
		if got := set[0].Value.Uint64(); int64(got) != c.want {
			t.Errorf("%d %% while %d bytes are held, want %d", got, c.held, c.want)
		}
	}
}
