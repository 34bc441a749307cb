package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Targets of followed logs: see the README.
const (
	fanoutTarget        = 0.8      // of the fan-out's bytes per second, at least
	fanoutMemoryTarget  = 64 << 20 // above idle, beside the streams
	readersTarget       = 0.8      // of the speed that fast readers have alone
	shareTarget         = 1.05     // requests and bytes with many followers, against one
	shareBytesTarget    = 1.1      // bytes against the log's
	shareBytesAllowance = 64 << 10
	idleTarget          = 18_000      // bytes per follower
	idleTotalTarget     = 210_000_000 // bytes in all
	latencyTarget       = 2.0         // against the fan-out's
)

func table(w io.Writer, title, head string) *tabwriter.Writer {
	fmt.Fprintf(w, "\n%s\n", title)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, head)
	return tw
}

// reached says whether a value comes up to its target.
func reached(value, least float64) string {
	if value >= least {
		return "met"
	}
	return "MISSED"
}

func (b *bench) printFanout(w io.Writer, row fanoutRow, samples [][]fanoutSample) {
	tw := table(w, fmt.Sprintf("%s · a log of %.0f MiB, there at once, to %d followers with %d credentials on %d connections",
		row.name, mebi(row.size), row.n, followCredentials, followConnections),
		"peer\tMB/s\tmin–max\tratio\tmin–max\ttarget\t\tCPU s/GiB\tmin–max\tratio\tmin–max\tfollowers: CPU s/GiB\tstreams MiB\tpeak beside MiB\ttarget\t\t")
	sent := float64(row.size) * float64(row.n)
	for i, p := range b.peers {
		var speed, cpu, client []float64
		var streams, peak int64
		for _, s := range samples[i] {
			speed = append(speed, sent/1e6/s.wall.Seconds())
			cpu = append(cpu, s.cpu.Seconds()/sent*(1<<30))
			client = append(client, s.client.Seconds()/sent*(1<<30))
			streams, peak = max(streams, s.streams), max(peak, s.peak)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t%s\t", p.name, median(speed), minMax(speed))
		var ratio, ratioCPU []float64
		if i > 0 {
			// The ratio of speeds is the inverse of that of times.
			ratio = ratios(samples[i], samples[0], func(s fanoutSample) float64 { return s.wall.Seconds() })
			ratioCPU = ratios(samples[0], samples[i], func(s fanoutSample) float64 { return s.cpu.Seconds() })
			fmt.Fprintf(tw, "%.3f\t%s\t≥ %.1f\t%s\t", median(ratio), minMax(ratio), fanoutTarget, reached(median(ratio), fanoutTarget))
		} else {
			fmt.Fprint(tw, "\t\t\t\t")
		}
		fmt.Fprintf(tw, "%.3f\t%s\t", median(cpu), minMax(cpu))
		if i > 0 {
			fmt.Fprintf(tw, "%.3f\t%s\t", median(ratioCPU), minMax(ratioCPU))
		} else {
			fmt.Fprint(tw, "\t\t")
		}
		fmt.Fprintf(tw, "%.3f\t%.1f\t%.1f\t", median(client), mebi(streams), mebi(peak))
		if i == 0 {
			fmt.Fprintf(tw, "≤ %.0f\t%s\t\n", mebi(fanoutMemoryTarget), met(float64(peak), fanoutMemoryTarget))
		} else {
			fmt.Fprint(tw, "\t\t\n")
		}
	}
	_ = tw.Flush()
}

func printShare(w io.Writer, numbers []int, cost []*followed) {
	const size = growSteps * shareStep
	tw := table(w, fmt.Sprintf("follow/upstream · what GitLab sees of a log of %d bytes that grows in %d steps, by followers; checks are requests for one byte",
		size, growSteps), "followers\trequests\tfor the job\tratio\ttarget\t\tbytes\tratio\ttarget\t\tbytes allowed\t\tchecks\tcredentials\t")
	const allowed = shareBytesTarget*size + shareBytesAllowance
	for i, c := range cost {
		fmt.Fprintf(tw, "%d\t%d\t%d\t", numbers[i], c.Requests+c.Jobs, c.Jobs)
		var more string
		if i > 0 {
			requests := float64(c.Requests+c.Jobs) / float64(cost[0].Requests+cost[0].Jobs)
			bytes := float64(c.Bytes) / float64(cost[0].Bytes)
			fmt.Fprintf(tw, "%.3f\t≤ %.2f\t%s\t", requests, shareTarget, met(requests, shareTarget))
			more = fmt.Sprintf("%.3f\t≤ %.2f\t%s\t", bytes, shareTarget, met(bytes, shareTarget))
		} else {
			fmt.Fprint(tw, "\t\t\t")
			more = "\t\t\t"
		}
		fmt.Fprintf(tw, "%d\t%s≤ %.0f\t%s\t%d\t%d\t\n", c.Bytes, more, allowed, met(float64(c.Bytes), allowed), c.Checks, min(numbers[i], followCredentials))
	}
	_ = tw.Flush()
}

func (b *bench) printIdle(w io.Writer, samples []idleSample) {
	tw := table(w, fmt.Sprintf("follow/idle · %d followers of a log that does not grow, on %d connections", b.idle, followConnections),
		"peer\tidle MB\tfollowed MB\tB/follower\ttarget\t\tabove idle MB\ttarget\t\tpeak above idle MB\tgoroutines before\tmeanwhile\tafter\ttarget\t\tafter s\tMB after\t")
	const mb = 1e6
	for i, p := range b.peers {
		s := samples[i]
		more := s.resting - s.idle
		each := float64(more) / float64(b.idle)
		target, total := []any{"", ""}, []any{"", ""}
		back := []any{"", ""}
		if i == 0 {
			target = []any{fmt.Sprintf("≤ %d", idleTarget), met(each, idleTarget)}
			total = []any{fmt.Sprintf("≤ %d", idleTotalTarget/1_000_000), met(float64(more), idleTotalTarget)}
			back = []any{fmt.Sprintf("≤ %d", s.before), met(float64(s.after), float64(s.before))}
		}
		fmt.Fprintf(tw, "%s\t%.1f\t%.1f\t%.0f\t%s\t%s\t%.1f\t%s\t%s\t%.1f\t%d\t%d\t%d\t%s\t%s\t%.1f\t%.1f\t\n", p.name,
			float64(s.idle)/mb, float64(s.resting)/mb, each, target[0], target[1],
			float64(more)/mb, total[0], total[1], float64(s.peak-s.idle)/mb,
			s.before, s.during, s.after, back[0], back[1], s.gone.Seconds(), float64(s.left)/mb)
	}
	_ = tw.Flush()
}

func (b *bench) printLatency(w io.Writer, all [][][]time.Duration) {
	tw := table(w, fmt.Sprintf("follow/latency · from when GitLab sends new bytes until followers have them; %d steps of %d bytes, %d followers",
		growSteps, latencyStep, followN), "peer\tp50 ms\tp99 ms\tlast: p50 ms\tmin–max\tlast: p99 ms\tratio of p50\ttarget\t\tratio of p99\ttarget\t\t")
	var p50, p99 []float64
	for i, p := range b.peers {
		var last []float64
		for _, step := range all[i] {
			last = append(last, step[len(step)-1].Seconds()*1e3)
		}
		slices.Sort(last)
		each := slices.Concat(all[i]...)
		slices.Sort(each)
		p50, p99 = append(p50, median(last)), append(p99, last[len(last)*99/100])
		fmt.Fprintf(tw, "%s\t%.1f\t%.1f\t%.1f\t%s\t%.1f\t", p.name, each[len(each)/2].Seconds()*1e3, each[len(each)*99/100].Seconds()*1e3,
			p50[i], minMax(last), p99[i])
		if i == 0 {
			fmt.Fprintln(tw, "\t\t\t\t\t\t")
			continue
		}
		r50, r99 := p50[0]/p50[i], p99[0]/p99[i]
		fmt.Fprintf(tw, "%.2f\t≤ %.0f\t%s\t%.2f\t≤ %.0f\t%s\t\n", r50, latencyTarget, met(r50, latencyTarget), r99, latencyTarget, met(r99, latencyTarget))
	}
	_ = tw.Flush()
}
