package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

const (
	// followN is how many follow one log, idleN how many an idle one.
	followN, idleN = 1000, 10_000
	// growSteps is how often a log grows that grows step by step: once each time the
	// gateway has read it, which it does about once a second then. The steps are so long.
	growSteps              = 40
	shareStep, latencyStep = 64 << 10, 4 << 10
	// settleTime is how long servers may take to come to rest.
	settleTime = 5 * time.Second
	// beatTime is a little more than the gateway's heartbeats take to come round.
	beatTime = 32 * time.Second
	// leaveTime is how long a server may take to forget those who have left.
	leaveTime = 20 * time.Second
)

// followPeers are the gateway and the one that it is compared with.
var followPeers = []string{gatewayName, fanoutName}

// followJob is a job that nobody has followed yet.
func (b *bench) followJob() int64 {
	b.followedJobs++
	return payload.FirstJob + 1_000_000 + b.followedJobs
}

// tell tells the fake upstream what a job's log does, by query parameters, and returns
// what it has cost.
func (b *bench) tell(ctx context.Context, job int64, query string) (*followed, error) {
	resp, err := httpGet(ctx, fmt.Sprintf("http://%s%s?job=%d&%s", b.upstream.addr, followControl, job, query))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	f := new(followed)
	return f, json.NewDecoder(resp.Body).Decode(f)
}

// grow makes a job's log on a peer as long as size, or ends it where it is.
func (b *bench) grow(ctx context.Context, p *peer, job, size int64, end bool) (grown, error) {
	if p.name != fanoutName {
		query := fmt.Sprintf("size=%d", size)
		if end {
			query = "ended=1"
		}
		_, err := b.tell(ctx, job, query)
		return grown{}, err
	}
	if end {
		size = 0
	}
	var g grown
	err := callOnce(ctx, p.conns[0], fanoutGrow, fmt.Append(nil, job, size), func(answer []byte) error {
		_, err := fmt.Sscan(string(answer), &g.Size, &g.At)
		return err
	})
	return g, err
}

// startFollowed starts the gateway and the fan-out afresh.
func (b *bench) startFollowed(ctx context.Context) error {
	b.stopPeers()
	if err := b.startPeers(ctx, followPeers); err != nil {
		return err
	}
	return b.peers[0].touch(ctx, true)
}

// withGateway leaves a part out if the gateway is not measured.
func (b *bench) withGateway(measure func(context.Context) error) func(context.Context) error {
	if b.binary == "" {
		return func(context.Context) error { return nil }
	}
	return measure
}

// fanoutSample is one log sent to all followers by one server.
type fanoutSample struct {
	cpu, wall     time.Duration
	client        time.Duration // processor time of the followers
	streams, peak int64         // bytes: above idle when all have begun, and above that while the log is sent
}

// fanoutRow is a log that is sent to all its followers.
type fanoutRow struct {
	name   string
	size   int64
	n      int
	rounds int // at most
}

// runFanout measures how fast and at what cost a log gets to all its followers.
func (b *bench) runFanout(ctx context.Context, row fanoutRow) error {
	defer b.stopPeers()
	if err := b.startFollowed(ctx); err != nil {
		return err
	}
	samples := make([][]fanoutSample, len(b.peers))
	for round := range min(b.rounds, row.rounds) {
		for k := range b.peers {
			i := (k + round) % len(b.peers)
			s, err := b.measureFanout(ctx, b.peers[i], row, "")
			if err != nil {
				return fmt.Errorf("%s: %w", row.name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	b.printFanout(os.Stdout, row, samples)
	if b.profiles == "" {
		return nil
	}
	for _, p := range b.peers {
		if _, err := b.measureFanout(ctx, p, row, b.profilePath(row.name, p)); err != nil {
			return fmt.Errorf("%s: profile: %w", row.name, err)
		}
	}
	return nil
}

// profilePath is where the profiles of a row and peer go, but for their ending.
func (b *bench) profilePath(row string, p *peer) string {
	return filepath.Join(b.profiles, strings.ReplaceAll(row, "/", "-")+"-"+p.name)
}

// measureFanout has the followers wait for a log, which is then there all at once. With
// profiles, it writes them instead of being of use.
func (b *bench) measureFanout(ctx context.Context, p *peer, row fanoutRow, profiles string) (s fanoutSample, err error) {
	job := b.followJob()
	idle, err := p.residentMemory()
	if err != nil {
		return s, err
	}
	f, err := follow(ctx, p, job, row.n, []int64{row.size})
	if err != nil {
		return s, err
	}
	defer f.close()
	begun, err := p.residentMemory()
	if err != nil {
		return s, err
	}
	s.streams = begun - idle
	if err := p.resetPeak(); err != nil {
		return s, err
	}
	mine, err := cpuTime(os.Getpid())
	if err != nil {
		return s, err
	}
	before, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	if _, err := b.grow(ctx, p, job, row.size, false); err != nil {
		return s, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- p.writeProfiles(ctx, f, profiles) }()
	if err := f.wait(&f.passed[0]); err != nil {
		return s, err
	}
	s.wall = time.Since(time.Unix(0, f.first.Load()))
	after, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	if after, err = cpuTime(os.Getpid()); err != nil {
		return s, err
	}
	s.client = after - mine
	peak, err := p.peakMemory()
	if err != nil {
		return s, err
	}
	s.peak = peak - begun
	if _, err := b.grow(ctx, p, job, 0, true); err != nil {
		return s, err
	}
	return s, errors.Join(f.ended(), <-profiled)
}

// writeProfiles writes a CPU profile from the first bytes on, and what was allocated
// since the server started.
func (p *peer) writeProfiles(ctx context.Context, f *followers, path string) error {
	if path == "" {
		return nil
	}
	for f.first.Load() == 0 && f.failed.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	return errors.Join(
		fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.control, 3*profileSeconds), path+".pprof"),
		fetch(ctx, p.control+"/debug/pprof/allocs", path+"-allocs.pprof"))
}

// runShare measures what GitLab notices of many followers.
func (b *bench) runShare(ctx context.Context) error {
	defer b.stopPeers()
	if err := b.startFollowed(ctx); err != nil {
		return err
	}
	numbers := []int{1, followN}
	cost := make([]*followed, len(numbers))
	failed := make(chan error, len(numbers))
	for i, n := range numbers {
		job := b.followJob()
		go func() {
			var err error
			cost[i], _, err = b.growing(ctx, b.peers[0], job, n, shareStep, true)
			failed <- err
		}()
	}
	var err error
	for range numbers {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return fmt.Errorf("follow/upstream: %w", err)
	}
	printShare(os.Stdout, numbers, cost)
	return nil
}

// growing has n followers read a log that grows step by step until its job ends. It
// begins to grow when all are there or, of the gateway, at once.
// It returns what that has cost, and for each step and follower how long it took from
// when the gateway was sent the bytes until the follower had them.
func (b *bench) growing(ctx context.Context, p *peer, job int64, n int, step int64, atOnce bool) (*followed, [][]time.Duration, error) {
	var marks []int64
	for k := range growSteps {
		marks = append(marks, int64(k+1)*step)
	}
	grow := fmt.Sprintf("size=%d&step=%[1]d&steps=%d", step, growSteps-1)
	if atOnce {
		if _, err := b.tell(ctx, job, grow); err != nil {
			return nil, nil, err
		}
	}
	f, err := follow(ctx, p, job, n, marks)
	if err != nil {
		return nil, nil, err
	}
	defer f.close()
	var when []grown
	switch {
	case p.name == fanoutName:
		when, err = b.growFanout(ctx, p, f, job)
	case !atOnce:
		_, err = b.tell(ctx, job, grow)
	}
	if err == nil {
		err = f.ended()
	}
	if err != nil {
		return nil, nil, err
	}
	cost := &followed{Grown: when}
	if p.name != fanoutName {
		if cost, err = b.tell(ctx, job, ""); err != nil {
			return nil, nil, err
		}
	}
	took, err := f.took(cost.Grown)
	return cost, took, err
}

// growFanout lets a log of the fan-out grow as the gateway's does, but that it does not
// wait for anybody to look.
func (b *bench) growFanout(ctx context.Context, p *peer, f *followers, job int64) (when []grown, err error) {
	for k, mark := range f.marks {
		g, err := b.grow(ctx, p, job, mark, false)
		if err != nil {
			return nil, err
		}
		when = append(when, g)
		if err := f.wait(&f.passed[k]); err != nil {
			return nil, err
		}
		time.Sleep(100 * time.Millisecond)
	}
	_, err = b.grow(ctx, p, job, 0, true)
	return when, err
}

// took is how long bytes took to each follower, for each step.
func (f *followers) took(when []grown) ([][]time.Duration, error) {
	if len(when) != len(f.marks) {
		return nil, fmt.Errorf("a log of %d steps was seen in %d", len(f.marks), len(when))
	}
	steps := make([][]time.Duration, len(f.marks))
	for k, g := range when {
		if g.Size != f.marks[k] {
			return nil, fmt.Errorf("step %d ended at byte %d, want %d", k, g.Size, f.marks[k])
		}
		for _, times := range f.times {
			steps[k] = append(steps[k], time.Duration(times[k]-g.At))
		}
		slices.Sort(steps[k])
	}
	return steps, nil
}

// runLatency measures how long new bytes are on their way.
func (b *bench) runLatency(ctx context.Context) error {
	defer b.stopPeers()
	if err := b.startFollowed(ctx); err != nil {
		return err
	}
	all := make([][][]time.Duration, len(b.peers))
	for i, p := range b.peers {
		_, took, err := b.growing(ctx, p, b.followJob(), followN, latencyStep, false)
		if err != nil {
			return fmt.Errorf("follow/latency: %w", err)
		}
		all[i] = took
	}
	b.printLatency(os.Stdout, all)
	return nil
}

// idleSample is a server with followers who have nothing to do.
type idleSample struct {
	idle, resting, peak, left int64 // bytes: before, at rest, the most until a heartbeat after, when all have gone
	before, during, after     int   // goroutines
	gone                      time.Duration
}

// runIdle measures what followers cost who have nothing to do.
func (b *bench) runIdle(ctx context.Context) error {
	defer b.stopPeers()
	if err := b.startFollowed(ctx); err != nil {
		return err
	}
	samples := make([]idleSample, len(b.peers))
	for i, p := range b.peers {
		var err error
		if samples[i], err = b.measureIdle(ctx, p); err != nil {
			return fmt.Errorf("follow/idle: %w", err)
		}
	}
	b.printIdle(os.Stdout, samples)
	return nil
}

func (b *bench) measureIdle(ctx context.Context, p *peer) (s idleSample, err error) {
	const size = 1000
	job := b.followJob()
	if _, err := b.grow(ctx, p, job, size, false); err != nil {
		return s, err
	}
	if s.before, err = p.goroutines(ctx); err != nil {
		return s, err
	}
	if s.idle, err = p.residentMemory(); err != nil {
		return s, err
	}
	f, err := follow(ctx, p, job, b.idle, []int64{size})
	if err != nil {
		return s, err
	}
	defer f.close()
	if err := f.wait(&f.passed[0]); err != nil {
		return s, err
	}
	time.Sleep(settleTime)
	if s.resting, err = p.residentMemory(); err != nil {
		return s, err
	}
	if s.during, err = p.goroutines(ctx); err != nil {
		return s, err
	}
	if b.profiles != "" {
		if err := fetch(ctx, p.control+"/debug/pprof/heap?gc=1", filepath.Join(b.profiles, "follow-idle-"+p.name+"-heap.pprof")); err != nil {
			return s, err
		}
	}
	time.Sleep(beatTime)
	if s.peak, err = p.peakMemory(); err != nil {
		return s, err
	}
	f.close()
	start := time.Now()
	for {
		if s.after, err = p.goroutines(ctx); err != nil {
			return s, err
		}
		s.gone = time.Since(start)
		if s.after <= s.before || s.gone > leaveTime {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.left, err = p.residentMemory()
	return s, err
}

// goroutines is how many there are, but for those of idle connections to the upstream,
// which stay for a while by design.
func (p *peer) goroutines(ctx context.Context) (int, error) {
	resp, err := httpGet(ctx, p.control+"/debug/pprof/goroutine?debug=1")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return countGoroutines(string(text))
}

// countGoroutines adds up the groups of a goroutine profile in text.
func countGoroutines(profile string) (total int, err error) {
	head, groups, _ := strings.Cut(profile, "\n")
	if !strings.HasPrefix(head, "goroutine profile: total ") {
		return 0, fmt.Errorf("not a goroutine profile: %q", head)
	}
	for group := range strings.SplitSeq(groups, "\n\n") {
		count, stack, _ := strings.Cut(strings.TrimSpace(group), " @ ")
		var n int
		if _, err := fmt.Sscan(count, &n); err == nil && !strings.Contains(stack, "net/http.(*persistConn)") {
			total += n
		}
	}
	return total, nil
}
