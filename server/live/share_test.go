package live

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestThousandFollowersCostOne proves that GitLab does not notice how many follow a log,
// but for a check of each credential in each interval.
func TestThousandFollowersCostOne(t *testing.T) {
	one, _ := costOf(t, 1, 1)
	many, checks := costOf(t, 1000, 10)
	t.Logf("one: %d requests, %d bytes; a thousand: %d requests, %d bytes, %d checks", one.requests, one.bytes, many.requests, many.bytes, checks)
	if float64(many.requests) > 1.05*float64(one.requests)+1 {
		t.Errorf("a thousand cost %d requests, one costs %d", many.requests, one.requests)
	}
	if float64(many.bytes) > 1.05*float64(one.bytes) {
		t.Errorf("a thousand cost %d bytes, one costs %d", many.bytes, one.bytes)
	}
	for who, n := range many.checks {
		if n > 7 { // five intervals, each a little shorter so that no yes ends before the next
			t.Errorf("%q was checked %d times", who, n)
		}
	}
}

// costOf has so many followers read a log that grows for five minutes.
func costOf(t *testing.T, followers, credentials int) (c cost, checks int) {
	t.Helper()
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		all := make([]*follower, followers)
		for i := range all {
			all[i] = w.follow(token(fmt.Sprint("t", i%credentials)), 0, func(f *follower) { f.forget = true })
		}
		for range 600 {
			w.grow(500)
			later(time.Second / 2)
		}
		w.end("success")
		for _, f := range all {
			f.wantLog(t, w.content())
			f.wantResets(t)
		}
		c, checks = w.spent()
	})
	return c, checks
}

// TestSlicesCostLittle proves that a log that grows as runners make it grow is read once.
func TestSlicesCostLittle(t *testing.T) {
	for _, etags := range []bool{true, false} {
		for _, burst := range []int{0, 1 << 10, 10 << 10, 100 << 10} {
			if !etags && burst < 100<<10 {
				continue // the bodies of jobs would be more than the log
			}
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				w.etags = etags
				f := w.follow(token("t"), 0, nil)
				for range 20 {
					later(minute)
					w.grow(burst)
				}
				w.end("failed")
				f.wantLog(t, w.content())
				c, _ := w.spent()
				t.Logf("%d bytes of log: %d requests, %d for the job, %d bytes", f.n, c.requests, c.jobs, c.bytes)
				if c.bytes > f.n*11/10+64<<10 {
					t.Errorf("a log of %d bytes cost %d", f.n, c.bytes)
				}
			})
		}
	}
}

// TestWithoutSlices proves that a log that is sent as a whole at each look stays fresh and
// within the budget.
func TestWithoutSlices(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.slices = false
		f := w.follow(token("t"), 0, nil)
		begun := time.Now()
		for range 360 {
			w.grow(10 << 20 / 360)
			later(10 * time.Second)
		}
		w.end("success")
		f.wantLog(t, w.content())
		c, _ := w.spent()
		allowed := int64(time.Since(begun).Seconds()*rate) + burst + f.n
		t.Logf("%d bytes of log: %d requests, %d bytes of %d, staleness %v", f.n, c.requests, c.bytes, allowed, f.staleness)
		if c.bytes > allowed || f.staleness > minute {
			t.Errorf("cost %d bytes of %d, staleness %v", c.bytes, allowed, f.staleness)
		}
	})
}

// TestFreshWithoutSlices proves how old the bytes are when they come, of a log that costs
// more than the budget.
func TestFreshWithoutSlices(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.slices = false
		w.grow(10 << 20)
		f := w.follow(token("t"), 0, nil)
		later(minute)
		for range 60 {
			w.grow(100)
			grown := time.Now()
			later(minute)
			if f.n != int64(len(w.content())) {
				t.Fatal("bytes are older than a minute")
			}
			if f.last.Before(grown) {
				t.Fatal("bytes came before they were there")
			}
		}
		f.leave()
	})
}

func TestWaitsForJob(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.status, w.started = "pending", false
		f := w.follow(token("t"), 0, nil)
		later(time.Hour)
		c, _ := w.spent()
		t.Logf("an hour of waiting: %d requests, %d bytes, %d heartbeats", c.requests, c.bytes, f.beats)
		if c.requests != c.jobs || c.requests > 3600/27+10 || c.bytes > 10<<10 {
			t.Errorf("waiting cost %d requests, %d for the job, %d bytes", c.requests, c.jobs, c.bytes)
		}
		if f.beats < 118 {
			t.Errorf("%d heartbeats", f.beats)
		}
		w.set(func() { w.status, w.started = "running", true })
		w.grow(1000)
		later(40 * time.Second)
		if f.n != 1000 {
			t.Errorf("%d bytes after it started", f.n)
		}
		w.end("success")
		f.wantLog(t, w.content())
	})
}

// TestNothingShared proves that without an interval each reader has a log of its own.
func TestNothingShared(t *testing.T) {
	inWorld(t, options{}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(5000)
		w.end("success")
		for range 3 {
			w.follow(token("t"), 0, nil).wantLog(t, w.content())
		}
		a, b := w.follow(token("t"), 0, nil), w.follow(token("t"), 0, nil)
		a.wantLog(t, w.content())
		b.wantLog(t, w.content())
		if c, _ := w.spent(); c.bytes < 5*5000 {
			t.Errorf("%d bytes for five", c.bytes)
		}
	})
}

// TestSlowReader proves that one who reads slowly, or not at all, holds nobody, and gets
// everything, also what the spool had no room for.
func TestSlowReader(t *testing.T) {
	for _, slices := range []bool{true, false} {
		inWorld(t, options{recheck: minute, memory: 512 << 10}, func(t *testing.T, w *world) {
			t.Helper()
			w.slices = slices
			slow := w.follow(token("slow"), 0, func(f *follower) { f.pause = minute })
			stopped := w.follow(token("stopped"), 0, func(f *follower) { f.pause = time.Hour })
			fast := w.follow(token("fast"), 0, nil)
			for range 100 {
				w.grow(20_000)
				later(time.Minute / 10)
			}
			w.end("success")
			later(3 * minute)
			fast.wantLog(t, w.content())
			slow.wantLog(t, w.content())
			stopped.wantLog(t, w.content())
			if s := w.pool.Stats(); s.Evicted == 0 {
				t.Error("nothing was evicted: this proves nothing")
			}
		})
	}
}

// TestRestoredOnce proves that readers who need evicted bytes at the same time fetch them
// once.
func TestRestoredOnce(t *testing.T) {
	inWorld(t, options{recheck: minute, memory: 512 << 10}, func(t *testing.T, w *world) {
		t.Helper()
		w.delay = 10 * time.Millisecond
		w.grow(2 << 20)
		keep := w.follow(token("t"), 2<<20, nil) // its log begins late
		first := w.follow(token("t"), 0, nil)
		later(10 * time.Second)
		before, _ := w.spent()
		all := make([]*follower, 100)
		for i := range all {
			all[i] = w.follow(token("t"), 0, func(f *follower) { f.forget = true })
		}
		later(30 * time.Second)
		w.end("success")
		for _, f := range slices.Concat(all, []*follower{keep, first}) {
			f.wantLog(t, w.content())
		}
		after, _ := w.spent()
		t.Logf("a hundred cost %d bytes", after.bytes-before.bytes)
		if after.bytes-before.bytes > 3<<20 {
			t.Errorf("a hundred cost %d bytes", after.bytes-before.bytes)
		}
	})
}
