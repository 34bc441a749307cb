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
			r, err := w.hub.Join(ctx, token("a"), 7, 0, Before{})
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

// TestQuietLooksAreFree proves that looks that bring nothing cost no byte of the log, with
// parts of logs and without, but for finding out now and then whether there are parts.
func TestQuietLooksAreFree(t *testing.T) {
	for name, slices := range map[string]bool{"slices": true, "whole logs": false} {
		const size = 5 << 20
		most := int64(0)
		if !slices {
			most = 10 * size // each ten minutes some
		}
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: time.Hour}, func(t *testing.T, w *world) {
				t.Helper()
				w.slices = slices
				w.grow(size)
				f := w.follow(token("a"), 0, nil)
				later(2 * minute) // until it is known what this GitLab does
				before, _ := w.spent()
				later(20 * minute)
				after, _ := w.spent()
				if after.bytes-before.bytes > most || after.same-before.same < 30 {
					t.Errorf("%d bytes, %d times the same", after.bytes-before.bytes, after.same-before.same)
				}
				w.grow(1000)
				later(minute)
				w.end("success")
				f.wantLog(t, w.content())
				f.wantResets(t)
			})
		})
	}
}
