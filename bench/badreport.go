package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Targets of bad days: see the README.
const (
	afterTarget  = 1.1 // requests after an outage, against a normal time
	besideTarget = 1.5 // p99 beside a slow route, against that without
)

// milliseconds is a time for people.
func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1e3) }

func (b *bench) printOutages(w io.Writer, all []*outage) {
	tw := table(w, fmt.Sprintf("%s · GitLab is down for %v; %d calls a second with %d credentials before, meanwhile and as long after, each with a deadline of %v",
		outageRow, b.outage, outageRate, steadyCredentials, all[0].deadline),
		"GitLab\tcalls\topen after s\treached GitLab: before\tthen\t≤ 50 ms then\tp50 ms\tp99 ms\twaited in vain\tlate\ttarget\t\t"+
			"reached it after\tratio\ttarget\t\tlast failure after s\t")
	for _, o := range all {
		before, held := strconv.FormatInt(o.before, 10), strconv.FormatInt(o.held, 10)
		if o.blind {
			before, held = "–", "–"
		}
		opened := fmt.Sprintf("%.2f", (o.open - o.down).Seconds())
		if o.open >= o.down+b.outage {
			opened = "–"
		}
		share, p50, p99 := o.prompt()
		late, inVain := o.late()
		ratio := float64(o.after) / o.normal
		fmt.Fprintf(tw, "%s\t%d\t%s\t%s\t%s\t%.2f %%\t%s\t%s\t%d\t%d\t= 0\t%s\t%d\t%.3f\t≤ %.1f\t%s\t%.1f\t\n",
			o.mood, len(between(o.calls, o.down, o.up)), opened, before, held, 100*share, milliseconds(p50), milliseconds(p99),
			inVain, late, met(float64(late), 0), o.after, ratio, afterTarget, met(ratio, afterTarget), o.healed().Seconds())
	}
	_ = tw.Flush()
	for _, o := range all {
		if n, why := failures(between(o.calls, 0, o.down-time.Second)); n > 0 {
			fmt.Fprintf(w, "%d calls failed before the outage (%s): %v\n", n, o.mood, why)
		}
		if o.blind {
			fmt.Fprintln(w, "Attempts to connect in vain are not counted: that needs the right to see packets (CAP_NET_RAW).")
		}
	}
}

func (b *bench) printSlowRoute(w io.Writer, alone, beside []slowSample) {
	tw := table(w, fmt.Sprintf("%s · %d GetJob a second, which take GitLab %v, beside %d ListPipelineBridges a second, which take it %v; %v each",
		slowRouteRow, fastRate, fastTime, slowRate, b.besides.slow, b.besides.each),
		"beside\tfailed\tp50 ms\tmin–max\tratio\tmin–max\tp99 ms\tmin–max\tratio\tmin–max\ttarget\t\tslow: at GitLab\tthey wait\t")
	of := func(samples []slowSample, what func(slowSample) float64) (values []float64) {
		for _, s := range samples {
			values = append(values, what(s))
		}
		return values
	}
	p50 := func(s slowSample) float64 { return s.p50.Seconds() * 1e3 }
	p99 := func(s slowSample) float64 { return s.p99.Seconds() * 1e3 }
	failed := func(samples []slowSample) (n int) {
		for _, s := range samples {
			n += s.failed
		}
		return n
	}
	fmt.Fprintf(tw, "nothing\t%d\t%.1f\t%s\t\t\t%.1f\t%s\t\t\t\t\t\t\t\n", failed(alone),
		median(of(alone, p50)), minMax(of(alone, p50)), median(of(alone, p99)), minMax(of(alone, p99)))
	r50, r99 := ratios(beside, alone, p50), ratios(beside, alone, p99)
	fmt.Fprintf(tw, "slow calls\t%d\t%.1f\t%s\t%.3f\t%s\t%.1f\t%s\t%.3f\t%s\t≤ %.1f\t%s\t%.0f\t%.0f\t\n", failed(beside),
		median(of(beside, p50)), minMax(of(beside, p50)), median(r50), minMax(r50),
		median(of(beside, p99)), minMax(of(beside, p99)), median(r99), minMax(r99), besideTarget, met(median(r99), besideTarget),
		median(of(beside, func(s slowSample) float64 { return float64(s.asked) })),
		median(of(beside, func(s slowSample) float64 { return float64(s.waiting) })))
	_ = tw.Flush()
	for _, s := range slices.Concat(alone, beside) {
		if s.failed > 0 {
			fmt.Fprintf(w, "%d fast calls failed: %v\n", s.failed, s.why)
		}
	}
}

func (b *bench) printWrites(w io.Writer, writers []writer, samples [][]writeSample) {
	tw := table(w, fmt.Sprintf("%s · %d × %d writes by %d callers; connections are cut at any byte of request or answer, or a front end answers 502; %% of all writes, median of the rounds and min–max",
		writesRow, b.rounds, b.writes, b.callers),
		"writer\tnot sent\tmet a fault\tdone\tcame twice\tdone twice\ttarget\t\tsaid failed, was done\ttarget\t\tas GitLab's refusal\tsaid done, was not\ttarget\t\tsaid unknown\tof these done\t")
	for i, of := range writers {
		share := func(n func(writeSample) int) (text string, most float64) {
			var values []float64
			for _, s := range samples[i] {
				values = append(values, 100*float64(n(s))/float64(s.writes))
				most = max(most, values[len(values)-1])
			}
			if most == 0 {
				return "0", 0
			}
			return fmt.Sprintf("%.2f (%s)", median(values), minMaxBy("%.2f–%.2f", values)), most
		}
		fmt.Fprintf(tw, "%s\t", of.name)
		for _, column := range []struct {
			n      func(writeSample) int
			target bool
		}{
			{func(s writeSample) int { return s.unsent }, false},
			{func(s writeSample) int { return s.struck }, false},
			{func(s writeSample) int { return s.done }, false},
			{func(s writeSample) int { return s.arrivedTwice }, false},
			{func(s writeSample) int { return s.twice }, true},
			{func(s writeSample) int { return s.failedDone }, true},
			{func(s writeSample) int { return s.refusedDone }, false},
			{func(s writeSample) int { return s.doneNot }, true},
			{func(s writeSample) int { return s.unknown }, false},
			{func(s writeSample) int { return s.unknownDone }, false},
		} {
			text, most := share(column.n)
			fmt.Fprintf(tw, "%s\t", text)
			switch {
			case column.target && of.name == gatewayName:
				fmt.Fprintf(tw, "0\t%s\t", met(most, 0))
			case column.target:
				fmt.Fprint(tw, "\t\t")
			}
		}
		fmt.Fprintln(tw)
	}
	_ = tw.Flush()
}
