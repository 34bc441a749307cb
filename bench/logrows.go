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

// logRow is a log that is read from the gateway and from others.
type logRow struct {
	name   string
	peers  []string
	grpc   bool    // the gateway's is read by ReadTrace, all others' by GitLab's route
	target float64 // how much more processor time than a reverse proxy's
}

var (
	grpcLog = logRow{name: "log", peers: []string{gatewayName, proxyName}, grpc: true, target: 2.0}
	restLog = logRow{name: "rest/log", peers: []string{gatewayName, proxyName, nginxName}, target: 1.6}
)

func (r logRow) overGRPC(p *peer) bool { return r.grpc && p.name == gatewayName }

// runLog measures one whole log through the gateway and through others, all
// started afresh, so that their memory is that of the log alone.
func (b *bench) runLog(ctx context.Context, row logRow) error {
	if b.binary == "" {
		return nil
	}
	check := &logChecker{block: logBlock(), size: b.logSize}
	defer b.stopPeers()
	if err := b.startPeers(ctx, row.peers); err != nil {
		return err
	}
	idle := make([]int64, len(b.peers))
	samples := make([][]logSample, len(b.peers))
	for i, p := range b.peers {
		if err := p.touch(ctx, row.overGRPC(p)); err != nil {
			return err
		}
		var err error
		if idle[i], err = p.residentMemory(); err != nil {
			return err
		}
	}
	for round := range b.rounds {
		job := payload.JobID(logJobs[round%len(logJobs)] + 10*(round/len(logJobs)))
		for k := range b.peers {
			i := (k + round) % len(b.peers)
			p, read := b.peers[i], check.readHTTP
			if row.overGRPC(p) {
				read = check.readTrace
			}
			s, err := measureLog(ctx, p, read, job)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", row.name, p.name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	b.printLog(os.Stdout, row, idle, samples)
	return nil
}

// touch makes a first small request, which belongs to the idle state: what a
// server sets up once is not the log's.
func (p *peer) touch(ctx context.Context, overGRPC bool) error {
	job := payload.JobID(0)
	if overGRPC {
		request, err := proto.Marshal(&jobgatev1.GetJobRequest{Project: strconv.Itoa(logProject), JobId: job})
		if err != nil {
			return err
		}
		return callOnce(callerContext(ctx, 0), p.conns[0], jobgatev1.JobService_GetJob_FullMethodName, request, nil)
	}
	resp, err := httpGet(ctx, fmt.Sprintf("http://%s/api/v4/projects/%d/jobs/%d", p.http, logProject, job))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}

// measureLog reads one log and measures the server meanwhile.
func measureLog(ctx context.Context, p *peer, read func(context.Context, *peer, int64) error, job int64) (s logSample, err error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	if err := p.resetPeak(); err != nil {
		return s, err
	}
	before, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	start := time.Now()
	if err := read(ctx, p, job); err != nil {
		return s, err
	}
	s.wall = time.Since(start)
	after, err := p.cpuTime()
	if err != nil {
		return s, err
	}
	s.cpu = after - before
	s.peak, err = p.peakMemory()
	return s, err
}

// printLog prints the log rows.
func (b *bench) printLog(w io.Writer, r logRow, idle []int64, samples [][]logSample) {
	fmt.Fprintf(w, "\n%s · %.0f MiB read once, from the first byte to the last\n", r.name, mebi(b.logSize))
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
			row += fmt.Sprintf("%.2f\t%s\t", median(rs), minMax(rs))
			if p.name == proxyName {
				row += fmt.Sprintf("≤ %.1f\t%s\t", r.target, met(median(rs), r.target))
			} else {
				row += "\t\t"
			}
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
