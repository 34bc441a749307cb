package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
)

// cpuUnit is what BenchmarkLink calls the processor time of a call.
const cpuUnit = "cpu-ns/op"

// linkTarget is how much more than a direct call the gateway's own link may cost.
const linkTarget = 1.3

// links are the ways from grpc-gateway to a service, as BenchmarkLink names them.
// The first is the one that the others are compared with, the second the gateway's.
var links = []struct{ name, about string }{
	{"direct", "a call of the Go method"},
	{"reference", "in process, the message by reference"},
	{"typed", "in process, a copy of the message"},
	{"bufconn", "gRPC over bufconn"},
	{"unix", "gRPC over a unix socket"},
	{"tcp", "gRPC over TCP"},
}

// runLink runs the benchmark of link_test.go and prints the ratios. Each round is
// one run of all links, so that they are interleaved.
func (b *bench) runLink(ctx context.Context) error {
	program := filepath.Join(b.dir, "link.test")
	build := command(ctx, "go", "test", "-C", filepath.Join(b.root, "bench"), "-c", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("link: %w\n%s", err, out)
	}
	results := map[string]*benchResult{}
	for range b.rounds {
		cmd := command(ctx, program, "-test.run", "^$", "-test.bench", "^BenchmarkLink$", "-test.benchmem",
			"-test.benchtime", (b.roundCPU / 2).String())
		cmd.Dir, cmd.Stderr = b.dir, os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("link: %w\n%s", err, out)
		}
		parseBenchmarks(out, "BenchmarkLink/", results)
	}
	printLink(os.Stdout, results)
	return nil
}

// printLink prints a line per link: alone, and below grpc-gateway and the encoding
// of the answer.
func printLink(w io.Writer, results map[string]*benchResult) {
	fmt.Fprintf(w, "\nlink · one job from memory by GetJob, no upstream, 16 callers; client and server are one process\n")
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "link\talone: CPU µs/call\tallocs\twith grpc-gateway and JSON: CPU µs/call\tlink / direct\tmin–max\ttarget\t\tallocs\t")
	direct := results["rest/"+links[0].name]
	for i, l := range links {
		alone, rest := results["call/"+l.name], results["rest/"+l.name]
		if alone == nil || rest == nil || len(rest.cpu) != len(direct.cpu) {
			continue
		}
		var ratio, spread, target, verdict string
		if i > 0 {
			rs := ratios(rest.cpu, direct.cpu, func(ns float64) float64 { return ns })
			ratio, spread = fmt.Sprintf("%.2f", median(rs)), minMax(rs)
			if i == 1 {
				target, verdict = fmt.Sprintf("≤ %.1f", linkTarget), met(median(rs), linkTarget)
			}
		}
		fmt.Fprintf(tw, "%s\t%.2f\t%.0f\t%.1f\t%s\t%s\t%s\t%s\t%.0f\t\n", l.about, median(alone.cpu)/1e3, median(alone.allocs),
			median(rest.cpu)/1e3, ratio, spread, target, verdict, median(rest.allocs))
	}
	_ = tw.Flush()
}
