// Command bench measures what a call through Jobgate costs, beside what it
// costs through other gateways between the same client and the same upstream.
// See README.md for what is compared and how to read the result.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jobgate/jobgate/bench/payload"
)

// gatewayName is the peer that the others are compared with.
const gatewayName = "gateway"

// bench is one run: its settings, and the processes that it started.
type bench struct {
	rounds   int
	callers  int
	roundCPU time.Duration
	logSize  int64
	idle     int           // idle followers
	outage   time.Duration // how long GitLab is down
	besides  slowRow
	writes   int // of each writer in a round
	profiles string
	root     string
	dir      string // temporary
	match    *regexp.Regexp

	binary    string // the gateway
	collector string // address of what takes its traces
	upstream  *peer
	peers     []*peer

	fanout, spill fanoutRow
	readers       readersRow
	followedJobs  int64 // so many so far
}

func main() {
	// The kernel kills the children when the thread that started them ends, so
	// they are all started here, on the thread that ends last.
	runtime.LockOSThread()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run reads the flags, and is either a role or the benchmark.
func run() error {
	b := &bench{
		fanout:  fanoutRow{name: "follow/fanout", n: followN, rounds: math.MaxInt},
		spill:   fanoutRow{name: "follow/spill", size: spillSize, n: spillN, rounds: mostRounds},
		readers: readersRow{size: readersSize, fast: fastReaders, slow: slowReaders, stopped: stoppedReaders},
	}
	b.besides = slowRow{slow: slowTime, each: slowEach}
	var cfg roleConfig
	flag.IntVar(&b.rounds, "rounds", 5, "rounds per row and peer")
	flag.IntVar(&b.callers, "callers", 16, "concurrent callers")
	flag.DurationVar(&b.roundCPU, "round-cpu", time.Second, "processor time of the server that a round should take")
	flag.StringVar(&b.profiles, "cpuprofile", "", "directory for a CPU profile of each row and peer")
	flag.StringVar(&b.root, "root", "..", "the gateway's source")
	flag.Int64Var(&cfg.logSize, "log-bytes", 1<<30, "size of the log")
	flag.Int64Var(&b.fanout.size, "follow-bytes", 16<<20, "size of the log that is sent to 1,000 followers")
	flag.IntVar(&b.idle, "idle-followers", idleN, "followers of a log that does not grow")
	flag.DurationVar(&b.outage, "outage", outageTime, "how long GitLab is down")
	flag.IntVar(&b.writes, "writes", writesN, "writes of each writer in a round while the network fails")
	names := flag.String("peers", "gateway,floor,memory,clientgo,vanguard", "who is measured over gRPC; relay can be added")
	restNames := flag.String("rest-peers", "gateway,proxy,nginx,grpc-gateway", "who is measured over REST; pooledproxy can be added")
	match := flag.String("run", ".", "rows to measure: a regular expression for current/GetJob, zone/list20, seed/list100, rest/list100, rest/log, follow/fanout, follow/spill, follow/readers, follow/upstream, follow/idle, follow/latency, bad/outage, bad/slowroute, bad/writes, watched/GetJob, watched/rest, link, codec, …")
	quick := flag.Bool("quick", false, "a look: 2 rounds of 200 ms, a log of 64 MiB, one of 2 MiB to followers, one of 128 MiB to 20, one of 10 MB to readers of all speeds, 1,000 idle followers, GitLab down for 10 s or slow for 5 s, 400 writes")
	limit := flag.Duration("timeout", 60*time.Minute, "the run ends after this long at the latest")
	roleName := flag.String("role", "", "for internal use: be one of the servers")
	flag.StringVar(&cfg.upstream, "upstream", "", "for internal use: address of the fake upstream")
	flag.Parse()
	if *roleName != "" {
		return runRole(*roleName, cfg)
	}
	if *quick {
		b.rounds, b.roundCPU, cfg.logSize = 2, 200*time.Millisecond, 64<<20
		b.fanout.size, b.idle = 2<<20, 1000
		b.spill.n, b.readers.size = 20, 10_000_000
		b.outage, b.besides, b.writes = quickOutage, slowRow{slow: quickSlow, each: quickEach}, quickWrites
	}
	if b.rounds < 1 || b.callers < 1 || cfg.logSize < 1 || b.fanout.size < 1 || b.idle < 1 || b.writes < 1 {
		return errors.New("rounds, callers, log-bytes, follow-bytes, idle-followers and writes are at least 1")
	}
	if b.outage < 3*time.Second {
		return errors.New("an outage takes 3 s at least")
	}
	var err error
	if b.match, err = regexp.Compile(*match); err != nil {
		return err
	}
	b.logSize = cfg.logSize
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	return b.run(ctx, strings.Split(*names, ","), strings.Split(*restNames, ","))
}

// run measures everything that the flags select.
func (b *bench) run(ctx context.Context, names, restNames []string) (err error) {
	if b.dir, err = os.MkdirTemp("", "jobgate-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	defer b.stop()
	if slices.Contains(slices.Concat(names, restNames), gatewayName) {
		if b.binary, err = buildGateway(ctx, b.root, b.dir); err != nil {
			return err
		}
	}
	if b.upstream, err = startRole(ctx, "upstream", roleConfig{logSize: b.logSize}); err != nil {
		return err
	}
	if b.profiles != "" {
		if err := os.MkdirAll(b.profiles, 0o755); err != nil {
			return err
		}
	}
	b.printHeader(os.Stdout)
	parts := []struct {
		name    string // "" for parts that look at the names of their rows
		measure func(context.Context) error
	}{
		{"", func(ctx context.Context) error { return b.runRows(ctx, names) }},
		{"log", func(ctx context.Context) error { return b.runLog(ctx, grpcLog) }},
		{"", func(ctx context.Context) error { return b.runREST(ctx, restNames) }},
		{"", b.runCache},
		{"rest/log", func(ctx context.Context) error { return b.runLog(ctx, restLog) }},
		{b.fanout.name, b.withGateway(func(ctx context.Context) error { return b.runFanout(ctx, b.fanout) })},
		{b.spill.name, b.withGateway(func(ctx context.Context) error { return b.runFanout(ctx, b.spill) })},
		{"follow/readers", b.withGateway(b.runReaders)},
		{"follow/upstream", b.withGateway(b.runShare)},
		{"follow/idle", b.withGateway(b.runIdle)},
		{"follow/latency", b.withGateway(b.runLatency)},
		{outageRow, b.withGateway(b.runOutage)},
		{slowRouteRow, b.withGateway(b.runSlowRoute)},
		{writesRow, b.withGateway(b.runWrites)},
		{"", b.withGateway(b.runWatched)},
		{"link", b.runLink},
		{"codec", b.runCodec},
	}
	for _, part := range parts {
		if part.name != "" && !b.match.MatchString(part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// runRows measures the calls, variant by variant.
func (b *bench) runRows(ctx context.Context, names []string) error {
	for _, v := range payload.Variants {
		for _, r := range rows {
			if !b.match.MatchString(v.Name + "/" + r.name) {
				continue
			}
			if err := b.startPeers(ctx, names); err != nil {
				return err
			}
			size, err := answerSize(v, r)
			if err != nil {
				return err
			}
			measured, err := b.measureRow(ctx, v, r)
			if err != nil {
				return err
			}
			printRow(os.Stdout, fmt.Sprintf("%s/%s · %s · %s of JSON", v.Name, r.name, v.About, thousands(size)), r, measured)
		}
	}
	b.stopPeers()
	return nil
}

// startPeers starts the peers, unless they run already.
func (b *bench) startPeers(ctx context.Context, names []string) error {
	if len(b.peers) > 0 {
		return nil
	}
	for _, name := range names {
		p, err := b.start(ctx, name)
		if errors.Is(err, errNoNginx) {
			fmt.Println("\nnginx is not installed: its lines are left out.")
			continue
		}
		if err != nil {
			return err
		}
		b.peers = append(b.peers, p)
		if err := p.dial(); err != nil {
			return err
		}
	}
	return nil
}

// start starts one server in front of the fake upstream.
func (b *bench) start(ctx context.Context, name string) (*peer, error) {
	upstream := "http://" + b.upstream.addr
	switch name {
	case gatewayName:
		return startGateway(ctx, b.binary, b.dir, upstream)
	case nginxName:
		return startNginx(ctx, b.dir, upstream)
	case watchedName:
		return b.startWatched(ctx, upstream)
	}
	return startRole(ctx, name, roleConfig{upstream: upstream, logSize: b.logSize})
}

// stopPeers ends the servers, and stop the fake upstream too.
func (b *bench) stopPeers() {
	for _, p := range b.peers {
		p.stop()
	}
	b.peers = nil
}

func (b *bench) stop() {
	b.stopPeers()
	if b.upstream != nil {
		b.upstream.stop()
	}
}
