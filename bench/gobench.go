package main

import (
	"bufio"
	"bytes"
	"strconv"
	"strings"
)

// benchResult is what Go's benchmark tells about one function, for each repetition.
type benchResult struct{ ns, cpu, allocs []float64 }

// parseBenchmarks adds the lines of one benchmark, as go test prints them, to
// results, by the name without its first part and the number of processors.
func parseBenchmarks(out []byte, prefix string, results map[string]*benchResult) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], prefix) {
			continue
		}
		name := strings.TrimPrefix(fields[0], prefix)
		if i := strings.LastIndexByte(name, '-'); i >= 0 {
			name = name[:i]
		}
		r := results[name]
		if r == nil {
			r = &benchResult{}
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
			case cpuUnit:
				r.cpu = append(r.cpu, n)
			case "allocs/op":
				r.allocs = append(r.allocs, n)
			}
		}
	}
}
