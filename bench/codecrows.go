package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// codecResult is what Go's benchmark tells about one codec, for each repetition.
type codecResult struct{ ns, allocs []float64 }

// runCodec runs the benchmarks of codec_test.go and prints their ratios.
func (b *bench) runCodec(ctx context.Context) error {
	cmd := command(ctx, "go", "test", "-C", filepath.Join(b.root, "bench"), "-run", "^$", "-bench", "^BenchmarkCodec$", "-benchmem",
		"-benchtime", b.roundCPU.String(), "-count", strconv.Itoa(b.rounds), ".")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("codec: %w\n%s", err, out)
	}
	results := parseBenchmarks(out)
	for _, v := range payload.Variants {
		printCodec(os.Stdout, v, results)
	}
	return nil
}

// parseBenchmarks reads lines as go test prints them, by the benchmark's name
// without its first part and the number of processors.
func parseBenchmarks(out []byte) map[string]*codecResult {
	results := map[string]*codecResult{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "BenchmarkCodec/") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "BenchmarkCodec/")
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			name = name[:i]
		}
		r := results[name]
		if r == nil {
			r = &codecResult{}
			results[name] = r
		}
		for i := 2; i+1 < len(fields); i += 2 {
			n, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			switch fields[i+1] {
			case "ns/op":
				r.ns = append(r.ns, n)
			case "allocs/op":
				r.allocs = append(r.allocs, n)
			}
		}
	}
	return results
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
func printCodec(w io.Writer, v payload.Variant, results map[string]*codecResult) {
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
