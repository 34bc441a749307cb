package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/jobgate/jobgate/bench/payload"
	jobgatev1 "github.com/jobgate/jobgate/gen/go/jobgate/v1"
)

const (
	// logMemoryTarget is how much memory above idle a log may cost.
	logMemoryTarget = 16 << 20
	// logCPUTarget is how much more processor time than a reverse proxy's.
	logCPUTarget = 2.0
	// logTimeout bounds the reading of one log.
	logTimeout = 5 * time.Minute
)

// logJobs are the finished jobs among ten neighbours: each round reads another
// job's log, so that none finds what the one before has left in a spool.
var logJobs = []int{0, 4, 7}

// logSample is one log read from one server.
type logSample struct {
	cpu, wall time.Duration
	peak      int64
}

// logReader reads a job's whole log from a server and checks every byte.
type logReader func(ctx context.Context, p *peer, job int64) error

// runLog measures one whole log through the gateway and through a reverse
// proxy, both started afresh, so that their memory is that of the log alone.
func (b *bench) runLog(ctx context.Context) error {
	names := []string{gatewayName, "proxy"}
	check := &logChecker{block: logBlock(), size: b.logSize}
	readers := []logReader{check.readTrace, check.readHTTP}
	idle := make([]int64, len(names))
	samples := make([][]logSample, len(names))
	defer b.stopPeers()
	if err := b.startPeers(ctx, names); err != nil {
		return err
	}
	for i, p := range b.peers {
		if err := p.touch(ctx); err != nil {
			return err
		}
		var err error
		if idle[i], err = residentMemory(p.pid()); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		job := payload.JobID(logJobs[round%len(logJobs)] + 10*(round/len(logJobs)))
		for k := range b.peers {
			i := (k + round) % len(b.peers)
			s, err := measureLog(ctx, b.peers[i], readers[i], job)
			if err != nil {
				return fmt.Errorf("log: %s: %w", names[i], err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	b.printLog(os.Stdout, idle, samples)
	return nil
}

// touch makes a first small request, which belongs to the idle state: what a
// server sets up once is not the log's.
func (p *peer) touch(ctx context.Context) error {
	job := payload.JobID(0)
	if p.name == gatewayName {
		request, err := proto.Marshal(&jobgatev1.GetJobRequest{Project: strconv.Itoa(logProject), JobId: job})
		if err != nil {
			return err
		}
		return callOnce(callerContext(ctx, 0), p.conns[0], jobgatev1.JobService_GetJob_FullMethodName, request, nil)
	}
	resp, err := httpGet(ctx, fmt.Sprintf("http://%s/api/v4/projects/%d/jobs/%d", p.addr, logProject, job))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// measureLog reads one log and measures the server meanwhile.
func measureLog(ctx context.Context, p *peer, read logReader, job int64) (s logSample, err error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := resetPeak(p.pid()); err != nil {
		return s, err
	}
	before, err := cpuTime(p.pid())
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := read(ctx, p, job); err != nil {
		return s, err
	}
	s.wall = time.Since(start)
	after, err := cpuTime(p.pid())
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	s.peak, err = peakMemory(p.pid())
	return s, err
}

// printLog prints the log rows.
func (b *bench) printLog(w io.Writer, idle []int64, samples [][]logSample) {
	fmt.Fprintf(w, "\nlog · %.0f MiB read once, from the first byte to the last\n", mebi(b.logSize))
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "peer\tCPU s/GiB\tratio\tmin–max\ttarget\t\tidle MiB\tpeak above idle MiB\ttarget\t\tMiB/s\t")
	gib := float64(b.logSize) / (1 << 30)
	for i, p := range b.peers {
		var cpu, speed []float64
		var peak int64
		for _, s := range samples[i] {
			cpu = append(cpu, s.cpu.Seconds()/gib)
			speed = append(speed, mebi(b.logSize)/s.wall.Seconds())
			peak = max(peak, s.peak-idle[i])
		}
		row := fmt.Sprintf("%s\t%.2f\t", p.name, median(cpu))
		if p.name == gatewayName {
			row += "\t\t\t\t"
		} else {
			rs := ratios(samples[0], samples[i], func(s logSample) float64 { return float64(s.cpu) })
			row += fmt.Sprintf("%.2f\t%s\t≤ %.1f\t%s\t", median(rs), minMax(rs), logCPUTarget, met(median(rs), logCPUTarget))
		}
		row += fmt.Sprintf("%.1f\t%.1f\t", mebi(idle[i]), mebi(peak))
		if p.name == gatewayName {
			row += fmt.Sprintf("≤ %.0f\t%s\t", mebi(logMemoryTarget), met(float64(peak), logMemoryTarget))
		} else {
			row += "\t\t"
		}
		fmt.Fprintf(tw, "%s%.0f\t\n", row, median(speed))
	}
	_ = tw.Flush()
}
