package live

import (
	"testing"
	"time"
)

// TestJoinAnywhere proves that one may come at any time and begin anywhere.
func TestJoinAnywhere(t *testing.T) {
	for _, slices := range []bool{true, false} {
		inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
			t.Helper()
			w.slices = slices
			w.grow(600_000)
			var all []*follower
			for _, from := range []int64{599_990, 300_000, 599_999, 600_000, 0, 1, 262_144, 610_000, 700_000, 299_000, 0} {
				all = append(all, w.follow(token("a"), from, nil))
				later(10 * time.Second)
				w.grow(3000)
			}
			w.end("success")
			for _, f := range all {
				f.wantLog(t, w.content())
				f.wantResets(t)
			}
		})
	}
}

// TestBeyondTheEnd proves that one who begins beyond the end of a log that is over gets
// just the end, and one who comes then for all of it, all.
func TestBeyondTheEnd(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(3000)
		beyond := w.follow(token("a"), 50_000, nil)
		later(10 * time.Second)
		all := w.follow(token("a"), 0, nil)
		later(10 * time.Second)
		if all.n != 3000 {
			t.Errorf("%d bytes", all.n)
		}
		w.end("success")
		all.wantLog(t, w.content())
		beyond.wantLog(t, w.content())
		w.follow(token("a"), 50_000, nil).wantLog(t, w.content())
	})
}

// TestHeadIsReadOnce proves that any number of readers who come for the head of a log that
// is followed from its tail cost one more reading.
func TestHeadIsReadOnce(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1_000_000)
		var all []*follower
		for i := range int64(100) {
			all = append(all, w.follow(token("a"), 990_000-i*1000, func(f *follower) { f.forget = true }))
			later(time.Second / 10)
		}
		for range 100 {
			all = append(all, w.follow(token("a"), 0, func(f *follower) { f.forget = true }))
		}
		later(10 * time.Second)
		w.end("success")
		for _, f := range all {
			f.wantLog(t, w.content())
		}
		c, _ := w.spent()
		t.Logf("%d requests, %d bytes", c.requests, c.bytes)
		if c.bytes > 1_600_000 {
			t.Errorf("cost %d bytes", c.bytes)
		}
	})
}

// TestLeave proves that GitLab is left alone once nobody is there, and that the next one
// begins anew.
func TestLeave(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		a, b := w.follow(token("a"), 0, nil), w.follow(token("b"), 0, nil)
		later(minute)
		a.leave()
		later(minute)
		b.leave()
		later(time.Second)
		before, checks := w.spent()
		later(time.Hour)
		if after, more := w.spent(); after.requests != before.requests || more != checks {
			t.Error("GitLab is asked for nobody")
		}
		w.end("success")
		w.follow(token("a"), 0, nil).wantLog(t, w.content())
	})
}
