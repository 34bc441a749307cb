package live

import (
	"bytes"
	"testing"
	"time"

	"github.com/jobgate/jobgate/server/spool"
)

// TestHole proves that bytes that GitLab has lost while a reader was far behind are told as
// a gap, and that all others reach him; one who was in time does not notice.
func TestHole(t *testing.T) {
	const hole, end = 3 * spool.BlockSize, 5 * spool.BlockSize
	inWorld(t, options{recheck: minute, memory: spool.BlockSize}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(2_000_000)
		quick := w.follow(token("a"), 0, nil)
		slow := w.follow(token("b"), 0, func(f *follower) { f.pause = 10 * time.Second })
		later(5 * time.Second)
		w.set(func() { w.hole = [2]int{hole + 1000, end - 1000} })
		w.grow(1000)
		later(2 * minute)
		w.end("success")
		quick.wantLog(t, w.content())
		slow.wait(t)
		if slow.err != nil || !slow.ended || len(slow.resets) > 0 || len(quick.holes) > 0 {
			t.Fatalf("ended with %v, resets %v; the other has holes %v", slow.err, slow.resets, quick.holes)
		}
		if len(slow.holes) != 2 || slow.holes[0] != [2]int64{hole, hole + spool.BlockSize} || slow.holes[1] != [2]int64{hole + spool.BlockSize, end} {
			t.Errorf("holes %v", slow.holes)
		}
		log := w.content()
		if want := append(bytes.Clone(log[:hole]), log[end:]...); !bytes.Equal(slow.got, want) {
			t.Errorf("got %d bytes, want %d, or others", len(slow.got), len(want))
		}
	})
}

// TestNoHole proves that a log that GitLab does not have for a while, or only its start, is
// not told as a gap.
func TestNoHole(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"archiving": func(w *world) { w.set(func() { w.empty = 3 }) },
		"cut off":   func(w *world) { w.set(func() { w.cut = 5 }) },
		"down":      func(w *world) { w.set(func() { w.down = true }); later(minute); w.set(func() { w.down = false }) },
		"truncated": func(w *world) { w.rewrite(w.log[:900_000]) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: 10 * minute, memory: spool.BlockSize}, func(t *testing.T, w *world) {
				t.Helper()
				w.grow(2_000_000)
				slow := w.follow(token("b"), 0, func(f *follower) { f.pause = 10 * time.Second })
				later(5 * time.Second)
				change := change
				change(w)
				later(minute)
				w.end("success")
				slow.wantLog(t, w.content())
				if len(slow.holes) > 0 {
					t.Errorf("holes %v", slow.holes)
				}
			})
		})
	}
}
