package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"time"
)

const (
	// spillSize is a log beyond the gateway's memory for logs, spillN are its followers.
	spillSize, spillN = 128 << 20, 200
	// readersSize is a log that is read at all speeds.
	readersSize                              = 100_000_000
	fastReaders, slowReaders, stoppedReaders = 300, 600, 100
	// slowest and quickest are the speeds of the slow ones, in bytes per second.
	slowest, quickest = 16 << 10, 1 << 20
	// stopWithin is how many bytes a reader has read at most before it stops.
	stopWithin = 8 << 20
	// mostRounds keeps rows with much to send short.
	mostRounds = 3
	// verifyFast is how many fast ones there are for each that compares every byte.
	verifyFast = 10
)

// readersRow is a log that many read at their own speeds.
type readersRow struct {
	size                int64
	fast, slow, stopped int
}

// manners are those of all readers, the fast ones first. The others begin anywhere in
// the log.
func (r readersRow) manners(seed uint64) []manner {
	random := rand.New(rand.NewPCG(seed, 0))
	var all []manner
	for i := range r.fast {
		all = append(all, manner{check: i%verifyFast == 0})
	}
	for range r.slow {
		speed := slowest * math.Pow(float64(quickest)/slowest, random.Float64())
		all = append(all, manner{from: 1 + random.Int64N(r.size-1), speed: speed})
	}
	for range r.stopped {
		stop := int64(math.Pow(stopWithin, random.Float64()))
		all = append(all, manner{from: 1 + random.Int64N(r.size-1), stop: stop})
	}
	return all
}

// readersSample is a log that was read by all of them, or by the fast ones alone.
type readersSample struct {
	wall          time.Duration // from the first byte to the last of the fast ones
	cpu           time.Duration
	chunks        int64 // that the fast ones have read
	others        int64 // bytes that the others have read
	streams, peak int64 // as in fanoutSample
	upstream      int64 // bytes of the log that the upstream has sent
}

// runReaders measures a log that is read at all speeds, and the same log that the fast ones
// have for themselves.
func (b *bench) runReaders(ctx context.Context) error {
	defer b.stopPeers()
	var samples [2][]readersSample // alone, with the others
	for round := range min(b.rounds, mostRounds) {
		for k := range samples {
			i := (k + round) % len(samples)
			if err := b.startFollowed(ctx); err != nil {
				return err
			}
			row := b.readers
			if i == 0 {
				row.slow, row.stopped = 0, 0
			}
			s, err := b.measureReaders(ctx, b.peers[0], row, uint64(round))
			if err != nil {
				return fmt.Errorf("follow/readers: %w", err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	b.printReaders(os.Stdout, samples)
	return nil
}

// measureReaders has readers wait for a log, which is then there all at once.
func (b *bench) measureReaders(ctx context.Context, p *peer, row readersRow, seed uint64) (s readersSample, err error) {
	job := b.followJob()
	idle, err := p.residentMemory()
	if err != nil {
		return s, err
	}
	// Whoever comes first decides where the log begins for all.
	first, err := followAs(ctx, p, job, 1, []int64{row.size}, narrow, eager)
	if err != nil {
		return s, err
	}
	defer first.close()
	all := row.manners(seed)
	f, err := followAs(ctx, p, job, len(all), []int64{row.size}, narrow, func(i int) manner { return all[i] })
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
	before, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	if _, err := b.tell(ctx, job, fmt.Sprintf("size=%d&ended=1", row.size)); err != nil {
		return s, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- b.profileReaders(ctx, p, f, row) }()
	if err := f.wait(&f.passed[0]); err != nil {
		return s, err
	}
	s.wall = time.Since(time.Unix(0, f.first.Load()))
	after, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	peak, err := p.peakMemory()
	if err != nil {
		return s, err
	}
	s.peak = peak - begun
	if err := errors.Join(first.ended(), f.ended(), <-profiled); err != nil {
		return s, err
	}
	s.chunks, s.others = f.chunks.Load(), f.others.Load()
	cost, err := b.tell(ctx, job, "")
	if err != nil {
		return s, err
	}
	s.upstream = cost.Bytes
	return s, nil
}

// profileReaders writes what is in memory while there are readers of all speeds.
func (b *bench) profileReaders(ctx context.Context, p *peer, f *followers, row readersRow) error {
	if b.profiles == "" || row.slow == 0 {
		return nil
	}
	for f.first.Load() == 0 && f.failed.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	path := b.profilePath("follow/readers", p)
	return errors.Join(
		fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.control, profileSeconds), path+".pprof"),
		fetch(ctx, p.control+"/debug/pprof/heap?gc=1", path+"-heap.pprof"),
		fetch(ctx, p.control+"/debug/pprof/allocs", path+"-allocs.pprof"),
		fetch(ctx, p.control+"/metrics", path+"-metrics.txt"))
}

func (b *bench) printReaders(w io.Writer, samples [2][]readersSample) {
	r := b.readers
	tw := table(w, fmt.Sprintf("follow/readers · a log of %d bytes, there at once, to readers with %d credentials on %d connections",
		r.size, followCredentials, followConnections),
		"fast\tslow\tstopped\tfast: MB/s\tmin–max\tratio\tmin–max\ttarget\t\tKiB/chunk\tCPU s/GiB\tothers: MB/s\tstreams MiB\tpeak beside MiB\ttarget\t\tupstream ÷ log\ttarget\t\t")
	for i, name := range []string{fmt.Sprintf("%d\t0\t0", r.fast), fmt.Sprintf("%d\t%d\t%d", r.fast, r.slow, r.stopped)} {
		var speed, others, cpu, chunk []float64
		var streams, peak, asked int64
		for _, s := range samples[i] {
			sent := float64(r.size) * float64(r.fast)
			speed = append(speed, sent/1e6/s.wall.Seconds())
			chunk = append(chunk, sent/float64(s.chunks)/(1<<10))
			others = append(others, float64(s.others)/1e6/s.wall.Seconds())
			cpu = append(cpu, s.cpu.Seconds()/(sent+float64(s.others))*(1<<30))
			streams, peak, asked = max(streams, s.streams), max(peak, s.peak), max(asked, s.upstream)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t%s\t", name, median(speed), minMax(speed))
		if i > 0 {
			ratio := ratios(samples[0], samples[i], func(s readersSample) float64 { return s.wall.Seconds() })
			fmt.Fprintf(tw, "%.3f\t%s\t≥ %.1f\t%s\t", median(ratio), minMax(ratio), readersTarget, reached(median(ratio), readersTarget))
		} else {
			fmt.Fprint(tw, "\t\t\t\t")
		}
		times := float64(asked) / float64(r.size)
		fmt.Fprintf(tw, "%.0f\t%.3f\t%.0f\t%.1f\t%.1f\t≤ %.0f\t%s\t%.3f\t≤ %.2f\t%s\t\n", median(chunk), median(cpu), median(others), mebi(streams), mebi(peak),
			mebi(fanoutMemoryTarget), met(float64(peak), fanoutMemoryTarget), times, shareBytesTarget, met(times, shareBytesTarget))
	}
	_ = tw.Flush()
}
