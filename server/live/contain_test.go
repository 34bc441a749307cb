package live

import (
	"errors"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream"
)

// TestPanicsAreContained proves that a panic on behalf of a log's readers ends them, and
// neither the process nor the log for those who come later, and that it is told with whose
// secrets are in it.
func TestPanicsAreContained(t *testing.T) {
	for name, readers := range map[string][]string{"fetching": {"a"}, "checking": {"a", "b", "c"}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				told := map[upstream.Credential]int{}
				w.hub.cfg.Panicked = func(who upstream.Credential, why any) {
					if why != "fell down" {
						t.Errorf("panicked with %v", why)
					}
					w.set(func() { told[who]++ })
				}
				w.grow(1000)
				var all []*follower
				for _, name := range readers {
					all = append(all, w.follow(token(name), 0, nil))
				}
				later(time.Second)
				w.set(func() { w.panics = true })
				later(2 * minute)
				w.set(func() { w.panics = false })
				for _, f := range all {
					f.wait(t)
					if !errors.Is(f.err, ErrFailed) {
						t.Errorf("ended with %v", f.err)
					}
				}
				if len(told) == 0 || told[upstream.Credential{}] > 0 {
					t.Errorf("told of %v", told)
				}
				w.grow(1000)
				w.end("success")
				w.follow(token("a"), 0, nil).wantLog(t, w.content())
			})
		})
	}
}

// TestSizeIsNotToldWithoutAYes proves that a follower whose yes has become old hears in
// heartbeats of no more than he has.
func TestSizeIsNotToldWithoutAYes(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		cut, other := w.follow(token("a"), 0, nil), w.follow(token("b"), 0, nil)
		later(time.Second)
		w.set(func() { w.refused["a"] = 500 }) // it cannot be asked
		later(2 * minute)
		w.growFor(5*minute, 10*time.Second)
		later(minute)
		if other.size != int64(len(w.content())) || cut.size != cut.n || cut.n == other.n || cut.beats < 5 {
			t.Errorf("told of %d and %d bytes, of which they have %d and %d", cut.size, other.size, cut.n, other.n)
		}
		cut.leave()
		w.end("success")
		other.wantLog(t, w.content())
	})
}
