package once

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobgate/jobgate/upstream"
)

// TestHundredAtOnce proves that those who ask at the same time cause one run, and that
// GitLab's yes is asked for each but the first.
func TestHundredAtOnce(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		var all []<-chan result
		for range 100 {
			all = append(all, w.begin(t.Context(), w.write("ada", "x", "c", takes(time.Second, "job 7", nil))))
		}
		again := 0
		for _, one := range all {
			r := <-one
			if r.again {
				again++
			}
			w.want(r, result{"job 7", r.again, nil})
		}
		w.wantSpent(1, 99)
		if s := w.Stats(); again != 99 || s.Runs != 1 || s.Replays != 99 || s.Entries != 1 || s.Bytes != entryBytes+5 {
			t.Errorf("%d again, %+v", again, s)
		}
	})
}

// TestRace is for the race detector: names come and go under many hands.
func TestRace(t *testing.T) {
	inWorld(t, Config{Window: time.Second, All: Bound{Entries: 10}}, func(t *testing.T, w *world) {
		t.Helper()
		fates := []error{nil, errBroken, errRefused}
		var all []<-chan result
		for i := range 300 {
			out := make(chan result, 1)
			all = append(all, out)
			go func() {
				time.Sleep(time.Duration(i/20) * time.Second / 3)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*time.Second/10+1)
				defer cancel()
				write := w.write("ada", string(rune('a'+i%13)), "c", takes(time.Second/4, "job 7", fates[i%3]))
				write.Proof = string(rune('p' + i%2))
				out <- w.do(ctx, write)
				w.Stats()
			}()
		}
		for _, one := range all {
			<-one
		}
	})
}

// TestFirstGoesAway proves that a write goes on without the one who asked for it, with the
// values of his context.
func TestFirstGoesAway(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		type key struct{}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
		ctx, late := context.WithTimeout(ctx, time.Second)
		defer late()
		value := any(nil)
		first := w.begin(ctx, w.write("ada", "x", "c", func(ctx context.Context) (string, error) {
			value = ctx.Value(key{})
			return takes(time.Minute, "job 7", nil)(ctx)
		}))
		waiter := w.begin(t.Context(), w.write("ada", "x", "c", nil))
		cancel(gone)
		synctest.Wait()
		if e := fails[*PendingError](t, <-first); !errors.Is(e, gone) || e.Error() != "the write is under way: gone" {
			t.Error(e)
		}
		w.want(<-waiter, result{"job 7", true, nil})
		w.want(w.do(t.Context(), w.write("ada", "x", "c", nil)), result{"job 7", true, nil})
		w.wantSpent(1, 2)
		if value != "value" {
			t.Error("the values of the context are lost")
		}
	})
}

// TestWaiterGoesAway proves that it harms nobody.
func TestWaiterGoesAway(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		first := w.begin(t.Context(), w.write("ada", "x", "c", takes(time.Minute, "job 7", nil)))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waiter, other := w.begin(ctx, w.write("ada", "x", "c", nil)), w.begin(t.Context(), w.write("ada", "x", "c", nil))
		if e := fails[*PendingError](t, <-waiter); !errors.Is(e, context.DeadlineExceeded) {
			t.Error(e)
		}
		w.want(<-first, result{"job 7", false, nil})
		w.want(<-other, result{"job 7", true, nil})
		w.wantSpent(1, 1)
	})
}

// TestGoneBefore proves that nothing is begun for a caller who has gone.
func TestGoneBefore(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.want(w.do(ctx, w.write("ada", "x", "c", takes(0, "job 7", nil))), result{"", false, context.Canceled})
		w.wantSpent(0, 0)
	})
}

// TestConflict proves that a name stands for one request while it is remembered.
func TestConflict(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		conflict := result{"", false, ErrConflict}
		other := w.write("ada", "x", "other", takes(0, "job 8", nil))
		first := w.begin(t.Context(), w.write("ada", "x", "c", takes(time.Second, "job 7", nil)))
		w.want(w.do(t.Context(), other), conflict)
		w.want(<-first, result{"job 7", false, nil})
		w.want(w.do(t.Context(), other), conflict)
		foreign := w.write("ada", "x", "c", nil)
		foreign.Owner = Owner{}
		w.want(w.do(t.Context(), foreign), conflict)
		if s := w.Stats(); s.Conflicts != 3 {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Hour)
		w.want(w.do(t.Context(), other), result{"job 8", false, nil})
		w.want(w.do(t.Context(), w.write("bob", "x", "c", takes(0, "job 9", nil))), result{"job 9", false, nil})
		w.wantSpent(3, 0)
	})
}

// TestWindow proves when an outcome is forgotten: it counts from when it was known.
func TestWindow(t *testing.T) {
	for name, outcome := range map[string]error{"done": nil, "unknown": errBroken} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{Window: time.Minute}, func(t *testing.T, w *world) {
				t.Helper()
				answer := "job 7"
				if outcome != nil {
					answer = ""
				}
				write := w.write("ada", "x", "c", takes(30*time.Second, answer, outcome))
				w.want(w.do(t.Context(), write), result{answer, false, outcome})
				time.Sleep(time.Minute - time.Nanosecond)
				w.want(w.do(t.Context(), write), result{answer, true, outcome})
				time.Sleep(time.Nanosecond)
				w.want(w.do(t.Context(), write), result{answer, false, outcome})
				if w.runs != 2 {
					t.Errorf("%d runs", w.runs)
				}
			})
		})
	}
}

// TestNothingHappened proves that a refused write, or one that was not sent, is tried
// again, and that those who waited for it are told why.
func TestNothingHappened(t *testing.T) {
	for name, outcome := range map[string]error{"refused": errRefused, "not sent": errNotSent} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, Config{}, func(t *testing.T, w *world) {
				t.Helper()
				first := w.begin(t.Context(), w.write("ada", "x", "c", takes(time.Second, "", outcome)))
				waiter := w.begin(t.Context(), w.write("ada", "x", "c", nil))
				w.want(<-first, result{"", false, outcome})
				w.want(<-waiter, result{"", true, outcome})
				if s := w.Stats(); s.Entries != 0 || s.Bytes != 0 {
					t.Errorf("%+v", s)
				}
				w.want(w.do(t.Context(), w.write("ada", "x", "other", takes(0, "job 7", nil))), result{"job 7", false, nil})
				w.wantSpent(2, 0)
			})
		})
	}
}

// TestWithoutAYes proves that nobody is given an answer without GitLab's yes of now, not
// even those who waited.
func TestWithoutAYes(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		w.no = errNo
		write := w.write("ada", "x", "c", takes(time.Second, "job 7", nil))
		first, waiter := w.begin(t.Context(), write), w.begin(t.Context(), write)
		w.want(<-first, result{"job 7", false, nil})
		for _, r := range []result{<-waiter, w.do(t.Context(), write)} {
			if e := fails[*UnconfirmedError](t, r); !errors.Is(e, errNo) || e.Error() != errNo.Error() {
				t.Error(e)
			}
		}
		w.no = nil
		w.want(w.do(t.Context(), write), result{"job 7", true, nil})
		w.wantSpent(1, 3)
		if w.about != "job 7" {
			t.Errorf("asked about %q", w.about)
		}
		write.Yes = nil
		fails[*UnconfirmedError](t, w.do(t.Context(), write))
		if s := w.Stats(); s.Unconfirmed != 3 || s.Replays != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestTimeout proves that a run ends without its caller, by a timeout that is told from
// his deadline.
func TestTimeout(t *testing.T) {
	inWorld(t, Config{Timeout: time.Minute}, func(t *testing.T, w *world) {
		t.Helper()
		began := time.Now()
		r := w.do(t.Context(), w.write("ada", "x", "c", takes(time.Hour, "job 7", nil)))
		if !errors.Is(r.err, upstream.ErrUpstreamTimeout) || errors.Is(r.err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", r.err, time.Since(began))
		}
		w.want(w.do(t.Context(), w.write("ada", "x", "c", takes(0, "job 8", nil))), result{"", true, upstream.ErrUpstreamTimeout})
		w.wantSpent(1, 0)
	})
}

// TestClose proves that writes that are under way are waited for, and in the end cut off,
// and that no other begins.
func TestClose(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		stopping := errors.New("stopping")
		short := w.begin(t.Context(), w.write("ada", "short", "c", takes(time.Second, "job 7", nil)))
		long := w.begin(t.Context(), w.write("ada", "long", "c", takes(time.Minute, "job 8", nil)))
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, stopping)
		defer cancel()
		began := time.Now()
		w.Close(ctx)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("closed after %v", took)
		}
		w.want(<-short, result{"job 7", false, nil})
		w.want(<-long, result{"", false, stopping})
		w.want(w.do(t.Context(), w.write("ada", "short", "c", nil)), result{"job 7", true, nil})
		w.want(w.do(t.Context(), w.write("ada", "long", "c", nil)), result{"", true, stopping})
		w.want(w.do(t.Context(), w.write("ada", "new", "c", nil)), result{"", false, ErrClosed})
		w.wantSpent(2, 1)
	})
}
