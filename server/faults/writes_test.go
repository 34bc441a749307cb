package faults

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobgate/jobgate/server"
	"github.com/jobgate/jobgate/upstream"
)

var (
	writesFlag = flag.Int("faults.writes", 400, "how many `writes` there are, in rounds of two hundred")
	seedFlag   = flag.Uint64("faults.seed", 0, "play the one round with this `seed`, else from 1 on, and a random one")
)

const (
	perRound = 200
	callers  = 24
	// patience is how long the gateway waits for GitLab.
	patience = 800 * time.Millisecond
)

// TestWrites writes while the network and GitLab fail.
func TestWrites(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = nil
		for n := range max(uint64(*writesFlag)/perRound, 2) - 1 {
			seeds = append(seeds, n+1)
		}
		seeds = append(seeds, rand.Uint64())
	}
	total := new(tally)
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { playWrites(t, seed, total) })
		if t.Failed() {
			return
		}
	}
	t.Log(total)
}

// tally counts what came of it all.
type tally struct {
	mu                       sync.Mutex
	writes, attempts         int
	claims                   map[claim]int
	unknownDone, unknownNot  int            // attempts that were told so, by what was true
	unknownWrites            map[string]int // by verb, those of which all that anybody was told is UNKNOWN
	verbs                    map[string]int // writes that met a fault or a whim
	faults                   map[way]int
	struck, whims            int // writes that met a fault, or a whim
	replays, arrivals, didnt int
}

// count takes a write that is over.
func (c *tally) count(w *write, g *gitlab, struck bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.claims == nil {
		c.claims, c.unknownWrites, c.verbs = map[claim]int{}, map[string]int{}, map[string]int{}
	}
	c.writes++
	isDone, knows, told, whims := false, false, false, false
	for _, a := range g.of(w.path()) {
		isDone = isDone || a.done
		whims = whims || a.whim != obeys
		c.arrivals++
	}
	if !isDone {
		c.didnt++
	}
	for _, a := range w.attempts {
		c.attempts++
		told = told || a.claim == unknown
		c.claims[a.claim]++
		if a.replayed {
			c.replays++
		}
		switch {
		case a.claim == unknown && isDone:
			c.unknownDone++
		case a.claim == unknown:
			c.unknownNot++
		case a.claim != nothing && a.claim != noServer && a.claim != failed:
			knows = true
		}
	}
	if told && !knows {
		c.unknownWrites[w.verb]++
	}
	if struck || whims {
		c.verbs[w.verb]++
	}
	if struck {
		c.struck++
	}
	if whims {
		c.whims++
	}
}

func (c *tally) String() string {
	var b strings.Builder
	percent := func(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }
	fmt.Fprintf(&b, "%d writes in %d attempts; %d met a fault of the network, %d one of GitLab's; %d arrived, %d were never done, none twice\n",
		c.writes, c.attempts, c.struck, c.whims, c.arrivals, c.didnt)
	all := 0
	for _, n := range c.unknownWrites {
		all += n
	}
	fmt.Fprintf(&b, "UNKNOWN was said to %.1f %% of the attempts (of these %.0f %% were done); it is all that is known of %.1f %% of the writes; of those that met a fault:",
		percent(c.claims[unknown], c.attempts), percent(c.unknownDone, c.claims[unknown]), percent(all, c.writes))
	for _, verb := range verbs {
		fmt.Fprintf(&b, " %s %.0f %%", verb, percent(c.unknownWrites[verb], c.verbs[verb]))
	}
	b.WriteByte('\n')
	for _, one := range slices.Sorted(maps.Keys(c.claims)) {
		fmt.Fprintf(&b, "  %-16s %6d\n", one, c.claims[one])
	}
	fmt.Fprintf(&b, "  %-16s %6d (over REST)\n", "replayed", c.replays)
	for _, one := range slices.Sorted(maps.Keys(c.faults)) {
		fmt.Fprintf(&b, "  %-16s %6d times\n", one, c.faults[one])
	}
	return b.String()
}

// round is one world: a GitLab, a network, a gateway, and those who write.
type round struct {
	t       *testing.T
	rand    *rand.Rand
	mu      sync.Mutex
	gitlab  *gitlab
	proxy   *proxy
	gateway *gateway
	struck  map[string]bool // names of attempts
	faults  map[way]int
}

// draw uses the seed; what is drawn when is up to the goroutines.
func (r *round) draw(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rand.IntN(n)
}

func playWrites(t *testing.T, seed uint64, total *tally) {
	t.Helper()
	r := &round{t: t, rand: rand.New(rand.NewPCG(seed, 1)), struck: map[string]bool{}, faults: map[way]int{}}
	r.gitlab = newGitLab(seed, []int{0, 10, 30}[r.draw(3)])
	r.proxy = newProxy(t, serveHTTP(t, r.gitlab))
	r.breakProxy()
	r.proxy.serve()
	closeProxy := sync.OnceFunc(r.proxy.close)
	t.Cleanup(closeProxy)
	circuits := r.draw(3) == 0
	quota := r.gitlab.odd == 0 // else one refusal would hold up all
	stops := r.draw(4) == 0    // in the middle of it
	r.gateway = start(t, "http://"+r.proxy.addr, setting{
		Config: server.Config{ShutdownTimeout: []time.Duration{0, 50 * time.Millisecond}[r.draw(2)]},
		client: []upstream.Option{upstream.WithTimeout(patience), upstream.WithIdleTimeout(patience / 2), upstream.WithCircuit(circuits), upstream.WithQuota(quota)},
	})
	var names atomic.Int64
	var all []*write
	work := make(chan func())
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for do := range work {
				do()
			}
		})
	}
	for n := range perRound {
		w := newWrite(r.gitlab.box, verbs[r.draw(len(verbs))])
		r.mu.Lock()
		rounds := w.plan(r.rand, func() string { return fmt.Sprintf("%d-%d", seed, names.Add(1)) })
		r.mu.Unlock()
		all = append(all, w)
		work <- func() {
			for _, together := range rounds {
				var wg sync.WaitGroup
				for _, a := range together {
					wg.Go(func() { w.try(r.gateway, a) })
				}
				wg.Wait()
			}
		}
		if r.draw(40) == 0 {
			r.proxy.outage(time.Duration(r.draw(30)) * time.Millisecond)
		}
		if stops && n == perRound*3/4 {
			go r.gateway.stop()
		}
	}
	close(work)
	callersDone.Wait()
	r.gateway.stop() // once more: writes that go on without their callers have ended
	closeProxy()
	r.judge(all, stops, circuits, total)
}

// breakProxy lets the network fail.
func (r *round) breakProxy() {
	often := []int{30, 60, 90}[r.draw(3)] // of a hundred exchanges
	fresh := r.draw(4) == 0               // no connection is used twice
	r.proxy.plan = func(request []byte) fault {
		most := often
		if !strings.HasPrefix(string(request[:min(len(request), 4)]), "POST") {
			most = often / 3
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.rand.IntN(100) >= most {
			return fault{}
		}
		return anyFault(r.rand, patience*3/2)
	}
	r.proxy.between = func() (time.Duration, way) {
		switch {
		case fresh:
			return 0, fin
		case r.draw(20) == 0:
			return time.Duration(r.draw(3000)) * time.Microsecond, []way{fin, rst}[r.draw(2)]
		}
		return 0, whole
	}
	r.proxy.greet = func() way {
		if r.draw(40) == 0 {
			return []way{fin, rst}[r.draw(2)]
		}
		return whole
	}
	r.proxy.struck = func(name string, f fault, _, _ int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.struck[name] = true
		r.faults[f.how]++
	}
}

// judge holds everything against the record.
func (r *round) judge(all []*write, stops, circuits bool, total *tally) {
	t := r.t
	t.Helper()
	for _, w := range all {
		struck := false
		for _, a := range w.attempts {
			struck = struck || r.struck[a.name]
			within(t, enough-time.Second, "an attempt", time.Now().Add(-a.ended.Sub(a.begun)))
			if a.claim == noServer && !stops {
				t.Errorf("%s: the gateway hung up: %s", a.name, a.words)
			}
		}
		for _, wrong := range w.right(r.gitlab) {
			t.Errorf("%s of job %d (request id %q): %v", w.verb, w.job, w.id, wrong)
			for _, a := range w.attempts {
				t.Logf("   %s over %s, %v to %v: %s: %s", a.name, a.face, a.begun.Format("05.000"), a.ended.Format("05.000"), a.claim, short(a.words))
			}
			for _, a := range r.gitlab.of(w.path()) {
				t.Logf("   %s arrived %v, %q, done: %v", a.name, a.at.Format("05.000"), a.whim, a.done)
			}
		}
		total.count(w, r.gitlab, struck)
	}
	total.mu.Lock()
	defer total.mu.Unlock()
	if total.faults == nil {
		total.faults = map[way]int{}
	}
	for how, n := range r.faults {
		total.faults[how] += n
	}
	t.Logf("circuits: %v, stops: %v, %d connections", circuits, stops, r.proxy.conns)
}
