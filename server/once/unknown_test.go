package once

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnknown proves that a write that may have happened is not sent again.
func TestUnknown(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		first := w.begin(t.Context(), w.write("ada", "x", "c", takes(time.Second, "", errBroken)))
		waiter := w.begin(t.Context(), w.write("ada", "x", "c", nil))
		w.want(<-first, result{"", false, errBroken})
		w.want(<-waiter, result{"", true, errBroken})
		for range 10 {
			time.Sleep(time.Minute)
			w.want(w.do(t.Context(), w.write("ada", "x", "c", takes(0, "job 8", nil))), result{"", true, errBroken})
			w.want(w.do(t.Context(), w.write("ada", "x", "other", takes(0, "job 8", nil))), result{"", false, ErrConflict})
		}
		w.wantSpent(1, 0)
		if s := w.Stats(); s.Unknown != 11 || s.Strangers != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestLook proves that a repeat may find out what became of a write, for all who come
// later, and that its answer needs a yes like any other.
func TestLook(t *testing.T) {
	inWorld(t, Config{}, func(t *testing.T, w *world) {
		t.Helper()
		write := w.write("ada", "x", "c", takes(0, "", errBroken))
		looks, found := 0, false
		write.Look = func(context.Context) (string, bool) {
			looks++
			return "job 7", found
		}
		w.want(w.do(t.Context(), write), result{"", false, errBroken})
		w.want(w.do(t.Context(), write), result{"", true, errBroken})
		found, w.no = true, errNo
		fails[*UnconfirmedError](t, w.do(t.Context(), write))
		w.no = nil
		time.Sleep(30 * time.Minute)
		for range 3 {
			w.want(w.do(t.Context(), write), result{"job 7", true, nil})
		}
		w.wantSpent(1, 4)
		if s := w.Stats(); looks != 2 || s.Settled != 1 || s.Strangers != 0 || s.Bytes != entryBytes+5 {
			t.Errorf("%d looks, %+v", looks, s)
		}
		time.Sleep(30 * time.Minute) // the window is that of the write, not of the look
		w.want(w.do(t.Context(), write), result{"", false, errBroken})
	})
}

// TestLooksAtOnce proves that the first to know is believed, and that one who knows too
// late is heard by nobody else.
func TestLooksAtOnce(t *testing.T) {
	inWorld(t, Config{Window: time.Minute}, func(t *testing.T, w *world) {
		t.Helper()
		looks := func(d time.Duration, answer string) Write[string] {
			write := w.write("ada", "x", "c", takes(0, "", errBroken))
			write.Look = func(context.Context) (string, bool) {
				time.Sleep(d)
				return answer, true
			}
			return write
		}
		w.want(w.do(t.Context(), looks(0, "")), result{"", false, errBroken})
		slow := w.begin(t.Context(), looks(2*time.Second, "job 8"))
		quick := w.begin(t.Context(), looks(time.Second, "job 7"))
		w.want(<-slow, result{"job 7", true, nil})
		w.want(<-quick, result{"job 7", true, nil})
		time.Sleep(time.Minute)
		w.want(w.do(t.Context(), looks(0, "")), result{"", false, errBroken})
		late := w.begin(t.Context(), looks(2*time.Minute, "job 9"))
		time.Sleep(90 * time.Second)
		w.want(w.do(t.Context(), looks(0, "")), result{"", false, errBroken})
		w.want(<-late, result{"job 9", true, nil})
		synctest.Wait()
		w.want(w.do(t.Context(), w.write("ada", "x", "c", nil)), result{"", true, errBroken})
	})
}
