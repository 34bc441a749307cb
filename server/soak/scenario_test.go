package soak

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// scenario runs a round in which one thing happens.
func scenario(t *testing.T, p plan, run func(w *world)) {
	t.Helper()
	p.steady = true
	bubble(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t, 0, p)
		run(w)
		w.heal()
		w.mu.Lock()
		ended := w.status != ""
		w.mu.Unlock()
		if !ended {
			w.end("success")
		}
		w.finish(15 * time.Minute)
	})
}

// each runs a scenario for followers of each kind.
func each(t *testing.T, p plan, run func(w *world, kind string)) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			scenario(t, p, func(w *world) { run(w, kind.name) })
		})
	}
}

// at starts a follower that always goes to one replica.
func (w *world) at(on int, kind, token string, begin start) *record {
	return w.pinned(on, kind, token, begin, 0)
}

// slow starts one that takes a pause after each event.
func (w *world) slow(on int, kind, token string, pause time.Duration) *record {
	return w.pinned(on, kind, token, start{}, pause)
}

func (w *world) pinned(on int, kind, token string, begin start, pause time.Duration) *record {
	for _, k := range kinds {
		if k.name == kind {
			w.mu.Lock()
			number := len(w.records)
			w.mu.Unlock()
			return w.follow(kind, number, token, false, func(r *record) follower {
				r.at, r.pause = w.replicas[on], pause
				return k.make(r, begin)
			})
		}
	}
	panic("no such kind")
}

// move lets a follower go to another replica from now on, also with the stream that it has.
func (w *world) move(r *record, to int) {
	w.mu.Lock()
	from, streams := r.at, r.streams
	r.at = w.replicas[to]
	w.mu.Unlock()
	from.wires.closeAll()
	w.until(func() bool { return r.streams > streams })
}

// until waits until something is so, for half an hour at most.
func (w *world) until(so func() bool) {
	for range 18_000 {
		w.mu.Lock()
		done := so()
		w.mu.Unlock()
		if done || w.ctx.Err() != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.fail(errors.New("waited in vain"))
}

func (w *world) write(n int) { w.grow(content(rand.New(rand.NewPCG(uint64(n), 7)), n)) }

func first(n int) func(int) int { return func(int) int { return n } }

// A replica that has not seen yet that the log was rewritten does not give bytes of the old
// one to a follower who has the new one.
func TestStaleReplica(t *testing.T) {
	each(t, plan{}, func(w *world, kind string) {
		w.write(10_000)
		w.at(0, "grpc", tokens[0], start{})
		time.Sleep(5 * time.Minute) // by now replica 0 looks twice a minute
		w.rewrite(first(4000), content(rand.New(rand.NewPCG(1, 1)), 3000))
		f := w.at(1, kind, tokens[1], start{})
		time.Sleep(time.Second)
		w.move(f, 0)
		time.Sleep(time.Minute)
		w.write(1000)
	})
}

// A log that is rewritten after a cursor was found right, and before the log is read, is
// not joined to what was read before.
func TestRewrittenMeanwhile(t *testing.T) {
	each(t, plan{}, func(w *world, kind string) {
		w.write(10_000)
		f := w.at(0, kind, tokens[0], start{})
		time.Sleep(time.Minute)
		w.gitlab.Fail(sandbox.Match{Route: sandbox.RouteJob}, sandbox.Fault{Kind: sandbox.StatusFault, Status: 502, Times: 1})
		w.move(f, 1)
		w.rewrite(first(4000), content(rand.New(rand.NewPCG(1, 1)), 9000))
		time.Sleep(time.Minute)
		w.write(1000)
	})
}

// A log that GitLab is moving into its archive, and has not got for a moment, has neither
// ended nor changed for a follower who goes on in it.
func TestArchivedMeanwhile(t *testing.T) {
	for name, last := range map[string]bool{"compared": false, "read": true} {
		t.Run(name, func(t *testing.T) {
			each(t, plan{}, func(w *world, kind string) {
				w.write(10_000)
				f := w.at(0, kind, tokens[0], start{})
				time.Sleep(time.Minute)
				w.replicas[0].kill()
				w.write(20_000)
				w.end("success")
				w.gitlab.set(func() { w.gitlab.empty, w.gitlab.emptyEnd = 1, last })
				w.move(f, 1)
				time.Sleep(time.Minute)
			})
		})
	}
}

// A stream that reaches its age while GitLab is asked for a yes ends so that its caller
// comes again.
func TestAgedMeanwhile(t *testing.T) {
	each(t, plan{age: time.Minute}, func(w *world, kind string) {
		w.write(10_000)
		w.gitlab.Fail(sandbox.Match{}, sandbox.Fault{Kind: sandbox.HangBeforeHeader, Times: 20})
		w.at(0, kind, tokens[0], start{})
		time.Sleep(3 * time.Minute)
	})
}

// A GitLab that sent parts of logs, and then ignores that parts are asked for, just when a log
// has begun to begin otherwise, neither ends the log nor fails.
func TestSlicesNoMore(t *testing.T) {
	for name, chunked := range map[string]bool{"length": false, "no length": true} {
		t.Run(name, func(t *testing.T) {
			each(t, plan{}, func(w *world, kind string) {
				w.gitlab.set(func() { w.gitlab.chunked = chunked })
				w.write(10_000)
				f := w.at(0, kind, tokens[0], start{})
				g := w.at(1, kind, tokens[0], start{})
				time.Sleep(time.Minute)
				w.gitlab.set(func() { w.gitlab.whole = true })
				w.rewrite(first(100), content(rand.New(rand.NewPCG(1, 1)), 20_000))
				w.move(f, 1)
				w.move(g, 0)
				w.write(1000)
				time.Sleep(time.Minute)
			})
		})
	}
}

// A log of which a chunk got lost comes with a gap to those who have not read that chunk,
// once it is held no longer.
func TestHole(t *testing.T) {
	for _, kind := range kinds[:4] {
		t.Run(kind.name, func(t *testing.T) {
			scenario(t, plan{memory: 512 << 10}, func(w *world) {
				w.write(2 << 20)
				slow := w.slow(0, kind.name, tokens[0], 20*time.Second)
				fast := w.at(0, kind.name, tokens[1], start{})
				time.Sleep(10 * time.Second)
				lost := hole{1_320_000, 1_400_000}
				w.mu.Lock()
				w.lost = lost
				w.mu.Unlock()
				w.gitlab.set(func() { w.gitlab.lost = lost })
				w.until(func() bool { return slow.gaps > 0 })
				time.Sleep(time.Minute)
				w.write(1000)
				w.mu.Lock()
				defer w.mu.Unlock()
				if slow.gaps != 1 || slow.resets+fast.resets+fast.gaps > 0 {
					w.t.Errorf("%d and %d gaps, %d and %d resets", slow.gaps, fast.gaps, slow.resets, fast.resets)
				}
			})
		})
	}
}

// A token that is revoked ends the streams that go by it within the interval in which GitLab
// is asked again, all the others go on, and nothing written later reaches them: see record.
func TestRevoked(t *testing.T) {
	scenario(t, plan{}, func(w *world) {
		var bad, good []*record
		for on := range w.replicas {
			for _, kind := range kinds {
				bad = append(bad, w.at(on, kind.name, tokens[1], start{}))
				good = append(good, w.at(on, kind.name, tokens[2], start{}))
			}
		}
		grow := func(d time.Duration) {
			for range d / time.Second {
				w.write(500)
				time.Sleep(time.Second)
			}
		}
		grow(70 * time.Second)
		w.revoke(tokens[1])
		grow(recheck + 6*time.Second) // a client comes again within five seconds, and hears why
		w.mu.Lock()
		for _, r := range bad {
			if !r.done || r.ended || r.failed != nil {
				w.t.Errorf("%s goes on after its token was revoked", r.name)
			}
		}
		w.mu.Unlock()
		grow(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range good {
			if r.done {
				w.t.Errorf("%s ended with another one's token", r.name)
			}
		}
	})
}
