package live

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// TestIdleReaderIsSmall measures what a reader costs who waits, beside the stack of the
// goroutine that waits.
func TestIdleReaderIsSmall(t *testing.T) {
	const readers = 4000
	inWorld(t, options{recheck: time.Hour}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wait := func() {
			r, err := w.hub.Join(ctx, token("a"), 7, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			for err == nil {
				_, err = r.Next(ctx)
			}
		}
		wg.Go(wait)
		later(time.Minute)
		before := heap()
		for range readers {
			wg.Go(wait)
		}
		later(time.Second)
		each := (heap() - before) / readers
		t.Logf("a reader that waits has %d bytes of heap, %d of them its own", each, unsafe.Sizeof(Reader{}))
		if each > 1<<10 {
			t.Errorf("a reader that waits has %d bytes of heap", each)
		}
		cancel()
		wg.Wait()
	})
}

func heap() int64 {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
