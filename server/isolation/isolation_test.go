package isolation

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

var (
	stepsFlag = flag.Int("isolation.steps", 100_000, "how many `steps` are taken, in rounds of two thousand")
	seedFlag  = flag.Uint64("isolation.seed", 0, "play the one round with this `seed`, else from a random one on")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// perRound is how many steps a round has.
const perRound = 2000

// TestIsolation plays rounds: no caller is told what GitLab said to another one, nor what it
// would not say to him any more.
func TestIsolation(t *testing.T) {
	total := map[string]int{}
	rounds, seed := max(*stepsFlag/perRound, 1), *seedFlag
	if seed != 0 {
		rounds = 1
	} else {
		seed = rand.Uint64N(1 << 40)
	}
	if testing.Short() {
		rounds = min(rounds, 5)
	}
	t.Logf("seeds from %d on", seed)
	var failed atomic.Bool
	var mu sync.Mutex
	t.Run("rounds", func(t *testing.T) {
		for part := range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for n := part; n < rounds && !failed.Load(); n += runtime.GOMAXPROCS(0) {
					bubble(t, func(t *testing.T) {
						t.Helper()
						count := play(t, seed+uint64(n))
						mu.Lock()
						defer mu.Unlock()
						for name, n := range count {
							total[name] += n
						}
					})
					failed.CompareAndSwap(false, t.Failed())
				}
			})
		}
	})
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(total)) {
		fmt.Fprintf(&text, "%10d %s\n", total[name], name)
	}
	t.Logf("in all:\n%s", &text)
	if t.Failed() || rounds < 10 {
		return
	}
	for _, name := range []string{ // or it proves nothing
		"gitlab: 304", "gitlab: refusals", "gitlab: stumbles", "told a refusal of a moment ago", "told what an earlier write was",
		"jobgate_upstream_shared_total", "jobgate_log_saved_bytes_total",
		`jobgate_cache_answers_total{result="hit"}`,
	} {
		if total[name] == 0 {
			t.Errorf("none of %q", name)
		}
	}
}

// bubble runs a round in a time of its own. One that hangs is ended with all its stacks.
func bubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	hung := time.AfterFunc(2*time.Minute, func() {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		panic(t.Name() + " hangs")
	})
	defer hung.Stop()
	synctest.Test(t, run)
}

// play plays a round.
func play(t *testing.T, seed uint64) map[string]int {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	w, stop := newWorld(t, seed, r)
	for steps := 0; steps < perRound && !w.hasFailed(); {
		n := w.step(r)
		w.tally("steps", n)
		steps += n
		pause := time.Duration(r.Int64N(int64(60 * time.Millisecond)))
		if r.IntN(60) == 0 {
			pause = time.Duration(r.Int64N(int64(40 * time.Second)))
		}
		time.Sleep(pause)
	}
	time.Sleep(slowest)
	stop()
	w.tally("seconds in the bubble", int(time.Since(began).Seconds()))
	return w.count
}

// step lets something happen, and says how much.
func (w *world) step(r *rand.Rand) int {
	switch n := r.IntN(100); {
	case n < 8:
		w.gitlab.with(func() { w.gitlab.change(func(now *rights) { now.change(r) }) })
	case n < 9:
		c := w.somebody(r)
		w.gitlab.with(func() { w.gitlab.mute[c.ident] = time.Now().Add(time.Duration(r.Int64N(int64(10 * time.Second)))) })
	case n < 20:
		w.gitlab.with(func() { w.work(r) })
	case n < 26:
		w.follow(r)
	case n < 27:
		w.betray(r)
	default:
		return w.crowd(r)
	}
	return 1
}

// work lets a job go on.
func (w *world) work(r *rand.Rand) {
	job := popular(r)
	t := &w.gitlab.tasks[job]
	switch n := r.IntN(20); {
	case n < 16 && t.running:
		t.grow(job, 1+r.IntN(20))
	case n < 17 && t.running:
		t.rewrite(job, r.IntN(20))
	default:
		t.running = !t.running
		if t.running {
			t.erased = false
		}
		t.version++
	}
}

// popular is one of a few jobs mostly.
func popular(r *rand.Rand) int {
	if r.IntN(3) > 0 {
		return r.IntN(2) * perProj
	}
	return r.IntN(jobs)
}

// crowd lets several callers ask for the same at about the same time.
func (w *world) crowd(r *rand.Rand) int {
	o := w.anything(r)
	n := 1 + r.IntN(6)
	c := w.entitled(r, o)
	for range n {
		switch r.IntN(4) {
		case 0: // the same one again
		case 1: // the same token, as somebody else
			if c.sudo = fmt.Sprintf("user-%d", r.IntN(users)); r.IntN(2) == 0 {
				c.sudo = ""
			}
		default:
			c = w.somebody(r)
		}
		w.call(r, c, o)
	}
	return n
}

// somebody is one of the round's callers mostly.
func (w *world) somebody(r *rand.Rand) caller {
	if r.IntN(10) == 0 {
		return anybody(r)
	}
	return w.callers[r.IntN(len(w.callers))]
}

// entitled is somebody whom GitLab lets have it, if that one is easy to find.
func (w *world) entitled(r *rand.Rand, o op) (c caller) {
	for range 6 {
		c = w.somebody(r)
		ok := false
		w.gitlab.with(func() { ok = w.gitlab.now.may(c.ident, o.kind, o.number, o.job) == http.StatusOK })
		if ok {
			break
		}
	}
	return c
}

// call makes a call, soon, over one of the faces.
func (w *world) call(r *rand.Rand, c caller, o op) {
	own := rand.New(rand.NewPCG(r.Uint64(), 2))
	w.mu.Lock()
	if len(w.next) > 0 && own.IntN(20) == 0 {
		o = w.next[own.IntN(len(w.next))]
	}
	if own.IntN(4) == 0 {
		o.validator = w.tags[own.IntN(len(w.tags))]
	}
	if o.kind == readLog && own.IntN(4) == 0 {
		o.cursor = w.cursors[o.job]
	}
	w.mu.Unlock()
	w.calls.Go(func() {
		if own.IntN(2) == 0 {
			time.Sleep(time.Duration(own.Int64N(int64(50 * time.Millisecond))))
		}
		most := time.Minute
		if own.IntN(20) == 0 {
			most = time.Duration(own.Int64N(int64(50 * time.Millisecond)))
		}
		ctx, cancel := context.WithTimeout(w.ctx, most)
		defer cancel()
		if o.token == "" && (o.odd != "" || own.IntN(2) == 0) {
			w.overREST(ctx, c, o, own)
		} else {
			w.overGRPC(ctx, c, o, own)
		}
	})
}

// mostOpen is how many followers there are at most.
const mostOpen = 16

// follow lets a caller follow a log.
func (w *world) follow(r *rand.Rand) {
	job := popular(r)
	o := op{kind: readLog, what: "follow", number: job / perProj, job: job, id: int64(firstJob + job)}
	o.project = fmt.Sprintf([]string{"%d", "grp/p%d"}[r.IntN(2)], o.number+1)
	f := &follower{caller: w.entitled(r, o), op: o}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open >= mostOpen {
		return
	}
	w.open++
	if r.IntN(3) == 0 {
		o.cursor = w.cursors[job]
	}
	w.followers = append(w.followers, f)
	own := rand.New(rand.NewPCG(r.Uint64(), 3))
	w.calls.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, time.Duration(own.Int64N(int64(3*time.Minute))))
		defer cancel()
		if own.IntN(2) == 0 {
			w.overGRPC(ctx, f.caller, o, own)
		} else {
			w.overREST(ctx, f.caller, o, own)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open--
		w.followers = slices.DeleteFunc(w.followers, func(other *follower) bool { return other == f })
	})
}

// follower is somebody who follows a log.
type follower struct {
	caller

	op op
}

// betray takes a follower's rights away, while GitLab does not answer him, and lets the log go
// on.
func (w *world) betray(r *rand.Rand) {
	w.mu.Lock()
	if len(w.followers) == 0 {
		w.mu.Unlock()
		return
	}
	f := w.followers[r.IntN(len(w.followers))]
	w.mu.Unlock()
	w.gitlab.with(func() {
		w.gitlab.mute[f.ident] = time.Now().Add(time.Duration(r.Int64N(int64(2 * time.Minute))))
		w.gitlab.change(func(now *rights) {
			switch n := tokenOf(f.private + f.bearer + f.job); {
			case n >= 0 && f.sudo == "" && r.IntN(2) == 0:
				now.dead[n] = true
			default:
				now.debug[f.op.job] = true
				for user := range users {
					if r.IntN(2) == 0 {
						now.role[user][f.op.number] = guest
					}
				}
			}
		})
	})
	w.calls.Go(func() {
		for range 8 {
			if sleep(w.ctx, 6*time.Second) != nil {
				return
			}
			w.gitlab.with(func() { w.gitlab.tasks[f.op.job].grow(f.op.job, 3) })
		}
	})
}
