package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"

	"github.com/jobgate/jobgate/bench/payload"
)

const (
	// codecPage is how many jobs the codecs take at a time.
	codecPage = 100
	// codecTarget is how many times faster than protojson the codec should be.
	codecTarget = 10.0
	// codecAllocsTarget is the most allocations per page.
	codecAllocsTarget = 2.0
)

// runCodec runs the benchmarks of codec_test.go and prints their ratios.
func (b *bench) runCodec(ctx context.Context) error {
	cmd := command(ctx, "go", "test", "-C", filepath.Join(b.root, "bench"), "-run", "^$", "-bench", "^BenchmarkCodec$", "-benchmem",
		"-benchtime", b.roundCPU.String(), "-count", strconv.Itoa(b.rounds), ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("codec: %w\n%s", err, out)
	}
	results := map[string]*benchResult{}
	parseBenchmarks(out, "BenchmarkCodec/", results)
	for _, v := range payload.Variants {
		printCodec(os.Stdout, v, results)
	}
	return nil
}

// codecs are the benchmarks of a variant in the order of the report, each with
// the one that it is compared with.
var codecs = []struct{ name, against string }{
	{"list", "protojson"},
	{"jobs", "protojson"},
	{"protojson", ""},
	{"encode", "protojson-encode"},
	{"protojson-encode", ""},
}

// printCodec prints the codec's rows for one variant.
func printCodec(w io.Writer, v payload.Variant, results map[string]*benchResult) {
	fmt.Fprintf(w, "\ncodec · %s · %d jobs\n", v.About, codecPage)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "codec\tµs/page\tprotojson / codec\tmin–max\ttarget\t\tallocs/page\ttarget\t\t")
	for _, c := range codecs {
		r := results[v.Name+"/"+c.name]
		if r == nil {
			continue
		}
		var ratio, spread, target, verdict, allocsTarget, allocsVerdict string
		if slow := results[v.Name+"/"+c.against]; slow != nil && len(slow.ns) == len(r.ns) {
			rs := ratios(slow.ns, r.ns, func(ns float64) float64 { return ns })
			ratio, spread = fmt.Sprintf("%.1f", median(rs)), minMax(rs)
			if c.name == "list" {
				target, verdict = fmt.Sprintf("≥ %.0f", codecTarget), met(codecTarget, median(rs))
			}
		}
		if c.name == "list" {
			allocsTarget, allocsVerdict = fmt.Sprintf("≤ %.0f", codecAllocsTarget), met(median(r.allocs), codecAllocsTarget)
		}
		fmt.Fprintf(tw, "%s\t%.0f\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t\n", c.name, median(r.ns)/1e3,
			ratio, spread, target, verdict, median(r.allocs), allocsTarget, allocsVerdict)
	}
	_ = tw.Flush()
}
