package live

import (
	"net/http"
	"testing"
	"time"
)

// TestFinishedLogIsReadOnce proves that readers who come one after the other cost one
// reading, and each a yes of its own.
func TestFinishedLogIsReadOnce(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(3_000_000)
		w.end("success")
		for _, name := range []string{"a", "b", "c", "a"} {
			w.follow(token(name), 0, nil).wantLog(t, w.content())
			later(time.Second)
		}
		w.follow(token("d"), 2_999_000, nil).wantLog(t, w.content())
		cost, checks := w.spent()
		if cost.bytes > 3_010_000 || cost.jobs != 1 || checks < 4 || checks > 5 {
			t.Errorf("cost %+v, %d checks", cost, checks)
		}
	})
}

// TestKeptLogIsLookedAt proves that what is kept is given to nobody whom GitLab refuses,
// and to nobody once the log is another one.
func TestKeptLogIsLookedAt(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(500_000)
		w.end("success")
		w.follow(token("a"), 0, nil).wantLog(t, w.content())
		w.set(func() { w.refused["b"] = http.StatusForbidden })
		later(time.Second)
		refused := w.follow(token("b"), 0, nil)
		refused.wantRefused(t, http.StatusForbidden)
		if refused.n > 0 {
			t.Errorf("%d bytes reached one who was refused", refused.n)
		}
		later(2 * minute)
		before, _ := w.spent()
		w.follow(token("a"), 0, nil).wantLog(t, w.content())
		if after, _ := w.spent(); after.bytes > before.bytes+4000 || after.jobs == before.jobs {
			t.Errorf("the second look cost %d bytes, %d jobs", after.bytes-before.bytes, after.jobs-before.jobs)
		}
		later(2 * minute)
		w.rewrite(nil)
		w.set(func() { w.erased = true })
		last := w.follow(token("a"), 0, nil)
		last.wantLog(t, nil)
		if last.max > 0 {
			t.Errorf("%d bytes of a log that was erased", last.max)
		}
	})
}

// TestKeptLogsAreBounded proves that the one that was left first makes room.
func TestKeptLogsAreBounded(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		w.end("success")
		for job := range int64(keptLogs + 10) {
			r, err := w.hub.Join(t.Context(), token("a"), 100+job, 0, Before{})
			if err != nil {
				t.Fatal(err)
			}
			for kind := Kind(0); kind != End; {
				event, err := r.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				kind = event.Kind
			}
			r.Close()
			later(time.Second)
		}
		if n := w.pool.Stats().Logs; n != keptLogs {
			t.Errorf("%d logs are kept, want %d", n, keptLogs)
		}
		if w.hub.Holds(100) || !w.hub.Holds(100+keptLogs+9) {
			t.Error("the oldest was kept, or the newest was not")
		}
	})
}
