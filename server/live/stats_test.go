package live

import (
	"testing"
	"time"
)

// TestStats proves that what is told of the sharing adds up.
func TestStats(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(100_000)
		a := w.follow(token("a"), 0, nil)
		later(2 * time.Second)
		b := w.follow(token("b"), 40_000, nil)
		later(2 * time.Second)
		s := w.hub.Stats()
		if s.Readers != 2 || s.Fetchers != 1 || s.Kept != 0 {
			t.Errorf("%d readers, %d fetchers, %d kept", s.Readers, s.Fetchers, s.Kept)
		}
		if s.Delivered != 160_000 || s.Saved != 60_000 || s.Received < 100_000 || s.Received > 100_000+2*compared {
			t.Errorf("received %d, delivered %d, saved %d", s.Received, s.Delivered, s.Saved)
		}
		w.set(func() { w.down = true })
		later(10 * time.Second)
		if s := w.hub.Stats(); s.Staleness < 7*time.Second || s.Staleness > 13*time.Second {
			t.Errorf("staleness %v", s.Staleness)
		}
		w.set(func() { w.down = false })
		w.rewrite(make([]byte, 150_000))
		later(minute)
		w.end("success")
		a.wantLog(t, w.content())
		b.wantLog(t, w.content())
		later(time.Second)
		s = w.hub.Stats()
		if s.Resets[rewritten] != 1 || s.Resets[truncated] != 0 || s.Gaps != 0 {
			t.Errorf("resets %v, %d gaps", s.Resets, s.Gaps)
		}
		if s.Readers != 0 || s.Fetchers != 0 || s.Kept != 1 || s.Staleness != 0 {
			t.Errorf("%d readers, %d fetchers, %d kept, staleness %v", s.Readers, s.Fetchers, s.Kept, s.Staleness)
		}
		if s.Delivered != 460_000 || s.Saved != 210_000 {
			t.Errorf("delivered %d, saved %d", s.Delivered, s.Saved)
		}
		var chunks int64
		for _, n := range s.Lags {
			chunks += n
		}
		if chunks == 0 || s.Lags[0] == 0 {
			t.Errorf("lags %v", s.Lags)
		}
	})
}
