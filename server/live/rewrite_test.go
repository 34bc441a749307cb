package live

import (
	"testing"
	"time"

	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const (
	rewritten = jobgatev1.TraceResetReason_TRACE_RESET_REASON_REWRITTEN
	truncated = jobgatev1.TraceResetReason_TRACE_RESET_REASON_TRUNCATED
	erased    = jobgatev1.TraceResetReason_TRACE_RESET_REASON_ERASED
)

// TestReset proves what readers hear of a log that changes, one at its end and one who
// is still far behind.
func TestReset(t *testing.T) {
	other := make([]byte, 700_000)
	for name, c := range map[string]struct {
		change func(w *world)
		want   []jobgatev1.TraceResetReason
	}{
		"rewritten":                {func(w *world) { w.rewrite(other) }, []jobgatev1.TraceResetReason{rewritten}},
		"rewritten, ended":         {func(w *world) { w.rewrite(other); w.end("success") }, []jobgatev1.TraceResetReason{rewritten}},
		"as long as before":        {func(w *world) { w.rewrite(other[:600_000]) }, []jobgatev1.TraceResetReason{rewritten}},
		"a little shorter":         {func(w *world) { w.rewrite(w.log[:599_900]) }, []jobgatev1.TraceResetReason{truncated}},
		"a little shorter, others": {func(w *world) { w.rewrite(other[:599_900]) }, []jobgatev1.TraceResetReason{rewritten}},
		"much shorter":             {func(w *world) { w.rewrite(w.log[:1000]) }, []jobgatev1.TraceResetReason{truncated}},
		"empty":                    {func(w *world) { w.rewrite(nil) }, []jobgatev1.TraceResetReason{truncated}},
		"erased": {func(w *world) {
			w.rewrite(nil)
			w.set(func() { w.erased, w.status = true, "success" })
		}, []jobgatev1.TraceResetReason{erased}},
		"archiving":        {func(w *world) { w.set(func() { w.empty, w.status = 1, "success" }) }, nil},
		"cut off":          {func(w *world) { w.set(func() { w.cut = 2 }) }, nil},
		"cut off at end":   {func(w *world) { w.set(func() { w.cut, w.status = 5, "success" }) }, nil},
		"cut off, growing": {func(w *world) { w.set(func() { w.cut = 3 }); w.grow(300_000) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				w.grow(600_000)
				at := w.follow(token("a"), 0, nil)
				behind := w.follow(token("b"), 0, func(f *follower) { f.pause = 2 * minute })
				later(20 * time.Second)
				c := c
				c.change(w)
				later(30 * time.Second)
				if w.status == "running" {
					w.grow(1000)
				}
				later(40 * time.Second)
				at.wantPrefix(t, w.content())
				if at.n != int64(len(w.content())) {
					t.Errorf("%d bytes of %d", at.n, len(w.content()))
				}
				w.end("success")
				for _, f := range []*follower{at, behind} {
					f.wantLog(t, w.content())
					f.wantResets(t, c.want...)
				}
			})
		})
	}
}

// TestArchivingAtFirst proves that a log that is empty for a moment, just when somebody
// comes, is not taken for an empty one.
func TestArchivingAtFirst(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		w.end("success")
		w.set(func() { w.empty = 1 })
		f := w.follow(token("a"), 0, nil)
		f.wantLog(t, w.content())
		f.wantResets(t)
	})
}

// TestEmptyLogs proves that there are logs without a byte.
func TestEmptyLogs(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"quiet":         func(*world) {},
		"never started": func(w *world) { w.status, w.started = "canceled", false },
		"skipped":       func(w *world) { w.status, w.started = "skipped", false },
		"erased":        func(w *world) { w.status, w.erased = "success", true },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				change(w)
				f := w.follow(token("a"), 0, nil)
				later(minute)
				if w.status == "running" {
					w.end("success")
				} else if !f.ended {
					t.Error("has not ended")
				}
				f.wantLog(t, nil)
			})
		})
	}
}

// TestRewrittenAfterEnd proves that a log that is erased after its job has ended and was
// read is not given to those who come later.
func TestRewrittenAfterEnd(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1 << 20)
		w.end("success")
		old := w.content()
		slow := w.follow(token("a"), 0, func(f *follower) { f.pause = 3 * minute })
		later(30 * time.Second)
		w.follow(token("b"), 0, nil).wantLog(t, old)
		w.rewrite(nil)
		w.set(func() { w.erased = true })
		later(minute)
		w.follow(token("b"), 0, nil).wantLog(t, nil)
		slow.wantLog(t, nil)
		slow.wantResets(t, erased)
	})
}

// TestEvictedAndRewritten proves that bytes of two logs are never joined: what has to be
// fetched again is compared.
func TestEvictedAndRewritten(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		want   []jobgatev1.TraceResetReason
	}{
		"rewritten": {func(w *world) {
			log := append([]byte(nil), w.content()...)
			copy(log[1<<20:], "other bytes in the middle")
			w.rewrite(log)
		}, []jobgatev1.TraceResetReason{rewritten}},
		"erased": {func(w *world) {
			w.rewrite(nil)
			w.set(func() { w.erased = true })
		}, []jobgatev1.TraceResetReason{erased}},
		"archiving": {func(w *world) { w.set(func() { w.empty = 1 }) }, nil},
		"cut off":   {func(w *world) { w.set(func() { w.cut = 3 }) }, nil},
		"down": {func(w *world) {
			w.set(func() { w.down = true })
			later(5 * minute)
			w.set(func() { w.down = false })
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute, memory: 512 << 10}, func(t *testing.T, w *world) {
				t.Helper()
				w.grow(2 << 20)
				w.end("success")
				slow := w.follow(token("a"), 0, func(f *follower) { f.pause = 10 * time.Second })
				later(15 * time.Second)
				c.change(w)
				slow.wantLog(t, w.content())
				slow.wantResets(t, c.want...)
			})
		})
	}
}

// TestAnewWhileRead proves that what was read of one log says nothing about the end of the
// one that has taken its place meanwhile.
func TestAnewWhileRead(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.set(func() { w.down = true })
		r := w.hub.enter(t.Context(), token("a"), 7, 0)
		later(time.Second)
		f := &fetcher{log: r.log, pages: r.log.bytes}
		r.log.rewrite(f.pages, rewritten)
		if f.settle(time.Now(), true) || r.log.complete {
			t.Error("a log that nobody has read is complete")
		}
		r.Close()
	})
}

// TestRewrittenHead proves that it is noticed, where GitLab sends whole logs, that bytes
// have changed which are far before the end.
func TestRewrittenHead(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.slices = false
		w.grow(600_000)
		f := w.follow(token("a"), 0, nil)
		later(minute)
		w.rewrite(append([]byte("other"), w.log[5:]...))
		w.grow(1000)
		later(minute)
		f.wantResets(t, rewritten)
		w.end("success")
		f.wantLog(t, w.content())
		f.wantResets(t, rewritten)
	})
}
