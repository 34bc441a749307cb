package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobgate/jobgate/upstream/sandbox"
)

// tokens may all read the log. The first is never revoked.
var tokens = []string{sandbox.TokenMaintainer, sandbox.TokenDeveloper, sandbox.TokenReporter, sandbox.TokenAdmin}

// plan is what kind of round it is.
type plan struct {
	rewrites bool // the log is more than appended to
	erase    bool // after its end

	steady bool          // a scenario, with gateways that are all alike
	age    time.Duration // that connections to those may reach, 0 for any
	memory int64         // of those, 0 for enough
}

// world is one round.
type world struct {
	t        *testing.T
	seed     uint64
	plan     plan
	began    time.Time
	gitlab   *gitlab
	replicas []*replica
	job      int64
	ctx      context.Context //nolint:containedctx // that of all followers
	cancel   context.CancelCauseFunc

	following, restarts, serving sync.WaitGroup

	lost     hole      // bytes of the log that GitLab cannot read
	archived time.Time // when the log was last away for a moment

	mu       sync.Mutex
	versions []*version
	written  int64  // bytes of all versions
	status   string // of the job, once it has ended
	revoked  map[string]time.Time
	calm     bool // nobody dawdles any more
	records  []*record
	tally    map[string]int
	story    []string // what has happened
}

// hole is a part of a log that got lost, of a GitLab that stores it in chunks: what is read
// ends before it, in it there is nothing, and behind it all is well.
type hole struct{ from, to int64 }

// count counts for the summary.
func (w *world) count(what string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally[what] += n
}

// happens notes an event.
func (w *world) happens(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tally["* "+what]++
	v := w.now()
	w.story = append(w.story, fmt.Sprintf("%8.3fs  %s (version %d, %d bytes)", time.Since(w.began).Seconds(), what, v.number, len(v.data)))
}

var errRoundOver = errors.New("the round is over")

// fail ends the round.
func (w *world) fail(err error) { w.cancel(fmt.Errorf("failed: %w", err)) }

func (w *world) sleepAll(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.ctx.Done():
	}
}

// newWorld starts GitLab and the gateways.
func newWorld(t *testing.T, seed uint64, p plan) *world {
	t.Helper()
	w := &world{
		t: t, seed: seed, plan: p, began: time.Now(), gitlab: newGitLab(),
		revoked: map[string]time.Time{}, tally: map[string]int{},
	}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	w.versions = []*version{{born: w.began}}
	steps := []sandbox.Step{{Status: "running"}}
	if seed%4 == 1 {
		steps = []sandbox.Step{{Status: "pending"}, {After: 20 * time.Second, Status: "running"}}
	}
	w.job = w.gitlab.AddJob(sandbox.NewJob{Steps: steps, Log: []byte{}})
	w.serving.Go(func() { _ = w.gitlab.server.Serve(w.gitlab.listener) })
	for i := range 2 {
		r := &replica{
			world: w, name: fmt.Sprint("gateway", i), dir: t.TempDir(),
			rand: rand.New(rand.NewPCG(seed, 100+uint64(i))),
		}
		w.replicas = append(w.replicas, r)
		r.start()
	}
	return w
}

// join starts a follower.
func (w *world) join(r *rand.Rand) {
	kind := kinds[r.IntN(len(kinds))]
	w.mu.Lock()
	begin := anyStart(r, len(w.now().data))
	number := len(w.records)
	w.mu.Unlock()
	w.follow(kind.name, number, tokens[r.IntN(len(tokens))], r.IntN(3) == 0, func(f *record) follower { return kind.make(f, begin) })
}

func (w *world) follow(kind string, number int, token string, slow bool, newFollower func(r *record) follower) *record {
	r := &record{
		world: w, name: fmt.Sprintf("%s %d", kind, number), token: token, slow: slow,
		rand: rand.New(rand.NewPCG(w.seed, 1000+uint64(number))),
	}
	f := newFollower(r)
	r.notef("%s, token %s, slow %v, from %d", r.name, token, slow, r.from)
	w.mu.Lock()
	w.records = append(w.records, r)
	w.mu.Unlock()
	w.following.Go(func() {
		err := r.follow(w.ctx, f)
		w.mu.Lock()
		defer w.mu.Unlock()
		r.done = true
		if err != nil && w.ctx.Err() == nil {
			r.failed = fmt.Errorf("at %.3fs: %w", time.Since(w.began).Seconds(), err)
			w.fail(fmt.Errorf("%s: %w", r.name, err))
		}
	})
	return r
}

// revoke revokes a token.
func (w *world) revoke(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.revoked[token]; !ok {
		w.gitlab.Revoke(token)
		w.revoked[token] = time.Now()
	}
}

// finish waits until all followers have come to their end, for so long at most, and stops the
// rest.
func (w *world) finish(most time.Duration) {
	late := time.AfterFunc(most, func() { w.fail(fmt.Errorf("not at the end %s after all was well again: %s", most, w.waiting())) })
	w.following.Wait()
	late.Stop()
	w.cancel(errRoundOver)
	w.stop()
	w.report()
}

func (w *world) waiting() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for _, r := range w.records {
		if !r.done {
			names = append(names, r.name)
			r.failed = errors.New("still waits")
		}
	}
	return strings.Join(names, ", ")
}

// stop stops everything, in order.
func (w *world) stop() {
	w.restarts.Wait()
	for _, r := range w.replicas {
		r.mu.Lock()
		stop := r.stop
		r.mu.Unlock()
		stop()
		r.runs.Wait()
	}
	w.gitlab.close()
	w.serving.Wait()
}

// report tells what has failed.
func (w *world) report() {
	w.t.Helper()
	err := context.Cause(w.ctx)
	if errors.Is(err, errRoundOver) {
		return
	}
	w.t.Errorf("seed %d: %v", w.seed, err)
	w.t.Logf("what has happened:\n%s", strings.Join(w.story, "\n"))
	for _, line := range w.gitlab.lines {
		w.t.Logf("%8.3fs  %s: %s", line.at.Sub(w.began).Seconds(), line.what, line.answer.Load())
	}
	for _, r := range w.records {
		if r.failed != nil || w.plan.steady {
			w.t.Logf("%s: %v\n%s", r.name, r.failed, strings.Join(r.trail, "\n"))
		}
	}
}

// summary is the counts, by name.
func summary(tally map[string]int) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tally)) {
		fmt.Fprintf(&b, "%10d  %s\n", tally[name], name)
	}
	return b.String()
}

// heal ends all troubles.
func (w *world) heal() {
	w.gitlab.heal()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
}
