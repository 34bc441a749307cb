package live

import (
	"net/http"
	"testing"
	"time"
)

// TestRevoked proves that a credential that GitLab refuses midway gets no byte after that,
// and that the others do not notice, also when it was the one that GitLab was asked with.
func TestRevoked(t *testing.T) {
	for name, all := range map[string]bool{"one of two": false, "the only one": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				a1, a2 := w.follow(token("a"), 0, nil), w.follow(token("a"), 0, nil)
				var b *follower
				if !all {
					b = w.follow(token("b"), 0, nil)
				}
				w.growFor(3*minute, time.Second)
				w.set(func() { w.refused["a"] = http.StatusForbidden })
				revoked := time.Now()
				w.growFor(3*minute, time.Second)
				for _, f := range []*follower{a1, a2} {
					f.wantRefused(t, http.StatusForbidden)
					if f.last.Sub(revoked) > minute {
						t.Errorf("got bytes for %v", f.last.Sub(revoked))
					}
					f.wantPrefix(t, w.content())
				}
				w.follow(token("a"), 0, nil).wantRefused(t, http.StatusForbidden)
				w.end("success")
				if b != nil {
					b.wantLog(t, w.content())
				}
				w.set(func() { delete(w.refused, "a") })
				w.follow(token("a"), 0, nil).wantLog(t, w.content())
			})
		})
	}
}

// TestRevokedFetcher proves that the log goes on at once for the others when GitLab refuses
// the credential that it was read with, and not only once that one is checked.
func TestRevokedFetcher(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		inWorld(t, options{recheck: 30 * minute}, func(t *testing.T, w *world) {
			t.Helper()
			both := map[string]*follower{"a": w.follow(token("a"), 0, nil)}
			later(time.Second)
			both["b"] = w.follow(token("b"), 0, nil)
			w.growFor(minute, time.Second)
			w.set(func() { w.refused[name] = http.StatusUnauthorized })
			other := both[map[string]string{"a": "b", "b": "a"}[name]]
			w.growFor(minute, time.Second)
			later(5 * time.Second)
			if int(other.n) != len(w.content()) {
				t.Errorf("a minute after the other was refused, one has %d bytes of %d", other.n, len(w.content()))
			}
			w.end("success")
			other.wantLog(t, w.content())
		})
	}
}

// growFor lets the log grow all the time.
func (w *world) growFor(d, every time.Duration) {
	for range d / every {
		w.grow(100)
		later(every)
	}
}

// TestRevokedWhileReading proves it of one who reads what is held already.
func TestRevokedWhileReading(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(20 << 20)
		w.end("success")
		slow := w.follow(token("a"), 0, func(f *follower) { f.pause = 5 * time.Second })
		later(10 * time.Second)
		w.set(func() { w.refused["a"] = http.StatusUnauthorized })
		revoked := time.Now()
		slow.wantRefused(t, http.StatusUnauthorized)
		if slow.last.Sub(revoked) > minute || slow.n == 0 || slow.n == 20<<20 {
			t.Errorf("got %d bytes, the last %v later", slow.n, slow.last.Sub(revoked))
		}
	})
}

// TestUnreachable proves that nothing is delivered on a yes that has become old, and that
// all goes on when GitLab is back.
func TestUnreachable(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(20 << 20)
		slow := w.follow(token("a"), 0, func(f *follower) { f.pause = 5 * time.Second })
		live := w.follow(token("b"), 0, nil)
		later(30 * time.Second)
		w.set(func() { w.down = true })
		down := time.Now()
		later(10 * minute)
		if slow.last.Sub(down) > minute || slow.n == 20<<20 {
			t.Errorf("got bytes for %v", slow.last.Sub(down))
		}
		if live.beats < 19 || slow.beats < 15 || live.staleness < 9*minute {
			t.Errorf("%d and %d heartbeats, staleness %v", live.beats, slow.beats, live.staleness)
		}
		c, checks := w.spent()
		w.set(func() { w.down = false })
		back, had := time.Now(), slow.n
		w.grow(1000)
		later(40 * time.Second)
		if slow.n == had || live.n != 20<<20+1000 {
			t.Errorf("%v after GitLab is back, they have %d and %d bytes", time.Since(back), slow.n, live.n)
		}
		if c.requests > 80 || checks > 2+2*100 {
			t.Errorf("%d requests and %d checks while it was down", c.requests, checks)
		}
		w.end("success")
		slow.wantLog(t, w.content())
		live.wantLog(t, w.content())
	})
}

// TestGrantsDiffer proves that GitLab's yes is to one credential, acting as one user, for
// one spelling of a project.
func TestGrantsDiffer(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		w.set(func() {
			w.refused["a as root"] = http.StatusForbidden
			w.refused["a other%2Fname"] = http.StatusNotFound
			w.refused[""] = http.StatusUnauthorized
		})
		ok := w.follow(token("a"), 0, nil)
		later(time.Second)
		sudo, project := token("a"), token("a")
		sudo.Credential.Sudo, project.Project = "root", "other/name"
		w.follow(sudo, 0, nil).wantRefused(t, http.StatusForbidden)
		w.follow(project, 0, nil).wantRefused(t, http.StatusNotFound)
		w.follow(Who{Project: "1"}, 0, nil).wantRefused(t, http.StatusUnauthorized)
		again := w.follow(token("a"), 0, nil)
		later(minute / 4)
		if c, checks := w.spent(); checks != 3 && checks != 4 {
			t.Errorf("%d checks: %v", checks, c.checks) // the first may have come with the log
		}
		w.end("success")
		ok.wantLog(t, w.content())
		again.wantLog(t, w.content())
	})
}

// TestCannotJoin proves that one who cannot be checked gets nothing.
func TestCannotJoin(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		ok := w.follow(token("a"), 0, nil)
		later(time.Second)
		w.set(func() { w.down = true })
		f := w.follow(token("b"), 0, nil)
		f.wantRefused(t, http.StatusBadGateway)
		if f.n > 0 {
			t.Errorf("got %d bytes", f.n)
		}
		ok.leave()
	})
}

// TestNoStall proves that a yes is renewed before it ends, also where nobody asks for the
// log any more, which is what renews it else.
func TestNoStall(t *testing.T) {
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.delay = time.Second
		w.grow(20 << 20)
		w.end("success")
		f := w.follow(token("a"), 0, func(f *follower) { f.pause = 5 * time.Second })
		f.wantLog(t, w.content())
		if f.gap > 6*time.Second {
			t.Errorf("nothing came for %v", f.gap)
		}
	})
}

// TestChecksAreFew proves that each credential is checked once in an interval, and not all
// at the same time.
func TestChecksAreFew(t *testing.T) {
	const names, intervals = 8, 40
	inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
		t.Helper()
		w.grow(1000)
		var all []*follower
		for i := range names {
			all = append(all, w.follow(token(string(rune('a'+i))), 0, nil))
		}
		later(time.Second)
		most := 0
		_, last := w.spent()
		for range intervals * 60 {
			later(time.Second)
			_, checks := w.spent()
			most = max(most, checks-last)
			last = checks
		}
		if last > names*(intervals*105/100+2) || last < (names-1)*(intervals-1) {
			t.Errorf("%d checks of %d credentials in %d intervals", last, names, intervals)
		}
		if most == names {
			t.Errorf("all %d were checked within a second", most)
		}
		w.end("success")
		for _, f := range all {
			f.wantLog(t, w.content())
		}
	})
}

// TestDearChecksAreFewer proves that where GitLab loads the whole log for each check, one of
// a large log is made less often.
func TestDearChecksAreFewer(t *testing.T) {
	for name, c := range map[string]struct {
		size  int
		parts bool
		least int // of a minute's interval, in an hour
		most  int
	}{"small": {4 << 20, false, 58, 64}, "large": {32 << 20, false, 14, 17}, "large, in parts": {32 << 20, true, 58, 64}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, options{recheck: minute}, func(t *testing.T, w *world) {
				t.Helper()
				w.slices = c.parts
				w.grow(c.size)
				w.end("success")
				f := w.follow(token("a"), 0, func(f *follower) { f.pause = time.Hour; f.forget = true })
				later(minute)
				_, before := w.spent()
				later(time.Hour)
				_, checks := w.spent()
				if checks -= before; checks < c.least || checks > c.most {
					t.Errorf("%d checks in an hour", checks)
				}
				f.leave()
			})
		})
	}
}
