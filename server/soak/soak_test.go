package soak

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"
)

var (
	eventsFlag = flag.Int("soak.events", 300, "how many `events` there are, in rounds of a hundred")
	without    = flag.String("soak.without", "", "leave out these `kinds` of events, by name, separated by commas")
	seedFlag   = flag.Uint64("soak.seed", 0, "play the one round with this `seed`, else from 1 on, and a random one")
)

// Names in the summary.
const (
	sentBytes    = "bytes that GitLab sent"
	versionBytes = "bytes of all versions"
)

// perRound is how many events a round has.
const perRound = 100

// TestSoak plays rounds.
func TestSoak(t *testing.T) {
	total := map[string]int{}
	defer func() {
		t.Logf("in all:\n%sGitLab sent %.1f bytes for each byte of a version, and followers got %.1f of them",
			summary(total), float64(total[sentBytes])/float64(total[versionBytes]), float64(total["bytes"])/float64(total[sentBytes]))
	}()
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = nil
		for n := range uint64(*eventsFlag) / perRound {
			seeds = append(seeds, n+1)
		}
		random := rand.Uint64()
		t.Logf("the random seed is %d", random)
		seeds = append(seeds, random)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				t.Helper()
				for name, n := range play(t, seed) {
					total[name] += n
				}
			})
		})
		if t.Failed() {
			return
		}
	}
}

// bubble runs a test with a time of its own. One that hangs, which is when its goroutines wait
// for what is no part of the bubble, is ended with all their stacks.
func bubble(t *testing.T, run func(t *testing.T)) {
	t.Helper()
	hung := time.AfterFunc(time.Minute, func() {
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
	w := newWorld(t, seed, plan{rewrites: r.IntN(4) > 0, erase: r.IntN(3) == 0})
	c := &chaos{w, r}
	for range 4 + r.IntN(4) {
		c.join(r)
	}
	c.steps(perRound * 4 / 5)
	c.grow(content(r, 1+r.IntN(5000)))
	if r.IntN(2) == 0 { // breaks off just when it is read for the last time
		w.gitlab.set(func() { w.gitlab.short = append(w.gitlab.short, r.IntN(5000), r.IntN(500), r.IntN(50_000)) })
	}
	w.end([]string{"success", "failed", "canceled"}[r.IntN(3)])
	c.steps(perRound / 5)
	w.heal()
	if w.plan.erase {
		if err := w.erase(); err != nil {
			w.fail(err)
		}
	}
	for _, kind := range kinds {
		w.follow(kind.name, len(w.records), tokens[0], false, func(f *record) follower { return kind.make(f, start{}) })
	}
	w.finish(15 * time.Minute)
	w.tally[sentBytes] = int(w.gitlab.sent.Load())
	w.tally[versionBytes] = int(w.written)
	w.tally["requests to GitLab"] = int(w.gitlab.asked.Load())
	w.tally["followers"] = len(w.records)
	w.tally["versions"] = len(w.versions)
	w.tally["seconds in the bubble"] = int(time.Since(w.began).Seconds())
	return maps.Clone(w.tally)
}
