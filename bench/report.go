package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// printHeader says what the numbers were measured on.
func (b *bench) printHeader(w io.Writer) {
	fmt.Fprintf(w, "Jobgate benchmark · %s %s/%s · %d CPUs · %d callers, over gRPC on %d connections · %d rounds of about %v server CPU\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.callers, connections, b.rounds, b.roundCPU)
	fmt.Fprintln(w, "Medians over the rounds. Ratio: gateway / peer, of the CPU per call in the same round, median and min–max.")
}

// printRow prints one row: a line per peer. The first one is that which the others
// are compared with, if there are targets for them.
func printRow(w io.Writer, title string, r row, measured []*measurement) {
	fmt.Fprintf(w, "\n%s\n", title)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "peer\tCPU µs/call\tratio\tmin–max\ttarget\t\tp50 ms\tp99 ms\tpeak MiB\tallocs/call\tcalls/round\t")
	subject := cmp.Or(r.subject, gatewayName)
	var ours *measurement
	for _, m := range measured {
		if m.peer.name == subject {
			ours = m
		}
	}
	for _, m := range measured {
		ratio, spread, target, verdict := "", "", "", ""
		if ours != nil && m != ours {
			rs := ratios(ours.samples, m.samples, func(s sample) float64 { return float64(s.cpu) })
			ratio, spread = fmt.Sprintf("%.3f", median(rs)), minMax(rs)
			target, verdict = r.judge(m.peer.name, median(rs))
		}
		allocs := "–"
		if a := m.median(func(s sample) float64 { return s.allocs }); a >= 0 {
			allocs = fmt.Sprintf("%.0f", a)
		}
		fmt.Fprintf(tw, "%s\t%.1f\t%s\t%s\t%s\t%s\t%.2f\t%.2f\t%.1f\t%s\t%d\t\n", m.peer.name,
			m.median(func(s sample) float64 { return float64(s.cpu) / float64(time.Microsecond) }),
			ratio, spread, target, verdict,
			m.median(func(s sample) float64 { return s.lat.p50.Seconds() * 1e3 }),
			m.median(func(s sample) float64 { return s.lat.p99.Seconds() * 1e3 }),
			m.median(func(s sample) float64 { return mebi(s.peak) }),
			allocs, m.calls)
	}
	_ = tw.Flush()
}

// judge tells the target for the ratio to a peer, and whether it is met; both are
// empty if there is none.
func (r row) judge(peerName string, ratio float64) (target, verdict string) {
	most, ok := r.targets[peerName]
	if !ok {
		return "", ""
	}
	target, verdict = fmt.Sprintf("≤ %.2f", most), met(ratio, most)
	if goal, ok := r.goals[peerName]; ok {
		target += fmt.Sprintf(", goal %.2f", goal)
		if ratio <= goal {
			verdict = "goal met"
		}
	}
	return target, verdict
}

// median of one number of all rounds.
func (m *measurement) median(of func(sample) float64) float64 {
	values := make([]float64, len(m.samples))
	for i, s := range m.samples {
		values[i] = of(s)
	}
	return median(values)
}

// ratios divides the rounds of a by those of b, round by round.
func ratios[S any](a, b []S, of func(S) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = of(a[i]) / of(b[i])
	}
	return out
}

// median is the middle value, or the mean of the middle two.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// minMax is the spread of the values.
func minMax(values []float64) string { return minMaxBy("%.3f–%.3f", values) }

// minMaxBy is the spread of the values in a format.
func minMaxBy(format string, values []float64) string {
	return fmt.Sprintf(format, slices.Min(values), slices.Max(values))
}

// met says whether a value keeps within its target.
func met(value, most float64) string {
	if value <= most {
		return "met"
	}
	return "MISSED"
}

// mebi is bytes in MiB.
func mebi(n int64) float64 { return float64(n) / (1 << 20) }

// thousands is a number of bytes for people.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%d.%d kB", n/1000, n%1000/100)
}
