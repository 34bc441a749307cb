package once

import (
	"testing"
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
